/* SPDX-License-Identifier: Apache-2.0
 * Those who follow integrations' logs: lines come from every thread, followers are on the loop.
 * Inside this room only. */
#ifndef API_LOGS_H
#define API_LOGS_H

#include "base/loop.h"

struct api;
struct api_followers;

struct api_followers *
api_followers(struct api *api); /* made when first asked for; NULL: no memory */
struct api_followers *api_followers_create(struct loop *loop);
/* By then every follower is gone. It goes itself once no message of it is on its way. */
void api_followers_release(struct api_followers *followers); /* NULL allowed */

#endif

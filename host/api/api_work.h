/* SPDX-License-Identifier: Apache-2.0
 * Long work on the store that somebody asked for: check, compact, backup. One at a time; what
 * became of the last one stays until the next begins. Inside this room only. [loop] */
#ifndef API_WORK_H
#define API_WORK_H

#include "api/api_call.h"

struct api_work;

struct api_work *api_work(struct api *api); /* the api's; NULL: no memory */
struct api_work *api_work_create(void);
/* The store may still be at it: then the last done() frees it. NULL allowed. */
void api_work_release(struct api_work *work);

#endif

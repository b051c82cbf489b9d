/* SPDX-License-Identifier: Apache-2.0
 * Lists of what integrations' plugins declare (actions, commands, tools): {"items": [...]}. */
#ifndef API_ITEMS_H
#define API_ITEMS_H

#include "api/api_call.h"

/* The items of one integration, with api_put_comma before each. */
typedef void (*api_put_items_fn)(struct buf *out, const struct engine *engine,
                                 const char *integration);

/* Those of every integration that the caller may use, one behind the other. */
void api_put_items(struct buf *out, const struct api_call *call, api_put_items_fn put);
/* The call's answer: the same as a list. */
void api_items_of_all(struct api_call *call, api_put_items_fn put);
/* Of the one in the path, which the caller may use; else the call is refused. */
void api_items_of_one(struct api_call *call, api_put_items_fn put);

#endif

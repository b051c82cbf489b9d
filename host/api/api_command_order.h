/* SPDX-License-Identifier: Apache-2.0
 * What the body of a request to run a command says. Inside this room only. [loop] */
#ifndef API_COMMAND_ORDER_H
#define API_COMMAND_ORDER_H

#include "base/err.h"
#include "plugin/plugin.h"

struct json_t;

struct api_command_order {
    struct json_t *root; /* holds the texts */
    struct str arguments[1024];
    struct plugin_run run;
    struct str input;   /* standard input in the request itself */
    bool is_input_sent; /* no: more of it comes by requests, when it is wanted */
};

/* NULL with the reason: not such a body. */
struct api_command_order *api_command_order_read(struct str body, struct err *err);
void api_command_order_destroy(struct api_command_order *order); /* NULL allowed */

#endif

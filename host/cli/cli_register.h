/* SPDX-License-Identifier: Apache-2.0
 * What is said of an integration that was changed. */
#ifndef CLI_REGISTER_H
#define CLI_REGISTER_H

#include "cli/cli_call.h"

/* "hook is active", with the words when there are some; of the answer to a change. */
void cli_register_put_state(struct buf *out, const struct json_t *json);

#endif

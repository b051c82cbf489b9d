/* SPDX-License-Identifier: Apache-2.0
 * The table of integrations that `status` and `integration list` share. */
#ifndef CLI_INTEGRATION_H
#define CLI_INTEGRATION_H

#include "cli/cli_call.h"

int cli_integration_print(const struct cli *cli, const struct json_t *items);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Values of an ini as arguments, and what is said of an integration that was changed. */
#ifndef CLI_REGISTER_H
#define CLI_REGISTER_H

#include "cli/cli_call.h"

/* The arguments from `first` on, each SECTION.KEY=VALUE, as the members of an object of sections;
 * nothing behind the '=' is null. CLI_DONE, or CLI_USAGE with the sentence printed. */
int cli_register_put_sections(const struct cli *cli, size_t first, struct buf *out);
/* "hook is active", with the words when there are some. */
int cli_register_print_state(const struct json_t *json);

#endif

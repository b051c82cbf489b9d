/* SPDX-License-Identifier: Apache-2.0
 * JSON that a command was given: a file, "-" for standard input, or the text itself. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/cli.h"

/* CLI_DONE, or the exit code with the sentence printed. `given` NULL: standard input, unless that
 * is a terminal. */
int cli_input_read(const char *given, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Commands that plugins bring. Inside this room only. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"

/* `tenon INTEGRATION COMMAND ...`: `words` are no command of ours, as `unknown` says. When they
 * name an integration its command is run; else that sentence is printed. The exit code. */
int cli_run_words(struct cli *cli, const char *const *words, size_t count, const char *unknown);

#endif

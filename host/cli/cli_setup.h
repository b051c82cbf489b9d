/* SPDX-License-Identifier: Apache-2.0
 * Configuration and plugins read from the files, for what needs no daemon. */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include "catalog/setup.h"
#include "cli/cli.h"

/* As setup_load, with --conf. CLI_DONE, or the exit code with the sentence printed. A directory of
 * plugin_path that cannot be read is told of, too. */
int cli_setup_read(struct cli *cli, bool needs_config, struct setup *out);
#define _setup_ __attribute__((cleanup(setup_finish)))

#endif

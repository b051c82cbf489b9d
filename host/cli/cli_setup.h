/* SPDX-License-Identifier: Apache-2.0
 * Configuration and plugins read from the files, for what needs no daemon. */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include "catalog/catalog.h"
#include "cli/cli.h"
#include "config/config.h"

struct cli_setup {
    struct config *config;
    struct catalog *catalog;
};
/* The plugins of [host] plugin_path, or of the installed directory; a conf dir that is not there is
 * no hindrance unless `needs_config`. CLI_DONE, or the exit code with the sentence printed. */
int cli_setup_read(struct cli *cli, bool needs_config, struct cli_setup *out);
void cli_setup_finish(struct cli_setup *setup);
#define _setup_ __attribute__((cleanup(cli_setup_finish)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_setup.h"

int cli_setup_read(struct cli *cli, bool needs_config, struct setup *out)
{
    struct err err = {0};

    if (setup_load(cli_option_text(cli, "conf"), needs_config, out, &err) < 0)
        return cli_fail(CLI_REFUSED, "%s", err.text);
    return CLI_DONE;
}

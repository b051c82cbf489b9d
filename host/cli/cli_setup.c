/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_setup.h"

int cli_setup_read(struct cli *cli, bool needs_config, struct setup *out)
{
    struct err err = {0};
    struct str problems;
    struct str problem;

    if (setup_load(cli_option_text(cli, "conf"), needs_config, out, &err) < 0)
        return cli_fail(CLI_REFUSED, "%s", err.text);
    problems = str_of(catalog_problems(out->catalog));
    while (str_next_word(&problems, "\n", &problem))
        (void)cli_fail(CLI_DONE, "%.*s; it is passed over", STR_ARG(problem)); /* no hindrance */
    return CLI_DONE;
}

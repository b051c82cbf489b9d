/* SPDX-License-Identifier: Apache-2.0
 * Integrations on and off. */
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_register.h"

#include <pwd.h>

static void put_who(struct buf *out)
{
    const struct passwd *user = getpwuid(getuid());
    _buf_ struct buf number = {0};

    buf_printf(&number, "user %u", (unsigned)getuid());
    json_put_member(out, "by", user != NULL ? str_of(user->pw_name) : buf_str(&number));
}

static int print_state(const struct json_t *json)
{
    _buf_ struct buf out = {0};

    cli_register_put_state(&out, json);
    if (cli_json_number(json, "in_flight") > 0)
        buf_printf(&out, " (%lld still in flight)", (long long)cli_json_number(json, "in_flight"));
    buf_putc(&out, '\n');
    return cli_print(&out);
}

static int post(struct cli *cli, const char *verb, bool says_who)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_printf(&path, "/%s", verb);
    buf_putc(&body, '{');
    if (says_who)
        put_who(&body);
    buf_putc(&body, '}');
    int code = cli_call(cli, "POST", buf_str(&path), buf_str(&body), &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer) : print_state(answer.json);
}

int cli_integration_activate(struct cli *cli)
{
    return post(cli, "activate", true);
}

int cli_integration_deactivate(struct cli *cli)
{
    return post(cli, "deactivate", true);
}

int cli_integration_enable(struct cli *cli)
{
    return post(cli, "enable", false);
}

int cli_integration_disable(struct cli *cli)
{
    return post(cli, "disable", false);
}

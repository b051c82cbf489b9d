/* SPDX-License-Identifier: Apache-2.0
 * Tokens. A new one goes to standard output alone, so that it can be put into a file; what is to be
 * said about it goes to standard error. */
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_text.h"

#include <stdio.h>
#include <string.h>

/* Every --scope, one behind the other. */
static void put_scopes(const struct cli *cli, struct buf *out)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, "scope") == 0)
            buf_printf(out, "%s%s", out->len > 0 ? " " : "", cli->given[i].value);
}

int cli_token_create(struct cli *cli)
{
    _buf_ struct buf scopes = {0};
    _buf_ struct buf body = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    put_scopes(cli, &scopes);
    if (scopes.len == 0)
        return cli_fail(CLI_USAGE, "what may it do? --scope read, submit or manage, each alone or "
                                   "for some integrations: --scope submit:stripe-eu,shop");
    buf_putc(&body, '{');
    json_put_member(&body, "name", str_of(cli_argument(cli, 0)));
    json_put_member(&body, "scope", buf_str(&scopes));
    if (cli_option_is_set(cli, "expires"))
        json_put_member(&body, "expires", str_of(cli_option_text(cli, "expires")));
    buf_putc(&body, '}');
    int code = cli_call(cli, "POST", STR("/api/v1/tokens"), buf_str(&body), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    cli_text_put(&out, str_of(cli_json_text(answer.json, "token")));
    buf_putc(&out, '\n');
    (void)fprintf(stderr, "keep it now, it is not shown again; `tenon token revoke %s` ends it\n",
                  cli_argument(cli, 0)); /* nobody else to tell */
    return cli_print(&out);
}

static void add_when(struct cli_table *table, const struct json_t *item, const char *name,
                     const char *otherwise, int64_t now_ms)
{
    _buf_ struct buf out = {0};
    const char *time = cli_json_text(item, name);

    if (time[0] != '\0')
        cli_text_put_when(&out, time, now_ms);
    cli_table_add_text(table, out.len > 0 ? out.ptr : otherwise);
}

static void add_row(struct cli_table *table, const struct json_t *item, int64_t now_ms)
{
    bool is_active = strcmp(cli_json_text(item, "state"), "active") == 0;

    cli_table_add_text(table, cli_json_text(item, "name"));
    cli_table_add(table, str_of(cli_json_text(item, "state")), is_active ? COLOR_GOOD : COLOR_DIM);
    cli_table_add_text(table, cli_json_text(item, "scope"));
    cli_table_add_text(table, cli_json_text(item, "prefix"));
    add_when(table, item, "used_at", "never", now_ms);
    add_when(table, item, "expires_at", "never", now_ms);
}

int cli_token_list(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"TOKEN", false, false}, {"STATE", false, false},
        {"SCOPE", false, true},  {"BEGINS WITH", false, CLI_LEFT_OUT},
        {"USED", false, false},  {"EXPIRES", false, false},
        {NULL, false, false},
    };

    return cli_list(cli, STR("/api/v1/tokens"), columns, add_row);
}

int cli_token_revoke(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/tokens/");
    cli_path_put(&path, cli_argument(cli, 0));
    int code = cli_call(cli, "DELETE", buf_str(&path), STR_NONE, &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    cli_text_put(&out, str_of(cli_json_text(answer.json, "name")));
    buf_puts(&out, " is revoked\n");
    return cli_print(&out);
}

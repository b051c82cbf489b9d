/* SPDX-License-Identifier: Apache-2.0
 * Relationships between entities. */
#include "cli/cli_functions.h"

#include "base/json.h"
#include "cli/cli_call.h"

static int print_three(const struct cli *cli, const char *verb)
{
    _buf_ struct buf out = {0};

    buf_puts(&out, verb);
    for (size_t i = 0; i < 3; i++) {
        cli_text_put(&out, str_of(cli_argument(cli, i)));
        buf_putc(&out, i < 2 ? ' ' : '\n');
    }
    return cli_print(&out);
}

int cli_entity_relate(struct cli *cli)
{
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};
    const char *data = cli_option_text(cli, "data");
    struct err err = {0};

    if (data != NULL && json_check(str_of(data), &err) < 0)
        return cli_fail(CLI_USAGE, "--data is not JSON: %s", err.text);
    buf_putc(&body, '{');
    json_put_member(&body, "from", str_of(cli_argument(cli, 0)));
    json_put_member(&body, "type", str_of(cli_argument(cli, 1)));
    json_put_member(&body, "to", str_of(cli_argument(cli, 2)));
    if (data != NULL)
        json_put_raw(&body, "data", str_of(data));
    buf_putc(&body, '}');
    int code = cli_call(cli, "POST", STR("/api/v1/relationships"), buf_str(&body), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    return print_three(cli, "related: ");
}

int cli_entity_unrelate(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/relationships");
    cli_path_put_argument(&path, "from", cli_argument(cli, 0));
    cli_path_put_argument(&path, "type", cli_argument(cli, 1));
    cli_path_put_argument(&path, "to", cli_argument(cli, 2));
    int code = cli_call(cli, "DELETE", buf_str(&path), STR_NONE, &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    return print_three(cli, "no longer related: ");
}

static void add_row(struct cli_table *table, const struct json_t *item, int64_t now_ms)
{
    _buf_ struct buf when = {0};
    _buf_ struct buf data = {0};

    if (cli_json_member(item, "data") != NULL)
        cli_json_put(&data, cli_json_member(item, "data"), 0);
    cli_text_put_when(&when, cli_json_text(item, "created_at"), now_ms);
    cli_table_add_text(table, cli_json_text(item, "from"));
    cli_table_add_text(table, cli_json_text(item, "type"));
    cli_table_add_text(table, cli_json_text(item, "to"));
    cli_table_add(table, buf_str(&when), COLOR_NONE);
    cli_table_add(table, buf_str(&data), COLOR_NONE);
}

int cli_entity_relations(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"FROM", false, false},        {"TYPE", false, false}, {"TO", false, false},
        {"MADE", false, CLI_LEFT_OUT}, {"DATA", false, true},  {NULL, false, false},
    };
    _buf_ struct buf path = {0};
    int64_t limit;

    if (cli_option_number(cli, "limit", 1, 1000, 50, &limit) < 0)
        return CLI_USAGE;
    if (cli_argument(cli, 0) == NULL && cli_option_is_set(cli, "direction"))
        return cli_fail(CLI_USAGE, "--direction is seen from an entity: name one");
    buf_puts(&path, "/api/v1/relationships");
    if (cli_argument(cli, 0) != NULL) {
        buf_clear(&path);
        buf_puts(&path, "/api/v1/entities/");
        cli_path_put(&path, cli_argument(cli, 0));
        buf_puts(&path, "/relationships");
    }
    buf_printf(&path, "?limit=%lld", (long long)limit);
    cli_path_put_argument(&path, "type", cli_option_text(cli, "type"));
    cli_path_put_argument(&path, "direction", cli_option_text(cli, "direction"));
    cli_path_put_argument(&path, "after", cli_option_text(cli, "after"));
    return cli_list(cli, buf_str(&path), columns, add_row);
}

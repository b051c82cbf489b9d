/* SPDX-License-Identifier: Apache-2.0
 * Integration attributes of an entity. */
#include "cli/cli_functions.h"

#include "base/json.h"
#include "cli/cli_call.h"

static void add_row(struct cli_table *table, const struct json_t *item, int64_t now_ms)
{
    _buf_ struct buf value = {0};

    (void)now_ms;
    cli_json_put(&value, cli_json_member(item, "value"), 0);
    cli_table_add_text(table, cli_json_text(item, "integration"));
    cli_table_add_text(table, cli_json_text(item, "name"));
    cli_table_add(table, buf_str(&value), COLOR_NONE);
}

int cli_entity_attributes(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"INTEGRATION", false, false},
        {"NAME", false, false},
        {"VALUE", false, true},
        {NULL, false, false},
    };
    _buf_ struct buf path = {0};

    buf_puts(&path, "/api/v1/entities/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/attributes");
    cli_path_put_argument(&path, "integration", cli_option_text(cli, "integration"));
    return cli_list(cli, buf_str(&path), columns, add_row);
}

int cli_entity_attribute(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};
    const char *value = cli_argument(cli, 3);
    bool is_removed = cli_option_is_set(cli, "remove");
    struct err err = {0};

    if (is_removed == (value != NULL))
        return cli_fail(CLI_USAGE, "give either the value, as JSON, or --remove");
    if (value != NULL && json_check(str_of(value), &err) < 0)
        return cli_fail(CLI_USAGE, "the value is not JSON (a text wants quotes, '\"text\"'): %s",
                        err.text);
    buf_puts(&path, "/api/v1/entities/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/attributes/");
    cli_path_put(&path, cli_argument(cli, 2));
    cli_path_put_argument(&path, "integration", cli_argument(cli, 1));
    int code = cli_call(cli, is_removed ? "DELETE" : "PUT", buf_str(&path),
                        is_removed ? STR_NONE : str_of(value), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    buf_puts(&out, is_removed ? "removed: " : "set: ");
    for (size_t i = 0; i < 3; i++) {
        cli_text_put(&out, str_of(cli_argument(cli, i)));
        buf_putc(&out, i < 2 ? ' ' : '\n');
    }
    return cli_print(&out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <string.h>

static bool is_change(const struct json_t *item)
{
    return strcmp(cli_json_text(item, "change"), "unchanged") != 0;
}

static int print_changes(const struct cli *cli, const struct json_t *items)
{
    static const struct cli_column columns[] = {
        {"CHANGE", false, false},
        {"FILE", false, CLI_PATH},
        {"NOTE", false, CLI_WRAPS},
        {NULL, false, false},
    };
    _table_ struct cli_table *table = cli_table_create(columns);

    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        const char *change = cli_json_text(item, "change");

        if (!is_change(item))
            continue;
        cli_table_add(table, str_of(change),
                      strcmp(change, "refused") == 0   ? COLOR_BAD
                      : strcmp(change, "waiting") == 0 ? COLOR_WAIT
                                                       : COLOR_GOOD);
        cli_table_add_text(table, cli_json_text(item, "file"));
        cli_table_add_text(table, cli_json_text(item, "words"));
    }
    return cli_print_table(cli, table);
}

int cli_reload(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf out = {0};
    size_t changes = 0;
    int code = cli_call(cli, "POST", STR("/api/v1/reload"), STR_NONE, &answer);

    if (code != CLI_DONE)
        return code;
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++)
        changes += is_change(cli_json_item(items, i));
    if (cli->is_json)
        code = cli_print_answer(&answer);
    else if (changes > 0)
        code = print_changes(cli, items);
    buf_printf(&out, "%zu changed or refused, %zu unchanged\n", changes,
               cli_json_count(items) - changes);
    if (code == CLI_DONE && !cli->is_json)
        code = cli_print(&out);
    if (code == CLI_DONE && cli_json_number(answer.json, "refused") > 0)
        code = CLI_REFUSED;
    return code;
}

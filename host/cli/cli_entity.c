/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_input.h"

#include <string.h>

static int print_line(const char *verb, const struct json_t *json)
{
    _buf_ struct buf out = {0};

    cli_text_put(&out, str_of(verb));
    buf_putc(&out, ' ');
    cli_text_put(&out, str_of(cli_json_text(json, "id")));
    buf_printf(&out, " (version %lld)\n", (long long)cli_json_number(json, "version"));
    return cli_print(&out);
}

/* What came of a POST: one record by name, many by numbers. */
static int print_taken(const struct json_t *json)
{
    _buf_ struct buf out = {0};
    const char *id = cli_json_own_text(cli_json_item(cli_json_member(json, "ids"), 0));

    if (cli_json_number(json, "received") == 1) {
        bool is_created = cli_json_number(json, "created") > 0;
        buf_puts(&out, is_created                             ? "created "
                       : cli_json_number(json, "updated") > 0 ? "updated "
                                                              : "unchanged ");
        cli_text_put(&out, str_of(id));
        buf_printf(&out, " (version %lld)\n", (long long)cli_json_number(json, "version"));
        return cli_print(&out);
    }
    cli_text_put_count(&out, cli_json_number(json, "received"));
    buf_puts(&out, " in (");
    cli_text_put_count(&out, cli_json_number(json, "created"));
    buf_puts(&out, " created, ");
    cli_text_put_count(&out, cli_json_number(json, "updated"));
    buf_puts(&out, " updated, ");
    cli_text_put_count(&out, cli_json_number(json, "unchanged"));
    buf_puts(&out, " unchanged)\n");
    return cli_print(&out);
}

static int put_one(struct cli *cli, const char *method, const char *id, const char *given,
                   const char *version)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};

    int code = cli_input_read(given, &body);
    if (code != CLI_DONE)
        return code;
    buf_puts(&path, "/api/v1/entities/");
    cli_path_put(&path, id);
    cli_path_put_argument(&path, "type", cli_option_text(cli, "type"));
    cli_path_put_argument(&path, "version", version);
    code = cli_call(cli, method, buf_str(&path), buf_str(&body), &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer)
                        : print_line(cli_json_text(answer.json, "outcome"), answer.json);
}

int cli_entity_add(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};
    const char *id = cli_option_text(cli, "id");

    if (id != NULL)
        return put_one(cli, "PUT", id, cli_argument(cli, 0), NULL);
    int code = cli_input_read(cli_argument(cli, 0), &body);
    if (code != CLI_DONE)
        return code;
    buf_puts(&path, "/api/v1/entities?ids=1");
    cli_path_put_argument(&path, "type", cli_option_text(cli, "type"));
    code = cli_call(cli, "POST", buf_str(&path), buf_str(&body), &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer) : print_taken(answer.json);
}

int cli_entity_update(struct cli *cli)
{
    const char *given = cli_option_text(cli, "if-version");
    int64_t version;

    if (cli_option_number(cli, "if-version", 1, INT64_MAX, 0, &version) < 0)
        return CLI_USAGE;
    /* "*": a PUT would make what is not there, and deliver it, though its id is a slip. */
    return put_one(cli, cli_option_is_set(cli, "merge") ? "PATCH" : "PUT", cli_argument(cli, 0),
                   cli_argument(cli, 1), given != NULL ? given : "*");
}

int cli_entity_delete(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _answer_ struct cli_answer answer = {0};
    int64_t version;

    if (cli_option_number(cli, "if-version", 1, INT64_MAX, 0, &version) < 0)
        return CLI_USAGE;
    buf_puts(&path, "/api/v1/entities/");
    cli_path_put(&path, cli_argument(cli, 0));
    cli_path_put_argument(&path, "version", cli_option_text(cli, "if-version"));
    int code = cli_call(cli, "DELETE", buf_str(&path), STR_NONE, &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer) : print_line("deleted", answer.json);
}

int cli_entity_get(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/entities/");
    cli_path_put(&path, cli_argument(cli, 0));
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE)
        return code;
    if (cli->is_json)
        return cli_print_answer(&answer);
    static const char *const names[] = {"id", "type", "version", "created_at", "updated_at"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        buf_printf(&out, "%-12s", names[i]);
        if (strcmp(names[i], "version") == 0)
            buf_printf(&out, "%lld", (long long)cli_json_number(answer.json, names[i]));
        else
            cli_text_put(&out, str_of(cli_json_text(answer.json, names[i])));
        buf_putc(&out, '\n');
    }
    code = cli_print(&out);
    return code != CLI_DONE ? code : cli_print_json(cli_json_member(answer.json, "data"));
}

static void add_row(struct cli_table *table, const struct json_t *item, int64_t now_ms)
{
    _buf_ struct buf when = {0};
    _buf_ struct buf data = {0};

    cli_json_put(&data, cli_json_member(item, "data"), 0);
    cli_text_put_when(&when, cli_json_text(item, "updated_at"), now_ms);
    cli_table_add_text(table, cli_json_text(item, "id"));
    cli_table_add_text(table, cli_json_text(item, "type"));
    cli_table_add_number(table, cli_json_number(item, "version"));
    cli_table_add(table, buf_str(&when), COLOR_NONE);
    cli_table_add(table, buf_str(&data), COLOR_NONE);
}

int cli_entity_search(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"ID", false, false},      {"TYPE", false, false}, {"VERSION", true, false},
        {"UPDATED", false, false}, {"DATA", false, true},  {NULL, false, false},
    };
    _buf_ struct buf path = {0};
    int64_t limit;

    if (cli_option_number(cli, "limit", 1, 1000, 50, &limit) < 0)
        return CLI_USAGE;
    if (cli_option_is_set(cli, "key") != cli_option_is_set(cli, "integration"))
        return cli_fail(CLI_USAGE, "--key and --integration go together: the entity that this "
                                   "integration knows by this key");
    buf_printf(&path, "/api/v1/entities?limit=%lld", (long long)limit);
    cli_path_put_argument(&path, "type", cli_option_text(cli, "type"));
    cli_path_put_argument(&path, "after", cli_option_text(cli, "after"));
    cli_path_put_argument(&path, "integration", cli_option_text(cli, "integration"));
    cli_path_put_argument(&path, "key", cli_option_text(cli, "key"));
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, "field") == 0)
            cli_path_put_argument(&path, "field", cli->given[i].value);
    cli_path_put_argument(&path, "text", cli_argument(cli, 0));
    return cli_list(cli, buf_str(&path), columns, add_row);
}

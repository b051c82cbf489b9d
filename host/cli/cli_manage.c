/* SPDX-License-Identifier: Apache-2.0
 * Is it well, and what can be asked of it by a word. */
#include "base/json.h"
#include "cli/cli_functions.h"
#include "cli/cli_call.h"

#include <string.h>

static void put_path(struct buf *path, const struct cli *cli, const char *verb)
{
    buf_puts(path, "/api/v1/integrations/");
    cli_path_put(path, cli_argument(cli, 0));
    buf_printf(path, "/%s", verb);
}

/* A step a line; CLI_REFUSED when one failed. */
static int print_steps(const struct cli *cli, const struct json_t *json)
{
    static const struct cli_column columns[] = {
        {"STEP", false, false},     {"OK", false, false}, {"MS", true, CLI_LEFT_OUT},
        {"WHAT", false, CLI_WRAPS}, {NULL, false, false},
    };
    const struct json_t *steps = cli_json_member(json, "steps");
    _table_ struct cli_table *table = cli_table_create(columns);

    for (size_t i = 0; i < cli_json_count(steps); i++) {
        const struct json_t *step = cli_json_item(steps, i);
        bool is_well = cli_json_is_true(step, "ok");
        _buf_ struct buf took = {0};

        if (cli_json_member(step, "duration_ms") != NULL)
            buf_printf(&took, "%.1f", cli_json_real(step, "duration_ms"));
        cli_table_add_text(table, cli_json_text(step, "step"));
        cli_table_add(table, is_well ? STR("yes") : STR("no"), is_well ? COLOR_GOOD : COLOR_BAD);
        cli_table_add_text(table, buf_str(&took).ptr);
        cli_table_add_text(table, cli_json_text(step, "words"));
    }
    return cli_print_table(cli, table);
}

int cli_integration_test(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _answer_ struct cli_answer answer = {0};

    put_path(&path, cli, "test");
    int code = cli_call(cli, "POST", buf_str(&path), STR("{}"), &answer);
    if (code == CLI_DONE)
        code = cli->is_json ? cli_print_answer(&answer) : print_steps(cli, answer.json);
    return code == CLI_DONE && !cli_json_is_true(answer.json, "ok") ? CLI_REFUSED : code;
}

int cli_integration_health(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"INTEGRATION", false, false}, {"WELL", false, false},     {"STATE", false, false},
        {"DESTINATION", false, false}, {"NOTE", false, CLI_WRAPS}, {NULL, false, false},
    };
    _answer_ struct cli_answer answer = {0};
    _table_ struct cli_table *table = cli_table_create(columns);

    int code = cli_get(cli, STR("/api/v1/integrations/health"), &answer);
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        const char *state = cli_json_text(item, "state");
        const struct json_t *health = cli_json_member(item, "health");
        const char *words = cli_json_text(item, "words");
        bool is_well = cli_json_is_true(item, "healthy");
        bool is_off = !is_well && !cli_json_is_true(item, "enabled"); /* on purpose */

        cli_table_add_text(table, cli_json_text(item, "name"));
        cli_table_add(table,
                      str_of(is_well  ? "yes"
                             : is_off ? "-"
                                      : "no"),
                      is_well  ? COLOR_GOOD
                      : is_off ? COLOR_DIM
                               : COLOR_BAD);
        cli_table_add(table, str_of(state), cli_color_of_state(state));
        cli_table_add_text(table, health != NULL ? cli_json_text(health, "status") : "");
        cli_table_add_text(
            table, words[0] == '\0' && health != NULL ? cli_json_text(health, "words") : words);
    }
    if (code == CLI_DONE)
        code = cli->is_json ? cli_print_answer(&answer) : cli_print_table(cli, table);
    bool is_all_well =
        cli_json_number(answer.json, "healthy") == cli_json_number(answer.json, "enabled");
    return code == CLI_DONE && !is_all_well ? CLI_REFUSED : code;
}

static int sync_now(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    put_path(&path, cli, "manage");
    int code = cli_call(cli, "POST", buf_str(&path), STR("{\"operation\":\"sync\"}"), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    cli_text_put(&out, str_of(cli_json_text(answer.json, "integration")));
    buf_puts(&out, cli_json_is_true(answer.json, "rewinds")
                       ? " goes through the store again and submits what it finds\n"
                       : " submits what is waiting\n");
    return cli_print(&out);
}

static int update(struct cli *cli)
{
    for (size_t i = 2; i < cli->argument_count; i++) /* as `integration set` has them */
        cli->arguments[i - 1] = cli->arguments[i];
    cli->argument_count--;
    return cli_integration_set(cli);
}

int cli_integration_manage(struct cli *cli)
{
    const char *operation = cli_argument(cli, 1);
    bool is_update = strcmp(operation, "update") == 0;

    if (is_update && cli->argument_count > 2)
        return update(cli);
    if (!is_update && cli->argument_count > 2)
        return cli_fail(CLI_USAGE, "only an update takes values");
    if (strcmp(operation, "test") == 0)
        return cli_integration_test(cli);
    if (strcmp(operation, "sync") == 0)
        return sync_now(cli);
    return cli_fail(CLI_USAGE, is_update ? "update what? Give SECTION.KEY=VALUE..."
                                         : "operations are sync, test and update");
}

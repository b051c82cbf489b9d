/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "cli/cli_story.h"

/* Where nobody gave words, the answer's status and class say something. */
static void add_reason(struct cli_table *table, const struct json_t *item)
{
    _buf_ struct buf text = {0};
    const char *reason = cli_json_text(item, "reason");
    const char *error_class = cli_json_text(item, "error_class");

    buf_puts(&text, reason);
    if (reason[0] == '\0' && error_class[0] != '\0' && cli_json_number(item, "http_status") > 0)
        buf_printf(&text, "HTTP %lld, ", (long long)cli_json_number(item, "http_status"));
    if (reason[0] == '\0')
        buf_puts(&text, error_class);
    cli_table_add(table, buf_str(&text), COLOR_NONE);
}

static void add_row(struct cli_table *table, const struct json_t *item, int64_t now_ms)
{
    const char *state = cli_json_text(item, "state");
    const char *next = cli_json_text(item, "next_try_at");
    _buf_ struct buf when = {0};
    _buf_ struct buf waits = {0};

    cli_text_put_when(&when, cli_json_text(item, "changed_at"), now_ms);
    if (next[0] != '\0')
        cli_text_put_when(&waits, next, now_ms);
    _buf_ struct buf number = {0};
    buf_printf(&number, "%lld", (long long)cli_json_number(item, "number"));
    cli_table_add(table, buf_str(&number), COLOR_NONE);
    cli_table_add_text(table, cli_json_text(item, "integration"));
    cli_table_add_text(table, cli_json_text(item, "entity"));
    cli_table_add_number(table, cli_json_number(item, "version"));
    cli_table_add(table, str_of(state), cli_color_of_state(state));
    cli_table_add_number(table, cli_json_number(item, "attempts"));
    cli_table_add(table, buf_str(&when), COLOR_NONE);
    cli_table_add(table, buf_str(&waits), COLOR_NONE);
    add_reason(table, item);
}

int cli_submission_list(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"N", true, false},        {"INTEGRATION", false, false}, {"ENTITY", false, false},
        {"VERSION", true, false},  {"STATE", false, false},       {"TRIES", true, false},
        {"CHANGED", false, false}, {"NEXT TRY", false, false},    {"REASON", false, true},
        {NULL, false, false},
    };
    static const char *const filters[] = {"integration", "entity", "state", "after"};
    _buf_ struct buf path = {0};
    int64_t limit;

    if (cli_option_number(cli, "limit", 1, 1000, 50, &limit) < 0)
        return CLI_USAGE;
    buf_printf(&path, "/api/v1/submissions?limit=%lld", (long long)limit);
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        cli_path_put_argument(&path, filters[i], cli_option_text(cli, filters[i]));
    return cli_list(cli, buf_str(&path), columns, add_row);
}

int cli_submission_show(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/submissions/");
    cli_path_put(&path, cli_argument(cli, 0));
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    cli_text_put(&out, str_of(cli_json_text(answer.json, "entity")));
    buf_puts(&out, " to ");
    cli_text_put(&out, str_of(cli_json_text(answer.json, "integration")));
    buf_putc(&out, '\n');
    cli_story_put_submission(cli, answer.json, "", &out);
    if (cli_json_text(answer.json, "next_try_at")[0] != '\0') {
        buf_puts(&out, "next try ");
        cli_story_put_when(cli_json_text(answer.json, "next_try_at"), &out);
        buf_putc(&out, '\n');
    }
    return cli_print(&out);
}

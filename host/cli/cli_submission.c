/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli_filter.h"
#include "cli/cli_story.h"

#include <stdio.h>

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

int cli_submission_print(const struct cli *cli, const struct json_t *items)
{
    static const struct cli_column columns[] = {
        {"N", true, false},
        {"INTEGRATION", false, false},
        {"ENTITY", false, false},
        {"VERSION", true, CLI_LEFT_OUT},
        {"STATE", false, false},
        {"TRIES", true, CLI_LEFT_OUT},
        {"CHANGED", false, CLI_LEFT_OUT},
        {"NEXT TRY", false, CLI_LEFT_OUT},
        {"REASON", false, true},
        {NULL, false, false},
    };
    _table_ struct cli_table *table = cli_table_create(columns);
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < cli_json_count(items); i++)
        add_row(table, cli_json_item(items, i), now_ms);
    return cli_print_table(cli, table);
}

/* Pages until there are `limit`: the daemon looks at so many a request, and of those few may be
 * wanted. */
struct pages {
    struct buf items; /* JSON, commas between them */
    size_t count;
    int64_t next; /* 0: that was all */
    int64_t where_failed;
    struct buf where_words;
};

static void pages_add(struct pages *pages, const struct json_t *page)
{
    const struct json_t *items = cli_json_member(page, "items");

    for (size_t i = 0; i < cli_json_count(items); i++) {
        buf_puts(&pages->items, pages->count++ > 0 ? "," : "");
        cli_json_put(&pages->items, cli_json_item(items, i), 0);
    }
    pages->next = cli_json_number(page, "next");
    pages->where_failed += cli_json_number(page, "where_failed");
    if (pages->where_words.len == 0)
        buf_puts(&pages->where_words, cli_json_text(page, "where_words"));
}

static int pages_get(struct cli *cli, int64_t limit, struct pages *pages)
{
    _answer_ struct cli_answer answer = {0};
    int code = CLI_DONE;

    while (code == CLI_DONE && (int64_t)pages->count < limit) {
        _buf_ struct buf path = {0};
        buf_printf(&path, "/api/v1/submissions?limit=%lld",
                   (long long)(limit - (int64_t)pages->count));
        cli_filter_put_arguments(&path, cli);
        if (pages->next > 0)
            buf_printf(&path, "&after=%lld", (long long)pages->next);
        else
            cli_path_put_argument(&path, "after", cli_option_text(cli, "after"));
        code = cli_get(cli, buf_str(&path), &answer);
        if (code != CLI_DONE)
            break;
        pages_add(pages, answer.json);
        if (pages->next == 0)
            break;
    }
    return code;
}

static int pages_print(const struct cli *cli, const struct pages *pages)
{
    _buf_ struct buf out = {0};
    int code;

    buf_puts(&out, "{\"items\":[");
    buf_add_str(&out, buf_str(&pages->items));
    buf_putc(&out, ']');
    if (pages->where_failed > 0) {
        json_put_int(&out, "where_failed", pages->where_failed);
        json_put_member(&out, "where_words", buf_str(&pages->where_words));
    }
    if (pages->next > 0)
        json_put_int(&out, "next", pages->next);
    else
        json_put_raw(&out, "next", STR("null"));
    buf_puts(&out, "}\n");
    if (cli->is_json)
        return cli_print(&out);
    struct json_t *all = cli_json_parse(buf_str(&out));
    code = cli_submission_print(cli, cli_json_member(all, "items"));
    cli_json_release(all);
    /* stderr: the list itself stays clean for pipes */
    if (code == CLI_DONE && pages->where_failed > 0)
        (void)fprintf(stderr, "on %lld the expression itself failed: %s\n",
                      (long long)pages->where_failed, pages->where_words.ptr);
    if (code == CLI_DONE && pages->next > 0)
        (void)fprintf(stderr, "there is more: --after %lld\n", (long long)pages->next);
    return code;
}

int cli_submission_list(struct cli *cli)
{
    struct pages pages = {0};
    int64_t limit;

    if (cli_option_number(cli, "limit", 1, 1000, 50, &limit) < 0)
        return CLI_USAGE;
    int code = pages_get(cli, limit, &pages);
    if (code == CLI_DONE)
        code = pages_print(cli, &pages);
    buf_finish(&pages.items);
    buf_finish(&pages.where_words);
    return code;
}

int cli_submission_show(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};
    struct cli_story story = {.cli = cli, .out = &out};

    buf_puts(&path, "/api/v1/submissions/");
    cli_path_put(&path, cli_argument(cli, 0));
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    cli_text_put(&out, str_of(cli_json_text(answer.json, "entity")));
    buf_puts(&out, " to ");
    cli_text_put(&out, str_of(cli_json_text(answer.json, "integration")));
    buf_putc(&out, '\n');
    cli_story_put_submission(&story, answer.json, 0);
    if (cli_json_text(answer.json, "next_try_at")[0] != '\0') {
        cli_story_begin(&story, 0);
        cli_story_add(&story, "next try ");
        cli_story_add_when(&story, cli_json_text(answer.json, "next_try_at"));
        cli_story_end(&story);
    }
    cli_story_finish(&story);
    return cli_print(&out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/clock.h"
#include "cli/cli_story.h"

static void put_entity(const struct json_t *entity, struct buf *out)
{
    cli_text_put(out, str_of(cli_json_text(entity, "id")));
    buf_puts(out, ": ");
    cli_text_put(out, str_of(cli_json_text(entity, "type")));
    buf_printf(out, ", version %lld, %s ", (long long)cli_json_number(entity, "version"),
               cli_json_is_true(entity, "deleted") ? "deleted" : "changed");
    cli_text_put_when(out, cli_json_text(entity, "updated_at"), clock_wall_ms());
    buf_putc(out, '\n');
}

static void put_integration(const struct cli *cli, const struct json_t *item, struct buf *out)
{
    const struct json_t *submissions = cli_json_member(item, "submissions");

    buf_putc(out, '\n');
    cli_color_start(out, cli->is_coloured ? COLOR_BOLD : COLOR_NONE);
    cli_text_put(out, str_of(cli_json_text(item, "integration")));
    cli_color_end(out, cli->is_coloured ? COLOR_BOLD : COLOR_NONE);
    buf_puts(out, ", ");
    cli_story_put_state(cli, cli_json_text(item, "state"), out);
    if (cli_json_text(item, "words")[0] != '\0') {
        buf_puts(out, ": ");
        cli_text_put(out, str_of(cli_json_text(item, "words")));
    }
    buf_putc(out, '\n');
    for (size_t i = 0; i < cli_json_count(submissions); i++)
        cli_story_put_submission(cli, cli_json_item(submissions, i), "  ", out);
    if (cli_json_text(item, "explanation")[0] != '\0') {
        buf_puts(out, "  ");
        cli_text_put(out, str_of(cli_json_text(item, "explanation")));
        buf_putc(out, '\n');
    }
    buf_puts(out, "  next: ");
    cli_text_put(out, str_of(cli_json_text(item, "next")));
    if (cli_json_text(item, "next_at")[0] != '\0') {
        buf_puts(out, ", ");
        cli_story_put_when(cli_json_text(item, "next_at"), out);
    }
    buf_putc(out, '\n');
}

int cli_why(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/why");
    cli_path_put_argument(&path, "entity", cli_argument(cli, 0));
    cli_path_put_argument(&path, "integration", cli_argument(cli, 1));
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    put_entity(cli_json_member(answer.json, "entity"), &out);
    const struct json_t *items = cli_json_member(answer.json, "integrations");
    if (cli_json_count(items) == 0)
        buf_puts(&out, "\nno integration is configured, so nobody looks at it\n");
    for (size_t i = 0; i < cli_json_count(items); i++)
        put_integration(cli, cli_json_item(items, i), &out);
    return cli_print(&out);
}

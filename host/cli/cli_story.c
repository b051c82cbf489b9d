/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_story.h"

#include "base/clock.h"

#include <string.h>

void cli_story_put_state(const struct cli *cli, const char *state, struct buf *out)
{
    enum cli_color color = cli->is_coloured ? cli_color_of_state(state) : COLOR_NONE;

    cli_color_start(out, color);
    cli_text_put(out, str_of(state));
    cli_color_end(out, color);
}

void cli_story_put_when(const char *time, struct buf *out)
{
    cli_text_put(out, str_of(time));
    buf_puts(out, " (");
    cli_text_put_when(out, time, clock_wall_ms());
    buf_putc(out, ')');
}

static void put_line(struct buf *out, const char *indent, const char *label, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "%s%s", indent, label);
    cli_text_put(out, str_of(text));
    buf_putc(out, '\n');
}

static void put_attempt(const struct cli *cli, const struct json_t *attempt, const char *indent,
                        struct buf *out)
{
    int64_t status = cli_json_number(attempt, "http_status");
    const char *state = cli_json_text(attempt, "state");
    const char *error_class = cli_json_text(attempt, "error_class");

    buf_printf(out, "%s  attempt %lld, ", indent, (long long)cli_json_number(attempt, "attempt"));
    cli_text_put(out, str_of(cli_json_text(attempt, "started_at")));
    buf_printf(out, ", %.1f ms: ", cli_json_real(attempt, "duration_ms"));
    cli_story_put_state(cli, state, out);
    if (status > 0)
        buf_printf(out, ", HTTP %lld", (long long)status);
    if (error_class[0] != '\0' && strcmp(error_class, state) != 0) {
        buf_puts(out, ", ");
        cli_color_start(out, cli->is_coloured ? COLOR_BAD : COLOR_NONE);
        cli_text_put(out, str_of(error_class));
        cli_color_end(out, cli->is_coloured ? COLOR_BAD : COLOR_NONE);
    }
    buf_putc(out, '\n');
    put_line(out, indent, "    ", cli_json_text(attempt, "reason"));
    put_line(out, indent, "    > ", cli_json_text(attempt, "request"));
    put_line(out, indent, "    < ", cli_json_text(attempt, "answer"));
}

void cli_story_put_submission(const struct cli *cli, const struct json_t *submission,
                              const char *indent, struct buf *out)
{
    const struct json_t *history = cli_json_member(submission, "history");
    const char *changed = cli_json_text(submission, "changed_at");

    buf_printf(out, "%ssubmission %lld of version %lld: ", indent,
               (long long)cli_json_number(submission, "number"),
               (long long)cli_json_number(submission, "version"));
    cli_story_put_state(cli, cli_json_text(submission, "state"), out);
    if (changed[0] != '\0') {
        buf_puts(out, ", ");
        cli_text_put_when(out, changed, clock_wall_ms());
    }
    buf_putc(out, '\n');
    put_line(out, indent, "  ", cli_json_text(submission, "reason"));
    put_line(out, indent, "  known there as ", cli_json_text(submission, "external_id"));
    if (cli_json_text(submission, "details")[0] == '\0' &&
        cli_json_is_true(submission, "details_removed"))
        put_line(out, indent, "  ", "older details were removed when they were of age");
    put_line(out, indent, "  ", cli_json_text(submission, "details"));
    for (size_t i = 0; i < cli_json_count(history); i++)
        put_attempt(cli, cli_json_item(history, i), indent, out);
}

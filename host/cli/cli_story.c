/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_story.h"

#include "base/clock.h"

#include <string.h>

/* ---- lines ---- */

void cli_story_begin(struct cli_story *story, size_t indent)
{
    buf_clear(&story->line);
    buf_printf(&story->line, "%*s", (int)indent, "");
}

void cli_story_add(struct cli_story *story, const char *text)
{
    cli_text_put(&story->line, str_of(text));
}

void cli_story_add_colored(struct cli_story *story, const char *text, enum cli_color color)
{
    color = story->cli->is_coloured ? color : COLOR_NONE;
    cli_color_start(&story->line, color);
    cli_text_put(&story->line, str_of(text));
    cli_color_end(&story->line, color);
}

void cli_story_add_state(struct cli_story *story, const char *state)
{
    cli_story_add_colored(story, state, cli_color_of_state(state));
}

void cli_story_add_when(struct cli_story *story, const char *time)
{
    cli_text_put(&story->line, str_of(time));
    buf_puts(&story->line, " (");
    cli_text_put_when(&story->line, time, clock_wall_ms());
    buf_putc(&story->line, ')');
}

void cli_story_end(struct cli_story *story)
{
    struct str line = buf_str(&story->line);
    size_t indent = 0;

    while (indent < line.len && line.ptr[indent] == ' ')
        indent++;
    cli_text_put_wrapped(story->out, line, indent + 2, story->cli->width);
    buf_clear(&story->line);
}

void cli_story_put(struct cli_story *story, size_t indent, const char *label, const char *text)
{
    if (text[0] == '\0')
        return;
    cli_story_begin(story, indent);
    cli_story_add(story, label);
    cli_story_add(story, text);
    cli_story_end(story);
}

void cli_story_finish(struct cli_story *story)
{
    buf_finish(&story->line);
}

/* ---- submissions ---- */

/* By which it stands in the tracing system. */
static void put_span(struct cli_story *story, const struct json_t *attempt, size_t indent)
{
    if (cli_json_text(attempt, "trace_id")[0] == '\0')
        return;
    cli_story_begin(story, indent);
    cli_story_add(story, "trace ");
    cli_story_add(story, cli_json_text(attempt, "trace_id"));
    cli_story_add(story, " span ");
    cli_story_add(story, cli_json_text(attempt, "span_id"));
    cli_story_end(story);
}

static void put_attempt(struct cli_story *story, const struct json_t *attempt, size_t indent)
{
    int64_t status = cli_json_number(attempt, "http_status");
    const char *state = cli_json_text(attempt, "state");
    const char *error_class = cli_json_text(attempt, "error_class");

    cli_story_begin(story, indent);
    buf_printf(&story->line, "attempt %lld, ", (long long)cli_json_number(attempt, "attempt"));
    cli_story_add(story, cli_json_text(attempt, "started_at"));
    buf_printf(&story->line, ", %.1f ms: ", cli_json_real(attempt, "duration_ms"));
    cli_story_add_state(story, state);
    if (status > 0)
        buf_printf(&story->line, ", HTTP %lld", (long long)status);
    if (error_class[0] != '\0' && strcmp(error_class, state) != 0) {
        buf_puts(&story->line, ", ");
        cli_story_add_colored(story, error_class, COLOR_BAD);
    }
    cli_story_end(story);
    cli_story_put(story, indent + 2, "", cli_json_text(attempt, "reason"));
    cli_story_put(story, indent + 2, "> ", cli_json_text(attempt, "request"));
    put_span(story, attempt, indent + 2);
    cli_story_put(story, indent + 2, "< ", cli_json_text(attempt, "answer"));
}

static void put_superseded_by(struct cli_story *story, const struct json_t *newer, size_t indent)
{
    if (newer == NULL)
        return;
    cli_story_begin(story, indent);
    buf_printf(&story->line, "in its place submission %lld of version %lld: ",
               (long long)cli_json_number(newer, "number"),
               (long long)cli_json_number(newer, "version"));
    cli_story_add_state(story, cli_json_text(newer, "state"));
    cli_story_end(story);
}

void cli_story_put_submission(struct cli_story *story, const struct json_t *submission,
                              size_t indent)
{
    const struct json_t *history = cli_json_member(submission, "history");
    const char *changed = cli_json_text(submission, "changed_at");
    const char *details = cli_json_text(submission, "details");

    cli_story_begin(story, indent);
    buf_printf(&story->line, "submission %lld of version %lld: ",
               (long long)cli_json_number(submission, "number"),
               (long long)cli_json_number(submission, "version"));
    cli_story_add_state(story, cli_json_text(submission, "state"));
    if (changed[0] != '\0') {
        buf_puts(&story->line, ", ");
        cli_text_put_when(&story->line, changed, clock_wall_ms());
    }
    cli_story_end(story);
    cli_story_put(story, indent + 2, "", cli_json_text(submission, "reason"));
    put_superseded_by(story, cli_json_member(submission, "superseded_by"), indent + 2);
    cli_story_put(story, indent + 2, "known there as ", cli_json_text(submission, "external_id"));
    if (details[0] == '\0' && cli_json_is_true(submission, "details_removed"))
        details = "older details were removed when they were of age";
    cli_story_put(story, indent + 2, "", details);
    for (size_t i = 0; i < cli_json_count(history); i++)
        put_attempt(story, cli_json_item(history, i), indent + 2);
}

/* ---- requests ---- */

static void put_lines(struct cli_story *story, struct str text, size_t indent, size_t max)
{
    struct str line;
    bool is_cut = max > 0 && text.len > max;

    if (is_cut) {
        text.len = max;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80)
            text.len--; /* between characters */
    }
    while (str_next(&text, '\n', &line)) {
        cli_story_begin(story, indent);
        cli_text_put(&story->line, line);
        cli_story_end(story);
    }
    if (is_cut)
        cli_story_put(story, indent, "", "... (--rendered shows all of it)");
}

/* Bodies are shown as they would go out, indented when they are JSON. */
static void put_body(struct cli_story *story, const struct json_t *request, size_t indent,
                     size_t max)
{
    _buf_ struct buf text = {0};
    const char *body = cli_json_text(request, "body");
    struct json_t *json = body[0] == '{' || body[0] == '[' ? cli_json_parse(str_of(body)) : NULL;

    if (json != NULL)
        cli_json_put(&text, json, 2);
    else if (body[0] != '\0')
        buf_puts(&text, body);
    else if (cli_json_member(request, "body") != NULL)
        cli_json_put(&text, cli_json_member(request, "body"), 2);
    put_lines(story, buf_str(&text), indent, max);
    cli_json_release(json);
}

void cli_story_put_request(struct cli_story *story, const struct json_t *request, size_t indent,
                           size_t body_max)
{
    const struct json_t *headers = cli_json_member(request, "headers");
    const struct json_t *value;
    const char *name;

    cli_story_begin(story, indent);
    cli_story_add(story, cli_json_text(request, "method"));
    cli_story_add(story, " ");
    cli_story_add(story, cli_json_text(request, "url"));
    cli_story_end(story);
    for (size_t i = 0; cli_json_pair(headers, i, &name, &value); i++) {
        cli_story_begin(story, indent);
        cli_story_add(story, name);
        cli_story_add(story, ": ");
        cli_story_add(story, cli_json_own_text(value));
        cli_story_end(story);
    }
    buf_putc(story->out, '\n');
    put_body(story, request, indent, body_max);
}

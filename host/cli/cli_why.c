/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/clock.h"
#include "cli/cli_story.h"

enum { EXCERPT_BYTES = 400 };

static void put_entity(struct cli_story *story, const struct json_t *entity)
{
    cli_story_begin(story, 0);
    cli_story_add_colored(story, cli_json_text(entity, "id"), COLOR_BOLD);
    cli_story_add(story, ": ");
    cli_story_add(story, cli_json_text(entity, "type"));
    buf_printf(&story->line, ", version %lld, %s ", (long long)cli_json_number(entity, "version"),
               cli_json_is_true(entity, "deleted") ? "deleted" : "changed");
    cli_text_put_when(&story->line, cli_json_text(entity, "updated_at"), clock_wall_ms());
    cli_story_end(story);
    cli_story_put(story, 0, "trace ", cli_json_text(entity, "trace_id"));
}

static void put_head(struct cli_story *story, const struct json_t *item)
{
    const char *plugin = cli_json_text(item, "plugin");

    buf_putc(story->out, '\n');
    cli_story_begin(story, 0);
    cli_story_add_colored(story, cli_json_text(item, "integration"), COLOR_BOLD);
    if (plugin[0] != '\0') {
        cli_story_add(story, " (");
        cli_story_add(story, plugin);
        cli_story_add(story, ")");
    }
    cli_story_add(story, ", ");
    cli_story_add_state(story, cli_json_text(item, "state"));
    if (cli_json_text(item, "words")[0] != '\0') {
        cli_story_add(story, ": ");
        cli_story_add(story, cli_json_text(item, "words"));
    }
    cli_story_end(story);
    if (cli_json_text(item, "looked_at")[0] != '\0') {
        cli_story_begin(story, 2);
        cli_story_add(story, "looked at this version ");
        cli_story_add_when(story, cli_json_text(item, "looked_at"));
        cli_story_end(story);
    }
}

static void put_next(struct cli_story *story, const struct json_t *item)
{
    const char *at = cli_json_text(item, "next_at");

    cli_story_begin(story, 2);
    cli_story_add(story, "next: ");
    cli_story_add(story, cli_json_text(item, "next"));
    if (at[0] != '\0') {
        cli_story_add(story, ", ");
        cli_story_add_when(story, at);
    }
    cli_story_end(story);
    cli_story_put(story, 4, "", cli_json_text(item, "command"));
}

static void put_rendered(struct cli_story *story, const struct json_t *item, size_t body_max)
{
    const struct json_t *now = cli_json_member(item, "now");
    const struct json_t *rendered = cli_json_member(item, "rendered");
    const struct json_t *requests = cli_json_member(rendered, "requests");
    const char *payload = cli_json_text(rendered, "payload");

    cli_story_put(story, 2, "what it would do now is not known: ", cli_json_text(now, "words"));
    if (rendered == NULL)
        return;
    cli_story_put(story, 2, "", "as it would be rendered now:");
    for (size_t i = 0; i < cli_json_count(requests); i++)
        cli_story_put_request(story, cli_json_item(requests, i), 4, body_max);
    cli_story_put(story, 4, "", payload);
}

static void put_integration(struct cli_story *story, const struct json_t *item, size_t body_max)
{
    const struct json_t *submissions = cli_json_member(item, "submissions");

    put_head(story, item);
    for (size_t i = 0; i < cli_json_count(submissions); i++)
        cli_story_put_submission(story, cli_json_item(submissions, i), 2);
    cli_story_put(story, 2, "", cli_json_text(item, "explanation"));
    put_rendered(story, item, body_max);
    put_next(story, item);
}

int cli_why(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};
    struct cli_story story = {.cli = cli, .out = &out};
    bool is_rendered = cli_option_is_set(cli, "rendered");

    buf_puts(&path, "/api/v1/why");
    cli_path_put_argument(&path, "entity", cli_argument(cli, 0));
    cli_path_put_argument(&path, "integration", cli_argument(cli, 1));
    if (is_rendered || cli_argument(cli, 1) != NULL)
        cli_path_put_argument(&path, "rendered", "yes");
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    put_entity(&story, cli_json_member(answer.json, "entity"));
    const struct json_t *items = cli_json_member(answer.json, "integrations");
    if (cli_json_count(items) == 0)
        buf_puts(&out, "\nno integration is configured, so nobody looks at it\n");
    for (size_t i = 0; i < cli_json_count(items); i++)
        put_integration(&story, cli_json_item(items, i), is_rendered ? 0 : EXCERPT_BYTES);
    cli_story_finish(&story);
    return cli_print(&out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/json.h"
#include "cli/cli_story.h"

/* Not broken to the terminal's width: it is the request as it is. */
static int print_dry_run(const struct cli *cli, const struct json_t *json)
{
    _buf_ struct buf out = {0};
    struct cli unbroken = *cli;
    struct cli_story story = {.cli = &unbroken, .out = &out};
    const struct json_t *requests = cli_json_member(json, "requests");

    unbroken.width = 0;
    cli_story_begin(&story, 0);
    cli_story_add(&story, cli_json_text(json, "entity"));
    cli_story_add(&story, cli_json_is_true(json, "wanted") ? " would go to " : " would not go to ");
    cli_story_add(&story, cli_json_text(json, "integration"));
    if (cli_json_text(json, "reason")[0] != '\0') {
        cli_story_add(&story, ": ");
        cli_story_add(&story, cli_json_text(json, "reason"));
    }
    cli_story_add(&story, ".");
    cli_story_end(&story);
    for (size_t i = 0; i < cli_json_count(requests); i++) {
        buf_putc(&out, '\n');
        cli_story_put_request(&story, cli_json_item(requests, i), 0, 0);
    }
    cli_story_finish(&story);
    return cli_print(&out);
}

static int print_submitted(const struct json_t *json)
{
    _buf_ struct buf out = {0};
    const char *name = cli_json_text(json, "integration");

    if (cli_json_is_true(json, "rewinds")) {
        cli_text_put(&out, str_of(name));
        buf_puts(&out, " goes through the store again and submits what it finds");
        if (cli_json_number(json, "queued") > 0) {
            buf_puts(&out, "; ");
            cli_text_put_counted(&out, cli_json_number(json, "queued"), "waiting one goes first",
                                 "waiting ones go first");
        }
    } else {
        cli_text_put_count(&out, cli_json_number(json, "queued"));
        buf_puts(&out, " queued for ");
        cli_text_put(&out, str_of(name));
    }
    buf_putc(&out, '\n');
    return cli_print(&out);
}

int cli_submit(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};
    const char *selector = cli_option_text(cli, "selector");
    const char *entity = cli_option_text(cli, "entity");
    bool is_dry_run = cli_option_is_set(cli, "dry-run");

    if (is_dry_run && entity == NULL)
        return cli_fail(CLI_USAGE, "--dry-run wants an entity: --entity ID");
    if (selector != NULL && entity != NULL)
        return cli_fail(CLI_USAGE, "either --selector or --entity, not both");
    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/trigger");
    buf_putc(&body, '{');
    if (selector != NULL)
        json_put_member(&body, "selector", str_of(selector));
    if (entity != NULL)
        json_put_member(&body, "entity", str_of(entity));
    json_put_raw(&body, "dry_run", is_dry_run ? STR("true") : STR("false"));
    buf_putc(&body, '}');
    int code = cli_call(cli, "POST", buf_str(&path), buf_str(&body), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    return is_dry_run ? print_dry_run(cli, answer.json) : print_submitted(answer.json);
}

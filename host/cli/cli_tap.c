/* SPDX-License-Identifier: Apache-2.0
 * An integration's records on their way, live: a line a stage. */
#include "base/clock.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <string.h>

/* What stands at a fixed place of the line. */
static bool is_of_the_line(const char *name)
{
    static const char *const own[] = {"time",       "stage",   "entity",   "version",
                                      "submission", "attempt", "entities", "records"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

static void put_whose(const struct json_t *line, struct buf *out)
{
    const struct json_t *entities = cli_json_member(line, "entities");
    int64_t records = cli_json_number(line, "records");

    if (records == 0) {
        cli_text_put(out, str_of(cli_json_text(line, "entity")));
        buf_printf(out, " v%lld #%lld.%lld", (long long)cli_json_number(line, "version"),
                   (long long)cli_json_number(line, "submission"),
                   (long long)cli_json_number(line, "attempt"));
        return;
    }
    cli_text_put_counted(out, records, "record:", "records:");
    for (size_t i = 0; i < cli_json_count(entities); i++) {
        buf_putc(out, ' ');
        cli_text_put(out, str_of(cli_json_own_text(cli_json_item(entities, i))));
    }
    if ((size_t)records > cli_json_count(entities))
        buf_puts(out, " ...");
}

static void put_rest(const struct json_t *line, struct buf *out)
{
    const struct json_t *value;
    const char *name;

    for (size_t i = 0; cli_json_pair(line, i, &name, &value); i++) {
        _buf_ struct buf json = {0};

        if (is_of_the_line(name))
            continue;
        buf_putc(out, ' ');
        cli_text_put(out, str_of(name));
        buf_putc(out, '=');
        cli_json_put(&json, value, 0);
        cli_text_put(out, buf_str(&json));
    }
}

static enum cli_color color_of(const char *stage, const struct json_t *line)
{
    if (strcmp(stage, "lost") == 0 || strcmp(stage, "refused") == 0)
        return COLOR_WAIT;
    return strcmp(stage, "verdict") == 0 ? cli_color_of_state(cli_json_text(line, "state"))
                                         : COLOR_DIM;
}

/* "09:31:02.117 verdict     evt-1 v1 #12.1 state="succeeded" ..." */
static void put_line(const struct cli *cli, const struct json_t *line, struct buf *out)
{
    const char *time = cli_json_text(line, "time");
    const char *stage = cli_json_text(line, "stage");
    enum cli_color color = cli->is_coloured ? color_of(stage, line) : COLOR_NONE;

    buf_printf(out, "%.12s ", strlen(time) > 11 ? time + 11 : time);
    cli_color_start(out, color);
    buf_printf(out, "%-11.11s ", stage);
    cli_color_end(out, color);
    if (strcmp(stage, "lost") == 0) {
        cli_text_put_lost(out, cli_json_number(line, "lines"));
    } else {
        put_whose(line, out);
        put_rest(line, out);
    }
    buf_putc(out, '\n');
}

struct taking {
    const struct cli *cli;
    int64_t left; /* -1: no limit */
};

static bool print_line(void *user, struct str text, struct buf *out)
{
    struct taking *taking = user;
    struct json_t *line = cli_json_parse(text);

    if (line == NULL || taking->cli->is_json) {
        buf_add_str(out, text);
        buf_putc(out, '\n');
    } else {
        put_line(taking->cli, line, out);
    }
    cli_json_release(line);
    return taking->left < 0 || --taking->left > 0;
}

int cli_tap(struct cli *cli)
{
    struct taking taking = {.cli = cli};
    _buf_ struct buf path = {0};

    if (cli_option_number(cli, "limit", 1, INT64_MAX, -1, &taking.left) < 0)
        return CLI_USAGE;
    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/tap");
    cli_path_put_argument(&path, "stage", cli_option_text(cli, "stage"));
    cli_path_put_argument(&path, "entity", cli_option_text(cli, "entity"));
    return cli_stream(cli, buf_str(&path), print_line, &taking);
}

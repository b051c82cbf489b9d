/* SPDX-License-Identifier: Apache-2.0
 * An integration's log lines, as they were kept and as they come. */
#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <string.h>

static enum cli_color color_of_level(const char *level)
{
    if (strcmp(level, "error") == 0)
        return COLOR_BAD;
    if (strcmp(level, "warn") == 0)
        return COLOR_WAIT;
    return strcmp(level, "debug") == 0 ? COLOR_DIM : COLOR_NONE;
}

static bool is_of_the_line(const char *name)
{
    static const char *const own[] = {"time", "level", "msg", "repeats"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

static void put_value(struct buf *out, const struct json_t *value)
{
    const char *text = cli_json_own_text(value);
    _buf_ struct buf json = {0};

    if (text[0] != '\0' && strpbrk(text, " \"=\n") == NULL) {
        cli_text_put(out, str_of(text));
        return;
    }
    cli_json_put(&json, value, 0);
    cli_text_put(out, buf_str(&json));
}

/* "2026-11-21T05:24:00.000Z warn  delivery pauses wait_ms=250 reason="..." (3 times more)" */
static void put_line(const struct cli *cli, const struct json_t *line, struct buf *out)
{
    const char *level = cli_json_text(line, "level");
    enum cli_color color = cli->is_coloured ? color_of_level(level) : COLOR_NONE;
    const struct json_t *value;
    const char *name;

    cli_text_put(out, str_of(cli_json_text(line, "time")));
    buf_putc(out, ' ');
    cli_color_start(out, color);
    buf_printf(out, "%-5.5s ", level);
    cli_text_put(out, str_of(cli_json_text(line, "msg")));
    cli_color_end(out, color);
    for (size_t i = 0; cli_json_pair(line, i, &name, &value); i++) {
        if (is_of_the_line(name))
            continue;
        buf_putc(out, ' ');
        cli_text_put(out, str_of(name));
        buf_putc(out, '=');
        put_value(out, value);
    }
    if (cli_json_number(line, "repeats") > 0) {
        buf_puts(out, " (");
        cli_text_put_counted(out, cli_json_number(line, "repeats"), "time more)", "times more)");
    }
    buf_putc(out, '\n');
}

static bool print_line(void *user, struct str text, struct buf *out)
{
    const struct cli *cli = user;
    struct json_t *line = cli->is_json ? NULL : cli_json_parse(text);

    if (line == NULL) {
        buf_add_str(out, text);
        buf_putc(out, '\n');
    } else if (cli_json_has_number(line, "lost")) {
        buf_puts(out, "... ");
        cli_text_put_lost(out, cli_json_number(line, "lost"));
        buf_putc(out, '\n');
    } else {
        put_line(cli, line, out);
    }
    cli_json_release(line);
    return true;
}

static int print_kept(struct cli *cli, struct str path)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf out = {0};
    int code = cli_get(cli, path, &answer);

    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++)
        put_line(cli, cli_json_item(items, i), &out);
    return cli_print(&out);
}

int cli_integration_logs(struct cli *cli)
{
    _buf_ struct buf path = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/logs");
    cli_path_put_argument(&path, "level", cli_option_text(cli, "level"));
    cli_path_put_argument(&path, "since", cli_option_text(cli, "since"));
    cli_path_put_argument(&path, "limit", cli_option_text(cli, "limit"));
    if (!cli_option_is_set(cli, "follow"))
        return print_kept(cli, buf_str(&path));
    cli_path_put_argument(&path, "follow", "1");
    return cli_stream(cli, buf_str(&path), print_line, cli);
}

/* SPDX-License-Identifier: Apache-2.0
 * Signals: published, asked for an answer, followed. */
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <string.h>
#include <time.h>

enum { AGAIN_MS = 200, AGAIN_MAX_MS = 2000, DATA_COLUMNS_LEAST = 20 };

/* ---- publish and request ---- */

/* "total=20.5" is a number, "id=abc" a text: JSON where it is, else text. */
static int put_pair(struct buf *body, const char *pair)
{
    const char *equals = strchr(pair, '=');
    _buf_ struct buf name = {0};

    if (equals == NULL || equals == pair)
        return cli_fail(CLI_USAGE, "'%s' is neither NAME=VALUE nor the JSON of the whole data",
                        pair);
    if (body->ptr[body->len - 1] != '{')
        buf_putc(body, ',');
    buf_add(&name, pair, (size_t)(equals - pair));
    json_put_string(body, buf_str(&name));
    buf_putc(body, ':');
    if (json_check(str_of(equals + 1), NULL) == 0)
        buf_puts(body, equals + 1);
    else
        json_put_string(body, str_of(equals + 1));
    return CLI_DONE;
}

static int put_data(const struct cli *cli, struct buf *body)
{
    const char *first = cli_argument(cli, 1);
    struct err err = {0};
    int code = CLI_DONE;

    if (first == NULL)
        return CLI_DONE;
    buf_puts(body, ",\"data\":");
    if (cli_argument(cli, 2) == NULL &&
        (strchr("{[\"", first[0]) != NULL || strchr(first, '=') == NULL)) {
        if (json_check(str_of(first), &err) < 0)
            return cli_fail(CLI_USAGE, "the data is neither NAME=VALUE nor JSON: %s", err.text);
        buf_puts(body, first);
        return CLI_DONE;
    }
    if (cli_arguments_once(cli, 1) < 0)
        return CLI_USAGE;
    buf_putc(body, '{');
    for (size_t i = 1; cli_argument(cli, i) != NULL && code == CLI_DONE; i++)
        code = put_pair(body, cli_argument(cli, i));
    buf_putc(body, '}');
    return code;
}

static int send_signal(struct cli *cli, const char *path, struct cli_answer *answer)
{
    const char *sender = cli_option_text(cli, "sender");
    const char *timeout = cli_option_text(cli, "timeout");
    _buf_ struct buf body = {0};

    buf_putc(&body, '{');
    json_put_member(&body, "type", str_of(cli_argument(cli, 0)));
    json_put_member(&body, "sender", str_of(sender != NULL ? sender : "cli"));
    if (timeout != NULL)
        json_put_member(&body, "timeout", str_of(timeout));
    int code = put_data(cli, &body);
    buf_putc(&body, '}');
    if (code == CLI_DONE && body.failed)
        code = cli_fail(CLI_REFUSED, "out of memory");
    return code == CLI_DONE ? cli_call(cli, "POST", str_of(path), buf_str(&body), answer) : code;
}

int cli_signal_publish(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf out = {0};
    int code = send_signal(cli, "/api/v1/signals", &answer);

    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    buf_puts(&out, "published ");
    cli_text_put(&out, str_of(cli_argument(cli, 0)));
    buf_printf(&out, " (seq %lld)\n", (long long)cli_json_number(answer.json, "seq"));
    return cli_print(&out);
}

int cli_signal_request(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    int code = send_signal(cli, "/api/v1/signals/request", &answer);

    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    return cli_print_json(cli_json_member(answer.json, "data"));
}

/* ---- listen ---- */

struct listening {
    struct cli *cli;
    int64_t left;   /* -1: no limit */
    int64_t cursor; /* -1: not known yet */
    bool has_begun, was_away;
};

/* "09:31:02.117 order.paid shop evt-1 v1 {"total":7}" */
static void put_line(const struct cli *cli, const struct json_t *line, struct buf *out)
{
    const struct json_t *data = cli_json_member(line, "data");
    const char *at = cli_json_text(line, "at");
    const char *entity = cli_json_text(line, "entity");
    _buf_ struct buf rest = {0};
    _buf_ struct buf head = {0};
    _buf_ struct buf json = {0};

    buf_printf(&head, "%.12s ", strlen(at) > 11 ? at + 11 : at);
    cli_text_put(&head, str_of(cli_json_text(line, "type")));
    size_t columns = cli_text_columns(buf_str(&head));
    buf_putc(&rest, ' ');
    cli_text_put(&rest, str_of(cli_json_text(line, "sender")));
    if (entity[0] != '\0') {
        buf_putc(&rest, ' ');
        cli_text_put(&rest, str_of(entity));
        buf_printf(&rest, " v%lld", (long long)cli_json_number(line, "version"));
    }
    if (data != NULL) {
        cli_json_put(&json, data, 0);
        buf_putc(&rest, ' ');
        cli_text_put(&rest, buf_str(&json));
    }
    cli_color_start(out, cli->is_coloured ? COLOR_BOLD : COLOR_NONE);
    buf_add_str(out, buf_str(&head));
    cli_color_end(out, cli->is_coloured ? COLOR_BOLD : COLOR_NONE);
    if (cli->width == 0)
        buf_add_str(out, buf_str(&rest));
    else
        cli_text_put_cut(out, buf_str(&rest),
                         cli->width > columns + DATA_COLUMNS_LEAST ? cli->width - columns
                                                                   : DATA_COLUMNS_LEAST);
    buf_putc(out, '\n');
}

static bool print_line(void *user, struct str text, struct buf *out)
{
    struct listening *listening = user;
    struct json_t *line = cli_json_parse(text);

    if (line != NULL && cli_json_has_number(line, "cursor")) {
        listening->cursor = cli_json_number(line, "cursor");
        if (listening->was_away)
            (void)fprintf(stderr, "tenon: tenond is back, goes on behind %lld\n",
                          (long long)listening->cursor);
        listening->was_away = false;
        listening->has_begun = true;
        cli_json_release(line);
        return true;
    }
    if (line != NULL && cli_json_has_number(line, "seq"))
        listening->cursor = cli_json_number(line, "seq");
    if (line == NULL || listening->cli->is_json) {
        buf_add_str(out, text);
        buf_putc(out, '\n');
    } else {
        put_line(listening->cli, line, out);
    }
    cli_json_release(line);
    return listening->left < 0 || --listening->left > 0;
}

static int listen_once(struct listening *listening, struct err *err)
{
    struct cli *cli = listening->cli;
    _buf_ struct buf path = {0};
    char after[24];

    buf_puts(&path, "/api/v1/signals/listen");
    cli_path_put_argument(&path, "type", cli_argument(cli, 0));
    cli_path_put_argument(&path, "sender", cli_option_text(cli, "sender"));
    if (listening->cursor >= 0) {
        (void)snprintf(after, sizeof(after), "%lld", (long long)listening->cursor);
        cli_path_put_argument(&path, "after", after);
    }
    cli_path_put_argument(&path, "since", cli_option_text(cli, "since"));
    return cli_stream_once(cli, buf_str(&path), print_line, listening, err);
}

static void wait_ms(int64_t ms)
{
    const struct timespec span = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&span, NULL); /* cut short by a signal: looks again sooner */
}

/* Nobody there at the start is an error; who goes away later is waited for. */
int cli_signal_listen(struct cli *cli)
{
    struct listening listening = {.cli = cli};
    int64_t again_ms = AGAIN_MS;

    if (cli_option_number(cli, "limit", 1, INT64_MAX, -1, &listening.left) < 0 ||
        cli_option_number(cli, "after", 0, INT64_MAX, -1, &listening.cursor) < 0)
        return CLI_USAGE;
    for (;;) {
        struct err err = {0};
        int code = listen_once(&listening, &err);
        if (code == CLI_DONE || err.text[0] == '\0')
            return code;
        if (code != CLI_UNREACHABLE || !listening.has_begun)
            return cli_fail(code, "%s", err.text);
        if (!listening.was_away) {
            (void)fprintf(stderr, "tenon: tenond has stopped; waits for it\n");
            again_ms = AGAIN_MS;
        }
        listening.was_away = true;
        wait_ms(again_ms);
        again_ms = again_ms * 2 < AGAIN_MAX_MS ? again_ms * 2 : AGAIN_MAX_MS;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_call.h"

#include "base/clock.h"
#include "base/percent.h"
#include "cli/cli_reader.h"
#include "cli/cli_target.h"
#include "cli/cli_write.h"

#include <string.h>

enum {
    TIMEOUT_MS = 120000, /* a large import may wait for the disk */
    LINE_BYTES_MAX = 1 << 20,
};

enum cli_exit cli_exit_of(int status)
{
    return status == E_UNREACHABLE ? CLI_UNREACHABLE : status == E_USAGE ? CLI_USAGE : CLI_REFUSED;
}

int cli_exchange(struct cli *cli, const char *method, struct str path, const char *content_type,
                 struct str body, struct cli_answer *out, struct err *err)
{
    _buf_ struct buf url = {0};

    buf_clear(&out->body);
    cli_json_release(out->json);
    out->json = NULL;
    struct http_call call = {
        .method = method,
        .content_type = content_type,
        .body = body,
        .timeout_ms = cli->timeout_ms > 0 ? cli->timeout_ms : TIMEOUT_MS,
    };
    int status = cli_target(cli, path, &url, &call, err);
    if (status < 0)
        return status;
    status = http_call(&call, &out->status, &out->body, err);
    if (status < 0)
        return status;
    out->json = cli_json_parse(buf_str(&out->body));
    return 0;
}

struct lines {
    struct buf rest; /* of a line that is not whole yet */
    struct buf out;  /* what is to be printed */
    cli_line_fn line;
    void *user;
    bool is_enough, is_lost; /* is_lost: cannot be printed, which was said */
};

static bool take_piece(void *user, struct str piece)
{
    struct lines *lines = user;

    while (piece.len > 0 && !lines->is_enough) {
        const char *end = memchr(piece.ptr, '\n', piece.len);
        size_t len = end != NULL ? (size_t)(end - piece.ptr) : piece.len;

        buf_add(&lines->rest, piece.ptr, len);
        if (lines->rest.failed || lines->rest.len > LINE_BYTES_MAX)
            return false;
        piece = (struct str){piece.ptr + len, piece.len - len};
        if (end == NULL)
            break;
        piece = (struct str){piece.ptr + 1, piece.len - 1};
        if (lines->rest.len > 0)
            lines->is_enough = !lines->line(lines->user, buf_str(&lines->rest), &lines->out);
        buf_clear(&lines->rest);
    }
    lines->is_lost = cli_print(&lines->out) != CLI_DONE;
    buf_clear(&lines->out);
    return !lines->is_enough && !lines->is_lost;
}

static int stream_ended(const struct cli *cli, const struct lines *lines,
                        const struct cli_answer *answer, struct err *err)
{
    if (answer->status < 200 || answer->status > 299)
        return cli_exchange_failed(cli, answer);
    if (lines->is_lost)
        return CLI_REFUSED;
    if (lines->is_enough)
        return CLI_DONE;
    if (lines->rest.failed || lines->rest.len > LINE_BYTES_MAX) {
        (void)err_set(err, E_TOO_LARGE,
                      "a line of more than %d bytes came; is something else listening at %s?",
                      LINE_BYTES_MAX, cli->socket.ptr);
        return CLI_REFUSED;
    }
    (void)err_set(err, E_STOPPED, "tenond has stopped");
    return CLI_UNREACHABLE;
}

static int stream(struct cli *cli, struct http_call *call, struct str path, http_take_fn take,
                  void *user, struct cli_answer *out, struct err *err)
{
    _buf_ struct buf url = {0};
    int status = cli_target(cli, path, &url, call, err);

    call->timeout_ms = TIMEOUT_MS;
    cli_reader_watch();
    if (status == 0)
        status = http_call_stream(call, take, user, &out->status, &out->body, err);
    if (status == 0 && (out->status < 200 || out->status > 299))
        out->json = cli_json_parse(buf_str(&out->body));
    return status;
}

int cli_stream_bytes(struct cli *cli, struct str path, struct str body, http_take_fn take,
                     void *user, struct cli_answer *out, struct err *err)
{
    struct http_call call = {.method = "POST", .content_type = "application/json", .body = body};

    return stream(cli, &call, path, take, user, out, err);
}

int cli_stream_once(struct cli *cli, struct str path, cli_line_fn line, void *user, struct err *err)
{
    _answer_ struct cli_answer answer = {0};
    struct lines lines = {.line = line, .user = user};
    struct http_call call = {.method = "GET"};

    int status = stream(cli, &call, path, take_piece, &lines, &answer, err);
    int code = status == 0 ? stream_ended(cli, &lines, &answer, err) : (int)cli_exit_of(status);
    buf_finish(&lines.rest);
    buf_finish(&lines.out);
    return code;
}

int cli_stream(struct cli *cli, struct str path, cli_line_fn line, void *user)
{
    struct err err = {0};
    int code = cli_stream_once(cli, path, line, user, &err);

    return code == CLI_DONE || err.text[0] == '\0' ? code : cli_fail(code, "%s", err.text);
}

struct str cli_answer_detail(const struct cli_answer *answer)
{
    const char *detail = cli_json_text(answer->json, "detail");

    if (detail[0] == '\0')
        detail = cli_json_text(answer->json, "title");
    return str_of(detail);
}

int cli_exchange_failed(const struct cli *cli, const struct cli_answer *answer)
{
    struct str detail = cli_answer_detail(answer);
    struct str problem = str_trim(buf_str(&answer->body));

    if (cli->is_json && detail.len > 0) {                  /* with its class, for programs */
        (void)fprintf(stderr, "%.*s\n", STR_ARG(problem)); /* nobody else to tell */
        return CLI_REFUSED;
    }
    if (detail.len > 0)
        return cli_fail(CLI_REFUSED, "%.*s", STR_ARG(detail));
    return cli_fail(CLI_REFUSED, "the daemon answered %d and no reason", answer->status);
}

int cli_call(struct cli *cli, const char *method, struct str path, struct str body,
             struct cli_answer *out)
{
    struct err err = {0};
    int status =
        cli_exchange(cli, method, path, body.len > 0 ? "application/json" : NULL, body, out, &err);

    if (status < 0)
        return cli_fail(cli_exit_of(status), "%s", err.text);
    if (out->status < 200 || out->status > 299)
        return cli_exchange_failed(cli, out);
    if (out->json == NULL)
        return cli_fail(CLI_REFUSED,
                        "the daemon's answer is no JSON; is something else listening at %s?",
                        cli->socket.ptr);
    return CLI_DONE;
}

int cli_get(struct cli *cli, struct str path, struct cli_answer *out)
{
    return cli_call(cli, "GET", path, STR_NONE, out);
}

void cli_path_put(struct buf *path, const char *text)
{
    percent_encode(str_of(text), ":@", path);
}

void cli_path_put_argument(struct buf *path, const char *name, const char *text)
{
    if (text == NULL)
        return;
    bool is_first = path->ptr == NULL || strchr(path->ptr, '?') == NULL;
    buf_printf(path, "%c%s=", is_first ? '?' : '&', name);
    cli_path_put(path, text);
}

int cli_print(const struct buf *text)
{
    if (text->failed)
        return cli_fail(CLI_REFUSED, "out of memory");
    return cli_write(buf_str(text));
}

int cli_print_json(const struct json_t *json)
{
    _buf_ struct buf out = {0};

    cli_json_put(&out, json, 2);
    buf_putc(&out, '\n');
    return cli_print(&out);
}

int cli_print_answer(const struct cli_answer *answer)
{
    return cli_print(&answer->body);
}

int cli_print_table(const struct cli *cli, const struct cli_table *table)
{
    _buf_ struct buf out = {0};

    if (!cli_table_render(table, cli->width, cli->is_coloured, &out))
        return cli_fail(CLI_REFUSED, "out of memory");
    return cli_print(&out);
}

static void print_more(const struct json_t *page)
{
    if (cli_json_has_number(page, "next")) /* stderr: the list itself stays clean for pipes */
        (void)fprintf(stderr, "there is more: --after %lld\n",
                      (long long)cli_json_number(page, "next"));
}

int cli_list(struct cli *cli, struct str path, const struct cli_column *columns, cli_row_fn add_row)
{
    _answer_ struct cli_answer answer = {0};
    int code = cli_get(cli, path, &answer);

    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);

    _table_ struct cli_table *table = cli_table_create(columns);
    const struct json_t *items = cli_json_member(answer.json, "items");
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < cli_json_count(items); i++)
        add_row(table, cli_json_item(items, i), now_ms);
    code = cli_print_table(cli, table);
    if (code == CLI_DONE)
        print_more(answer.json);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 * The bridge: standard input, the session's stream of news, and the loop around all. */
#include "cli/cli_mcp.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_target.h"
#include "cli/cli_write.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    READ_BYTES = 65536,
    LINE_BYTES_MAX = 64 * 1024 * 1024,
    STREAM_PAUSE_MS = 300,
    WAIT_MS = 1000,
    END_MS = 5000, /* for what is still to be answered when the input has ended */
};

int64_t cli_mcp_now_ms(void)
{
    return clock_mono_us() / 1000;
}

void cli_mcp_print(struct str message)
{
    _buf_ struct buf line = {0};

    message = str_trim(message);
    if (message.len == 0)
        return;
    buf_add_str(&line, message);
    buf_putc(&line, '\n');
    (void)cli_print(&line); /* run() looks */
}

static bool is_of_method(struct str message, const char *method)
{
    struct str value = json_find(message, "method");
    _buf_ struct buf text = {0};

    if (value.len == 0)
        return false;
    json_unquote(value, &text);
    return str_is(buf_str(&text), method);
}

static void print_event(struct str line, const char *skip)
{
    if (!str_starts_with(line, "data:"))
        return;
    line = str_trim((struct str){line.ptr + 5, line.len - 5});
    if (skip == NULL || !is_of_method(line, skip))
        cli_mcp_print(line);
}

void cli_mcp_events(struct buf *rest, struct str piece, const char *skip)
{
    const char *end;

    while ((end = memchr(piece.ptr, '\n', piece.len)) != NULL) {
        buf_add(rest, piece.ptr, (size_t)(end - piece.ptr));
        print_event(buf_str(rest), skip);
        buf_clear(rest);
        piece = (struct str){end + 1, piece.len - (size_t)(end + 1 - piece.ptr)};
    }
    buf_add_str(rest, piece);
}

size_t cli_mcp_session_headers(const struct bridge *bridge, struct buf storage[2], const char **out)
{
    size_t count = 0;

    if (bridge->session.len == 0)
        return 0;
    buf_printf(&storage[0], "Mcp-Session-Id: %s", bridge->session.ptr);
    out[count++] = buf_str(&storage[0]).ptr;
    if (bridge->version.len > 0) {
        buf_printf(&storage[1], "MCP-Protocol-Version: %s", bridge->version.ptr);
        out[count++] = buf_str(&storage[1]).ptr;
    }
    return count;
}

/* ---- the stream of a legacy session ---- */

static void on_piece(void *user, struct str piece)
{
    struct bridge *bridge = user;

    cli_mcp_events(&bridge->rest, piece, NULL);
}

static void on_stream_end(void *user, const struct http_calls_answer *answer)
{
    struct bridge *bridge = user;

    bridge->stream = NULL;
    buf_clear(&bridge->rest);
    bridge->stream_ms = cli_mcp_now_ms() + STREAM_PAUSE_MS;
    if (answer->failure == HTTP_ANSWERED && answer->status == 404)
        cli_mcp_relay_renew(bridge);
}

static void open_stream(struct bridge *bridge)
{
    const char *headers[4] = {"Accept: text/event-stream"};
    struct buf storage[2] = {0};
    size_t count = 1 + cli_mcp_session_headers(bridge, storage, headers + 1);

    headers[count] = NULL;
    const struct http_calls_request request = {
        .method = "GET",
        .headers = headers,
        .piece = on_piece,
        .done = on_stream_end,
        .user = bridge,
    };
    bridge->stream = http_calls_start(bridge->calls, &request);
    if (bridge->stream == NULL)
        bridge->stream_ms = cli_mcp_now_ms() + WAIT_MS;
    buf_finish(&storage[0]);
    buf_finish(&storage[1]);
}

/* ---- standard input ---- */

/* False: it has ended. */
static bool read_lines(struct bridge *bridge, struct buf *in)
{
    ssize_t len;

    if (!buf_reserve(in, READ_BYTES))
        return false;
    while ((len = read(STDIN_FILENO, in->ptr + in->len, READ_BYTES)) < 0 && errno == EINTR)
        continue;
    if (len <= 0) {
        cli_mcp_relay_take(bridge, buf_str(in)); /* a last line without its end */
        buf_clear(in);
        return false;
    }
    in->len += (size_t)len;
    struct str rest = buf_str(in);
    const char *end;
    while ((end = memchr(rest.ptr, '\n', rest.len)) != NULL) {
        cli_mcp_relay_take(bridge, (struct str){rest.ptr, (size_t)(end - rest.ptr)});
        rest = (struct str){end + 1, rest.len - (size_t)(end + 1 - rest.ptr)};
    }
    memmove(in->ptr, rest.ptr, rest.len);
    in->len = rest.len;
    return in->len <= LINE_BYTES_MAX;
}

/* ---- the whole ---- */

static int64_t work(struct bridge *bridge)
{
    int64_t wait_ms = cli_mcp_relay_send(bridge);

    if (!bridge->wants_stream || bridge->stream != NULL || bridge->session.len == 0)
        return wait_ms;
    int64_t left = bridge->stream_ms - cli_mcp_now_ms();
    if (left <= 0 && !bridge->is_renewing)
        open_stream(bridge);
    return left > 0 && (wait_ms < 0 || left < wait_ms) ? left : wait_ms;
}

static void on_goodbye(void *user, const struct http_calls_answer *answer)
{
    (void)answer; /* it may be gone already */
    *(bool *)user = true;
}

/* So that the daemon need not keep it for an hour. */
static void end_session(struct bridge *bridge)
{
    const char *headers[3] = {0};
    struct buf storage[2] = {0};
    bool is_done = false;

    if (cli_mcp_session_headers(bridge, storage, headers) > 0) {
        const struct http_calls_request request = {
            .method = "DELETE", .headers = headers, .done = on_goodbye, .user = &is_done};
        int64_t until_ms = cli_mcp_now_ms() + WAIT_MS;
        if (http_calls_start(bridge->calls, &request) != NULL)
            while (!is_done && cli_mcp_now_ms() < until_ms)
                (void)http_calls_wait(bridge->calls, -1, 100);
    }
    buf_finish(&storage[0]);
    buf_finish(&storage[1]);
}

static void run(struct bridge *bridge)
{
    _buf_ struct buf in = {0};
    int64_t end_ms = 0; /* when the input has ended: how long it may still take */

    while (!cli_write_has_failed() &&
           (end_ms == 0 || (cli_mcp_relay_is_open(bridge) && cli_mcp_now_ms() < end_ms))) {
        int64_t wait_ms = work(bridge);
        if (wait_ms < 0 || wait_ms > WAIT_MS)
            wait_ms = WAIT_MS;
        if (http_calls_wait(bridge->calls, end_ms == 0 ? STDIN_FILENO : -1, (int)wait_ms) &&
            !read_lines(bridge, &in))
            end_ms = cli_mcp_now_ms() + END_MS;
    }
}

int cli_mcp(struct cli *cli)
{
    struct err err = {0};
    struct bridge bridge = {.cli = cli};

    _buf_ struct buf url = {0};
    struct http_call target = {0};

    if (cli_target(cli, STR("/mcp"), &url, &target, &err) < 0)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    bridge.calls = http_calls_create(&target, &err);
    if (bridge.calls == NULL)
        return cli_fail(CLI_REFUSED, "%s", err.text);
    run(&bridge);
    cli_mcp_relay_drop_all(&bridge);
    end_session(&bridge);
    http_calls_destroy(bridge.calls);
    buf_finish(&bridge.hello);
    buf_finish(&bridge.session);
    buf_finish(&bridge.version);
    buf_finish(&bridge.watched);
    buf_finish(&bridge.rest);
    return cli_write_has_failed() ? CLI_REFUSED : CLI_DONE;
}

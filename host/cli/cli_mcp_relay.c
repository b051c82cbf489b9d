/* SPDX-License-Identifier: Apache-2.0
 * One message to the daemon, and its answer to the client:
 *
 *   line -> sent -> answered -> printed
 *            |  ^
 *            |  +-- not reached: sent again, for a while
 *            +---- no session: initialize is said again, then sent again; or the client's own is
 *            |     still on its way, and is waited for
 *            +---- no answer to a tool's call: told so, since it may have been done */
#include "cli/cli_mcp.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/json.h"

#include <stdlib.h>

enum { RETRY_MS = 200, PATIENCE_MS = 10000, HEADERS_MAX = 8, INTERNAL_ERROR = -32603 };

static void text_of(struct str value, struct buf *out)
{
    if (value.len > 0 && json_kind_of(value) == JSON_STRING)
        json_unquote(value, out);
}

/* An initialize has come to its end, whichever: what waited for its session goes on. */
static void release_waiting(struct bridge *bridge)
{
    for (struct relay *one = bridge->relays; one != NULL; one = one->next)
        one->waits = false;
}

static void destroy(struct relay *relay)
{
    struct relay **at = &relay->bridge->relays;

    while (*at != relay)
        at = &(*at)->next;
    *at = relay->next;
    if (relay->is_hello)
        release_waiting(relay->bridge);
    if (relay->one != NULL)
        http_calls_cancel(relay->one);
    buf_finish(&relay->line);
    buf_finish(&relay->id);
    buf_finish(&relay->rest);
    free(relay);
}

static void fail(const struct relay *relay, const char *words)
{
    _buf_ struct buf message = {0};

    if (relay->id.len == 0 || relay->is_renewal) {
        (void)cli_fail(CLI_REFUSED, "%s", words); /* nobody waits for it: standard error */
        return;
    }
    buf_puts(&message, "{\"jsonrpc\":\"2.0\",\"id\":");
    buf_add_str(&message, buf_str(&relay->id));
    buf_puts(&message, ",\"error\":{");
    json_put_int(&message, "code", INTERNAL_ERROR);
    json_put_member(&message, "message", str_of(words));
    buf_puts(&message, "}}");
    cli_mcp_print(buf_str(&message));
}

/* ---- sessions ---- */

static struct relay *create(struct bridge *bridge, struct str line)
{
    struct relay *relay = calloc(1, sizeof(*relay));

    if (relay == NULL)
        return NULL;
    struct relay **last = &bridge->relays;
    while (*last != NULL)
        last = &(*last)->next;
    *last = relay;
    relay->bridge = bridge;
    buf_add_str(&relay->line, line);
    return relay;
}

void cli_mcp_relay_renew(struct bridge *bridge)
{
    struct relay *relay;

    if (bridge->is_renewing || bridge->hello.len == 0)
        return;
    relay = create(bridge, buf_str(&bridge->hello));
    if (relay == NULL)
        return;
    relay->is_hello = relay->is_renewal = true;
    bridge->is_renewing = true;
}

/* News of the bridge's own: nobody knows what happened while there was no daemon. `uri` is JSON, or
 * empty. */
static void tell(const char *method, struct str uri, struct str subscription)
{
    _buf_ struct buf message = {0};

    buf_printf(&message, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\",\"params\":{",
               method);
    if (uri.len > 0)
        json_put_raw(&message, "uri", uri);
    if (subscription.len > 0) {
        _buf_ struct buf meta = {0};
        buf_puts(&meta, "{\"io.modelcontextprotocol/subscriptionId\":");
        buf_add_str(&meta, subscription);
        buf_putc(&meta, '}');
        json_put_raw(&message, "_meta", buf_str(&meta));
    }
    buf_puts(&message, "}}");
    cli_mcp_print(buf_str(&message));
}

static void tell_tools_changed(struct str subscription)
{
    tell("tools/list_changed", STR_NONE, subscription);
}

/* ---- what a legacy client subscribed to ---- */

static struct str uri_of(const struct relay *relay)
{
    return json_find(json_find(buf_str(&relay->line), "params"), "uri");
}

/* The daemon agreed to it. */
static void note_watch(const struct relay *relay)
{
    struct buf *watched = &relay->bridge->watched;
    struct str uri = uri_of(relay);
    struct str rest = buf_str(watched);
    struct buf kept = {0};
    struct str line;
    bool is_on = str_is(json_find(buf_str(&relay->line), "method"), "\"resources/subscribe\"");

    while (str_next(&rest, '\n', &line))
        if (line.len > 0 && !str_equals(line, uri)) {
            buf_add_str(&kept, line);
            buf_putc(&kept, '\n');
        }
    if (is_on) {
        buf_add_str(&kept, uri);
        buf_putc(&kept, '\n');
    }
    buf_finish(watched);
    *watched = kept;
}

/* In a new session, for the client. */
static void watch_again(struct bridge *bridge)
{
    struct str rest = buf_str(&bridge->watched);
    struct str uri;

    while (str_next(&rest, '\n', &uri)) {
        _buf_ struct buf message = {0};
        if (uri.len == 0)
            continue;
        buf_printf(&message,
                   "{\"jsonrpc\":\"2.0\",\"id\":\"tenon\",\"method\":\"resources/subscribe\","
                   "\"params\":{\"uri\":%.*s}}",
                   STR_ARG(uri));
        struct relay *relay = create(bridge, buf_str(&message));
        if (relay != NULL)
            relay->is_own = true;
        tell("resources/updated", uri, STR_NONE);
    }
}

static void keep_session(struct relay *relay, const struct http_calls_answer *answer)
{
    struct bridge *bridge = relay->bridge;

    buf_clear(&bridge->session);
    buf_clear(&bridge->version);
    buf_puts(&bridge->session, answer->session);
    text_of(json_find(json_find(answer->body, "result"), "protocolVersion"), &bridge->version);
    if (!relay->is_renewal) {
        buf_clear(&bridge->hello);
        buf_add_str(&bridge->hello, buf_str(&relay->line));
        return;
    }
    bridge->is_renewing = false;
    bridge->stream_ms = 0;
    tell_tools_changed(STR_NONE); /* another daemon may have others */
    watch_again(bridge);
}

/* ---- the end of an exchange ---- */

static void try_again(struct relay *relay, const char *words)
{
    int64_t now_ms = cli_mcp_now_ms();

    if (relay->give_up_ms == 0)
        relay->give_up_ms = now_ms + PATIENCE_MS;
    relay->due_ms = now_ms + RETRY_MS;
    /* Nobody waits for a stream's return, nor for a session's, in the way of an answer. */
    if (now_ms < relay->give_up_ms || relay->is_again || relay->is_renewal)
        return;
    fail(relay, words);
    destroy(relay);
}

static void on_unreached(struct relay *relay, const struct http_calls_answer *answer)
{
    _buf_ struct buf words = {0};

    if (answer->failure == HTTP_NO_ANSWER && relay->is_call) {
        fail(relay, "tenond went away while it worked on this; whether it was done is unknown");
        destroy(relay);
        return;
    }
    buf_printf(&words, "cannot talk to tenond at %s: %s; is tenond running?",
               relay->bridge->cli->socket.ptr, answer->words);
    try_again(relay, buf_str(&words).ptr);
}

/* A problem of the HTTP kind, told in JSON-RPC's. */
static void tell_problem(struct relay *relay, const struct http_calls_answer *answer)
{
    _buf_ struct buf words = {0};

    text_of(json_find(answer->body, "detail"), &words);
    if (words.len == 0)
        buf_printf(&words, "the daemon answered %d and no reason", answer->status);
    fail(relay, buf_str(&words).ptr);
}

static void on_answered(struct relay *relay, const struct http_calls_answer *answer)
{
    struct bridge *bridge = relay->bridge;
    /* A good answer's body is one whatever it holds: a record may be nested as deeply as
     * base/json.h follows, and in a message there is more around it. */
    bool is_message =
        answer->body.len > 0 && (answer->status == 200 || answer->body.ptr[0] == '[' ||
                                 json_find(answer->body, "jsonrpc").len > 0);

    if (answer->status == 404 && !is_message && !relay->is_modern && !relay->was_renewed &&
        bridge->session.len > 0) {
        relay->waits = relay->was_renewed = true;
        cli_mcp_relay_renew(bridge);
        return;
    }
    if (relay->is_hello && answer->status == 200 && answer->session != NULL)
        keep_session(relay, answer);
    else if (relay->is_renewal)
        bridge->is_renewing = false;
    if (relay->is_ready && answer->status == 202)
        bridge->wants_stream = true;
    if (relay->is_watch && json_find(answer->body, "result").len > 0)
        note_watch(relay);
    if (is_message && !relay->is_renewal && !relay->is_own)
        cli_mcp_print(answer->body);
    else if (!is_message && answer->status >= 300)
        tell_problem(relay, answer);
    destroy(relay);
}

/* It stops, and has not looked at what it was sent. */
static bool is_stopping(const struct http_calls_answer *answer)
{
    return answer->failure == HTTP_ANSWERED && answer->status == 503 &&
           str_is(json_find(answer->body, "code"), "\"stopping\"");
}

static void on_done(void *user, const struct http_calls_answer *answer)
{
    struct relay *relay = user;
    bool was_stream = relay->is_listen && answer->status == 200 && answer->body.len == 0;

    relay->one = NULL;
    if (was_stream || (relay->is_again && answer->failure != HTTP_ANSWERED)) {
        relay->is_again = true;
        relay->was_told = false;
        buf_clear(&relay->rest);
        relay->due_ms = cli_mcp_now_ms() + RETRY_MS;
    } else if (is_stopping(answer)) {
        try_again(relay, "tenond is stopping");
    } else if (answer->failure != HTTP_ANSWERED) {
        on_unreached(relay, answer);
    } else {
        on_answered(relay, answer);
    }
}

static void tell_missed(const struct relay *relay)
{
    struct str params = json_find(buf_str(&relay->line), "params");
    struct str uris = json_find(json_find(params, "notifications"), "resourceSubscriptions");
    struct str uri;

    if (relay->wants_tools)
        tell_tools_changed(buf_str(&relay->id));
    while (uris.len > 0 && json_next_element(&uris, &uri))
        if (json_kind_of(uri) == JSON_STRING)
            tell("resources/updated", uri, buf_str(&relay->id));
}

static void on_piece(void *user, struct str piece)
{
    struct relay *relay = user;

    /* The client has one acknowledgement already; what may have changed meanwhile it is told. */
    if (relay->is_again && !relay->was_told)
        tell_missed(relay);
    relay->was_told = true;
    cli_mcp_events(&relay->rest, piece,
                   relay->is_again ? "notifications/subscriptions/acknowledged" : NULL);
}

/* ---- sending ---- */

/* What a header cannot hold plainly goes as base64; one that cannot go at all is left out, and the
 * daemon says that it misses it. */
static void put_header(struct buf *out, const char *name, struct str value, bool may_encode)
{
    bool is_plain = value.len > 0 && value.ptr[0] != ' ' && value.ptr[value.len - 1] != ' ' &&
                    !str_starts_with(value, "=?base64?");

    for (size_t i = 0; i < value.len; i++)
        is_plain = is_plain && value.ptr[i] >= ' ' && value.ptr[i] < 0x7f;
    if (is_plain) {
        buf_printf(out, "%s: %.*s", name, STR_ARG(value));
    } else if (may_encode) {
        buf_printf(out, "%s: =?base64?", name);
        base64_encode(value, out);
        buf_puts(out, "?=");
    }
}

static size_t modern_headers(const struct relay *relay, struct buf storage[3], const char **out)
{
    struct str line = buf_str(&relay->line);
    struct str params = json_find(line, "params");
    size_t count = 0;
    _buf_ struct buf version = {0};
    _buf_ struct buf method = {0};
    _buf_ struct buf name = {0};

    text_of(json_find(json_find(params, "_meta"), "io.modelcontextprotocol/protocolVersion"),
            &version);
    text_of(json_find(line, "method"), &method);
    put_header(&storage[0], "MCP-Protocol-Version", buf_str(&version), false);
    put_header(&storage[1], "Mcp-Method", buf_str(&method), false);
    if (relay->is_call)
        text_of(json_find(params, "name"), &name);
    else if (str_is(buf_str(&method), "resources/read"))
        text_of(json_find(params, "uri"), &name);
    if (name.len > 0)
        put_header(&storage[2], "Mcp-Name", buf_str(&name), true);
    for (size_t i = 0; i < 3; i++)
        if (storage[i].len > 0)
            out[count++] = storage[i].ptr;
    return count;
}

static void send_one(struct relay *relay)
{
    struct bridge *bridge = relay->bridge;
    const char *headers[HEADERS_MAX] = {"Content-Type: application/json",
                                        "Accept: application/json, text/event-stream"};
    struct buf storage[3] = {0};

    if (relay->is_modern)
        (void)modern_headers(relay, storage, headers + 2);
    else if (!relay->is_hello)
        (void)cli_mcp_session_headers(bridge, storage, headers + 2);
    const struct http_calls_request request = {
        .method = "POST",
        .headers = headers,
        .body = buf_str(&relay->line),
        .piece = on_piece,
        .done = on_done,
        .user = relay,
    };
    relay->one = http_calls_start(bridge->calls, &request);
    for (size_t i = 0; i < 3; i++)
        buf_finish(&storage[i]);
    if (relay->one == NULL) {
        fail(relay, "out of memory");
        destroy(relay);
    }
}

int64_t cli_mcp_relay_send(struct bridge *bridge)
{
    int64_t now_ms = cli_mcp_now_ms();
    int64_t next_ms = -1;
    struct relay *next;

    for (struct relay *relay = bridge->relays; relay != NULL; relay = next) {
        next = relay->next;
        if (relay->one != NULL || relay->waits)
            continue;
        int64_t left = relay->due_ms - now_ms;
        if (left <= 0)
            send_one(relay);
        else if (next_ms < 0 || left < next_ms)
            next_ms = left;
    }
    return next_ms;
}

/* ---- taking ---- */

/* True: the message was for us, and is done with. */
static bool cancels(struct bridge *bridge, struct str params)
{
    struct str id = json_find(params, "requestId");

    for (struct relay *relay = bridge->relays; relay != NULL; relay = relay->next) {
        if (relay->id.len == 0 || !str_equals(buf_str(&relay->id), id))
            continue;
        if (!relay->is_modern && relay->one != NULL)
            return false; /* the daemon ends it */
        destroy(relay);
        return true;
    }
    return false;
}

/* Clients that write everything at once, as a shell does, do not wait for its answer. */
static bool is_initializing(const struct bridge *bridge)
{
    for (const struct relay *relay = bridge->relays; relay != NULL; relay = relay->next)
        if (relay->is_hello && !relay->is_renewal)
            return true;
    return false;
}

void cli_mcp_relay_take(struct bridge *bridge, struct str line)
{
    _buf_ struct buf method = {0};

    line = str_trim(line);
    if (line.len == 0)
        return;
    bool is_json = json_check(line, NULL) == 0;
    struct str params = is_json ? json_find(line, "params") : STR_NONE;
    if (is_json)
        text_of(json_find(line, "method"), &method);
    struct str name = buf_str(&method);
    if (str_is(name, "notifications/cancelled") && cancels(bridge, params))
        return;
    bool waits = is_initializing(bridge);
    struct relay *relay = create(bridge, line);
    if (relay == NULL) {
        (void)cli_fail(CLI_REFUSED, "out of memory");
        return;
    }
    if (is_json)
        buf_add_str(&relay->id, json_find(line, "id"));
    relay->is_modern =
        json_find(json_find(params, "_meta"), "io.modelcontextprotocol/protocolVersion").len > 0;
    relay->waits = waits && !relay->is_modern;
    relay->is_call = str_is(name, "tools/call");
    relay->is_hello = !relay->is_modern && str_is(name, "initialize");
    relay->is_ready = str_is(name, "notifications/initialized");
    relay->is_watch = !relay->is_modern && (str_is(name, "resources/subscribe") ||
                                            str_is(name, "resources/unsubscribe"));
    relay->is_listen = relay->is_modern && str_is(name, "subscriptions/listen");
    relay->wants_tools =
        str_is(json_find(json_find(params, "notifications"), "toolsListChanged"), "true");
}

bool cli_mcp_relay_is_open(const struct bridge *bridge)
{
    for (const struct relay *relay = bridge->relays; relay != NULL; relay = relay->next)
        if (!relay->is_listen)
            return true;
    return false;
}

void cli_mcp_relay_drop_all(struct bridge *bridge)
{
    while (bridge->relays != NULL)
        destroy(bridge->relays);
    if (bridge->stream != NULL)
        http_calls_cancel(bridge->stream);
    bridge->stream = NULL;
}

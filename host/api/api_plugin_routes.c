/* SPDX-License-Identifier: Apache-2.0
 * Routes of plugins: found, asked, and their answers passed on. A short one comes whole and goes
 * with its length; of a long one each piece goes out as the peer takes it. */
#include "api/api_handlers.h"
#include "api/api_stream.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "rules/judge.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <tenon/tenon.h>

struct serving {
    struct api_call *call; /* gone already when on_gone runs */
    struct plugin_aside *aside;
    struct str piece; /* found no room yet; the plugin waits */
    bool is_streamed; /* the head went out */
    bool is_ended;
    struct buf rest; /* what was left at the end */
};

static void serving_destroy(struct serving *serving)
{
    buf_finish(&serving->rest);
    free(serving);
}

/* ---- to the peer ---- */

static void end_if_done(struct serving *serving)
{
    if (!serving->is_ended)
        return;
    if (serving->rest.len > 0 && api_stream_send(serving->call, buf_str(&serving->rest)) < 0)
        return;
    api_stream_end(serving->call);
    serving_destroy(serving);
}

static void on_drained(void *user)
{
    struct serving *serving = user;

    if (serving->is_ended) {
        end_if_done(serving);
        return;
    }
    if (serving->piece.len > 0 && api_stream_send(serving->call, serving->piece) < 0)
        return;
    serving->piece = STR_NONE;
    plugin_aside_taken(serving->aside);
}

static void on_stream_gone(void *user)
{
    struct serving *serving = user;

    if (!serving->is_ended)
        plugin_aside_cancel(serving->aside);
    serving_destroy(serving);
}

static const struct api_stream_events stream_events = {on_drained, on_stream_gone};

/* Before an answer began. */
static void on_peer_gone(void *user)
{
    struct api_call *call = user;
    struct serving *serving = call->stream_user;

    plugin_aside_cancel(serving->aside);
    serving_destroy(serving);
    api_reply_problem(call, 503, "gone", "The peer has gone.");
}

/* "name: value\n" lines as a head has them. */
static void put_lines(struct buf *out, struct str lines, const char *prefix)
{
    struct str line;

    buf_puts(out, prefix);
    while (str_next(&lines, '\n', &line))
        buf_printf(out, "%.*s\r\n", STR_ARG(line));
}

static void put_head(struct buf *out, struct str headers, bool has_body)
{
    struct str rest = headers;
    struct str line;
    bool has_type = !has_body;

    while (str_next(&rest, '\n', &line))
        has_type |= line.len > 13 && strncasecmp(line.ptr, "content-type:", 13) == 0;
    put_lines(out, headers, has_type ? "" : "content-type: application/octet-stream\r\n");
}

static void on_head(void *user, int status, struct str headers)
{
    struct serving *serving = user;
    _buf_ struct buf head = {0};

    put_head(&head, headers, true);
    http_exchange_on_gone(serving->call->exchange, NULL);
    serving->is_streamed = true;
    api_stream_begin(serving->call, status, NULL, buf_str(&head).ptr, &stream_events, serving);
    plugin_aside_taken(serving->aside);
}

static void on_said(void *user, enum plugin_saying what, struct str bytes)
{
    struct serving *serving = user;

    (void)what; /* routes have bodies alone */
    serving->piece = bytes;
    on_drained(serving);
}

/* Its worker died, or it did not answer in time: 502 or 504, and a line in the log. */
static void reply_failed(struct serving *serving, const struct plugin_reply *reply)
{
    struct api_call *call = serving->call;
    char headers[48] = "";

    if (reply->status != PLUGIN_FAILED)
        log_warn("a route of a plugin failed", F_STR("integration", call->id.ptr),
                 F_TEXT("path", http_exchange_path(call->exchange)), F_STR("reason", reply->words));
    if (serving->is_streamed) {
        serving_destroy(serving);
        api_stream_break(call);
        return;
    }
    uint32_t retry_ms = reply->error_class == TENON_E_RATE_LIMITED && reply->retry_after_ms == 0
                            ? 1000
                            : reply->retry_after_ms;
    if (retry_ms > 0)
        (void)snprintf(headers, sizeof(headers), "Retry-After: %u\r\n", (retry_ms + 999) / 1000);
    serving_destroy(serving);
    api_reply_problem_with(call, api_status_of_reply(reply), judge_class_name(reply->error_class),
                           headers[0] != '\0' ? headers : NULL, "%s", reply->words);
}

static void on_ended(void *user, struct plugin_reply *reply)
{
    struct serving *serving = user;
    struct api_call *call = serving->call;
    _buf_ struct buf head = {0};

    http_exchange_on_gone(call->exchange, NULL);
    serving->is_ended = true;
    if (reply->status != PLUGIN_OK) {
        reply_failed(serving, reply);
        return;
    }
    buf_add_str(&serving->rest, reply->result);
    if (serving->is_streamed) {
        end_if_done(serving);
        return;
    }
    put_head(&head, reply->headers, serving->rest.len > 0);
    struct buf body = serving->rest;
    serving->rest = (struct buf){0};
    serving_destroy(serving);
    api_reply(call, reply->number, NULL, buf_str(&head).ptr, &body);
}

static const struct plugin_aside_events aside_events = {
    .said = on_said, .head = on_head, .ended = on_ended};

/* ---- the request ---- */

static bool is_secret(struct str name)
{
    static const char *const secret[] = {"authorization", "proxy-authorization", "cookie"};

    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        if (strlen(secret[i]) == name.len && strncasecmp(secret[i], name.ptr, name.len) == 0)
            return true;
    return false;
}

static void put_request_headers(struct buf *out, struct str lines)
{
    struct str line;

    while (str_next(&lines, '\n', &line)) {
        struct str value = str_trim(line);
        struct str name;
        if (value.len == 0 || !str_next(&value, ':', &name) || is_secret(name))
            continue;
        for (size_t i = 0; i < name.len; i++)
            buf_putc(out, name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] | 0x20)
                                                                   : name.ptr[i]);
        buf_printf(out, ": %.*s\n", STR_ARG(str_trim(str_or_empty(value))));
    }
}

/* A file server must not be talked out of its folder. */
static bool has_dots(struct str path)
{
    struct str segment;

    while (str_next(&path, '/', &segment))
        if (str_is(segment, ".") || str_is(segment, ".."))
            return true;
    return false;
}

/* All in one buffer: its pieces are told apart by their ends. False: an escape is no good. */
static bool decode(struct plugin_serve *serve, struct buf *out)
{
    size_t ends[PLUGIN_SEGMENTS_MAX];

    for (size_t i = 0; i < serve->parameter_count; i++) {
        size_t start = out->len;
        if (!api_percent_decode(serve->parameters[i], out) ||
            has_dots((struct str){out->ptr + start, out->len - start}))
            return false;
        ends[i] = out->len;
    }
    for (size_t i = 0; i < serve->parameter_count; i++) {
        size_t start = i > 0 ? ends[i - 1] : 0;
        serve->parameters[i] =
            ends[i] > start ? (struct str){out->ptr + start, ends[i] - start} : STR("");
    }
    return true;
}

/* "GET" before "GET, HEAD". */
static void allow(struct buf *out, struct str method)
{
    if (out->len > 0 && memmem(out->ptr, out->len, method.ptr, method.len) != NULL)
        return;
    buf_printf(out, "%s%.*s%s", out->len > 0 ? ", " : "", STR_ARG(method),
               str_is(method, "GET") ? ", HEAD" : "");
}

static const struct plugin_route *find(const struct plugin_route *routes, size_t count,
                                       struct plugin_serve *serve, struct buf *out_allow)
{
    struct str method = str_is(serve->method, "HEAD") ? STR("GET") : serve->method;

    for (size_t i = 0; i < count; i++) {
        if (!plugin_route_matches(&routes[i], serve->path, serve->parameters,
                                  &serve->parameter_count))
            continue;
        if (str_equals(routes[i].method, method))
            return &routes[i];
        allow(out_allow, routes[i].method);
    }
    return NULL;
}

/* No route for it: 404, 405, or what an OPTIONS wants to know. */
static void reply_without(struct api_call *call, struct str path, struct buf *allowed,
                          const struct engine_integration *integration, size_t count)
{
    _buf_ struct buf header = {0};
    struct buf none = {0};

    if (count == 0 && !integration->is_well) {
        api_reply_not_open(call, integration, "its routes are served");
        return;
    }
    if (allowed->len == 0) {
        api_reply_problem(call, 404, "unknown_path",
                          "Integration '%s' serves nothing at '%.*s'; /api/v1/openapi.json lists "
                          "what there is.",
                          integration->name, STR_ARG(path));
        return;
    }
    allow(allowed, STR("OPTIONS"));
    buf_printf(&header, "Allow: %s\r\n", allowed->ptr);
    if (str_is(http_exchange_method(call->exchange), "OPTIONS"))
        api_reply(call, 204, NULL, header.ptr, &none);
    else
        api_reply_problem_with(call, 405, "wrong_method", header.ptr, "%.*s takes %s, not %.*s.",
                               STR_ARG(path), allowed->ptr,
                               STR_ARG(http_exchange_method(call->exchange)));
}

static void start(struct api_call *call, const struct plugin_route *route,
                  const struct plugin_serve *serve)
{
    struct serving *serving = calloc(1, sizeof(*serving));

    if (serving == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    serving->call = call;
    serving->aside =
        engine_route(call->engine, buf_str(&call->id).ptr, route, serve, &aside_events, serving);
    if (serving->aside == NULL) {
        free(serving);
        api_reply_problem(call, 503, "stopping", "The integration is being closed.");
        return;
    }
    call->stream_user = serving;
    http_exchange_on_gone(call->exchange, on_peer_gone);
}

/* What is behind ".../integrations/{id}/routes", by the row that brought us here. */
static struct str rest_of(struct str path)
{
    size_t at = sizeof("/api/v1/integrations/") - 1;

    while (path.ptr[at] != '/')
        at++;
    at += sizeof("/routes") - 1;
    return (struct str){path.ptr + at, path.len - at};
}

/* A page there links to what lies beside it, which a browser looks for behind the last slash. */
static void reply_with_slash(struct api_call *call, struct str path, struct str query)
{
    _buf_ struct buf header = {0};
    struct buf body = {0};

    buf_printf(&header, "Location: %.*s/", STR_ARG(path));
    if (query.len > 0)
        buf_printf(&header, "?%.*s", STR_ARG(query));
    buf_puts(&header, "\r\n");
    if (header.failed)
        api_reply_error(call, -ENOMEM, NULL);
    else
        api_reply(call, 301, "text/plain", header.ptr, &body);
}

void api_plugin_route(struct api_call *call)
{
    struct engine_integration integration;
    const char *name = buf_str(&call->id).ptr;
    struct str path = http_exchange_path(call->exchange);
    struct str below = rest_of(path);
    struct plugin_serve serve = {
        .method = http_exchange_method(call->exchange),
        .query = http_exchange_query(call->exchange),
        .body = http_exchange_body(call->exchange),
    };
    _buf_ struct buf headers = {0};
    _buf_ struct buf parameters = {0};
    _buf_ struct buf allowed = {0};
    size_t count;

    if (!engine_integration_find(call->engine, name, &integration)) {
        api_reply_no_integration(call, name);
        return;
    }
    serve.path = below.len > 0 ? below : STR("/");
    const struct plugin_route *routes = engine_routes(call->engine, name, &count);
    const struct plugin_route *route = find(routes, count, &serve, &allowed);
    if (!api_may_or_reply(call, route == NULL || route->is_read_only ? API_READ : API_SUBMIT,
                          buf_str(&call->id)))
        return;
    if (route == NULL) {
        reply_without(call, path, &allowed, &integration, count);
        return;
    }
    if (below.len == 0 && (str_is(serve.method, "GET") || str_is(serve.method, "HEAD"))) {
        reply_with_slash(call, path, serve.query);
        return;
    }
    if (!decode(&serve, &parameters)) {
        api_reply_problem(call, 400, "bad_path",
                          "The path '%.*s' is not percent-encoded UTF-8, or climbs by dots.",
                          STR_ARG(path));
        return;
    }
    put_request_headers(&headers, http_exchange_headers(call->exchange));
    serve.headers = buf_str(&headers);
    if (headers.failed)
        api_reply_error(call, -ENOMEM, NULL);
    else
        start(call, route, &serve);
}

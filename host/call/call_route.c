/* SPDX-License-Identifier: Apache-2.0
 * Capability tenon.routes/1: what a plugin declares of routes, and one of them answering. What is
 * written is gathered: an answer that fits goes with the end of the call, and costs one crossing.
 */
#include "call/call_aside.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_BYTES = 64 << 10, LEAST_BYTES = offsetof(tenon_route, timeout_ms) };

static const tenon_route *route_at(const struct call_server *server, uint32_t index)
{
    const tenon_routes *routes = &server->routes;

    return (const void *)((const char *)routes->routes +
                          index * (size_t)routes->routes->struct_size);
}

int call_route_load(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;
    const tenon_routes *theirs =
        plugin->get_capability != NULL ? plugin->get_capability(TENON_ROUTES_1) : NULL;

    if (theirs == NULL)
        return 0;
    if (theirs->struct_size < sizeof *theirs || theirs->n_routes > WIRE_ROUTES_MAX ||
        (theirs->n_routes > 0 &&
         (theirs->routes == NULL || theirs->routes->struct_size < LEAST_BYTES))) {
        snprintf(words, CALL_WORDS_MAX,
                 "its capability " TENON_ROUTES_1
                 " is of no known size, or has more than %d routes",
                 WIRE_ROUTES_MAX);
        return -1;
    }
    server->routes = *theirs;
    for (uint32_t i = 0; i < theirs->n_routes; i++) {
        const tenon_route *route = route_at(server, i);
        if (route->method != NULL && route->path != NULL && route->handle != NULL)
            continue;
        snprintf(words, CALL_WORDS_MAX, "route %u has no method, no path or no function", i + 1);
        return -1;
    }
    return 0;
}

static tenon_str text_or_empty(const char *text)
{
    return tenon_text(text != NULL ? text : "");
}

void call_route_declare(const struct call_server *server, struct wire_facts *facts)
{
    facts->route_count = server->routes.n_routes;
    for (uint32_t i = 0; i < facts->route_count; i++) {
        const tenon_route *from = route_at(server, i);
        bool has_timeout = from->struct_size >= LEAST_BYTES + sizeof from->timeout_ms;
        facts->routes[i] = (struct wire_route){
            .method = tenon_text(from->method),
            .path = tenon_text(from->path),
            .help = text_or_empty(from->help),
            .request_schema = text_or_empty(from->request_schema),
            .response_schema = text_or_empty(from->response_schema),
            .flags = from->flags,
            .timeout_ms = has_timeout ? from->timeout_ms : 0,
        };
    }
}

struct answering {
    tenon_response response;
    struct call_aside *aside;
    bool is_started; /* start() was called, or it is too late for it */
    bool is_sent;    /* the head went out */
    uint32_t status;
    struct wire_out headers, body;
};

static int32_t start(tenon_response *response, uint32_t status, tenon_str headers)
{
    struct answering *answering = response->ctx;
    int32_t result = TENON_OK;

    headers = call_text(headers);
    pthread_mutex_lock(&answering->aside->say_lock);
    if (answering->is_started || wire_response_problem(status, headers) != NULL)
        result = TENON_E_VALIDATION;
    else {
        answering->is_started = true;
        answering->status = status;
        wire_out_bytes(&answering->headers, headers.ptr, headers.len);
        result = answering->headers.failed ? TENON_E_NO_MEMORY : TENON_OK;
    }
    pthread_mutex_unlock(&answering->aside->say_lock);
    return result;
}

static tenon_str text_of(const struct wire_out *out)
{
    return (tenon_str){out->ptr != NULL ? out->ptr : "", out->len};
}

static int32_t flush_locked(struct answering *answering)
{
    int32_t status = answering->aside->is_cancelled ? TENON_E_CANCELLED : TENON_OK;
    char number[16];

    if (status == TENON_OK && !answering->is_sent) {
        int len = snprintf(number, sizeof number, "%u", answering->status);
        answering->is_started = answering->is_sent = true;
        status = call_aside_say(answering->aside, "head", (tenon_str){number, (size_t)len},
                                text_of(&answering->headers), NULL);
    }
    if (status == TENON_OK && answering->body.len > 0)
        status = call_aside_say(answering->aside, "body", text_of(&answering->body),
                                (tenon_str){"", 0}, NULL);
    answering->body.len = 0;
    return status;
}

static int32_t write_body(tenon_response *response, const void *bytes, size_t len)
{
    struct answering *answering = response->ctx;
    const char *at = bytes;
    int32_t status = answering->aside->is_cancelled ? TENON_E_CANCELLED : TENON_OK;

    pthread_mutex_lock(&answering->aside->say_lock);
    answering->is_started = true;
    while (len > 0 && status == TENON_OK) {
        size_t room = PIECE_BYTES - answering->body.len;
        size_t piece = len < room ? len : room;
        wire_out_bytes(&answering->body, at, piece);
        if (answering->body.failed)
            status = TENON_E_NO_MEMORY;
        else if (answering->body.len == PIECE_BYTES)
            status = flush_locked(answering);
        at += piece;
        len -= piece;
    }
    pthread_mutex_unlock(&answering->aside->say_lock);
    return status;
}

static int32_t flush(tenon_response *response)
{
    struct answering *answering = response->ctx;

    pthread_mutex_lock(&answering->aside->say_lock);
    int32_t status = flush_locked(answering);
    pthread_mutex_unlock(&answering->aside->say_lock);
    return status;
}

static int32_t is_cancelled(const tenon_response *response)
{
    return ((const struct answering *)response->ctx)->aside->is_cancelled;
}

static void serve(struct call_aside *aside, const struct wire_serve *order)
{
    struct call_thread *thread = &aside->thread;
    const tenon_route *route = route_at(thread->server, order->route);
    struct answering answering = {.aside = aside, .status = 200};
    tenon_err err = call_err();
    const tenon_route_request request = {
        .struct_size = sizeof request,
        .n_parameters = order->count,
        .method = order->method,
        .path = order->path,
        .query = order->query,
        .headers = order->headers,
        .body = order->body,
        .parameters = order->parameters,
    };

    answering.response = (tenon_response){
        sizeof answering.response, 0, &answering, start, write_body, flush, is_cancelled};
    call_mark(thread, WIRE_AT_ROUTE, UINT32_MAX);
    int32_t code = route->handle(aside->instance->self, &request, &answering.response, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code == TENON_OK)
        call_aside_send_ended(aside, &(struct wire_ended){answering.is_sent ? 0 : answering.status,
                                                          text_of(&answering.headers),
                                                          text_of(&answering.body)});
    else
        call_send_result(thread, &aside->header, WIRE_AT_ROUTE, code, &err);
    wire_out_finish(&answering.headers);
    wire_out_finish(&answering.body);
}

void call_route(struct call_aside *aside, struct wire_in *in)
{
    struct wire_serve order;

    if (wire_get_serve(in, &order) < 0 || order.route >= aside->thread.server->routes.n_routes)
        call_send_refusal(&aside->thread, &aside->header, TENON_E_VALIDATION,
                          "no such route in this plugin");
    else
        serve(aside, &order);
}

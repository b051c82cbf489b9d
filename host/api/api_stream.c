/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_stream.h"

#include "api/api_figures.h"
#include "http/http_stream.h"

static void on_drained(void *user)
{
    struct api_call *call = user;

    if (call->stream->drained != NULL)
        call->stream->drained(call->stream_user);
}

bool api_stream_start(struct api_call *call, const struct api_stream_events *events, void *user)
{
    return api_stream_start_as(call, "application/x-ndjson", "cache-control: no-store\r\n", events,
                               user);
}

bool api_stream_start_as(struct api_call *call, const char *content_type, const char *headers,
                         const struct api_stream_events *events, void *user)
{
    if (api_figures(call->api)->streams >= API_STREAMS_MAX) {
        api_reply_problem_with(call, 503, "too_many_streams", "Retry-After: 10\r\n",
                               "%d live views are open, and that is the most; close one.",
                               API_STREAMS_MAX);
        return false;
    }
    call->is_view = true;
    api_call_streams(call, 1);
    api_stream_begin(call, 200, content_type, headers, events, user);
    return true;
}

void api_stream_begin(struct api_call *call, int status, const char *content_type,
                      const char *headers, const struct api_stream_events *events, void *user)
{
    call->stream = events;
    call->stream_user = user;
    http_stream_start(call->exchange, status, content_type, headers, on_drained);
}

bool api_stream_accept(struct api_call *call, const struct http_websocket_events *socket,
                       const struct api_stream_events *events, void *user)
{
    struct err err = {0};
    int status = http_websocket_accept(call->exchange, socket, &err);

    if (status != 0) {
        api_reply_problem_with(call, status, status == 503 ? "no_memory" : "no_websocket",
                               status == 426 ? "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                               "Sec-WebSocket-Version: 13\r\n"
                                             : NULL,
                               "%s", err.text);
        return false;
    }
    call->stream = events;
    call->stream_user = user;
    call->is_live = true;
    api_call_lives(call, 1);
    return true;
}

int api_stream_send(struct api_call *call, struct str line)
{
    return http_stream_send(call->exchange, line);
}

static void finish(struct api_call *call)
{
    struct http_exchange *exchange = call->exchange;

    call->stream = NULL;
    if (call->api != NULL && call->is_live)
        api_call_lives(call, -1);
    else if (call->api != NULL && call->is_view)
        api_call_streams(call, -1);
    if (exchange != NULL) {
        http_exchange_set_user(exchange, NULL, NULL);
        if (call->is_live)
            http_websocket_close(exchange, HTTP_CLOSE_GOING_AWAY, "tenond ends it");
        else
            http_stream_end(exchange);
    }
    api_call_end(call, call->is_live ? 101 : 200);
}

void api_stream_end(struct api_call *call)
{
    finish(call);
}

void api_stream_break(struct api_call *call)
{
    if (call->exchange != NULL)
        http_stream_break(call->exchange);
    finish(call);
}

void api_stream_gone(struct api_call *call)
{
    const struct api_stream_events *events = call->stream;
    void *user = call->stream_user;

    finish(call);
    events->gone(user);
}

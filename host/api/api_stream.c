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
    call->stream = events;
    call->stream_user = user;
    api_call_streams(call, 1);
    http_stream_start(call->exchange, 200, content_type, headers, on_drained);
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
    if (call->api != NULL)
        api_call_streams(call, -1);
    if (exchange != NULL) {
        http_exchange_set_user(exchange, NULL, NULL);
        http_stream_end(exchange);
    }
    api_call_end(call, 200);
}

void api_stream_end(struct api_call *call)
{
    finish(call);
}

void api_stream_gone(struct api_call *call)
{
    const struct api_stream_events *events = call->stream;
    void *user = call->stream_user;

    finish(call);
    events->gone(user);
}

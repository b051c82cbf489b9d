/* SPDX-License-Identifier: Apache-2.0
 * Listening to signals live, over a stream: a first line with the cursor, then a line a signal. Who
 * breaks off asks again with after=SEQ of the last line and has missed nothing. */
#include "api/api_handlers.h"
#include "api/api_stream.h"
#include "base/json.h"
#include "base/loop.h"
#include "signals/follow.h"

#include <errno.h>
#include <stdlib.h>

struct listening {
    struct api_call *call; /* gone already when on_gone runs */
    struct follow *follow;
    struct loop_timer *ender; /* a stream cannot end from within the follow */
    uint64_t left;            /* lines wanted yet; UINT64_MAX: all */
    struct buf line;
};

static void listening_destroy(struct listening *listening)
{
    follow_stop(listening->follow);
    loop_timer_destroy(listening->ender);
    buf_finish(&listening->line);
    free(listening);
}

static void on_gone(void *user)
{
    listening_destroy(user);
}

static bool send_line(struct listening *listening)
{
    buf_puts(&listening->line, "}\n");
    return !listening->line.failed &&
           api_stream_send(listening->call, buf_str(&listening->line)) == 0;
}

/* The first line always fits: nothing was sent before. */
static void on_began(void *user, uint64_t cursor)
{
    struct listening *listening = user;

    buf_clear(&listening->line);
    buf_putc(&listening->line, '{');
    json_put_int(&listening->line, "cursor", (int64_t)cursor);
    (void)send_line(listening);
}

static void on_drained(void *user)
{
    struct listening *listening = user;

    follow_resume(listening->follow);
}

static void on_end(void *user)
{
    struct listening *listening = user;

    api_stream_end(listening->call);
    listening_destroy(listening);
}

static bool on_signal(void *user, const struct hub_signal *heard)
{
    struct listening *listening = user;
    struct buf *line = &listening->line;

    if (listening->left == 0)
        return false; /* about to end */
    buf_clear(line);
    buf_putc(line, '{');
    api_put_signal(line, heard->signal);
    if (heard->request != 0) {
        json_put_int(line, "request", (int64_t)heard->request);
        json_put_int(line, "timeout_ms", heard->timeout_ms);
    }
    if (!send_line(listening))
        return false;
    if (listening->left != UINT64_MAX && --listening->left == 0)
        loop_timer_set(listening->ender, 0);
    return true;
}

static void start(struct api_call *call, const struct follow_settings *settings, uint64_t limit)
{
    static const struct api_stream_events stream = {on_drained, on_gone};
    static const struct follow_events events = {on_signal, on_began, NULL};
    struct listening *listening = calloc(1, sizeof(*listening));
    struct err err = {0};

    (void)err_set(&err, -ENOMEM, "no memory to listen");
    if (listening != NULL) {
        listening->call = call;
        listening->left = limit > 0 ? limit : UINT64_MAX;
        listening->ender = loop_timer_create(engine_rooms(call->engine)->loop, on_end, listening);
        if (listening->ender != NULL)
            listening->follow =
                follow_start(engine_hub(call->engine), settings, &events, listening, &err);
    }
    if (listening == NULL || listening->follow == NULL) {
        if (listening != NULL)
            listening_destroy(listening);
        api_reply_error(call, err.code, &err);
        return;
    }
    if (!api_stream_start(call, &stream, listening))
        listening_destroy(listening);
}

void api_signals_listen(struct api_call *call)
{
    struct follow_settings settings = {0};
    _buf_ struct buf pattern = {0};
    _buf_ struct buf sender = {0};
    _buf_ struct buf after = {0};
    uint64_t limit;

    if (!api_signal_filter(call, &pattern, &sender, &settings.since_ms) ||
        !api_argument_number(call, "limit", 0, INT64_MAX, 0, &limit) ||
        !api_argument_number(call, "after", 0, INT64_MAX, 0, &settings.after))
        return;
    settings.pattern = pattern.len > 0 ? buf_str(&pattern) : STR("**");
    settings.sender = buf_str(&sender);
    settings.answers = api_argument_is_set(call, "answers");
    settings.from_now = settings.since_ms == 0 &&
                        !(http_exchange_argument(call->exchange, "after", &after) && after.len > 0);
    start(call, &settings, limit);
}

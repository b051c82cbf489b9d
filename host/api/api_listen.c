/* SPDX-License-Identifier: Apache-2.0
 * Listening to signals live, over a stream: a first line with the cursor, then a line a signal. Who
 * breaks off asks again with after=SEQ of the last line and has missed nothing. */
#include "api/api_handlers.h"
#include "api/api_lines.h"
#include "base/json.h"
#include "signals/follow.h"

#include <errno.h>
#include <stdlib.h>

struct listening {
    struct api_lines lines;
    struct follow *follow;
};

static void listening_destroy(void *user)
{
    struct listening *listening = user;

    follow_stop(listening->follow);
    api_lines_finish(&listening->lines);
    free(listening);
}

static void on_began(void *user, uint64_t cursor)
{
    struct listening *listening = user;
    struct buf *line = &listening->lines.line;

    buf_clear(line);
    buf_putc(line, '{');
    json_put_int(line, "cursor", (int64_t)cursor);
    buf_putc(line, '}');
    (void)api_lines_send(&listening->lines); /* the first */
}

static void on_drained(void *user)
{
    struct listening *listening = user;

    follow_resume(listening->follow);
}

static bool on_signal(void *user, const struct hub_signal *heard)
{
    struct listening *listening = user;
    struct buf *line = &listening->lines.line;

    if (api_lines_is_full(&listening->lines))
        return false;
    buf_clear(line);
    buf_putc(line, '{');
    api_put_signal(line, heard->signal);
    if (heard->request != 0) {
        json_put_int(line, "request", (int64_t)heard->request);
        json_put_int(line, "timeout_ms", heard->timeout_ms);
    }
    buf_putc(line, '}');
    return api_lines_send_one(&listening->lines);
}

static void start(struct api_call *call, const struct follow_settings *settings, uint64_t limit)
{
    static const struct api_stream_events stream = {on_drained, listening_destroy};
    static const struct follow_events events = {on_signal, on_began, NULL};
    struct listening *listening = calloc(1, sizeof(*listening));
    struct err err = {0};

    (void)err_set(&err, -ENOMEM, "no memory to listen");
    if (listening != NULL &&
        api_lines_init(&listening->lines, call, limit, listening_destroy, listening))
        listening->follow =
            follow_start(engine_hub(call->engine), settings, &events, listening, &err);
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

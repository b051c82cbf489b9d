/* SPDX-License-Identifier: Apache-2.0
 * Following an integration's records live, over a stream. */
#include "api/api_handlers.h"
#include "api/api_stream.h"
#include "base/loop.h"
#include "engine/tap.h"

#include <errno.h>
#include <stdlib.h>

struct tapping {
    struct api_call *call; /* gone already when on_gone runs */
    struct tap_listener *listener;
    struct loop_timer *ender; /* a stream cannot end from within the tap */
    uint64_t left;            /* lines wanted yet; UINT64_MAX: all */
    struct buf line;
};

static void tapping_destroy(struct tapping *tapping)
{
    tap_leave(tapping->listener);
    loop_timer_destroy(tapping->ender);
    buf_finish(&tapping->line);
    free(tapping);
}

static void on_gone(void *user)
{
    tapping_destroy(user);
}

static void on_drained(void *user)
{
    struct tapping *tapping = user;

    tap_resume(tapping->listener);
}

static void on_end(void *user)
{
    struct tapping *tapping = user;

    api_stream_end(tapping->call);
    tapping_destroy(tapping);
}

static bool on_line(void *user, struct str line)
{
    struct tapping *tapping = user;

    if (tapping->left == 0)
        return true; /* about to end */
    buf_clear(&tapping->line);
    buf_add_str(&tapping->line, line);
    buf_putc(&tapping->line, '\n');
    if (tapping->line.failed || api_stream_send(tapping->call, buf_str(&tapping->line)) < 0)
        return false;
    if (tapping->left != UINT64_MAX && --tapping->left == 0)
        loop_timer_set(tapping->ender, 0);
    return true;
}

/* "request,answer" */
static bool read_stages(struct api_call *call, unsigned *out)
{
    _buf_ struct buf text = {0};
    struct str one;

    *out = 0;
    if (!http_exchange_argument(call->exchange, "stage", &text))
        return true;
    struct str rest = buf_str(&text);
    while (str_next(&rest, ',', &one)) {
        enum tap_stage stage;

        if (!tap_stage_parse(str_trim(one), &stage)) {
            _buf_ struct buf known = {0};

            for (int i = 0; i < TAP_STAGES; i++)
                buf_printf(&known, "%s%s", i > 0 ? ", " : "", tap_stage_name((enum tap_stage)i));
            api_reply_problem(call, 400, "bad_argument", "Argument stage: '%.*s' is not one of %s.",
                              STR_ARG(one), buf_str(&known).ptr);
            return false;
        }
        *out |= 1u << stage;
    }
    return true;
}

static void start(struct api_call *call, struct tap *tap, const struct tap_filter *filter,
                  uint64_t limit)
{
    static const struct api_stream_events events = {on_drained, on_gone};
    struct tapping *tapping = calloc(1, sizeof(*tapping));

    if (tapping != NULL) {
        tapping->call = call;
        tapping->left = limit > 0 ? limit : UINT64_MAX;
        tapping->ender = loop_timer_create(engine_rooms(call->engine)->loop, on_end, tapping);
        tapping->listener = tap_listen(tap, filter, on_line, tapping);
    }
    if (tapping == NULL || tapping->ender == NULL || tapping->listener == NULL) {
        if (tapping != NULL)
            tapping_destroy(tapping);
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    if (!api_stream_start(call, &events, tapping))
        tapping_destroy(tapping);
}

void api_integration_tap(struct api_call *call)
{
    struct engine_integration integration;
    struct tap_filter filter = {0};
    _buf_ struct buf entity = {0};
    uint64_t limit;

    if (!engine_integration_find(call->engine, buf_str(&call->id).ptr, &integration)) {
        api_reply_no_integration(call, buf_str(&call->id).ptr);
        return;
    }
    if (!read_stages(call, &filter.stages) ||
        !api_argument_number(call, "limit", 0, INT64_MAX, 0, &limit))
        return;
    (void)http_exchange_argument(call->exchange, "entity", &entity); /* absent: all */
    filter.entity = buf_str(&entity);
    struct tap *tap = engine_tap(call->engine, integration.name);
    if (tap == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    start(call, tap, &filter, limit);
}

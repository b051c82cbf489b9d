/* SPDX-License-Identifier: Apache-2.0
 * Following an integration's records live, over a stream. */
#include "api/api_handlers.h"
#include "api/api_lines.h"
#include "engine/tap.h"

#include <errno.h>
#include <stdlib.h>

struct tapping {
    struct api_lines lines;
    struct tap_listener *listener;
};

static void tapping_destroy(void *user)
{
    struct tapping *tapping = user;

    tap_leave(tapping->listener);
    api_lines_finish(&tapping->lines);
    free(tapping);
}

static void on_drained(void *user)
{
    struct tapping *tapping = user;

    tap_resume(tapping->listener);
}

static bool on_line(void *user, struct str line)
{
    struct tapping *tapping = user;

    if (api_lines_is_full(&tapping->lines))
        return true;
    buf_clear(&tapping->lines.line);
    buf_add_str(&tapping->lines.line, line);
    return api_lines_send_one(&tapping->lines);
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
    static const struct api_stream_events events = {on_drained, tapping_destroy};
    struct tapping *tapping = calloc(1, sizeof(*tapping));

    if (tapping != NULL && api_lines_init(&tapping->lines, call, limit, tapping_destroy, tapping))
        tapping->listener = tap_listen(tap, filter, on_line, tapping);
    if (tapping == NULL || tapping->listener == NULL) {
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

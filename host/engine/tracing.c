/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tracing.h"

#include "base/trace.h"

#include <sodium.h>
#include <strings.h>

static bool has_own(const struct outbound *out)
{
    static const char name[] = "traceparent:";

    for (size_t i = 0; i < out->header_count; i++)
        if (strncasecmp(out->headers[i], name, sizeof name - 1) == 0)
            return true;
    return false;
}

struct str tracing_add(struct batch *batch, const uint32_t *records, uint32_t count,
                       struct outbound *out)
{
    struct str trace = batch->claim.records[records[0]].trace;
    struct str state = trace_state(trace);
    _buf_ struct buf parent = {0};
    uint8_t span[8];
    struct str line;

    if (trace.len == 0 || out->header_count + 2 > out->header_room || has_own(out))
        return STR_NONE;
    for (uint32_t i = 1; i < count; i++) {
        struct str other = batch->claim.records[records[i]].trace;

        if (!trace_is_same(trace, other))
            return STR_NONE;
        if (!str_equals(state, trace_state(other)))
            state = STR_NONE;
    }
    randombytes_buf(span, sizeof span);
    span[0] |= sodium_is_zero(span, sizeof span) != 0; /* all zero would be no span */
    trace_put_child(trace, span, &parent);
    line = arena_printf(&batch->arena, "traceparent: %.*s", STR_ARG(buf_str(&parent)));
    if (parent.failed || line.ptr == NULL)
        return STR_NONE;
    out->headers[out->header_count++] = line.ptr;
    if (state.len > 0) {
        struct str more = arena_printf(&batch->arena, "tracestate: %.*s", STR_ARG(state));

        if (more.ptr != NULL)
            out->headers[out->header_count++] = more.ptr;
    }
    return (struct str){line.ptr + line.len - parent.len, parent.len};
}

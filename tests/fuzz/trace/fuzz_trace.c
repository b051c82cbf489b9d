/* SPDX-License-Identifier: Apache-2.0
 * Trace headers as a peer may send them: traceparent, and behind a line end tracestate. */
#include "base/trace.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t span[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct str rest = {(const char *)data, size};
    struct str parent = STR_NONE;
    struct buf kept = {0};
    struct buf again = {0};
    struct buf child = {0};

    (void)str_next(&rest, '\n', &parent);
    trace_accept(parent, rest, &kept);
    if (kept.len > 0) {
        struct str trace = buf_str(&kept);

        assert(kept.len <= TRACE_PARENT_BYTES + 1 + TRACE_STATE_BYTES_MAX);
        assert(trace_id(trace).len == 32 && trace_span(trace).len == 16);
        /* What goes out as header lines holds nothing that ends a line. */
        assert(memchr(trace.ptr, '\r', trace.len) == NULL);
        assert(memchr(trace_state(trace).ptr ? trace_state(trace).ptr : "", '\n',
                      trace_state(trace).len) == NULL);
        /* What was accepted is accepted again as it is. */
        trace_accept((struct str){trace.ptr, TRACE_PARENT_BYTES}, trace_state(trace), &again);
        assert(str_equals(trace, buf_str(&again)));
        trace_put_child(trace, span, &child);
        assert(child.len == TRACE_PARENT_BYTES && trace_is_same(trace, buf_str(&child)));
    }
    buf_finish(&kept);
    buf_finish(&again);
    buf_finish(&child);
    return 0;
}

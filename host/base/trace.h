/* SPDX-License-Identifier: Apache-2.0
 * W3C Trace Context, https://www.w3.org/TR/trace-context: what a request brought that made a record
 * known, and what goes on to the destinations. Pure functions over text. [any]
 *
 * In the store a trace is one text: a traceparent of version 00 and, behind a line end, the
 * tracestate when there is one. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "base/str.h"

enum { TRACE_PARENT_BYTES = 55, TRACE_STATE_BYTES_MAX = 512, TRACE_STATE_MEMBERS_MAX = 32 };

/* The headers as they came, each possibly empty. Adds the text to keep to `out`, or nothing when
 * traceparent is not well-formed. A tracestate that is not, or is longer than the 512 bytes that
 * everybody must carry, is left behind: it is no part of the identity. */
void trace_accept(struct str traceparent, struct str tracestate, struct buf *out);

/* Parts of a kept or sent trace; none when it is none. */
struct str trace_id(struct str trace);   /* 32 digits */
struct str trace_span(struct str trace); /* 16 digits: the one that asked, or that was sent */
struct str trace_state(struct str trace);
bool trace_is_same(struct str trace, struct str other); /* of one trace id; none equals none */

/* The traceparent to send: of the same trace, for the span of these bytes (not all zero). */
void trace_put_child(struct str trace, const uint8_t span[8], struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * W3C traceparent from the request that brought a record to the one that delivers it. Private to
 * the engine room. [loop] */
#ifndef ENGINE_TRACING_H
#define ENGINE_TRACING_H

#include "engine/batch.h"

/* A request is a span of its own, of the trace that its records came by: the header goes to `out`,
 * unless plugin or ini set one, and is given back; it lives in the batch's arena. None, when a
 * record came without one or by another: a request has one parent, and a made-up one would tell
 * nobody anything. The tracestate goes along when all have the same. */
struct str tracing_add(struct batch *batch, const uint32_t *records, uint32_t count,
                       struct outbound *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A stream that ends by itself behind so many lines: what signals and taps are followed by. Inside
 * this room only. [loop] */
#ifndef API_LINES_H
#define API_LINES_H

#include "api/api_stream.h"

/* Inside its owner, whom `ended` takes away. Starts zeroed. */
struct api_lines {
    struct api_call *call;    /* gone already when gone() of the stream runs */
    struct loop_timer *ender; /* a stream cannot end from within what it follows */
    uint64_t left;            /* lines wanted yet; UINT64_MAX: all */
    struct buf line;          /* the next one is put together here */
    void (*ended)(void *user);
    void *user;
};

/* `limit` 0: until the peer goes. False: no memory. */
bool api_lines_init(struct api_lines *lines, struct api_call *call, uint64_t limit,
                    void (*ended)(void *user), void *user);
void api_lines_finish(struct api_lines *lines);
/* All that were wanted are sent; the end is on its way. */
bool api_lines_is_full(const struct api_lines *lines);
/* Sends `line` with a line end. False: it was not taken. The first of all is always taken. */
bool api_lines_send(struct api_lines *lines);
/* The same, and counts it. */
bool api_lines_send_one(struct api_lines *lines);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * WebSocket frames (RFC 6455, 5) as a server reads and writes them, strictly. Pure functions over
 * bytes, fuzzed by tests/fuzz/http_frame. No extension is ever agreed on. [any] */
#ifndef HTTP_FRAME_H
#define HTTP_FRAME_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_FRAME_MESSAGE_MAX = 64 * 1024, /* bytes of one message, its fragments together */
    HTTP_FRAME_CONTROL_MAX = 125,
    HTTP_FRAME_HEAD_MAX = 14,
};

enum http_frame_kind {
    HTTP_FRAME_TEXT = 1,
    HTTP_FRAME_BINARY = 2, /* never read: such a message is refused */
    HTTP_FRAME_CLOSE = 8,
    HTTP_FRAME_PING = 9,
    HTTP_FRAME_PONG = 10,
};

/* Why a connection is closed (RFC 6455, 7.4.1). */
enum {
    HTTP_CLOSE_NORMAL = 1000,
    HTTP_CLOSE_GOING_AWAY = 1001,
    HTTP_CLOSE_PROTOCOL = 1002,
    HTTP_CLOSE_UNSUPPORTED = 1003,
    HTTP_CLOSE_NONE = 1005, /* none was given; never sent */
    HTTP_CLOSE_NOT_TEXT = 1007,
    HTTP_CLOSE_POLICY = 1008,
    HTTP_CLOSE_TOO_BIG = 1009,
};

/* A message on its way in. Starts zeroed. */
struct http_frames {
    struct buf message;
    bool is_open; /* a fragment came, and was not the last */
};
void http_frames_finish(struct http_frames *frames);

/* What came: a whole text message, put together and known to be UTF-8, or a control frame. */
struct http_frame {
    enum http_frame_kind kind;
    struct str payload; /* of `frames` or `control`, until the next read */
    int close_code;     /* of HTTP_FRAME_CLOSE; the payload is then the reason */
    char control[HTTP_FRAME_CONTROL_MAX + 1];
};

/* Takes frames off `*bytes` until there is something to tell. 1: *out is filled; 0: more bytes are
 * needed, and what is there must be kept; negative: the code to close with, as
 * -HTTP_CLOSE_PROTOCOL. */
int http_frames_read(struct http_frames *frames, struct str *bytes, struct http_frame *out);

/* A whole message or control frame, not masked. */
void http_frame_put(struct buf *out, enum http_frame_kind kind, struct str payload);
void http_frame_put_close(struct buf *out, int code, struct str reason); /* cut to what fits */

#endif

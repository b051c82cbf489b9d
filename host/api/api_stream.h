/* SPDX-License-Identifier: Apache-2.0
 * A call answered by JSON lines that go on: what `integration logs --follow` and `tap` are made of.
 * Inside this room only. [loop] */
#ifndef API_STREAM_H
#define API_STREAM_H

#include "api/api_call.h"
#include "http/http_websocket.h"

enum { API_STREAMS_MAX = 64 };

struct api_stream_events {
    void (*drained)(void *user); /* after a refused line: there is room again */
    void (*gone)(void *user);    /* the peer or the api has gone; the call is no more */
};

/* False: there are too many already, and the call has been answered. Else the call lives until
 * api_stream_end or gone(). */
bool api_stream_start(struct api_call *call, const struct api_stream_events *events, void *user);
/* The same as another type, with headers of its own ("name: value\r\n"). */
bool api_stream_start_as(struct api_call *call, const char *content_type, const char *headers,
                         const struct api_stream_events *events, void *user);
/* The same as a WebSocket, which is not counted among the streams: `socket`, static, gets the call
 * as its user, and events->drained is not called. What is sent goes by http_websocket_send. */
bool api_stream_accept(struct api_call *call, const struct http_websocket_events *socket,
                       const struct api_stream_events *events, void *user);
/* The same for what is no live view and is limited elsewhere: with a status and a type of its own,
 * and not counted among them. Pieces are sent with api_stream_send. */
void api_stream_begin(struct api_call *call, int status, const char *content_type,
                      const char *headers, const struct api_stream_events *events, void *user);
/* A line with its line end. 0, or a negative status: it was not taken, see http_stream_send. */
int api_stream_send(struct api_call *call, struct str line);
void api_stream_end(struct api_call *call); /* gone() is not called */
/* The same, but the peer sees that something is missing. */
void api_stream_break(struct api_call *call);

/* For api.c: the peer went, or the api stops. */
void api_stream_gone(struct api_call *call);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A connection that has become a WebSocket (RFC 6455): text messages both ways. The handler accepts
 * in place of http_exchange_reply; from here on the exchange is valid until the `destroy` of
 * http_exchange_set_user has run, since the peer, the server or this connection is gone. Who is
 * silent is pinged, who answers no ping or reads nothing for half a minute is cut off; a peer that
 * reads slowly costs bounded memory and nobody's speed. An idle one costs about 2 KB. [loop] */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include "http/http_frame.h"
#include "http/http_server.h"

enum { HTTP_WEBSOCKET_BYTES_MAX = 64 * 1024 }; /* wait for a peer at most */

/* `user` is that of http_exchange_set_user at the time. */
struct http_websocket_events {
    void (*message)(void *user, struct str text); /* borrowed; may send and close from within */
    void (*drained)(void *user); /* NULL allowed. After a refused send, room again */
};

/* 0, or the HTTP status to refuse with and words in err: the request asks for no WebSocket. The
 * request's path, query and headers are gone after it. `events` is static. Of the protocols that
 * the peer offers "tenon" is taken, if it is among them. */
int http_websocket_accept(struct http_exchange *exchange,
                          const struct http_websocket_events *events, struct err *err);
/* All or nothing: 0, -EAGAIN when that much does not fit just now (and until drained), -ENOMEM. */
int http_websocket_send(struct http_exchange *exchange, struct str text);
/* What was sent still goes out, then the code; nothing is sent or heard after it. */
void http_websocket_close(struct http_exchange *exchange, int code, const char *reason);

#endif

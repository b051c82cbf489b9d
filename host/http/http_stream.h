/* SPDX-License-Identifier: Apache-2.0
 * An answer that goes on: what a live view is made of. The handler begins one in place of
 * http_exchange_reply and sends piece by piece; a peer that reads slowly costs bounded memory and
 * nobody's speed. [loop] */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/http_server.h"

enum { HTTP_STREAM_BYTES_MAX = 256 * 1024 }; /* wait for a peer at most */

/* The head goes out at once. From here on the exchange is valid until http_stream_end, or until the
 * `destroy` of http_exchange_set_user has run, since the peer or the server is gone. `drained` (may
 * be NULL) is called after a refused send, when there is room again; it may send and end. */
void http_stream_start(struct http_exchange *exchange, int status, const char *content_type,
                       const char *headers, void (*drained)(void *user));
/* All or nothing: 0, -EAGAIN when that much does not fit just now, -ENOMEM. */
int http_stream_send(struct http_exchange *exchange, struct str bytes);
/* What was sent still goes out; the connection is then free for the next request. */
void http_stream_end(struct http_exchange *exchange);
/* The same for a stream that failed: its end looks like a broken connection, as it should. */
void http_stream_break(struct http_exchange *exchange);

#endif

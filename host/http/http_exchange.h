/* SPDX-License-Identifier: Apache-2.0
 * What http_server.c and http_exchange.c share: one request on one connection. An exchange belongs to its connection until
 * it is dispatched, and to the handler from then until the reply; the connection may go meanwhile. [loop] */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "http/http_server.h"

#include <libwebsockets.h>

struct http_header_copy {
    struct http_header_copy *next;
    struct str name;
    struct str value;
};

struct http_exchange {
    struct lws *wsi; /* NULL: the peer has gone, or the server */
    struct http_exchange *next;
    struct http_exchange **place; /* what points at us; NULL: off the list */
    struct str method;
    struct buf path;
    struct buf query;
    struct buf body;
    struct http_header_copy *headers;
    int64_t body_expected;
    bool is_local;
    bool is_head;
    bool must_close;   /* after the reply */
    bool is_discarding;/* the rest of the body is read and thrown away */
    bool is_dispatched;/* the handler has it */
    bool is_replied;
    bool is_in_callback;/* libwebsockets is calling us for this very connection */
    bool is_written;
    struct buf head;   /* of the reply */
    struct buf reply;
    size_t head_sent;
    size_t reply_sent;
    void *user;
    void (*destroy_user)(void *user);
};

/* Takes the request's head out of libwebsockets. NULL: no memory. */
struct http_exchange *http_exchange_create(struct lws *wsi, const char *uri, size_t uri_len);
void http_exchange_destroy(struct http_exchange *exchange);
/* A problem document as the reply. */
void http_exchange_refuse(struct http_exchange *exchange, int status, const char *detail);
/* Writes what the connection takes. -1: drop the connection; 0: more later; 1: all is written. */
int http_exchange_write(struct http_exchange *exchange);

#endif

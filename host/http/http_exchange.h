/* SPDX-License-Identifier: Apache-2.0
 * What http_connection.c and http_exchange.c share: one request on one connection. An exchange
 * belongs to its connection until it is dispatched, and to the handler from then until the reply;
 * the connection may go meanwhile. [loop] */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "http/http_head.h"
#include "http/http_server.h"

struct http_connection;
struct http_websocket;
struct http_socket;

struct http_exchange {
    struct http_connection *connection; /* NULL: the peer has gone, or the server */
    struct http_exchange *next;
    struct http_exchange **place; /* what points at us; NULL: off the list */
    struct buf text;              /* the head as it came */
    struct http_head parsed;      /* points into text */
    struct buf body;
    int64_t max_body_bytes;
    bool is_local;
    uid_t peer_uid;
    pid_t peer_pid;
    bool is_head;
    bool must_close;    /* after the reply */
    bool is_dispatched; /* the handler has it */
    bool is_replied;
    bool is_in_handler; /* the reply is written when it returns */
    bool is_stream;     /* the reply goes on until is_ended */
    bool is_ended;
    bool is_choked; /* a piece found no room: `drained` is to be called */
    void (*drained)(void *user);
    struct http_websocket *websocket; /* NULL: it is none */
    struct buf head;                  /* of the reply */
    struct buf reply;
    size_t head_sent;
    size_t reply_sent;
    uint64_t written_bytes; /* of the whole answer so far; only grows */
    void *user;
    void (*destroy_user)(void *user);
    http_replied_fn replied; /* of http_exchange_within; NULL: a peer's */
    void *replied_user;
    void (*gone)(void *user); /* NULL: nobody wants to know, or it was told */
};

/* Copies the text, which `head` was parsed from. NULL: no memory. */
struct http_exchange *http_exchange_create(struct http_connection *connection, struct str text,
                                           const struct http_head *head);
void http_exchange_destroy(struct http_exchange *exchange);
/* A problem document as the reply. */
void http_exchange_refuse(struct http_exchange *exchange, int status, const char *detail);
/* "HTTP/1.1 200 OK" and the content type, as the reply's first lines. */
void http_exchange_put_head(struct http_exchange *exchange, int status, const char *content_type);
/* Room in the reply for `more` bytes; what adds to one that is being written asks here first, so
 * that it keeps no more than about twice what waits. False: no memory, and what waits is whole. */
bool http_exchange_reserve(struct http_exchange *exchange, size_t more);
bool http_exchange_has_rest(const struct http_exchange *exchange); /* not written yet */
/* Writes what the connection's socket takes. -1: drop the connection; 0: more later; 1: all is
 * written. Of a stream that goes on, 0 with nothing left. */
int http_exchange_write(struct http_exchange *exchange, struct http_socket *socket);

/* http_websocket.c */
void http_websocket_destroy(struct http_websocket *websocket); /* NULL allowed */
/* Takes all whole frames off `*bytes`. */
void http_websocket_read(struct http_exchange *exchange, struct str *bytes);
/* Its connection was written to, and took some of it. */
void http_websocket_written(struct http_exchange *exchange, bool has_moved);
/* Pings when it is time to; false: it is to be cut off. */
bool http_websocket_is_alive(struct http_exchange *exchange, int64_t mono_ms);

/* http_connection.c: the exchange on this connection has its reply; it is written before the loop
 * waits again. */
void http_connection_write_soon(struct http_connection *connection);

#endif

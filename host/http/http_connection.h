/* SPDX-License-Identifier: Apache-2.0
 * What http_server.c and http_connection.c share: the first listens, accepts and keeps the time
 * limits; the second reads requests and writes replies. Private to the http room. [loop] */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "http/http_exchange.h"
#include "http/http_peers.h"
#include "http/http_socket.h"

/* READS_HEAD -> (READS_BODY ->) WAITS for the handler -> WRITES -> READS_HEAD, or LINGERS until the
 * peer closes. Accepted as a WebSocket it TALKS until that is closed. */
enum connection_state { READS_HEAD, READS_BODY, WAITS, WRITES, TALKS, LINGERS };

struct http_connection {
    uv_poll_t poll; /* first: the same address serves both */
    struct http_socket socket;
    bool waits_to_write; /* the poll handle waits for room, too */
    bool has_heard_all;  /* the peer sends no more; what it asked for may still be answered */
    bool is_local;
    bool is_turned_away;
    uid_t peer_uid; /* of who connected to the Unix socket */
    pid_t peer_pid; /* 0: nobody knows */
    struct http_server *server;
    struct http_exchange *exchange; /* NULL while there is no request */
    enum connection_state state;
    struct http_chunks chunks;
    struct buf in; /* came, and not used yet */
    size_t discarded_bytes;
    int64_t deadline_ms;                   /* monotonic; 0: none */
    int64_t moved_bytes;                   /* of the body or the reply when the deadline was set */
    struct http_peer *peer;                /* NULL: of the Unix socket, or turned away */
    struct http_connection *next, **place; /* the list of all */
    struct http_connection *next_ready;    /* with a reply to be written */
    bool is_ready;
};

struct listener;

struct http_server {
    struct loop *loop;
    struct listener *local, *tcp; /* NULL: none */
    struct http_tls *tls;         /* of the port; NULL: in clear */
    int port;
    http_handler_fn handler;
    void *user;
    char *unix_socket;
    struct http_exchange *exchanges;
    struct http_connection *connections;
    struct http_connection *ready; /* replies that came from outside the handler */
    struct loop_task writer;       /* writes them */
    struct loop_timer *sweeper;
    int64_t max_body_bytes;
    http_body_limit_fn body_limit; /* NULL: the same for all */
    int64_t idle_ms;
    int64_t request_ms;
    int max_connections;
    int max_connections_per_peer;
    int connection_counts[2];  /* at the port, at the Unix socket: those that are served */
    int turned_away_counts[2]; /* the same; they take no place of those */
    struct http_peers *peers;
    struct http_server_figures figures;
    bool is_sweeping;
    bool is_listening;
};

/* Takes `fd`, and `peer` (NULL: of the Unix socket). False when memory is short; the descriptor is
 * closed then, and the peer has left. */
bool http_connection_open(struct http_server *server, int fd, struct http_peer *peer);
/* Takes `fd` of one too many: it is told so, and gets no further. */
void http_connection_turn_away(struct http_server *server, int fd, bool is_local,
                               enum http_refusal refusal);
/* Its deadline is over: it is told, where it can still listen, and goes. */
void http_connection_time_out(struct http_connection *connection);
void http_connection_close(struct http_connection *connection);
/* Writes the replies that came from outside the handler. */
void http_connection_write_ready(struct loop_task *writer);

#endif

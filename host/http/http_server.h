/* SPDX-License-Identifier: Apache-2.0
 * The incoming side, on our libuv loop. A whole request in, one reply out; what the paths mean is
 * the api room's. All [loop]. Limits on header size, body size, idle time and
 * connections are settings. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "http/http_tls.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_server;
struct http_exchange; /* one request being answered */

/* Asked when the head is there and the body is not, and that is chunked or larger than
 * HTTP_BODY_UNASKED_MAX: the most that it may have. Negative: none of it is wanted, the handler
 * will refuse the request whatever stands in it; it gets it without a body, at once. */
enum { HTTP_BODY_UNASKED_MAX = 64 << 10 };
typedef int64_t (*http_body_limit_fn)(void *user, struct http_exchange *exchange);

struct http_server_settings {
    const char *unix_socket; /* path, or NULL; a stale socket file is replaced */
    unsigned socket_mode;    /* of the file; 0: 0600 */
    int socket_gid;          /* its group when the mode lets one in; -1: as it comes */
    const char *listen;      /* "127.0.0.1:8642" or "[::1]:8642", or NULL */
    int64_t max_body_bytes;
    http_body_limit_fn body_limit; /* less for some, by the handler's user; NULL: for none */
    int max_connections;           /* at the port, and as many again at the Unix socket */
    int max_connections_per_peer;  /* of one address at the port; 0: no such limit */
    int64_t idle_timeout_ms;       /* without a request */
    int64_t request_timeout_ms;   /* for a head; a body, and the taking of a reply, have as long and
                                     a second more for each 500 bytes that went over */
    struct http_tls_settings tls; /* of `listen`; without a certificate: in clear */
};

/* Called once the whole body is here. The exchange is valid until http_exchange_reply, also when
 * the peer has gone meanwhile (the reply is then dropped). */
typedef void (*http_handler_fn)(void *user, struct http_exchange *exchange);

/* Why a request or a connection was turned away, in words for metrics. */
enum http_refusal {
    HTTP_CONNECTIONS,      /* 503: max_connections */
    HTTP_PEER_CONNECTIONS, /* 429: max_connections_per_peer */
    HTTP_MALFORMED,        /* 400, 501, 505 */
    HTTP_HEAD_TOO_LARGE,   /* 431 */
    HTTP_BODY_TOO_LARGE,   /* 413 */
    HTTP_SLOW_REQUEST,     /* 408; of a TLS handshake there is no answer */
    HTTP_SLOW_READER,      /* closed */
    HTTP_REFUSALS,
};
extern const char *const http_refusal_names[HTTP_REFUSALS];

struct http_server_figures {
    uint64_t refused[HTTP_REFUSALS];
    int connections;
};
struct http_server_figures http_server_figures(const struct http_server *server);

struct http_server *http_server_create(struct loop *loop,
                                       const struct http_server_settings *settings,
                                       http_handler_fn handler, void *user, struct err *err);
int http_server_port(const struct http_server *server); /* TCP; what port 0 became. 0: none */
/* Other files, or the same read anew, for connections from now on. On failure all stays as it was.
 * Only for a server that began with TLS, and it keeps it. */
int http_server_set_tls(struct http_server *server, const struct http_tls_settings *settings,
                        struct err *err);
void http_server_stop_listening(struct http_server *server); /* open exchanges go on */
/* Unanswered exchanges are dropped, a later reply to one is safe. What the loop still holds of it
 * goes with the loop's next round, or with loop_destroy. */
void http_server_destroy(struct http_server *server);

struct str http_exchange_method(const struct http_exchange *exchange);
struct str http_exchange_path(const struct http_exchange *exchange); /* raw, without the query */
struct str
http_exchange_query(const struct http_exchange *exchange); /* raw, without the question mark */
struct str http_exchange_body(const struct http_exchange *exchange);
/* The decoded value of a query argument; false when absent. */
bool http_exchange_argument(const struct http_exchange *exchange, const char *name,
                            struct buf *out);
/* The same for one that may come several times: the value of its occurrence `index`, from 0. */
bool http_exchange_argument_at(const struct http_exchange *exchange, const char *name, size_t index,
                               struct buf *out);
struct str http_exchange_header(struct http_exchange *exchange, const char *lower_case_name);
struct str http_exchange_headers(const struct http_exchange *exchange); /* for http_head_header */
bool http_exchange_is_local(const struct http_exchange *exchange); /* came by the Unix socket */
/* Who connected to the Unix socket, by the kernel. */
uid_t http_exchange_peer_uid(const struct http_exchange *exchange);
pid_t http_exchange_peer_pid(const struct http_exchange *exchange); /* 0: nobody knows */
/* Also as one of several; false when the peer is gone. */
bool http_exchange_peer_has_group(const struct http_exchange *exchange, gid_t group);
/* Per-exchange memory of the handler; `destroy` runs when the exchange ends. */
void http_exchange_set_user(struct http_exchange *exchange, void *user,
                            void (*destroy)(void *user));

/* `gone` is called once when the peer goes before its reply, which is still to be given. */
void http_exchange_on_gone(struct http_exchange *exchange, void (*gone)(void *user));

/* Ends the exchange, exactly once. Takes over `body` (left empty). `headers`: extra "Name:
 * value\r\n" text or NULL. */
void http_exchange_reply(struct http_exchange *exchange, int status, const char *content_type,
                         const char *headers, struct buf *body);

/* ---- requests from within ---- */

/* Gets the reply; may take `body` over. */
typedef void (*http_replied_fn)(void *user, int status, struct buf *body);
/* A request that no peer sent: for handlers it is like any that came by the Unix socket. `target`
 * is path and query, percent-encoded; `body` is taken over. NULL: no memory, or the target does not
 * fit a head. */
struct http_exchange *http_exchange_within(const char *method, struct str target, struct buf *body,
                                           http_replied_fn replied, void *user);
/* Nobody wants its reply any more: as when a peer goes. The exchange still lives until that. */
void http_exchange_drop(struct http_exchange *exchange);

#endif

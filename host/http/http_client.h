/* SPDX-License-Identifier: Apache-2.0
 * The outgoing HTTP engine: threads around libcurl multi handles, with keep-alive connections
 * that are few and kept busy. Callers are on [loop]; answers come back there, many to a wake-up.
 * Knows no integration: a destination is a name, limits and a base URL. Retries nothing. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct http_client;
struct http_destination;

/* What is sent steps back behind whoever is awaited: meanwhile the client's threads have a tenth of
 * an ordinary thread's share of a core that both want, and all of one that is free. */
struct http_precedence {
    bool (*is_awaited)(const void *user); /* on any thread, often; NULL: never */
    const void *user;
};

struct http_destination_settings {
    int max_connections; /* at once; further requests wait in order. About 16 is best */
    int not_reached_max; /* see http_client_send; 0: 5 */
    int64_t timeout_ms;  /* whole exchange */
    int64_t connect_timeout_ms;
    int64_t max_response_bytes; /* more is cut; the connection is then dropped */
    bool is_tls;                /* its base URL is https: HTTP/2 makes one connection of many */
    bool verify_tls;            /* default true */
    const char *ca_file;        /* NULL: the system's; copied */
    const char *proxy;          /* NULL: none, the environment is not looked at; copied */
    const char *unix_socket;    /* NULL: TCP; copied */
    bool follow_redirects;      /* default false: a redirect is an answer */
};

enum http_failure {
    HTTP_ANSWERED,        /* status is set */
    HTTP_NOT_SENT,        /* never reached: resolve, connect, TLS; safe to try again */
    HTTP_NO_ANSWER,       /* bytes went out, no (whole) answer came: the outcome is unknown */
    HTTP_REFUSED_LOCALLY, /* not sent on purpose: bad URL, shutting down */
};

/* One request and its answer. The caller owns the struct and all it points to until done() runs. */
struct http_request {
    /* in */
    const char *method;         /* NUL-terminated */
    const char *url;            /* absolute */
    const char *const *headers; /* "Name: value" texts */
    size_t header_count;
    const struct str *body_parts; /* sent one behind the other, without copying; 0 parts: no body */
    size_t body_part_count;
    bool keep_headers; /* wants answer_headers */
    /* Not sent a second time by the client itself when a kept connection turns out to be dead: that
     * is HTTP_NO_ANSWER then, since what was sent may have arrived. */
    bool is_once;
    /* By clock_due_ms: where it has not left the queue for a connection by then it is
     * HTTP_REFUSED_LOCALLY. 0: it may wait for ever. Looked at when a connection is free, so at the
     * latest one time limit after it. */
    int64_t start_by_ms;
    void (*done)(struct http_request *request); /* [loop] */
    void *user;
    /* out, the client's until the next use or http_request_finish */
    enum http_failure failure;
    int status;
    bool is_cancelled; /* not HTTP_ANSWERED because http_client_stop() ended it */
    char error[256];   /* a sentence when not HTTP_ANSWERED */
    struct buf answer; /* body, cut at max_response_bytes */
    bool is_cut;
    struct buf answer_headers; /* "name: value\n", lower-case names, of the last answer */
    struct buf rate_headers;   /* those named [X-]RateLimit..., as "name: value\n"; mostly empty */
    int64_t retry_after_ms;    /* from Retry-After (seconds or date); -1: none */
    int64_t started_ms;        /* wall */
    int64_t duration_us;
    struct http_request *next; /* the client's */
    void *slot;                /* the client's */
};

/* `precedence` is copied; NULL: it steps back behind nobody. What it asks must answer until
 * http_client_stop returns. */
struct http_client *http_client_create(struct loop *loop, const struct http_precedence *precedence,
                                       struct err *err);
/* Ends the thread: requests under way end HTTP_NO_ANSWER, waiting and later ones
 * HTTP_REFUSED_LOCALLY; the done() of all runs before this returns. Destinations can still be
 * released. [loop] */
void http_client_stop(struct http_client *client);
/* Stops it if need be; its destinations go with it. NULL allowed. [loop] */
void http_client_destroy(struct http_client *client);
struct http_destination *http_destination_create(struct http_client *client,
                                                 const struct http_destination_settings *settings,
                                                 struct err *err);
/* Waits for nothing: the destination goes when its last request is done. */
void http_destination_release(struct http_destination *destination);
/* At most so many at once from now on, up to max_connections; those under way go on. 0: none, and
 * what waits for a connection ends HTTP_REFUSED_LOCALLY, as does what is sent meanwhile. [loop] */
void http_destination_limit(struct http_destination *destination, int connections);
/* Hands over requests linked by `next`; one lock and at most one wake-up for all. When
 * `not_reached_max` of them in a row do not reach their destination, those that still wait for a
 * connection end HTTP_REFUSED_LOCALLY: they would only fare the same. Over TLS the first of a burst
 * goes alone until its connection stands. [loop] */
void http_client_send(struct http_destination *destination, struct http_request *requests);
void http_request_finish(struct http_request *request); /* frees the out part */

/* One blocking exchange, for the command line client. 0 with *out_status and the body, or
 * E_UNREACHABLE with words. */
struct http_call {
    const char *unix_socket; /* NULL: TCP */
    const char *url;
    const char *method;
    const char *content_type;
    const char *token;   /* bearer, NULL: none */
    const char *ca_file; /* NULL: the system's */
    struct str body;
    int64_t timeout_ms;
};
int http_call(const struct http_call *call, int *out_status, struct buf *out_body, struct err *err);
/* The same for an answer that goes on: each piece of a 2xx answer's body is given as it comes, and
 * `take` says whether it wants more; of another answer the body comes at the end, as above.
 * timeout_ms is for the connecting alone. 0 also when `take` had enough. */
typedef bool (*http_take_fn)(void *user, struct str piece);
int http_call_stream(const struct http_call *call, http_take_fn take, void *user, int *out_status,
                     struct buf *out_body, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One transfer of the client at a time: a reused easy handle, a connection in clear beside it
 * (http_plain.h), the request on one of them, and what became of it. Used by http_thread.c alone,
 * on [http thread] alone. Knows no queue. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http/http_client.h"

#include <curl/curl.h>

struct http_transfer;

/* What the thread does next. */
enum http_step {
    STEP_WAITS, /* for the epoll events or the time limit of the transfer */
    STEP_EASY,  /* put the easy handle into the multi handle */
    STEP_OVER,  /* http_transfer_take */
};

/* NULL when memory runs out. `owner` comes back from http_transfer_owner; the transfer itself with
 * the events of `epoll`. */
struct http_transfer *http_transfer_create(const struct http_destination_settings *settings,
                                           int epoll, void *owner);
void http_transfer_destroy(struct http_transfer *transfer);
void *http_transfer_owner(const struct http_transfer *transfer);
CURL *http_transfer_easy(const struct http_transfer *transfer);
struct http_transfer *http_transfer_of(CURL *easy);
/* The current or last request came as far as a connection: before that nothing of it is sent, and
 * whether the server speaks HTTP/2 is not known. */
bool http_transfer_is_connected(const struct http_transfer *transfer);
/* Monotonic; 0: it is idle, or libcurl watches the time. */
int64_t http_transfer_deadline_us(const struct http_transfer *transfer);

enum http_step http_transfer_start(struct http_transfer *transfer, struct http_request *request);
/* The easy handle is done; it is still in the multi handle, and is to be taken off it behind this.
 */
enum http_step http_transfer_on_message(struct http_transfer *transfer, CURLcode result);
enum http_step http_transfer_on_event(struct http_transfer *transfer, uint32_t events);
/* Ends what is under way: it could not start, its time is over, or the client shuts down. */
void http_transfer_end(struct http_transfer *transfer, CURLcode result, const char *detail);
/* The request that is over, its out part filled; the transfer is idle then. NULL: none was under
 * way. */
struct http_request *http_transfer_take(struct http_transfer *transfer);
bool http_transfer_is_idle(const struct http_transfer *transfer);

/* How a transfer failed. */
struct http_loss {
    CURLcode result;
    int os_errno;       /* 0: not known */
    bool was_sent;      /* some bytes of it, to the destination itself */
    const char *detail; /* libcurl's own text, or "" */
};

/* http_outcome.c: what a failed transfer means, and its sentence. */
void http_outcome_fail(struct http_request *request,
                       const struct http_destination_settings *settings,
                       const struct http_loss *loss);
/* A request that never came to a transfer. */
void http_outcome_refuse(struct http_request *request, const char *why);
/* Retry-After as milliseconds from `now_ms`: seconds or a date; -1 when it is neither. */
int64_t http_outcome_retry_after(struct str value, int64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One keep-alive connection that speaks HTTP/1.1 in clear, one request at a time: what libcurl does
 * at twice the cost, for the common case alone. libcurl still finds the host and connects (names,
 * both kinds of addresses, time limits, words when that fails), and takes every request that
 * http_plain_wants refuses: TLS, proxies, redirects, odd URLs and headers. Used by http_transfer.c
 * alone, on its thread. */
#ifndef HTTP_PLAIN_H
#define HTTP_PLAIN_H

#include "http/http_client.h"

#include <curl/curl.h>

struct http_plain;

/* How a request ended. */
struct http_plain_end {
    CURLcode result; /* in libcurl's words, so that http_outcome.c has one vocabulary */
    int os_errno;
    const char *detail; /* static; NULL: none */
    bool was_sent;      /* some bytes of it were */
    const char *retry_after;
    /* It broke before the first byte of an answer, on a connection that had served before: the peer
     * has most likely closed it while the request was on its way. libcurl sends such a request once
     * more, and so do we. */
    bool may_go_again;
};

enum http_plain_step { PLAIN_WAITS, PLAIN_ENDED };

/* `owner` is what comes with the events of `epoll`. NULL: no memory. */
struct http_plain *http_plain_create(int epoll, void *owner);
void http_plain_destroy(struct http_plain *plain); /* NULL allowed */
/* Is this one for us? Then its head is made ready. */
bool http_plain_wants(struct http_plain *plain, const struct http_request *request,
                      const struct http_destination_settings *settings);
/* There is a connection to where the request of http_plain_wants goes. */
bool http_plain_is_connected(const struct http_plain *plain);
/* A connection to there; takes `fd`. -errno: it could not be watched, and is closed. */
int http_plain_adopt(struct http_plain *plain, int fd);
/* Sends the request of http_plain_wants; its answer goes to its out part, cut at body_max. */
enum http_plain_step http_plain_start(struct http_plain *plain, struct http_request *request,
                                      size_t body_max);
/* What epoll says of the connection, with or without a request under way. */
enum http_plain_step http_plain_on_event(struct http_plain *plain, uint32_t events);
/* A request is under way. */
bool http_plain_is_busy(const struct http_plain *plain);
/* Ends the request from outside (time limit, shutdown); the connection goes with it. */
void http_plain_cancel(struct http_plain *plain);
/* Of the request that ended last. */
const struct http_plain_end *http_plain_end(const struct http_plain *plain);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One transfer of the client: a reused easy handle, the request on it, and what became of it. Used
 * by http_thread.c alone, on its thread alone. Knows no queue. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http/http_client.h"

#include <curl/curl.h>

struct http_transfer;

/* NULL when memory runs out. `owner` comes back from http_transfer_owner. */
struct http_transfer *http_transfer_create(const struct http_destination_settings *settings,
                                           void *owner);
void http_transfer_destroy(struct http_transfer *transfer);
void *http_transfer_owner(const struct http_transfer *transfer);
CURL *http_transfer_easy(const struct http_transfer *transfer);
struct http_transfer *http_transfer_of(CURL *easy);
/* The current or last request came as far as a connection: before that nothing of it is sent, and
 * whether the server speaks HTTP/2 is not known. */
bool http_transfer_is_connected(const struct http_transfer *transfer);

/* Makes the handle ready for `request`. False: it is refused, the request's out part says why. */
bool http_transfer_prepare(struct http_transfer *transfer, struct http_request *request);
/* Fills the request's out part from the handle; the transfer is idle then. */
struct http_request *http_transfer_complete(struct http_transfer *transfer, CURLcode result);
/* The same for a request that is given up in the middle; NULL when the transfer is idle. */
struct http_request *http_transfer_abandon(struct http_transfer *transfer);

/* http_outcome.c: what a failed transfer means, and its sentence. `detail` is libcurl's own text or
 * "". */
void http_outcome_fail(struct http_request *request, const struct http_transfer *transfer,
                       const struct http_destination_settings *settings, CURLcode result,
                       const char *detail);
/* A request that never came to a transfer. */
void http_outcome_refuse(struct http_request *request, const char *why);
/* Retry-After as milliseconds from `now_ms`: seconds or a date; -1 when it is neither. */
int64_t http_outcome_retry_after(struct str value, int64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h: host service `tenon.http/1`: one HTTP exchange with the integration's destination, for
 * actions and routes. (Deliveries do not want it: client->prepare has thousands in flight without a
 * thread that waits.)
 *
 *   const tenon_http *http = (const tenon_http *)host->get_service(host, TENON_HTTP_1);
 *
 * The daemon sends; credentials and the ini's [headers] are added there and never reach the plugin.
 * Only the host of base_url and those of `allow_hosts` can be reached.
 */
#ifndef TENON_HTTP_H
#define TENON_HTTP_H

#include <tenon/buffer.h>
#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_HTTP_1 "tenon.http/1"

/* All texts are borrowed for the call, and may be empty. */
typedef struct tenon_http_request {
    uint32_t struct_size;
    uint32_t
        timeout_ms;    /* 0: [integration] timeout. Never beyond the call in hand's own deadline */
    tenon_str method;  /* empty: GET without a body, POST with one. Else as tenon_request's */
    tenon_str url;     /* empty: base_url itself; "/path?query"; or absolute, as tenon_request's */
    tenon_str headers; /* "Name: value\n" lines */
    tenon_str body;
} tenon_http_request;

/* Valid as long as the host table. */
typedef struct tenon_http {
    uint32_t struct_size;
    uint32_t flags;
    /* Sends one request and waits for the answer. TENON_OK: an answer came, whatever its status,
     * which *out_status holds then (RFC 9110); its header lines ("name: value\n", names in lower
     * case) went to `headers` and its body, cut at [integration] max_response, to `body`; either
     * may be NULL. TENON_E_CONNECTION: none came; TENON_E_UNKNOWN: it was sent, and none came;
     * TENON_E_VALIDATION: the request is not one, or goes where the ini does not allow;
     * TENON_E_CANCELLED: the deadline passed, or the integration is closed. There from activate()
     * on.  [any; blocks] */
    int32_t (*exchange)(const tenon_host *host, const tenon_http_request *request,
                        uint32_t *out_status, tenon_sink *headers, tenon_sink *body,
                        tenon_err *err);
} tenon_http;

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What a failed transfer means for the sender: surely not sent, or perhaps received. */
#include "base/clock.h"
#include "http/http_transfer.h"

#include <inttypes.h>
#include <stdio.h>

enum { PEER_BYTES = 110 };

void http_outcome_refuse(struct http_request *request, const char *why)
{
    request->failure = HTTP_REFUSED_LOCALLY;
    request->status = 0;
    request->is_cut = false;
    request->retry_after_ms = -1;
    request->duration_us = 0;
    request->started_ms = clock_wall_ms();
    buf_clear(&request->answer);
    buf_clear(&request->answer_headers);
    (void)snprintf(request->error, sizeof(request->error), "not sent: %s", why); /* may be cut */
}

int64_t http_outcome_retry_after(struct str value, int64_t now_ms)
{
    int64_t number;

    value = str_trim(value);
    if (value.len > 0 && value.ptr[0] >= '0' && value.ptr[0] <= '9') {
        if (str_to_i64(value, &number) < 0)
            return -1;
        return number > INT64_MAX / 1000 ? INT64_MAX : number * 1000;
    }
    if (clock_parse_http(value, &number) < 0)
        return -1;
    return number > now_ms ? number - now_ms : 0;
}

/* "host:port", or the socket, without anything of the URL that may be secret. */
static void describe_peer(const char *url, const struct http_destination_settings *settings,
                          char *out, size_t size)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    char *port = NULL;

    if (parts != NULL && url != NULL &&
        curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
        (void)curl_url_get(parts, CURLUPART_HOST, &host, 0); /* NULL stays on failure */
        (void)curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT); /* the same */
    }
    if (settings->unix_socket != NULL)
        (void)snprintf(out, size, "%s", settings->unix_socket);
    else if (host == NULL)
        (void)snprintf(out, size, "the server");
    else
        (void)snprintf(out, size, "%.80s%s%.6s", host, port != NULL ? ":" : "",
                       port != NULL ? port : "");
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

static bool is_refused_locally(CURLcode result)
{
    return result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL ||
           result == CURLE_FAILED_INIT || result == CURLE_OUT_OF_MEMORY ||
           result == CURLE_BAD_FUNCTION_ARGUMENT;
}

/* The plain words for the common cases; NULL leaves it to libcurl's own text. */
static const char *explain(CURLcode result, bool was_sent)
{
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the host name does not resolve; check the name and the DNS";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "the proxy's name does not resolve";
    case CURLE_PEER_FAILED_VERIFICATION:
        return NULL;
    case CURLE_GOT_NOTHING:
        return "the connection was closed without an answer";
    case CURLE_SEND_ERROR:
        return "the connection broke while sending";
    case CURLE_RECV_ERROR:
        return was_sent ? "the connection broke before the whole answer came" : NULL;
    case CURLE_PARTIAL_FILE:
        return "the connection was closed in the middle of the answer";
    case CURLE_UNSUPPORTED_PROTOCOL:
        return was_sent ? NULL : "only http:// and https:// URLs can be sent to";
    case CURLE_URL_MALFORMAT:
        return "the URL is not valid";
    case CURLE_TOO_MANY_REDIRECTS:
        return "more than 5 redirects";
    default:
        return NULL;
    }
}

static void write_timeout(struct http_request *request,
                          const struct http_destination_settings *settings, const char *peer)
{
    if (request->failure == HTTP_NOT_SENT)
        (void)snprintf(request->error, sizeof(request->error),
                       "cannot connect to %s within %" PRId64 " ms", peer,
                       request->duration_us / 1000);
    else
        (void)snprintf(
            request->error, sizeof(request->error), "no %s from %s within %" PRId64 " ms",
            request->status != 0 ? "whole answer" : "answer", peer, settings->timeout_ms);
}

void http_outcome_fail(struct http_request *request, CURL *easy,
                       const struct http_destination_settings *settings, CURLcode result,
                       const char *detail)
{
    char peer[PEER_BYTES];
    long sent_bytes = 0;
    long os_errno = 0;
    const char *why;

    /* Counts what went to the socket, also by a try that libcurl repeated on its own: never too
     * low. */
    (void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
    describe_peer(request->url, settings, peer, sizeof(peer));
    if (sent_bytes > 0)
        request->failure = HTTP_NO_ANSWER;
    else
        request->failure = is_refused_locally(result) ? HTTP_REFUSED_LOCALLY : HTTP_NOT_SENT;
    if (result == CURLE_OPERATION_TIMEDOUT) {
        write_timeout(request, settings, peer);
        return;
    }
    why = explain(result, sent_bytes > 0);
    if (why == NULL && os_errno != 0 && result == CURLE_COULDNT_CONNECT)
        why = strerror((int)os_errno);
    if (why == NULL)
        why = detail[0] != '\0' ? detail : curl_easy_strerror(result);
    if (result == CURLE_OK)
        why = "what came is not an HTTP answer";
    (void)snprintf(request->error, sizeof(request->error), "%s %s: %.120s", /* may be cut */
                   sent_bytes > 0                    ? "no whole answer from"
                   : result == CURLE_COULDNT_CONNECT ? "cannot connect to"
                                                     : "nothing was sent to",
                   peer, why);
}

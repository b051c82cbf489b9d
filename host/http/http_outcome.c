/* SPDX-License-Identifier: Apache-2.0
 * What a failed transfer means for the sender: surely not sent, or perhaps received. */
#include "base/clock.h"
#include "http/http_transfer.h"

#include <inttypes.h>
#include <stdio.h>

enum { PEER_BYTES = 110, WHY_BYTES = 200 };

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
    buf_clear(&request->rate_headers);
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

/* Much of what libcurl calls a failure to receive is what was wrong with that which it received. */
static const char *explain_receiving(const struct http_loss *loss)
{
    if (!loss->was_sent || strstr(loss->detail, "response headers") != NULL)
        return NULL;
    if (strstr(loss->detail, "chunked-encoding") != NULL) /* a trailer too long is among that */
        return "what came is not an HTTP answer";
    return "the connection broke before the whole answer came";
}

/* The plain words for the common cases; NULL leaves it to libcurl's own text. */
static const char *explain(const struct http_loss *loss)
{
    switch (loss->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the host name does not resolve; check the name and the DNS";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "the proxy's name does not resolve";
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND: /* libcurl would have sent it again; see http_request.is_once */
        return "the connection was closed without an answer";
    case CURLE_SEND_ERROR:
        return "the connection broke while sending";
    case CURLE_RECV_ERROR:
        return explain_receiving(loss);
    case CURLE_PARTIAL_FILE:
        return "the connection was closed in the middle of the answer";
    case CURLE_OUT_OF_MEMORY: /* also its word for a header that outgrows its own limit */
        return loss->was_sent && loss->detail[0] == '\0'
                   ? "a header of its answer is too long, or memory ran out"
                   : NULL;
    case CURLE_UNSUPPORTED_PROTOCOL:
        return loss->was_sent ? NULL : "only http:// and https:// URLs can be sent to";
    case CURLE_URL_MALFORMAT:
        return "the URL is not valid";
    case CURLE_FILESIZE_EXCEEDED: /* said by us alone; see HTTP_ANSWER_HEAD_MAX */
        return "the headers of its answer are larger than 64 KB";
    case CURLE_TOO_MANY_REDIRECTS:
        return "more than 5 redirects";
    default:
        return NULL;
    }
}

/* The certificate is not taken: what is wrong with it, and what can be done. */
static void explain_certificate(const char *detail, char *out, size_t size)
{
    static const char prefix[] = "SSL certificate problem: ";

    if (strncmp(detail, prefix, sizeof(prefix) - 1) == 0)
        detail += sizeof(prefix) - 1;
    if (strstr(detail, "subject name") != NULL)
        (void)snprintf(out, size,
                       "its certificate is for other host names: use one of those in base_url");
    else if (strstr(detail, "expired") != NULL || strstr(detail, "not yet valid") != NULL)
        (void)snprintf(out, size,
                       "its certificate is not valid at this time (%.60s): it must be renewed, or "
                       "this machine's clock is wrong",
                       detail);
    else
        (void)snprintf(out, size,
                       "its certificate is not trusted (%.60s): set ca_file to the authority that "
                       "signed it, or, for tests only, verify_tls = no",
                       detail);
}

/* The words for what goes wrong before a request can be sent over TLS; false: it is something
 * else. */
static bool explain_tls(CURLcode result, const struct http_destination_settings *settings,
                        const char *detail, char *out, size_t size)
{
    if (result == CURLE_PEER_FAILED_VERIFICATION)
        explain_certificate(detail, out, size);
    else if (result == CURLE_SSL_CACERT_BADFILE && settings->ca_file != NULL)
        (void)snprintf(out, size, "ca_file '%.110s' is not a readable file of PEM certificates",
                       settings->ca_file);
    else if (result == CURLE_SSL_CACERT_BADFILE)
        (void)snprintf(out, size,
                       "the system has no certificates to trust: install ca-certificates, or set "
                       "ca_file");
    else if (result == CURLE_SSL_CONNECT_ERROR && strstr(detail, "wrong version number") != NULL)
        (void)snprintf(out, size, "it does not speak TLS there: is the URL one of http://?");
    else if (result == CURLE_SSL_CONNECT_ERROR)
        (void)snprintf(out, size, "the TLS handshake failed (%.110s)", detail);
    else
        return false;
    return true;
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

void http_outcome_fail(struct http_request *request,
                       const struct http_destination_settings *settings,
                       const struct http_loss *loss)
{
    CURLcode result = loss->result;
    bool was_sent = loss->was_sent;
    char peer[PEER_BYTES];
    char tls[WHY_BYTES];
    const char *why;

    describe_peer(request->url, settings, peer, sizeof(peer));
    request->is_cancelled = result == CURLE_ABORTED_BY_CALLBACK;
    if (was_sent)
        request->failure = HTTP_NO_ANSWER;
    else
        request->failure = is_refused_locally(result) ? HTTP_REFUSED_LOCALLY : HTTP_NOT_SENT;
    if (result == CURLE_OPERATION_TIMEDOUT) {
        write_timeout(request, settings, peer);
        return;
    }
    why = explain(loss);
    if (why == NULL && loss->os_errno != 0 && result == CURLE_COULDNT_CONNECT)
        why = strerror(loss->os_errno);
    if (why == NULL && explain_tls(result, settings, loss->detail, tls, sizeof(tls)))
        why = tls;
    if (why == NULL)
        why = loss->detail[0] != '\0' ? loss->detail : curl_easy_strerror(result);
    if (result == CURLE_OK)
        why = "what came is not an HTTP answer";
    (void)snprintf(request->error, sizeof(request->error), "%s %s: %.*s", /* may be cut */
                   was_sent                          ? "no whole answer from"
                   : result == CURLE_COULDNT_CONNECT ? "cannot connect to"
                                                     : "nothing was sent to",
                   peer, why == tls ? WHY_BYTES : 120, why);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_calls.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <curl/curl.h>

enum { ANSWER_BYTES_MAX = 256 * 1024 * 1024, CONNECT_MS = 5000 };

struct http_calls_one {
    struct http_calls *calls;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;   /* of the request; libcurl borrows it */
    struct buf answer; /* of one that is no event stream */
    struct buf session;
    bool is_events;
    char error[CURL_ERROR_SIZE];
    void (*piece)(void *user, struct str piece);
    void (*done)(void *user, const struct http_calls_answer *answer);
    void *user;
    struct http_calls_one *next, **place;
};

struct http_calls {
    CURLM *multi;
    char *unix_socket, *url, *token, *ca_file; /* NULL: none, but for the URL */
    struct http_calls_one *all;
};

static void one_destroy(struct http_calls_one *one)
{
    if (one->place != NULL) {
        *one->place = one->next;
        if (one->next != NULL)
            one->next->place = one->place;
        (void)curl_multi_remove_handle(one->calls->multi, one->easy); /* it is in there */
    }
    curl_easy_cleanup(one->easy);
    curl_slist_free_all(one->headers);
    buf_finish(&one->body);
    buf_finish(&one->answer);
    buf_finish(&one->session);
    free(one);
}

/* The value when the line is this header. */
static bool header_is(struct str line, const char *name, struct str *out)
{
    size_t len = strlen(name);

    if (line.len <= len || strncasecmp(line.ptr, name, len) != 0 || line.ptr[len] != ':')
        return false;
    *out = str_trim((struct str){line.ptr + len + 1, line.len - len - 1});
    return true;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct http_calls_one *one = user;
    struct str line = {bytes, size * count};
    struct str value;

    if (header_is(line, "content-type", &value))
        one->is_events = str_starts_with(value, "text/event-stream");
    else if (header_is(line, "mcp-session-id", &value)) {
        buf_clear(&one->session);
        buf_add_str(&one->session, value);
    }
    return line.len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http_calls_one *one = user;
    size_t len = size * count;

    if (one->is_events && one->piece != NULL) {
        one->piece(one->user, (struct str){bytes, len});
        return len;
    }
    if (len > ANSWER_BYTES_MAX - one->answer.len)
        return CURL_WRITEFUNC_ERROR;
    buf_add(&one->answer, bytes, len);
    return one->answer.failed ? CURL_WRITEFUNC_ERROR : len;
}

static bool add_header(struct http_calls_one *one, const char *header)
{
    struct curl_slist *longer =
        strpbrk(header, "\r\n") == NULL ? curl_slist_append(one->headers, header) : NULL;

    if (longer != NULL)
        one->headers = longer;
    return longer != NULL;
}

static bool set_headers(struct http_calls_one *one, const char *const *headers)
{
    _buf_ struct buf bearer = {0};
    bool is_ok = add_header(one, "Expect:"); /* takes libcurl's 100-continue away */

    if (one->calls->token != NULL) {
        buf_printf(&bearer, "Authorization: Bearer %s", one->calls->token);
        is_ok = is_ok && !bearer.failed && add_header(one, bearer.ptr);
    }
    for (; is_ok && *headers != NULL; headers++)
        is_ok = add_header(one, *headers);
    return is_ok;
}

static void set_up(struct http_calls_one *one, const struct http_calls_request *request)
{
    CURL *easy = one->easy;

    curl_easy_setopt(easy, CURLOPT_URL, one->calls->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (one->calls->unix_socket != NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, one->calls->unix_socket);
    if (one->calls->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, one->calls->ca_file);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    /* On a kept connection that turns out to be dead libcurl would send once more by itself, and
     * what was sent may have been done. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tenon/" TENON_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, one->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, one);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, one);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, one->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, one);
    if (one->body.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, one->body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)one->body.len);
    }
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "POST") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

struct http_calls_one *http_calls_start(struct http_calls *calls,
                                        const struct http_calls_request *request)
{
    struct http_calls_one *one = calloc(1, sizeof(*one));

    if (one == NULL)
        return NULL;
    one->calls = calls;
    one->piece = request->piece;
    one->done = request->done;
    one->user = request->user;
    one->easy = curl_easy_init();
    buf_add_str(&one->body, request->body);
    if (one->easy == NULL || one->body.failed || !set_headers(one, request->headers)) {
        one_destroy(one);
        return NULL;
    }
    set_up(one, request);
    if (curl_multi_add_handle(calls->multi, one->easy) != CURLM_OK) {
        one_destroy(one);
        return NULL;
    }
    one->place = &calls->all;
    one->next = calls->all;
    if (calls->all != NULL)
        calls->all->place = &one->next;
    calls->all = one;
    return one;
}

void http_calls_cancel(struct http_calls_one *one)
{
    one_destroy(one);
}

/* Nothing of it was heard: unless a connection was never had, it may have been done. */
static enum http_failure failure_of(CURLcode result)
{
    if (result == CURLE_OK)
        return HTTP_ANSWERED;
    return result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST ? HTTP_NOT_SENT
                                                                                   : HTTP_NO_ANSWER;
}

static void finish(struct http_calls_one *one, CURLcode result)
{
    long status = 0;
    const char *words = one->error[0] != '\0' ? one->error : curl_easy_strerror(result);

    (void)curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status); /* 0: none came */
    const struct http_calls_answer answer = {
        .failure = failure_of(result),
        .status = (int)status,
        .body = buf_str(&one->answer),
        .session = one->session.len > 0 ? one->session.ptr : NULL,
        .words = words,
    };
    one->done(one->user, &answer);
    one_destroy(one);
}

bool http_calls_wait(struct http_calls *calls, int fd, int timeout_ms)
{
    struct curl_waitfd extra = {.fd = fd, .events = CURL_WAIT_POLLIN};
    CURLMsg *message;
    int running;
    int left;

    if (curl_multi_perform(calls->multi, &running) != CURLM_OK)
        return false;
    bool is_done = false;
    while ((message = curl_multi_info_read(calls->multi, &left)) != NULL) {
        struct http_calls_one *one = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &one); /* set_up set it */
        finish(one, result);
        is_done = true;
    }
    if (is_done)
        timeout_ms = 0;
    if (curl_multi_poll(calls->multi, &extra, fd >= 0 ? 1 : 0, timeout_ms, NULL) != CURLM_OK)
        return false;
    return fd >= 0 && extra.revents != 0;
}

static bool copy(const char *from, char **to)
{
    *to = from != NULL ? str_dup(str_of(from)) : NULL;
    return from == NULL || *to != NULL;
}

struct http_calls *http_calls_create(const struct http_call *target, struct err *err)
{
    struct http_calls *calls = calloc(1, sizeof(*calls));

    if (calls != NULL)
        calls->multi = curl_multi_init();
    if (calls == NULL || calls->multi == NULL || !copy(target->unix_socket, &calls->unix_socket) ||
        !copy(target->url, &calls->url) || !copy(target->token, &calls->token) ||
        !copy(target->ca_file, &calls->ca_file)) {
        http_calls_destroy(calls);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    return calls;
}

void http_calls_destroy(struct http_calls *calls)
{
    if (calls == NULL)
        return;
    while (calls->all != NULL)
        one_destroy(calls->all);
    if (calls->multi != NULL)
        (void)curl_multi_cleanup(calls->multi); /* nothing is in it any more */
    free(calls->unix_socket);
    free(calls->url);
    free(calls->token);
    free(calls->ca_file);
    free(calls);
}

/* SPDX-License-Identifier: Apache-2.0
 * One blocking exchange: what the command line client does. */
#include "http/http_client.h"

#include <errno.h>
#include <curl/curl.h>

enum {
    TIMEOUT_MS_DEFAULT = 30000,
    ANSWER_BYTES_MAX = 256 * 1024 * 1024, /* a listing may be long; what is longer is a mistake */
};

static void guard_list(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

struct answer {
    CURL *easy;
    struct buf body;
    http_take_fn take; /* NULL: the whole body is wanted */
    void *user;
    bool is_enough;
};

static void guard_answer(struct answer *answer)
{
    curl_easy_cleanup(answer->easy);
    buf_finish(&answer->body);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct answer *answer = user;
    size_t len = size * count;
    long status = 0;

    (void)curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE, &status); /* 0: no stream */
    if (answer->take != NULL && status >= 200 && status < 300) {
        answer->is_enough = !answer->take(answer->user, (struct str){bytes, len});
        return answer->is_enough ? CURL_WRITEFUNC_ERROR : len;
    }
    if (len > ANSWER_BYTES_MAX - answer->body.len)
        return CURL_WRITEFUNC_ERROR;
    buf_add(&answer->body, bytes, len);
    return answer->body.failed ? CURL_WRITEFUNC_ERROR : len;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    _buf_ struct buf line = {0};
    struct curl_slist *longer;

    if (value != NULL && strpbrk(value, "\r\n") != NULL)
        return false;
    buf_printf(&line, "%s:%s%s", name, value != NULL ? " " : "", value != NULL ? value : "");
    longer = line.failed ? NULL : curl_slist_append(*list, line.ptr);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static int set_headers(CURL *easy, const struct http_call *call, struct curl_slist **list,
                       struct err *err)
{
    _buf_ struct buf bearer = {0};
    /* "Expect:" takes libcurl's own 100-continue pause away. */
    bool is_ok =
        add_header(list, "Expect", NULL) && add_header(list, "Content-Type", call->content_type);

    if (is_ok && call->token != NULL) {
        buf_printf(&bearer, "Bearer %s", call->token);
        is_ok = !bearer.failed && add_header(list, "Authorization", bearer.ptr);
    }
    if (!is_ok)
        return err_set(err, -EINVAL, "a header value holds a line break, or memory ran out");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *list);
    return 0;
}

static void set_method(CURL *easy, const struct http_call *call)
{
    const char *method = call->method != NULL ? call->method : "GET";

    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (strcmp(method, "GET") == 0 && call->body.len == 0)
        return;
    if (call->body.len > 0 || strcmp(method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len > 0 ? call->body.ptr : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    }
    if (strcmp(method, "POST") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static int explain(const struct http_call *call, CURL *easy, CURLcode result, const char *detail,
                   struct err *err)
{
    const char *why = detail[0] != '\0' ? detail : curl_easy_strerror(result);
    long os_errno = 0;

    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL)
        return err_set(err, -EINVAL, "'%s' is not an http:// or https:// URL", call->url);
    if (result == CURLE_WRITE_ERROR)
        return err_set(err, E_TOO_LARGE, "the answer is larger than %d MB, or memory ran out",
                       ANSWER_BYTES_MAX / (1024 * 1024));
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno); /* 0 stays on failure */
    if (result == CURLE_COULDNT_CONNECT && os_errno != 0)
        why = strerror((int)os_errno);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return err_set(
            err, E_UNREACHABLE, "no answer within %lld ms at %s; is tenond running, or very busy?",
            (long long)call->timeout_ms, call->unix_socket != NULL ? call->unix_socket : call->url);
    if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
        return err_set(err, E_UNREACHABLE, "cannot trust %s: %s; --ca-file names whom to trust",
                       call->url, why);
    if (call->unix_socket != NULL && os_errno == EACCES)
        return err_set(err, E_UNREACHABLE,
                       "cannot talk to tenond at the socket %s: %s; root and the user of tenond "
                       "may use it, and whom [api] socket_group and socket_users name",
                       call->unix_socket, why);
    if (call->unix_socket != NULL)
        return err_set(err, E_UNREACHABLE,
                       "cannot talk to tenond at the socket %s: %s; is tenond running?",
                       call->unix_socket, why);
    return err_set(err, E_UNREACHABLE, "cannot talk to tenond at %s: %s; is tenond running?",
                   call->url, why);
}

static CURLcode perform(const struct http_call *call, struct answer *answer)
{
    CURL *easy = answer->easy;

    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* ".." may be an entity's id */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tenon/" TENON_VERSION);
    curl_easy_setopt(easy, answer->take == NULL ? CURLOPT_TIMEOUT_MS : CURLOPT_CONNECTTIMEOUT_MS,
                     (long)call->timeout_ms);
    if (call->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, call->ca_file);
    if (call->unix_socket != NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    return curl_easy_perform(easy);
}

static int call_with(const struct http_call *given, struct answer *answer, int *out_status,
                     struct buf *out_body, struct err *err)
{
    __attribute__((cleanup(guard_list))) struct curl_slist *headers = NULL;
    struct http_call call = *given;
    char detail[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURLcode result;

    if (call.timeout_ms <= 0)
        call.timeout_ms = TIMEOUT_MS_DEFAULT;
    answer->easy = curl_easy_init();
    if (answer->easy == NULL)
        return err_set(err, -ENOMEM, "libcurl does not start");
    if (set_headers(answer->easy, &call, &headers, err) < 0)
        return -EINVAL;
    set_method(answer->easy, &call);
    curl_easy_setopt(answer->easy, CURLOPT_ERRORBUFFER, detail);
    result = perform(&call, answer);
    if (result != CURLE_OK && !answer->is_enough)
        return explain(&call, answer->easy, result, detail, err);
    (void)curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE,
                            &status); /* an HTTP answer has one */
    *out_status = (int)status;
    buf_finish(out_body);
    *out_body = answer->body;
    answer->body = (struct buf){0};
    return 0;
}

int http_call(const struct http_call *call, int *out_status, struct buf *out_body, struct err *err)
{
    __attribute__((cleanup(guard_answer))) struct answer answer = {0};

    return call_with(call, &answer, out_status, out_body, err);
}

int http_call_stream(const struct http_call *call, http_take_fn take, void *user, int *out_status,
                     struct buf *out_body, struct err *err)
{
    __attribute__((cleanup(guard_answer))) struct answer answer = {.take = take, .user = user};

    return call_with(call, &answer, out_status, out_body, err);
}

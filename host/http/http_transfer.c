/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_transfer.h"

#include "base/clock.h"
#include "base/http_token.h"
#include "http/http_answer.h"
#include "http/http_plain.h"

#include <fcntl.h>
#include <stdlib.h>

enum {
    BUFFER_BYTES = 16 * 1024,
    REDIRECTS_MAX = 5,
    RESPONSE_BYTES_DEFAULT = 1024 * 1024,
    NODES_AT_FIRST = 8,
};

/* How the handle is set at the moment, so that only a change costs a setopt. */
enum shape { SHAPE_NEW, SHAPE_GET, SHAPE_HEAD, SHAPE_FIELDS, SHAPE_PARTS };

struct http_transfer {
    CURL *easy;
    void *owner;
    const struct http_destination_settings *settings;
    struct http_request *request; /* under way, or over and not taken yet; NULL: idle */
    struct http_plain *plain;     /* NULL: none was wanted yet */
    int epoll;
    bool is_plain;      /* the request goes over `plain`; the easy handle at most connects for it */
    bool connects_only; /* the easy handle is set so */
    bool went_again;
    bool is_over;
    bool has_too_many_headers;
    size_t header_bytes; /* of all answers to the request under way */
    size_t response_bytes_max;
    int64_t started_us;
    enum shape shape;
    bool has_custom_method;
    bool is_connected;
    struct curl_slist *nodes; /* point at the request's own header texts: no copies */
    size_t node_room;
    size_t part; /* where reading the body stands */
    size_t part_offset;
    char detail[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http_transfer *transfer = user;
    struct http_request *request = transfer->request;
    size_t len = size * count;
    size_t room = transfer->response_bytes_max - request->answer.len;

    if (len > room) {
        buf_add(&request->answer, bytes, room);
        request->is_cut = true;
        return CURL_WRITEFUNC_ERROR; /* ends the transfer and drops the connection */
    }
    buf_add(&request->answer, bytes, len);
    return request->answer.failed ? CURL_WRITEFUNC_ERROR : len;
}

/* libcurl keeps all of them: those of interim answers, and trailers, of which it takes any number.
 * An answer that redirects is let have as many as any other. */
static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct http_transfer *transfer = user;
    size_t len = size * count;
    long redirects = 0;

    (void)bytes;
    transfer->header_bytes += len;
    if (transfer->header_bytes <= HTTP_ANSWER_HEAD_MAX)
        return len;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_COUNT, &redirects); /* 0 stays */
    transfer->has_too_many_headers =
        transfer->header_bytes > HTTP_ANSWER_HEAD_MAX * (size_t)(1 + redirects);
    return transfer->has_too_many_headers ? CURL_WRITEFUNC_ERROR : len;
}

static size_t on_read(char *out, size_t size, size_t count, void *user)
{
    struct http_transfer *transfer = user;
    const struct http_request *request = transfer->request;
    size_t room = size * count;
    size_t filled = 0;

    while (filled < room && transfer->part < request->body_part_count) {
        struct str part = request->body_parts[transfer->part];
        size_t left = part.len - transfer->part_offset;
        size_t take = left < room - filled ? left : room - filled;

        if (take > 0)
            memcpy(out + filled, part.ptr + transfer->part_offset, take);
        filled += take;
        transfer->part_offset += take;
        if (transfer->part_offset == part.len) {
            transfer->part++;
            transfer->part_offset = 0;
        }
    }
    return filled;
}

/* libcurl rewinds when it repeats a request on a fresh connection; refused, it gives up instead. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct http_transfer *transfer = user;

    if (transfer->request->is_once)
        return CURL_SEEKFUNC_FAIL;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    transfer->part = 0;
    transfer->part_offset = 0;
    return CURL_SEEKFUNC_OK;
}

/* Runs when the connection stands, TLS included, and the request is about to go out on it. */
static int on_connected(void *user, char *peer, char *local, int peer_port, int local_port)
{
    struct http_transfer *transfer = user;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    transfer->is_connected = true;
    return CURL_PREREQFUNC_OK;
}

/* Debian's libcurl is told of a folder of authorities beside the file that holds the same ones, and
 * keeps what it has read only where there is no folder: without this each connection costs the
 * thread 40 ms of reading 140 certificates. */
static void set_authorities(CURL *easy, const char *ca_file)
{
    const curl_version_info_data *known = curl_version_info(CURLVERSION_NOW);

    if (ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file); /* these and no others */
    if (ca_file != NULL || (known->age >= CURLVERSION_SEVENTH && known->cainfo != NULL))
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void set_limits(struct http_transfer *transfer)
{
    const struct http_destination_settings *settings = transfer->settings;
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, settings->follow_redirects ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->verify_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->verify_tls ? 2L : 0L);
    set_authorities(easy, settings->ca_file);
    if (settings->unix_socket != NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, settings->unix_socket);
    /* An empty text, unlike NULL, also keeps libcurl from reading http_proxy and its kin. */
    curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy != NULL ? settings->proxy : "");
}

struct http_transfer *http_transfer_create(const struct http_destination_settings *settings,
                                           int epoll, void *owner)
{
    struct http_transfer *transfer = calloc(1, sizeof(*transfer));

    if (transfer == NULL)
        return NULL;
    transfer->owner = owner;
    transfer->epoll = epoll;
    transfer->settings = settings;
    transfer->response_bytes_max = settings->max_response_bytes > 0
                                       ? (size_t)settings->max_response_bytes
                                       : RESPONSE_BYTES_DEFAULT;
    transfer->node_room = NODES_AT_FIRST;
    transfer->nodes = calloc(transfer->node_room, sizeof(*transfer->nodes));
    transfer->easy = curl_easy_init();
    if (transfer->nodes == NULL || transfer->easy == NULL) {
        http_transfer_destroy(transfer);
        return NULL;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->detail);
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(transfer->easy, CURLOPT_USERAGENT, "tenon/" TENON_VERSION);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(transfer->easy, CURLOPT_SEEKDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
    set_limits(transfer);
    return transfer;
}

void http_transfer_destroy(struct http_transfer *transfer)
{
    if (transfer == NULL)
        return;
    http_plain_destroy(transfer->plain);
    curl_easy_cleanup(transfer->easy);
    free(transfer->nodes);
    free(transfer);
}

void *http_transfer_owner(const struct http_transfer *transfer)
{
    return transfer->owner;
}

CURL *http_transfer_easy(const struct http_transfer *transfer)
{
    return transfer->easy;
}

bool http_transfer_is_connected(const struct http_transfer *transfer)
{
    return transfer->is_connected;
}

struct http_transfer *http_transfer_of(CURL *easy)
{
    char *found = NULL;

    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &found); /* every handle here has one */
    return (struct http_transfer *)(void *)found;
}

/* libcurl adds headers of its own that nobody asked for: an empty value takes them away. */
static bool link_headers(struct http_transfer *transfer, const struct http_request *request,
                         bool has_body)
{
    static char no_expect[] = "Expect:";
    static char no_content_type[] = "Content-Type:";
    size_t needed = request->header_count + 2;
    bool has_content_type = false;
    size_t count = 0;

    if (needed > transfer->node_room) {
        struct curl_slist *more = realloc(transfer->nodes, needed * sizeof(*more));

        if (more == NULL)
            return false;
        transfer->nodes = more;
        transfer->node_room = needed;
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const char *text = request->headers[i];

        /* The first byte is checked by itself because the call is dear beside all else that is done
         * here. */
        if ((text[0] == 'C' || text[0] == 'c') && strncasecmp(text, "content-type:", 13) == 0)
            has_content_type = true;
        transfer->nodes[count++].data = (char *)(uintptr_t)text; /* libcurl only reads it */
    }
    if (has_body) {
        transfer->nodes[count++].data = no_expect;
        if (!has_content_type)
            transfer->nodes[count++].data = no_content_type;
    }
    for (size_t i = 0; i < count; i++)
        transfer->nodes[i].next = i + 1 < count ? &transfer->nodes[i + 1] : NULL;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, count > 0 ? transfer->nodes : NULL);
    return true;
}

static void set_shape(struct http_transfer *transfer, enum shape shape)
{
    CURL *easy = transfer->easy;

    if (transfer->shape == shape)
        return;
    if (transfer->shape == SHAPE_HEAD)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    if (shape == SHAPE_GET)
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    else if (shape == SHAPE_HEAD)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    transfer->shape = shape;
}

static void set_method(struct http_transfer *transfer, const struct http_request *request,
                       bool has_body)
{
    const char *method = request->method;
    const char *custom = NULL;

    if (strcmp(method, "POST") == 0 || has_body) {
        bool is_one = request->body_part_count <= 1 && !request->is_once; /* else see on_seek */

        set_shape(transfer, is_one ? SHAPE_FIELDS : SHAPE_PARTS);
        custom = strcmp(method, "POST") == 0 ? NULL : method;
    } else if (strcmp(method, "HEAD") == 0) {
        set_shape(transfer, SHAPE_HEAD);
    } else {
        set_shape(transfer, SHAPE_GET);
        custom = strcmp(method, "GET") == 0 ? NULL : method;
    }
    if (custom != NULL || transfer->has_custom_method)
        curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, custom);
    transfer->has_custom_method = custom != NULL;
}

static void set_body(struct http_transfer *transfer, const struct http_request *request)
{
    CURL *easy = transfer->easy;

    if (transfer->shape == SHAPE_FIELDS) {
        struct str body = request->body_part_count == 1 ? request->body_parts[0] : STR("");

        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr != NULL ? body.ptr : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    } else if (transfer->shape == SHAPE_PARTS) {
        curl_off_t total = 0;

        for (size_t i = 0; i < request->body_part_count; i++)
            total += (curl_off_t)request->body_parts[i].len;
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, total);
        transfer->part = 0;
        transfer->part_offset = 0;
    }
}

static bool check_request(struct http_request *request)
{
    if (!http_token_is(str_of(request->method))) {
        http_outcome_refuse(request, "the method is not an HTTP token");
        return false;
    }
    for (size_t i = 0; i < request->header_count; i++) {
        if (strpbrk(request->headers[i], "\r\n") == NULL)
            continue;
        http_outcome_refuse(request, "a header holds a line break");
        return false;
    }
    return true;
}

static void start_outs(struct http_request *request)
{
    buf_clear(&request->answer);
    buf_clear(&request->answer_headers);
    buf_clear(&request->rate_headers);
    request->answer.failed = false;
    request->answer_headers.failed = false;
    request->failure = HTTP_ANSWERED;
    request->status = 0;
    request->error[0] = '\0';
    request->is_cut = false;
    request->retry_after_ms = -1;
}

static void set_connects_only(struct http_transfer *transfer, bool connects_only)
{
    if (transfer->connects_only == connects_only)
        return;
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_ONLY, connects_only ? 1L : 0L);
    curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, connects_only ? 1L : 0L);
    transfer->connects_only = connects_only;
}

static enum http_step set_easy(struct http_transfer *transfer, struct http_request *request)
{
    bool has_body = request->body_part_count > 0;

    transfer->header_bytes = 0;
    transfer->has_too_many_headers = false;
    set_connects_only(transfer, false);
    if (request->url == NULL ||
        curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url) != CURLE_OK) {
        http_outcome_refuse(request, "the URL is missing or too long");
        transfer->is_over = true;
        return STEP_OVER;
    }
    set_method(transfer, request, has_body);
    set_body(transfer, request);
    if (!link_headers(transfer, request,
                      transfer->shape == SHAPE_FIELDS || transfer->shape == SHAPE_PARTS)) {
        http_outcome_refuse(request, "out of memory");
        transfer->is_over = true;
        return STEP_OVER;
    }
    return STEP_EASY;
}

/* libcurl connects and hands the socket over; see adopt(). */
static enum http_step set_connect(struct http_transfer *transfer)
{
    set_connects_only(transfer, true);
    if (curl_easy_setopt(transfer->easy, CURLOPT_URL, transfer->request->url) == CURLE_OK)
        return STEP_EASY;
    http_transfer_end(transfer, CURLE_OUT_OF_MEMORY, "");
    return STEP_OVER;
}

static enum http_step start_plain(struct http_transfer *transfer)
{
    return http_plain_start(transfer->plain, transfer->request, transfer->response_bytes_max) ==
                   PLAIN_WAITS
               ? STEP_WAITS
               : STEP_OVER;
}

enum http_step http_transfer_start(struct http_transfer *transfer, struct http_request *request)
{
    transfer->request = request;
    transfer->is_over = false;
    transfer->is_plain = false;
    transfer->went_again = false;
    transfer->is_connected = false;
    transfer->detail[0] = '\0';
    if (!check_request(request)) {
        transfer->is_over = true;
        return STEP_OVER;
    }
    start_outs(request);
    request->started_ms = clock_wall_ms();
    transfer->started_us = clock_mono_us();
    if (transfer->plain == NULL)
        transfer->plain = http_plain_create(transfer->epoll, transfer); /* or libcurl does it all */
    transfer->is_plain =
        transfer->plain != NULL && http_plain_wants(transfer->plain, request, transfer->settings);
    if (!transfer->is_plain)
        return set_easy(transfer, request);
    return http_plain_is_connected(transfer->plain) ? start_plain(transfer) : set_connect(transfer);
}

static void copy_headers(CURL *easy, struct buf *out)
{
    struct curl_header *header = NULL;

    while ((header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header)) != NULL) {
        size_t start = out->len;

        buf_puts(out, header->name);
        for (size_t i = start; i < out->len; i++) {
            if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
                out->ptr[i] = (char)(out->ptr[i] + ('a' - 'A'));
        }
        buf_puts(out, ": ");
        buf_puts(out, header->value);
        buf_putc(out, '\n');
    }
}

/* Looked up by name: few destinations send any, and a walk over all headers would cost more. */
static void copy_rate_headers(CURL *easy, struct buf *out)
{
    struct curl_header *header;

    for (size_t family = 0; family < HTTP_RATE_FAMILIES; family++)
        for (size_t i = 0; i < HTTP_RATE_NAMES; i++) {
            if (curl_easy_header(easy, http_rate_names[family][i], 0, CURLH_HEADER, -1, &header) !=
                CURLHE_OK)
                break;
            buf_printf(out, "%s: %.200s\n", http_rate_names[family][i], header->value);
        }
}

static void stop_clock(struct http_transfer *transfer)
{
    transfer->request->duration_us = clock_mono_us() - transfer->started_us;
    transfer->is_over = true;
}

static void fail(struct http_transfer *transfer, struct http_loss loss)
{
    loss.was_sent |= transfer->went_again; /* then it was, the first time */
    stop_clock(transfer);
    http_outcome_fail(transfer->request, transfer->settings, &loss);
}

static void fail_easy(struct http_transfer *transfer, CURLcode result, const char *detail)
{
    struct http_loss loss = {.result = result, .detail = detail};
    long sent_bytes = 0;
    long os_errno = 0;

    /* Counts what went to the socket, also by a try that libcurl repeated on its own: never too
     * low. But it counts what a proxy was asked as well, before there is a connection to the
     * destination. */
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_errno);
    loss.os_errno = (int)os_errno;
    loss.was_sent = sent_bytes > 0 && transfer->is_connected;
    fail(transfer, loss);
}

static void end_answered(struct http_transfer *transfer, const char *retry_after)
{
    struct http_request *request = transfer->request;

    stop_clock(transfer);
    request->failure = HTTP_ANSWERED;
    if (request->status >= 300 && retry_after != NULL && retry_after[0] != '\0')
        request->retry_after_ms = http_outcome_retry_after(str_of(retry_after), clock_wall_ms());
}

static void end_easy(struct http_transfer *transfer, CURLcode result)
{
    struct http_request *request = transfer->request;
    struct curl_header *header = NULL;
    long status = 0;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE,
                            &status); /* 0 is what it then stays */
    request->status = (int)status;
    if (transfer->has_too_many_headers)
        result = CURLE_FILESIZE_EXCEEDED;
    else if (result == CURLE_WRITE_ERROR && request->is_cut)
        result = CURLE_OK; /* the answer is known, only its tail was not wanted */
    if (result != CURLE_OK || status == 0) {
        fail_easy(transfer, result, transfer->detail);
        return;
    }
    if (status >= 300 &&
        curl_easy_header(transfer->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        header = NULL;
    end_answered(transfer, header != NULL ? header->value : NULL);
    copy_rate_headers(transfer->easy, &request->rate_headers);
    if (request->keep_headers)
        copy_headers(transfer->easy, &request->answer_headers);
}

/* The socket that libcurl connected becomes ours by a second descriptor: libcurl closes the first
 * with the handle. */
static enum http_step adopt(struct http_transfer *transfer, CURLcode result)
{
    curl_socket_t connected = CURL_SOCKET_BAD;
    int fd = -1;

    if (result == CURLE_OK)
        result = curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &connected);
    if (result == CURLE_OK && connected != CURL_SOCKET_BAD)
        fd = fcntl(connected, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && http_plain_adopt(transfer->plain, fd) == 0)
        return start_plain(transfer);
    if (result == CURLE_OK)
        result = CURLE_COULDNT_CONNECT;
    fail_easy(transfer, result, transfer->detail);
    return STEP_OVER;
}

/* A server that retires its connections (GOAWAY of HTTP/2, with several requests on each) makes
 * libcurl send again by itself, but only five times in all that a handle ever did: the next one it
 * fails, and counts anew. */
static bool has_given_up_resending(const struct http_transfer *transfer, CURLcode result)
{
    return (result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR) &&
           strncmp(transfer->detail, "Connection died, tried ", 23) == 0;
}

enum http_step http_transfer_on_message(struct http_transfer *transfer, CURLcode result)
{
    struct http_request *request = transfer->request;

    if (transfer->is_plain)
        return adopt(transfer, result);
    if (has_given_up_resending(transfer, result) && !request->is_once && !transfer->went_again) {
        transfer->went_again = true;
        transfer->detail[0] = '\0';
        return set_easy(transfer, request);
    }
    end_easy(transfer, result);
    return STEP_OVER;
}

enum http_step http_transfer_on_event(struct http_transfer *transfer, uint32_t events)
{
    const struct http_plain_end *end;

    if (http_plain_on_event(transfer->plain, events) == PLAIN_WAITS)
        return STEP_WAITS;
    end = http_plain_end(transfer->plain);
    if (end->may_go_again && !transfer->went_again) {
        transfer->went_again = true;
        return set_connect(transfer);
    }
    if (end->result == CURLE_OK)
        end_answered(transfer, end->retry_after);
    else
        fail(transfer, (struct http_loss){.result = end->result,
                                          .os_errno = end->os_errno,
                                          .was_sent = end->was_sent,
                                          .detail = end->detail != NULL ? end->detail : ""});
    return STEP_OVER;
}

int64_t http_transfer_deadline_us(const struct http_transfer *transfer)
{
    return transfer->is_plain && http_plain_is_busy(transfer->plain)
               ? transfer->started_us + transfer->settings->timeout_ms * 1000
               : 0;
}

void http_transfer_end(struct http_transfer *transfer, CURLcode result, const char *detail)
{
    struct http_loss loss = {.result = result, .detail = detail};

    if (transfer->request == NULL || transfer->is_over)
        return;
    if (transfer->is_plain && http_plain_is_busy(transfer->plain)) {
        http_plain_cancel(transfer->plain);
        loss.was_sent = http_plain_end(transfer->plain)->was_sent;
        fail(transfer, loss);
    } else {
        fail_easy(transfer, result, detail);
    }
}

struct http_request *http_transfer_take(struct http_transfer *transfer)
{
    struct http_request *request = transfer->is_over ? transfer->request : NULL;

    if (request == NULL)
        return NULL;
    transfer->request = NULL;
    return request;
}

bool http_transfer_is_idle(const struct http_transfer *transfer)
{
    return transfer->request == NULL;
}

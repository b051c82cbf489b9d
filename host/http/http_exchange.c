/* SPDX-License-Identifier: Apache-2.0
 * One request as the handler sees it, and the writing of its reply. */
#include "http/http_exchange.h"

#include "base/json.h"
#include "base/percent.h"
#include "http/http_socket.h"

#include <errno.h>
#include <stdlib.h>

enum {
    TURN_BYTES = 1024 * 1024, /* then the others get their turn */
    HEAD_BYTES = 180,         /* what most replies' heads fit in */
};

struct http_exchange *http_exchange_create(struct http_connection *connection, struct str text,
                                           const struct http_head *head)
{
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL)
        return NULL;
    buf_add_str(&exchange->text, text);
    if (exchange->text.failed) {
        http_exchange_destroy(exchange);
        return NULL;
    }
    exchange->parsed = *head;
    http_head_move(&exchange->parsed, text.ptr, exchange->text.ptr);
    exchange->connection = connection;
    exchange->is_head = str_is(exchange->parsed.method, "HEAD");
    exchange->must_close = exchange->parsed.must_close;
    return exchange;
}

void http_exchange_destroy(struct http_exchange *exchange)
{
    if (exchange == NULL)
        return;
    if (exchange->destroy_user != NULL)
        exchange->destroy_user(exchange->user);
    if (exchange->place != NULL) {
        *exchange->place = exchange->next;
        if (exchange->next != NULL)
            exchange->next->place = exchange->place;
    }
    http_websocket_destroy(exchange->websocket);
    buf_finish(&exchange->text);
    buf_finish(&exchange->body);
    buf_finish(&exchange->head);
    buf_finish(&exchange->reply);
    free(exchange);
}

struct str http_exchange_method(const struct http_exchange *exchange)
{
    return exchange->parsed.method;
}

struct str http_exchange_path(const struct http_exchange *exchange)
{
    return exchange->parsed.path;
}

struct str http_exchange_query(const struct http_exchange *exchange)
{
    return exchange->parsed.query;
}

struct str http_exchange_body(const struct http_exchange *exchange)
{
    return buf_str(&exchange->body);
}

bool http_exchange_is_local(const struct http_exchange *exchange)
{
    return exchange->is_local;
}

pid_t http_exchange_peer_pid(const struct http_exchange *exchange)
{
    return exchange->peer_pid;
}

uid_t http_exchange_peer_uid(const struct http_exchange *exchange)
{
    return exchange->peer_uid;
}

void http_exchange_set_user(struct http_exchange *exchange, void *user, void (*destroy)(void *user))
{
    exchange->user = user;
    exchange->destroy_user = destroy;
}

static void add_decoded(struct buf *out, struct str text)
{
    (void)percent_decode(text, PERCENT_PLUS | PERCENT_LENIENT, out); /* which takes any text */
}

bool http_exchange_argument(const struct http_exchange *exchange, const char *name, struct buf *out)
{
    return http_exchange_argument_at(exchange, name, 0, out);
}

bool http_exchange_argument_at(const struct http_exchange *exchange, const char *name, size_t index,
                               struct buf *out)
{
    struct str rest = exchange->parsed.query;
    struct str argument;
    _buf_ struct buf decoded = {0};

    while (str_next(&rest, '&', &argument)) {
        const char *equals = argument.len > 0 ? memchr(argument.ptr, '=', argument.len) : NULL;
        size_t name_len = equals != NULL ? (size_t)(equals - argument.ptr) : argument.len;

        buf_clear(&decoded);
        add_decoded(&decoded, (struct str){argument.ptr, name_len});
        if (!str_is(buf_str(&decoded), name) || index-- > 0)
            continue;
        if (equals != NULL)
            add_decoded(out, (struct str){equals + 1, argument.len - name_len - 1});
        return true;
    }
    return false;
}

struct str http_exchange_headers(const struct http_exchange *exchange)
{
    return exchange->parsed.headers;
}

struct str http_exchange_header(struct http_exchange *exchange, const char *lower_case_name)
{
    return http_head_header(exchange->parsed.headers, lower_case_name);
}

struct http_exchange *http_exchange_within(const char *method, struct str target, struct buf *body,
                                           http_replied_fn replied, void *user)
{
    _buf_ struct buf head = {0};
    struct http_head parsed;

    buf_printf(&head, "%s %.*s HTTP/1.1\r\nhost: localhost\r\n\r\n", method, STR_ARG(target));
    /* The whole of it is the head: a line break in the target would leave a rest. */
    if (head.failed || http_head_parse(buf_str(&head), &parsed) != (int)head.len)
        return NULL;
    struct http_exchange *exchange = http_exchange_create(NULL, buf_str(&head), &parsed);
    if (exchange == NULL)
        return NULL;
    exchange->is_local = true;
    exchange->replied = replied;
    exchange->replied_user = user;
    exchange->body = *body;
    *body = (struct buf){0};
    return exchange;
}

/* The handler may be reading its body, perhaps on another thread: it ends with its reply. */
void http_exchange_drop(struct http_exchange *exchange)
{
    exchange->replied = NULL;
    if (exchange->gone != NULL)
        exchange->gone(exchange->user);
}

void http_exchange_on_gone(struct http_exchange *exchange, void (*gone)(void *user))
{
    exchange->gone = gone;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {207, "Multi-Status"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Status";
}

void http_exchange_put_head(struct http_exchange *exchange, int status, const char *content_type)
{
    struct buf *head = &exchange->head;

    (void)buf_reserve(head, HEAD_BYTES); /* failing shows when bytes are added */
    buf_puts(head, "HTTP/1.1 ");
    buf_put_int(head, status);
    buf_putc(head, ' ');
    buf_puts(head, reason_of(status));
    if (content_type != NULL) {
        buf_puts(head, "\r\ncontent-type: ");
        buf_puts(head, content_type);
    }
    buf_puts(head, "\r\n");
}

void http_exchange_reply(struct http_exchange *exchange, int status, const char *content_type,
                         const char *headers, struct buf *body)
{
    bool has_no_body = status == 204 || status == 304;

    if (body != NULL) {
        exchange->reply = *body;
        *body = (struct buf){0};
    }
    if (exchange->replied != NULL && !exchange->is_replied) {
        exchange->is_replied = true;
        exchange->replied(exchange->replied_user, status, &exchange->reply);
        http_exchange_destroy(exchange);
        return;
    }
    /* Twice is a mistake of ours, and harmless here. */
    if (exchange->is_replied || exchange->connection == NULL) {
        http_exchange_destroy(exchange);
        return;
    }
    exchange->is_replied = true;
    http_exchange_put_head(exchange, status, content_type);
    if (!has_no_body) {
        buf_puts(&exchange->head, "content-length: ");
        buf_put_int(&exchange->head, (int64_t)exchange->reply.len);
        buf_puts(&exchange->head, "\r\n");
    }
    if (exchange->must_close)
        buf_puts(&exchange->head, "connection: close\r\n");
    if (headers != NULL)
        buf_puts(&exchange->head, headers);
    buf_puts(&exchange->head, "\r\n");
    if (has_no_body || exchange->is_head)
        exchange->reply_sent = exchange->reply.len;
    /* A reply given within the handler is written when that returns. */
    if (!exchange->is_in_handler)
        http_connection_write_soon(exchange->connection);
}

void http_exchange_refuse(struct http_exchange *exchange, int status, const char *detail)
{
    _buf_ struct buf body = {0};

    buf_printf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
               reason_of(status), status);
    json_put_string(&body, str_of(detail));
    buf_puts(&body, "}\n");
    http_exchange_reply(exchange, status, "application/problem+json", NULL, &body);
}

/* A peer that reads on and is never quite done would have us keep all that it ever got. What is
 * sent goes when it is the larger part, so a byte is moved once at most for one that was sent. */
bool http_exchange_reserve(struct http_exchange *exchange, size_t more)
{
    struct buf *reply = &exchange->reply;
    size_t waiting = reply->len - exchange->reply_sent;

    if (exchange->reply_sent > waiting) {
        memmove(reply->ptr, reply->ptr + exchange->reply_sent, waiting + 1); /* and the NUL */
        reply->len = waiting;
        exchange->reply_sent = 0;
    }
    if (buf_reserve(reply, more))
        return true;
    reply->failed = false; /* what waits is whole: this piece alone is missing */
    return false;
}

bool http_exchange_has_rest(const struct http_exchange *exchange)
{
    return exchange->head_sent < exchange->head.len || exchange->reply_sent < exchange->reply.len;
}

/* All of a stream so far is written: its memory goes, and who was refused may send again. */
static int stream_on(struct http_exchange *exchange)
{
    bool was_choked = exchange->is_choked;

    buf_finish(&exchange->head);
    buf_finish(&exchange->reply);
    exchange->head_sent = 0;
    exchange->reply_sent = 0;
    exchange->is_choked = false;
    if (was_choked && exchange->drained != NULL && !exchange->is_ended)
        exchange->drained(exchange->user);
    return exchange->is_ended && !http_exchange_has_rest(exchange) ? 1 : 0;
}

int http_exchange_write(struct http_exchange *exchange, struct http_socket *socket)
{
    struct buf *head = &exchange->head;
    struct buf *reply = &exchange->reply;
    size_t written = 0;

    if (head->failed || reply->failed)
        return -1;
    while (http_exchange_has_rest(exchange)) {
        size_t head_left = head->len - exchange->head_sent;
        struct iovec parts[2] = {
            {head->ptr + exchange->head_sent, head_left},
            {reply->ptr + exchange->reply_sent, reply->len - exchange->reply_sent},
        };
        size_t count = head_left > 0 && parts[1].iov_len > 0 ? 2 : 1;
        ssize_t len =
            written < TURN_BYTES ? http_socket_write(socket, parts + (head_left == 0), count) : 0;

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno != EAGAIN)
            return -1;
        if (len <= 0)
            return 0;
        written += (size_t)len;
        exchange->written_bytes += (size_t)len;
        exchange->head_sent += (size_t)len < head_left ? (size_t)len : head_left;
        exchange->reply_sent += (size_t)len > head_left ? (size_t)len - head_left : 0;
    }
    return exchange->is_stream ? stream_on(exchange) : 1;
}

/* SPDX-License-Identifier: Apache-2.0
 * One request as the handler sees it, and the writing of its reply. */
#include "http/http_exchange.h"

#include "base/json.h"

#include <stdlib.h>

enum { PIECE_BYTES = 16 * 1024 };

/* libwebsockets hands out the path and the arguments decoded. They are encoded again, so that the reader's one decoding is
 * right: only an encoded '/' (and a '+', which it takes for a space) cannot be told from a plain one any more. */
static void add_encoded(struct buf *out, const char *text, size_t len, const char *plain)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c != '\0' && strchr(plain, c) != NULL);

        if (is_plain)
            buf_putc(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static struct str method_of(struct lws *wsi)
{
    static const struct {
        enum lws_token_indexes token;
        struct str name;
    } methods[] = {
        {WSI_TOKEN_POST_URI, {"POST", 4}},     {WSI_TOKEN_GET_URI, {"GET", 3}},
        {WSI_TOKEN_PUT_URI, {"PUT", 3}},       {WSI_TOKEN_PATCH_URI, {"PATCH", 5}},
        {WSI_TOKEN_DELETE_URI, {"DELETE", 6}}, {WSI_TOKEN_HEAD_URI, {"HEAD", 4}},
        {WSI_TOKEN_OPTIONS_URI, {"OPTIONS", 7}},
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) > 0)
            return methods[i].name;
    }
    return STR("UNKNOWN");
}

/* Each argument is one fragment, its first '=' the one that separates. */
static void take_query(struct lws *wsi, struct buf *out)
{
    char text[4096];
    int len;

    for (int i = 0; (len = lws_hdr_copy_fragment(wsi, text, sizeof(text), WSI_TOKEN_HTTP_URI_ARGS, i)) > 0; i++) {
        const char *equals = memchr(text, '=', (size_t)len);
        size_t name_len = equals != NULL ? (size_t)(equals - text) : (size_t)len;

        if (i > 0)
            buf_putc(out, '&');
        add_encoded(out, text, name_len, "-._~");
        if (equals == NULL)
            continue;
        buf_putc(out, '=');
        add_encoded(out, equals + 1, (size_t)len - name_len - 1, "-._~");
    }
}

/* Case-insensitive, as a whole or one of a list. */
static bool token_is(struct lws *wsi, enum lws_token_indexes token, const char *wanted)
{
    char text[64];
    int len = lws_hdr_copy(wsi, text, sizeof(text), token);

    return len > 0 && strcasestr(text, wanted) != NULL;
}

struct http_exchange *http_exchange_create(struct lws *wsi, const char *uri, size_t uri_len)
{
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL)
        return NULL;
    exchange->wsi = wsi;
    exchange->method = method_of(wsi);
    exchange->is_head = str_is(exchange->method, "HEAD");
    add_encoded(&exchange->path, uri, uri_len, "/-._~!$&'()*,;=:@");
    take_query(wsi, &exchange->query);
    exchange->must_close = token_is(wsi, WSI_TOKEN_CONNECTION, "close") ||
                           (token_is(wsi, WSI_TOKEN_HTTP, "HTTP/1.0") &&
                            !token_is(wsi, WSI_TOKEN_CONNECTION, "keep-alive"));
    if (exchange->path.failed || exchange->query.failed) {
        http_exchange_destroy(exchange);
        return NULL;
    }
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
    while (exchange->headers != NULL) {
        struct http_header_copy *header = exchange->headers;

        exchange->headers = header->next;
        free(header);
    }
    buf_finish(&exchange->path);
    buf_finish(&exchange->query);
    buf_finish(&exchange->body);
    buf_finish(&exchange->head);
    buf_finish(&exchange->reply);
    free(exchange);
}

struct str http_exchange_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

struct str http_exchange_path(const struct http_exchange *exchange)
{
    return buf_str(&exchange->path);
}

struct str http_exchange_query(const struct http_exchange *exchange)
{
    return buf_str(&exchange->query);
}

struct str http_exchange_body(const struct http_exchange *exchange)
{
    return buf_str(&exchange->body);
}

bool http_exchange_is_local(const struct http_exchange *exchange)
{
    return exchange->is_local;
}

void http_exchange_set_user(struct http_exchange *exchange, void *user, void (*destroy)(void *user))
{
    exchange->user = user;
    exchange->destroy_user = destroy;
}

void *http_exchange_user(const struct http_exchange *exchange)
{
    return exchange->user;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; /* add_encoded writes upper case */
}

static void add_decoded(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = text.ptr[i] == '%' && i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;

        if (low < 0) {
            buf_putc(out, text.ptr[i]);
            continue;
        }
        buf_putc(out, (char)(high * 16 + low));
        i += 2;
    }
}

bool http_exchange_argument(const struct http_exchange *exchange, const char *name, struct buf *out)
{
    struct str rest = buf_str(&exchange->query);
    struct str argument;
    _buf_ struct buf decoded = {0};

    while (str_next(&rest, '&', &argument)) {
        const char *equals = argument.len > 0 ? memchr(argument.ptr, '=', argument.len) : NULL;
        size_t name_len = equals != NULL ? (size_t)(equals - argument.ptr) : argument.len;

        buf_clear(&decoded);
        add_decoded(&decoded, (struct str){argument.ptr, name_len});
        if (!str_is(buf_str(&decoded), name))
            continue;
        if (equals != NULL)
            add_decoded(out, (struct str){equals + 1, argument.len - name_len - 1});
        return true;
    }
    return false;
}

/* The known names stand in libwebsockets' own table, with their colon. */
static int find_token(struct str name)
{
    for (int token = 0; token < WSI_TOKEN_COUNT; token++) {
        const char *known = (const char *)lws_token_to_string((enum lws_token_indexes)token);
        size_t len = known != NULL ? strlen(known) : 0;

        if (len == name.len + 1 && known[name.len] == ':' && strncasecmp(known, name.ptr, name.len) == 0)
            return token;
    }
    return -1;
}

struct str http_exchange_header(struct http_exchange *exchange, const char *lower_case_name)
{
    struct str name = str_of(lower_case_name);
    struct http_header_copy *copy;
    char with_colon[128];
    int token;
    int len;

    for (copy = exchange->headers; copy != NULL; copy = copy->next) {
        if (str_equals(copy->name, name))
            return copy->value;
    }
    if (exchange->wsi == NULL || name.len + 2 > sizeof(with_colon))
        return STR_NONE;
    (void)snprintf(with_colon, sizeof(with_colon), "%s:", lower_case_name); /* fits, see above */
    token = find_token(name);
    if (token >= 0)
        len = lws_hdr_total_length(exchange->wsi, (enum lws_token_indexes)token);
    else
        len = lws_hdr_custom_length(exchange->wsi, with_colon, (int)name.len + 1);
    if (len <= 0)
        return STR_NONE;
    copy = calloc(1, sizeof(*copy) + name.len + 1 + (size_t)len + 2);
    if (copy == NULL)
        return STR_NONE;
    char *text = (char *)(copy + 1);
    memcpy(text, name.ptr, name.len);
    copy->name = (struct str){text, name.len};
    text += name.len + 1;
    if (token >= 0)
        len = lws_hdr_copy(exchange->wsi, text, len + 1, (enum lws_token_indexes)token);
    else
        len = lws_hdr_custom_copy(exchange->wsi, text, len + 1, with_colon, (int)name.len + 1);
    copy->value = (struct str){text, len > 0 ? (size_t)len : 0};
    copy->next = exchange->headers;
    exchange->headers = copy;
    return copy->value;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {207, "Multi-Status"},
        {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
        {405, "Method Not Allowed"}, {409, "Conflict"}, {411, "Length Required"}, {412, "Precondition Failed"},
        {413, "Content Too Large"}, {415, "Unsupported Media Type"}, {422, "Unprocessable Content"},
        {426, "Upgrade Required"}, {429, "Too Many Requests"}, {500, "Internal Server Error"},
        {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Status";
}

void http_exchange_reply(struct http_exchange *exchange, int status, const char *content_type, const char *headers,
                         struct buf *body)
{
    bool has_no_body = status == 204 || status == 304;

    if (body != NULL) {
        exchange->reply = *body;
        *body = (struct buf){0};
    }
    if (exchange->is_replied || exchange->wsi == NULL) { /* twice is a mistake of ours, and harmless here */
        http_exchange_destroy(exchange);
        return;
    }
    exchange->is_replied = true;
    buf_printf(&exchange->head, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    if (content_type != NULL)
        buf_printf(&exchange->head, "content-type: %s\r\n", content_type);
    if (!has_no_body)
        buf_printf(&exchange->head, "content-length: %zu\r\n", exchange->reply.len);
    buf_printf(&exchange->head, "%s%s\r\n", exchange->must_close ? "connection: close\r\n" : "",
               headers != NULL ? headers : "");
    if (has_no_body || exchange->is_head)
        exchange->reply_sent = exchange->reply.len;
    /* Within libwebsockets' own call the caller writes at once, which spares a round of the loop. */
    if (!exchange->is_in_callback)
        lws_callback_on_writable(exchange->wsi);
}

void http_exchange_refuse(struct http_exchange *exchange, int status, const char *detail)
{
    _buf_ struct buf body = {0};

    buf_printf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", reason_of(status), status);
    json_put_string(&body, str_of(detail));
    buf_puts(&body, "}\n");
    http_exchange_reply(exchange, status, "application/problem+json", NULL, &body);
}

int http_exchange_write(struct http_exchange *exchange)
{
    static unsigned char piece[LWS_PRE + PIECE_BYTES]; /* [loop] alone writes */
    struct buf *head = &exchange->head;
    struct buf *reply = &exchange->reply;

    if (head->failed || reply->failed)
        return -1;
    while (exchange->head_sent < head->len || exchange->reply_sent < reply->len) {
        size_t head_take = head->len - exchange->head_sent;
        size_t take = reply->len - exchange->reply_sent;

        if (lws_send_pipe_choked(exchange->wsi)) {
            lws_callback_on_writable(exchange->wsi);
            return 0;
        }
        if (head_take > PIECE_BYTES)
            head_take = PIECE_BYTES;
        if (take > PIECE_BYTES - head_take)
            take = PIECE_BYTES - head_take;
        if (head_take > 0)
            memcpy(piece + LWS_PRE, head->ptr + exchange->head_sent, head_take);
        if (take > 0)
            memcpy(piece + LWS_PRE + head_take, reply->ptr + exchange->reply_sent, take);
        /* What the socket does not take of this piece libwebsockets keeps, and then says that it is choked. */
        if (lws_write(exchange->wsi, piece + LWS_PRE, head_take + take, LWS_WRITE_HTTP) < 0)
            return -1;
        exchange->head_sent += head_take;
        exchange->reply_sent += take;
    }
    exchange->is_written = true;
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_websocket.h"

#include "base/clock.h"
#include "base/digest.h"
#include "http/http_exchange.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

enum {
    PING_MS = 30000,   /* after so much silence */
    SILENT_MS = 75000, /* cut off, pinged or not */
    STALL_MS = 30000,  /* without a byte that the peer took */
    KEY_BYTES = 16,
    SHA1_BYTES = 20,
};

static const char key_suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */

struct http_websocket {
    const struct http_websocket_events *events;
    struct http_frames frames;
    int64_t heard_ms;   /* mono */
    int64_t stalled_ms; /* mono; since when the peer takes nothing; 0: it does */
    bool is_pinged;
};

void http_websocket_destroy(struct http_websocket *websocket)
{
    if (websocket == NULL)
        return;
    http_frames_finish(&websocket->frames);
    free(websocket);
}

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- handshake ---- */

/* Is `word` in a list such as "keep-alive, Upgrade"? */
static bool has_word(struct str list, const char *word)
{
    struct str one;

    while (str_next(&list, ',', &one)) {
        one = str_trim(one);
        if (one.len == strlen(word) && strncasecmp(one.ptr, word, one.len) == 0)
            return true;
    }
    return false;
}

static bool is_key(struct str key)
{
    _buf_ struct buf bytes = {0};

    return key.len == 24 && base64_decode(key, &bytes) == 0 && bytes.len == KEY_BYTES;
}

static int put_accept(struct buf *out, struct str key)
{
    _buf_ struct buf text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    buf_add_str(&text, key);
    buf_puts(&text, key_suffix);
    if (text.failed || EVP_Digest(text.ptr, text.len, digest, &len, EVP_sha1(), NULL) != 1 ||
        len != SHA1_BYTES)
        return -1;
    base64_encode((struct str){(const char *)digest, len}, out);
    return 0;
}

static int check_request(struct http_exchange *exchange, struct err *err)
{
    if (exchange->is_head || !str_is(http_exchange_method(exchange), "GET") ||
        exchange->parsed.is_http10 ||
        !has_word(http_exchange_header(exchange, "connection"), "upgrade") ||
        !has_word(http_exchange_header(exchange, "upgrade"), "websocket")) {
        (void)err_set(err, E_USAGE,
                      "This speaks WebSocket: ask with HTTP/1.1, Connection: Upgrade and Upgrade: "
                      "websocket.");
        return 426;
    }
    if (!str_is(http_exchange_header(exchange, "sec-websocket-version"), "13")) {
        (void)err_set(err, E_USAGE, "Sec-WebSocket-Version: 13 is spoken here, no other.");
        return 426;
    }
    if (!is_key(http_exchange_header(exchange, "sec-websocket-key"))) {
        (void)err_set(err, E_USAGE, "Sec-WebSocket-Key: expected 16 bytes in base64.");
        return 400;
    }
    return 0;
}

int http_websocket_accept(struct http_exchange *exchange,
                          const struct http_websocket_events *events, struct err *err)
{
    struct http_websocket *websocket;
    _buf_ struct buf accept = {0};
    int status = check_request(exchange, err);

    if (status != 0)
        return status;
    websocket = calloc(1, sizeof(*websocket));
    if (websocket == NULL ||
        put_accept(&accept, http_exchange_header(exchange, "sec-websocket-key")) < 0 ||
        accept.failed) {
        free(websocket);
        (void)err_set(err, -ENOMEM, "There is no memory left, or no SHA-1 to be had.");
        return 503;
    }
    websocket->events = events;
    websocket->heard_ms = now_ms();
    exchange->websocket = websocket;
    exchange->drained = events->drained;
    exchange->is_replied = true;
    exchange->is_stream = true;
    http_exchange_put_head(exchange, 101, NULL);
    buf_printf(&exchange->head,
               "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n%s\r\n",
               accept.ptr,
               has_word(http_exchange_header(exchange, "sec-websocket-protocol"), "tenon")
                   ? "sec-websocket-protocol: tenon\r\n"
                   : "");
    exchange->parsed = (struct http_head){0};
    buf_finish(&exchange->text); /* an idle one keeps nothing that it does not need */
    if (!exchange->is_in_handler && exchange->connection != NULL)
        http_connection_write_soon(exchange->connection);
    return 0;
}

/* ---- sending ---- */

/* What is sent within the handler is written when that returns. */
static void write_soon(const struct http_exchange *exchange)
{
    if (!exchange->is_in_handler && exchange->connection != NULL)
        http_connection_write_soon(exchange->connection);
}

static int put_frame(struct http_exchange *exchange, enum http_frame_kind kind, struct str payload)
{
    if (!http_exchange_reserve(exchange, payload.len + HTTP_FRAME_HEAD_MAX))
        return -ENOMEM;
    http_frame_put(&exchange->reply, kind, payload);
    write_soon(exchange);
    return 0;
}

int http_websocket_send(struct http_exchange *exchange, struct str text)
{
    size_t waiting = exchange->reply.len - exchange->reply_sent;

    if (exchange->is_ended)
        return 0;
    if (exchange->is_choked ||
        (waiting + text.len + HTTP_FRAME_HEAD_MAX > HTTP_WEBSOCKET_BYTES_MAX && waiting > 0)) {
        exchange->is_choked = true;
        return -EAGAIN;
    }
    return put_frame(exchange, HTTP_FRAME_TEXT, text);
}

void http_websocket_close(struct http_exchange *exchange, int code, const char *reason)
{
    if (exchange->is_ended)
        return;
    exchange->is_ended = true;
    exchange->must_close = true;
    /* Without memory it is closed without a word. */
    if (http_exchange_reserve(exchange, HTTP_FRAME_CONTROL_MAX + HTTP_FRAME_HEAD_MAX))
        http_frame_put_close(&exchange->reply, code, str_of(reason));
    write_soon(exchange);
}

/* ---- reading ---- */

static const char *words_of(int code)
{
    switch (code) {
    case HTTP_CLOSE_UNSUPPORTED:
        return "text messages alone are understood here";
    case HTTP_CLOSE_NOT_TEXT:
        return "the message is not UTF-8";
    case HTTP_CLOSE_TOO_BIG:
        return "the message has more than 65536 bytes";
    default:
        return "this is not a well-formed frame of RFC 6455";
    }
}

static void take(struct http_exchange *exchange, const struct http_frame *frame)
{
    switch (frame->kind) {
    case HTTP_FRAME_TEXT:
        exchange->websocket->events->message(exchange->user, frame->payload);
        break;
    case HTTP_FRAME_PING:
        /* Not each is to be answered (RFC 6455, 5.5.3): none of a peer who takes no answers, nor
         * any without memory. */
        if (exchange->reply.len - exchange->reply_sent < HTTP_WEBSOCKET_BYTES_MAX)
            (void)put_frame(exchange, HTTP_FRAME_PONG, frame->payload);
        break;
    case HTTP_FRAME_CLOSE:
        http_websocket_close(exchange, frame->close_code, "");
        break;
    default: /* a pong: that it was heard is all */
        break;
    }
}

void http_websocket_read(struct http_exchange *exchange, struct str *bytes)
{
    struct http_websocket *websocket = exchange->websocket;
    struct http_frame frame;
    int status = 0;

    websocket->heard_ms = now_ms();
    websocket->is_pinged = false;
    while (!exchange->is_ended &&
           (status = http_frames_read(&websocket->frames, bytes, &frame)) > 0)
        take(exchange, &frame);
    if (status < 0)
        http_websocket_close(exchange, -status, words_of(-status));
    if (exchange->is_ended)
        bytes->len = 0; /* nothing behind it is heard */
    if (!websocket->frames.is_open)
        http_frames_finish(&websocket->frames);
}

/* ---- time ---- */

void http_websocket_written(struct http_exchange *exchange, bool has_moved)
{
    struct http_websocket *websocket = exchange->websocket;

    if (!http_exchange_has_rest(exchange))
        websocket->stalled_ms = 0;
    else if (has_moved || websocket->stalled_ms == 0)
        websocket->stalled_ms = now_ms();
}

bool http_websocket_is_alive(struct http_exchange *exchange, int64_t mono_ms)
{
    struct http_websocket *websocket = exchange->websocket;

    if (websocket->stalled_ms != 0 && mono_ms - websocket->stalled_ms > STALL_MS)
        return false;
    if (mono_ms - websocket->heard_ms > SILENT_MS)
        return false;
    if (mono_ms - websocket->heard_ms > PING_MS && !websocket->is_pinged && !exchange->is_ended) {
        websocket->is_pinged = true;
        (void)put_frame(exchange, HTTP_FRAME_PING, STR_NONE); /* no memory: then no ping */
    }
    return true;
}

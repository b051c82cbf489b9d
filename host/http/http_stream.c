/* SPDX-License-Identifier: Apache-2.0
 * Pieces are chunks (RFC 9112, 7.1); to a peer that speaks HTTP/1.0 they go bare, and the end is
 * the end of the connection. */
#include "http/http_stream.h"

#include "http/http_exchange.h"

#include <errno.h>

enum { CHUNK_FRAME_BYTES = 20 }; /* 16 digits and two line ends */

/* What is sent within the handler is written when that returns. */
static void write_soon(const struct http_exchange *exchange)
{
    if (!exchange->is_in_handler && exchange->connection != NULL)
        http_connection_write_soon(exchange->connection);
}

void http_stream_start(struct http_exchange *exchange, int status, const char *content_type,
                       const char *headers, void (*drained)(void *user))
{
    exchange->is_replied = true;
    exchange->is_stream = true;
    exchange->is_ended = exchange->is_head;
    exchange->drained = drained;
    exchange->must_close |= exchange->parsed.is_http10;
    http_exchange_put_head(exchange, status, content_type);
    buf_printf(&exchange->head, "%s%s%s\r\n",
               exchange->parsed.is_http10 ? "" : "transfer-encoding: chunked\r\n",
               exchange->must_close ? "connection: close\r\n" : "", headers != NULL ? headers : "");
    write_soon(exchange);
}

int http_stream_send(struct http_exchange *exchange, struct str bytes)
{
    size_t waiting = exchange->reply.len - exchange->reply_sent;

    if (exchange->is_ended || bytes.len == 0)
        return 0;
    if (waiting + bytes.len + CHUNK_FRAME_BYTES > HTTP_STREAM_BYTES_MAX && waiting > 0) {
        exchange->is_choked = true;
        return -EAGAIN;
    }
    if (!http_exchange_reserve(exchange, bytes.len + CHUNK_FRAME_BYTES))
        return -ENOMEM;
    if (!exchange->parsed.is_http10)
        buf_printf(&exchange->reply, "%zx\r\n", bytes.len);
    buf_add_str(&exchange->reply, bytes);
    if (!exchange->parsed.is_http10)
        buf_puts(&exchange->reply, "\r\n");
    write_soon(exchange);
    return 0;
}

void http_stream_break(struct http_exchange *exchange)
{
    if (exchange->is_ended)
        return;
    exchange->is_ended = true;
    exchange->must_close = true;
    write_soon(exchange);
}

void http_stream_end(struct http_exchange *exchange)
{
    if (exchange->is_ended)
        return;
    exchange->is_ended = true;
    if (!exchange->parsed.is_http10)
        buf_puts(&exchange->reply, "0\r\n\r\n");
    write_soon(exchange);
}

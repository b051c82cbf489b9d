/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_socket.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORD_BYTES = 16 * 1024 };

ssize_t http_socket_read(struct http_socket *socket, void *out, size_t size)
{
    return socket->tls != NULL ? http_tls_read(socket->tls, out, size)
                               : recv(socket->fd, out, size, 0);
}

/* One record and one packet for a head and its body. A write that found no room comes again with
 * the same bytes at its front and at least as many, as TLS asks for. */
static ssize_t write_tls(struct http_tls_session *tls, const struct iovec *parts, size_t count)
{
    static char record[RECORD_BYTES]; /* [loop] alone writes */
    size_t len = 0;

    for (size_t i = 0; i < count && len < sizeof(record); i++) {
        size_t room = sizeof(record) - len;
        size_t piece = parts[i].iov_len < room ? parts[i].iov_len : room;

        if (piece > 0)
            memcpy(record + len, parts[i].iov_base, piece);
        len += piece;
    }
    return http_tls_write(tls, record, len);
}

ssize_t http_socket_write(struct http_socket *socket, const struct iovec *parts, size_t count)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};

    if (socket->tls != NULL)
        return write_tls(socket->tls, parts, count);
    return sendmsg(socket->fd, &message, MSG_NOSIGNAL);
}

void http_socket_end(struct http_socket *socket)
{
    if (socket->tls != NULL)
        http_tls_end(socket->tls);
    (void)shutdown(socket->fd, SHUT_WR); /* a peer that is gone shows by itself */
}

void http_socket_close(struct http_socket *socket)
{
    http_tls_session_destroy(socket->tls);
    socket->tls = NULL;
    (void)close(socket->fd); /* what was to be written is written, or nobody wants it */
}

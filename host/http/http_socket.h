/* SPDX-License-Identifier: Apache-2.0
 * The bytes of one accepted connection, in clear or under TLS: what everything in this room that
 * reads from or writes to a peer goes through. Non-blocking, as recv and sendmsg. [loop] */
#ifndef HTTP_SOCKET_H
#define HTTP_SOCKET_H

#include "http/http_tls.h"

#include <sys/uio.h>

struct http_socket {
    int fd;
    struct http_tls_session *tls; /* NULL: in clear */
};

/* 0 is the end; -1 with errno, EAGAIN: nothing now. Under TLS give it 16 KB of room. */
ssize_t http_socket_read(struct http_socket *socket, void *out, size_t size);
/* What was taken, which may be less; -1 with errno, EAGAIN: no room now. */
ssize_t http_socket_write(struct http_socket *socket, const struct iovec *parts, size_t count);
/* Says to the peer that no more is written; reading goes on. */
void http_socket_end(struct http_socket *socket);
void http_socket_close(struct http_socket *socket);

#endif

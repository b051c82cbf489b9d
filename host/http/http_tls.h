/* SPDX-License-Identifier: Apache-2.0
 * TLS for the incoming side: one context from files, one session per connection (OpenSSL, which
 * libcurl has loaded already; nothing of it is initialised until a context is made). TLS 1.2 and
 * up, ALPN http/1.1. The socket stays the caller's. Whoever writes has SIGPIPE ignored. [loop] */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct http_tls;
struct http_tls_session;

struct http_tls_settings {
    const char
        *certificate;      /* PEM: the server's, then those between it and its root; NULL: no TLS */
    const char *key;       /* PEM without a passphrase, out of others' reach */
    const char *client_ca; /* PEM: who connects must show a certificate of one of these; NULL */
};

/* Reads the files. NULL with the reason, which names the file. */
struct http_tls *http_tls_create(const struct http_tls_settings *settings, struct err *err);
void http_tls_destroy(struct http_tls *tls); /* NULL allowed; its sessions go on */

/* The server's side of a session on a non-blocking socket; the handshake goes with the reads. NULL:
 * no memory. */
struct http_tls_session *http_tls_accept(struct http_tls *tls, int fd);
void http_tls_session_destroy(struct http_tls_session *session); /* NULL allowed */
/* As recv and send on a non-blocking socket: 0 is the end, -1 with errno EAGAIN: later. A read
 * gives all of a record when it has 16 KB of room, so that nothing waits unseen by poll. */
ssize_t http_tls_read(struct http_tls_session *session, void *out, size_t size);
ssize_t http_tls_write(struct http_tls_session *session, const void *bytes, size_t len);
/* The read waits for room to write in: a handshake's answer did not fit. */
bool http_tls_wants_room(const struct http_tls_session *session);
bool http_tls_is_ready(const struct http_tls_session *session); /* the handshake is over */
void http_tls_end(struct http_tls_session *session);            /* tells the peer: no more comes */

#endif

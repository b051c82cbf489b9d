/* SPDX-License-Identifier: Apache-2.0
 * The sockets that the server listens at, opened and explained. Private to the http room. Sockets
 * are non-blocking and the caller's to close. [any] */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include "base/err.h"

/* `address`: "127.0.0.1:8642", "[::1]:8642" or "localhost:8642", which is 127.0.0.1; port 0 takes
 * any. 0 or a negative status. */
int http_listen_tcp(const char *address, int *out_fd, int *out_port, struct err *err);
/* A socket file that nobody answers at is replaced. The new one has `mode` (0: 0600), and `gid`
 * where that lets a group in and it is not -1. */
int http_listen_unix(const char *path, unsigned mode, int gid, int *out_fd, struct err *err);

#endif

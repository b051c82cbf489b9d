/* SPDX-License-Identifier: Apache-2.0
 * How many connections each address has: one machine shall not take the places of all. [loop] */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_peers;

/* An address with at least one connection. */
struct http_peer {
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    uint32_t connections;
    struct http_peer *next;
};

struct http_peers *http_peers_create(void);        /* NULL: no memory */
void http_peers_destroy(struct http_peers *peers); /* NULL allowed; nobody is left by then */
/* One connection more from there. NULL: no memory. */
struct http_peer *http_peers_enter(struct http_peers *peers,
                                   const struct sockaddr_storage *address);
void http_peers_leave(struct http_peers *peers, struct http_peer *peer); /* NULL allowed */

#endif

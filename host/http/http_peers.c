/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_peers.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 1024 };

struct http_peers {
    struct http_peer *places[PLACES];
};

/* Of IPv6 what one customer is given: the first 64 bits. */
static struct in6_addr address_of(const struct sockaddr_storage *address)
{
    struct in6_addr out = {0};

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        memcpy(&out, &six->sin6_addr, IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? 16 : 8);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        out.s6_addr[10] = 0xff;
        out.s6_addr[11] = 0xff;
        memcpy(&out.s6_addr[12], &four->sin_addr, 4);
    }
    return out;
}

static struct http_peer **place_of(struct http_peers *peers, const struct in6_addr *address)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < sizeof(address->s6_addr); i++)
        hash = (hash ^ address->s6_addr[i]) * 16777619u;
    return &peers->places[(hash ^ hash >> 16) % PLACES];
}

struct http_peers *http_peers_create(void)
{
    return calloc(1, sizeof(struct http_peers));
}

void http_peers_destroy(struct http_peers *peers)
{
    free(peers);
}

struct http_peer *http_peers_enter(struct http_peers *peers, const struct sockaddr_storage *address)
{
    struct in6_addr wanted = address_of(address);
    struct http_peer **place = place_of(peers, &wanted);
    struct http_peer *peer = *place;

    while (peer != NULL && memcmp(&peer->address, &wanted, sizeof(wanted)) != 0)
        peer = peer->next;
    if (peer == NULL) {
        peer = calloc(1, sizeof(*peer));
        if (peer == NULL)
            return NULL;
        peer->address = wanted;
        peer->next = *place;
        *place = peer;
    }
    peer->connections++;
    return peer;
}

void http_peers_leave(struct http_peers *peers, struct http_peer *peer)
{
    struct http_peer **place;

    if (peer == NULL || --peer->connections > 0)
        return;
    place = place_of(peers, &peer->address);
    while (*place != peer)
        place = &(*place)->next;
    *place = peer->next;
    free(peer);
}

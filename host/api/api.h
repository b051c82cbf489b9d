/* SPDX-License-Identifier: Apache-2.0
 * REST over the Unix socket and, when asked, a loopback port: the outside of the engine and the
 * store. Opened and closed by main/; what it serves stands in api_routes.c. All [loop]. */
#ifndef API_API_H
#define API_API_H

#include "api/api_access.h"
#include "base/err.h"
#include "base/loop.h"
#include "http/http_tls.h"

#include <stdint.h>

struct api;
struct engine;

struct api_settings {
    const char *unix_socket; /* path or NULL */
    struct api_access_settings access;
    int64_t max_body_bytes;
    int max_connections; /* these as in http_server.h */
    int max_connections_per_peer;
    int64_t idle_timeout_ms;
    int64_t request_timeout_ms;
    struct http_tls_settings tls; /* of `listen`; the files are read at once */
};

/* 0, or what api_create would refuse in them: users, scopes, the TLS files. Nothing is opened. */
int api_check(const struct api_settings *settings, struct err *err);
/* Listens from here on. NULL with the reason when an address cannot be had. */
struct api *api_create(struct loop *loop, struct engine *engine,
                       const struct api_settings *settings, struct err *err);

/* What may change while it listens: who may what, and the TLS files, which are read again for new
 * connections. What cannot be used stays as it was. */
int api_reconfigure(struct api *api, const struct api_settings *settings, struct err *err);

/* Listens no more and answers 503 to what still comes on open connections. `done` (may be NULL)
 * runs once, when every request under way is answered or grace_ms are over; from within this call
 * when there is none. */
void api_stop(struct api *api, int64_t grace_ms, void (*done)(void *user), void *user);

/* NULL allowed. Requests under way lose their peer. The store may still be reading their bodies, so
 * the orderly way is api_stop, its done, engine_stop, its done, api_destroy. */
void api_destroy(struct api *api);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * From a request that a plugin prepared to the one that goes out: URL joined and held to the hosts
 * that the integration may reach, headers of the ini, credentials, idempotency key, signature. What
 * a dry run shows is made by the same code. */
#ifndef ENGINE_OUTBOUND_H
#define ENGINE_OUTBOUND_H

#include "base/arena.h"
#include "config/config.h"
#include "http/http_client.h"
#include "plugin/plugin.h"

/* What the ini says of requests, read once. Owned texts; secrets among them. */
struct outbound_rules;
struct outbound_rules *outbound_rules_create(const struct config_file *file, struct err *err);
void outbound_rules_destroy(struct outbound_rules *rules);

struct outbound {
    const char *method, *url;
    const char **headers; /* "Name: value" */
    size_t header_count;
    size_t header_room; /* lines may be added up to here */
    struct str *body_parts;
    size_t body_part_count;
};

/* `keys`: idempotency keys of the request's records; NULL: it delivers nothing, so that it has
 * neither key nor signature; `payloads`: all of the batch's, as in
 * plugin_reply. *out lives in `arena` or is borrowed from rules, request and payloads. E_REFUSED:
 * the plugin asked for what the ini does not allow, with words for `tenon why`. */
int outbound_build(const struct outbound_rules *rules, const struct plugin_request *request,
                   const struct str *keys, const struct str *payloads, struct arena *arena,
                   struct outbound *out, struct err *err);

/* For a request that may outlive them: all of *out lives in `arena` then. -ENOMEM. */
int outbound_keep(struct outbound *out, struct arena *arena, struct err *err);
/* A fresh request that borrows all of *out; whoever sends it adds the rest. */
struct http_request outbound_request(const struct outbound *out);
/* A destination may echo what it got: for the first line of done(), so that neither the store nor a
 * plugin sees a credential in the answer. */
void outbound_mask_answer(struct http_request *http);

#endif

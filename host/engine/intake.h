/* SPDX-License-Identifier: Apache-2.0
 * From bytes to committed entities: one JSON object, an array of objects, or NDJSON. Checks every
 * record before any is stored; answers only when durable; tells the lanes. What REST, import,
 * inbound webhooks and pipelines share. [loop] */
#ifndef ENGINE_INTAKE_H
#define ENGINE_INTAKE_H

#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

#include <stddef.h>

struct engine;
struct intake;

/* What was in the body and what became of it; borrowed during `done`. status 0, E_SYNTAX (bad JSON,
 * place in err), E_TOO_LARGE, -ENOSPC..., E_STOPPED. */
struct intake_result {
    int status;
    const struct err *err;
    const struct store_entity *entities; /* count of them; ids and types as stored */
    const struct store_put_result *results;
    size_t count;
    size_t created, updated, unchanged;
    bool is_duplicate; /* of intake_put_delivery */
};
/* Its counts as members of an object, for REST and for plugins alike: received, created, updated,
 * unchanged, and `ids` when they are wanted. */
void intake_result_put(const struct intake_result *result, bool with_ids, struct buf *out);
typedef void (*intake_done_fn)(void *user, const struct intake_result *result);

/* A record is an entity's data as it is. Its id is its own top-level "id" (a string or a number),
 * else made from its content, so the same record twice is one entity. Its type is `type` when not
 * empty, else its own top-level "type" when that is a string, else "record". Texts are borrowed
 * until done. */
struct intake_source {
    struct str trace; /* kept with each (base/trace.h), or none */
    uint32_t origin;  /* as in store_entity */
};
void intake_put(struct engine *engine, struct str body, struct str type,
                struct intake_source source, intake_done_fn done, void *user);
/* One record under an id given from outside (PUT entities/{id}); if_version as in store_entity. */
void intake_put_as(struct engine *engine, struct str id, struct str type, struct str data,
                   struct intake_source source, uint64_t if_version, intake_done_fn done,
                   void *user);
void intake_delete(struct engine *engine, struct str id, struct intake_source source,
                   uint64_t if_version, intake_done_fn done, void *user);
/* What came in by a hook and may come again: once stored, is_duplicate says that it was before, and
 * nothing is. */
struct intake_delivery {
    uint32_t integration; /* the store's number */
    struct str id;        /* empty: it has none, and is not remembered */
    int64_t keep_ms;      /* how long it is remembered */
    struct str entity;    /* the sender's id, which a single record without one gets; or empty */
    bool is_mapped;       /* each record is {id, type, data}; `null` and [] are none at all */
    struct str type;      /* as `type` of intake_put; of a mapped one that says none */
};
void intake_put_delivery(struct engine *engine, struct str body,
                         const struct intake_delivery *delivery, struct str trace,
                         intake_done_fn done, void *user);

enum {
    INTAKE_ID_MAX = 1024,
    INTAKE_TYPE_MAX = 128,
    INTAKE_RECORD_MAX = 4 << 20, /* as much of a line the client reads: cli_import.c */
    INTAKE_RECORDS_MAX = 100000
};

/* Does the record say its type, so that an entity's former one need not be asked for? Also true of
 * what is no JSON: the intake says what is wrong with it. */
bool intake_has_type(struct str record);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h: host service `tenon.store/1`: the store's entities and relationships, for plugins that
 * look beyond the records they are given, or bring some in.
 *
 *   const tenon_store *store = (const tenon_store *)host->get_service(host, TENON_STORE_1);
 *
 * What an integration may do is said by its ini, [integration] store = none, read or write; none
 * unless it says so. An integration is not delivered what it stored itself; one that answers
 * another one's changes of an entity with changes, over and over, is refused in the end.
 *
 * Answers are JSON objects, the same as REST gives (`tenon_json_find` picks them apart). When a
 * function fails, err says why and err->http_status is what REST would have said:
 *
 *   TENON_E_VALIDATION   400 what was given is not usable, 404 there is no such entity, 412 it is
 * at another version, 413 it is too large TENON_E_PERMANENT    403 the ini does not allow it, 409
 * the store refuses it TENON_E_SERVER       503 try again, 507 the disk is full TENON_E_CANCELLED
 * the time is up, or the integration is closed
 *
 * All functions block their thread until it is done, and a change is on disk then. There from
 * activate() on. Texts are borrowed for the call. Diary: 1 first.
 */
#ifndef TENON_STORE_H
#define TENON_STORE_H

#include <tenon/buffer.h>
#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_STORE_1 "tenon.store/1"

/* One entity that is to be changed, or stored under an id of one's own. */
typedef struct tenon_change {
    uint32_t struct_size;
    uint32_t flags;      /* TENON_CHANGE_... */
    tenon_str id;        /* at most 1,024 bytes */
    tenon_str type;      /* empty: the data's own "type", else it stays, and is "record" at first */
    tenon_str data;      /* a JSON object */
    uint64_t if_version; /* 0: whatever it is; else only over this version */
} tenon_change;

/* `data` is a merge patch (RFC 7396): what it names is set, null removes, the rest stays. The
 * entity must be there. Without the flag `data` is all of it. */
#define TENON_CHANGE_MERGE 1u

/* Which entities. Everything empty: all of them. */
typedef struct tenon_search {
    uint32_t struct_size;
    uint32_t limit;   /* at most so many, 1 to 1,000; 0: 100 */
    uint64_t after;   /* the former answer's "next"; 0: from the start */
    tenon_str type;   /* of this type */
    tenon_str text;   /* words, each of which is part of some text in the data */
    tenon_str fields; /* "PATH=VALUE\n" lines, such as "address.city=Berlin\n"; all must hold */
    tenon_str key;    /* the one that this integration knows by this key, and no other */
} tenon_search;

/* An edge: `from` is `type` of `to`; two entities by id. In a search empty means any. */
typedef struct tenon_relationship {
    uint32_t struct_size;
    uint32_t limit; /* in a search, as above */
    uint64_t after;
    tenon_str from, type, to;
    tenon_str data; /* a JSON value, or empty; not in a search */
} tenon_relationship;

/* Valid as long as the host table. `out` may be NULL where nobody wants it. */
typedef struct tenon_store {
    uint32_t struct_size;
    uint32_t flags;
    /* {"id","type","version","created_at","updated_at","data"}  [any; blocks] */
    int32_t (*get)(const tenon_host *host, tenon_str id, tenon_sink *out, tenon_err *err);
    /* Stores one JSON object, an array of them, or one a line, all or none. An id is the object's
     * own "id", else made from its content; `type` empty: its own "type", else "record".
     * {"received","created","updated","unchanged","ids":[...]}  [any; blocks] */
    int32_t (*add)(const tenon_host *host, tenon_str type, tenon_str data, tenon_sink *out,
                   tenon_err *err);
    /* {"id","outcome","version"}; the outcome is created, updated or unchanged.  [any; blocks] */
    int32_t (*update)(const tenon_host *host, const tenon_change *change, tenon_sink *out,
                      tenon_err *err);
    /* As update(); the outcome is deleted. if_version as there.  [any; blocks] */
    int32_t (*remove)(const tenon_host *host, tenon_str id, uint64_t if_version, tenon_sink *out,
                      tenon_err *err);
    /* {"items":[...],"next":N or null}, items as get() has them, in the order of their last change.
     * Fewer than limit with a next: there may be more behind it.  [any; blocks] */
    int32_t (*search)(const tenon_host *host, const tenon_search *search, tenon_sink *out,
                      tenon_err *err);
    /* {"from","type","to","outcome"}: adds one, or gives it other data.  [any; blocks] */
    int32_t (*relate)(const tenon_host *host, const tenon_relationship *edge, tenon_sink *out,
                      tenon_err *err);
    /* The same; the outcome is deleted.  [any; blocks] */
    int32_t (*unrelate)(const tenon_host *host, const tenon_relationship *edge, tenon_sink *out,
                        tenon_err *err);
    /* {"items":[{"from","type","to","created_at","data"}],"next"}, in the order they were made.
     *  [any; blocks] */
    int32_t (*relations)(const tenon_host *host, const tenon_relationship *like, tenon_sink *out,
                         tenon_err *err);
    /* Values that this integration keeps or needs on an entity, beside its data: its own alone.
     * {"NAME":value,...}; an entity that is not there has none.  [any; blocks] */
    int32_t (*attributes)(const tenon_host *host, tenon_str id, tenon_sink *out, tenon_err *err);
    /* Sets one, any JSON up to 64 KiB; empty removes it.  [any; blocks] */
    int32_t (*set_attribute)(const tenon_host *host, tenon_str id, tenon_str name, tenon_str value,
                             tenon_err *err);
} tenon_store;

TENON_ASSERT_(offsetof(tenon_change, if_version) == 56 && sizeof(tenon_change) == 64,
              "tenon_change is frozen");
TENON_ASSERT_(offsetof(tenon_search, type) == 16 && offsetof(tenon_search, key) == 64,
              "tenon_search is frozen");
TENON_ASSERT_(offsetof(tenon_relationship, from) == 16 && offsetof(tenon_relationship, data) == 64,
              "tenon_relationship is frozen");
TENON_ASSERT_(offsetof(tenon_store, get) == 8 && offsetof(tenon_store, set_attribute) == 80,
              "tenon_store is frozen");

#ifdef __cplusplus
}
#endif

#endif

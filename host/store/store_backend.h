/* SPDX-License-Identifier: Apache-2.0
 * What a store backend fills in. store.c calls all writer functions from one thread, inside begin
 * ... commit; reader functions from another, on a handle of its own. A new backend is a file that
 * fills this, and a row in store_open.c. */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

/* One bounded piece of upkeep, as much as fits a few milliseconds. */
struct store_slice {
    struct store_retention retention;
    int64_t until_us; /* of clock_mono_us: it ends then */
    uint32_t most;    /* rows to look at, or pages to give back */
    bool is_asked;    /* somebody waits for it: what is done from time to time is done now */
    /* out */
    uint32_t looked;
    uint64_t removed, trimmed, signals, entities;
    bool has_more;
};

struct store_space {
    int64_t bytes, free_bytes, page_bytes;
    int64_t wal_bytes;
    int64_t
        held_since_us; /* since when a reader keeps the log from being folded in; 0: none does */
    int64_t checkpoint_ms; /* wall time of the last complete one; 0: none yet */
};

struct store_backend {
    const char *scheme; /* of the URL: "sqlite" */

    /* life */
    int (*open)(const struct store_settings *settings, const char *place, void **out_writer,
                struct err *err);
    int (*open_reader)(void *writer, void **out_reader, struct err *err);
    void (*close_reader)(void *reader);
    void (*close)(void *writer);

    /* transactions: what lies between is durable together, or not there at all. A write below that
     * refuses what it was asked has changed nothing, and the group goes on without it. One that
     * fails half-way (disk full) leaves the transaction spoiled: store.c then rolls the whole group
     * back, and all of it fails with that error. So nothing that a caller can ask for may fail like
     * that: what is wrong with it is found before the first row is written. A savepoint around each
     * write would spare the others, at the price of a copy of every page on every write. */
    int (*begin)(void *writer, struct err *err);
    int (*commit)(void *writer, struct err *err);
    void (*rollback)(void *writer);
    bool (*is_spoiled)(void *writer);
    int64_t (*wal_bytes)(void *writer); /* after a commit; 0 where there is no log */

    /* writes; each fills the op's out members and returns its status. What they must do alike is in
     * store_rules.h. */
    int (*put)(void *writer, struct store_put *put, struct err *err);
    int (*relate)(void *writer, struct store_relate *relate, struct err *err);
    int (*publish)(void *writer, struct store_publish *publish, struct err *err);
    int (*integration)(void *writer, struct store_integration *integration, struct err *err);
    int (*claim)(void *writer, struct store_claim *claim, struct err *err);
    int (*record)(void *writer, struct store_record *record, struct err *err);
    int (*enqueue)(void *writer, struct store_enqueue *enqueue, struct err *err);
    int (*keep)(void *writer, struct store_keep *keep, struct err *err);
    int (*attribute)(void *writer, struct store_attribute *attribute, struct err *err);
    int (*move)(void *writer, struct store_move *move, struct err *err);
    int (*recover)(void *writer, struct store_recover *recover, struct err *err);

    /* Upkeep, on the writer's thread outside of begin ... commit: each is a transaction of its own,
     * durable with the next commit. */
    int (*clean)(void *writer, struct store_slice *slice, struct err *err);
    int (*shrink)(void *writer, struct store_slice *slice, struct err *err);
    /* Folds the log in and starts it anew, waiting a little for readers. -EBUSY: one is in the way.
     */
    int (*checkpoint)(void *writer, struct err *err);
    void (*space)(void *writer, struct store_space *out);
    /* Takes room on the disk that nobody else gets, or gives it up for what must be written now.
     * -ENOSPC: there is not that much. Taking it twice is taking it once. */
    int (*reserve)(void *writer, bool must_take, struct err *err);

    /* Long work, on a reader's handle and a thread of its own: looks at store_job_is_over() now and
     * then, and tells its progress. */
    int (*check)(void *reader, struct store_job *job, struct err *err);
    int (*backup)(void *reader, struct store_job *job, struct err *err);

    /* queries */
    int (*query)(void *reader, struct store_query *query, struct err *err);
};

/* Must the job break off? */
bool store_job_is_over(const struct store_job *job);

/* The backend that a URL names, with the place behind its scheme; NULL with err filled. */
const struct store_backend *store_backend_find(const char *url, const char **out_place,
                                               struct err *err);

extern const struct store_backend sqlite_backend;
extern const struct store_backend memory_backend;

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What the files of the SQLite backend share. The writer's handle belongs to the writer thread, the
 * reader's to the reader thread. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "store/store_backend.h"
#include "store/store_rules.h"

#include <pthread.h>
#include <sqlite3.h>

/* Prepared once, when first used, and kept; the text stands where it is used. */
enum store_sqlite_statement {
    S_BEGIN,
    S_COMMIT,
    S_LIFE,
    S_INTEGRATION_SAVE,
    S_COUNT,
    S_TYPE_ADD,
    S_TYPES_DROP,
    S_ENTITY_ADD,
    S_ENTITY_FIND,
    S_ENTITY_UPDATE,
    S_ENTITY_STATE,
    S_SIGNAL,
    S_PUBLISH,
    S_RELATE,
    S_RELATED,
    S_UNRELATE,
    S_SEARCH_WINDOW,
    S_SEARCH_TYPE,
    S_SEARCH_ALL,
    S_EDGES_WINDOW,
    S_INTEGRATION_ADD,
    S_DUE,
    S_WALK_FROM,
    S_WALK,
    S_WALK_TYPES,
    S_LOOK,
    S_NEXT_DUE,
    S_SUBMISSION_ADD,
    S_SUBMISSION_LOAD,
    S_SUBMISSION_MOVE,
    S_SUBMISSION_FLAG,
    S_SUBMISSION_BLOCKED,
    S_SUBMISSION_WAKE,
    S_SUBMISSION_DONE,
    S_LEASE_ADD,
    S_LEASE_DROP,
    S_LEASE_ROWS,
    S_ATTEMPT,
    S_ATTEMPT_LOST,
    S_KEY,
    S_FAILED,
    S_KEEP,
    S_KEEP_NOT,
    S_ATTRIBUTE,
    S_ATTRIBUTE_NOT,
    S_FORGET_ATTRIBUTES,
    S_RECLAIMED,
    S_WAKE_ALL,
    S_READ_BEGIN,
    S_READ_END,
    S_LIST_INTEGRATIONS,
    S_LIST_HEAD,
    S_LIST_FLIGHT,
    S_LIST_ENTITY,
    S_LIST_WALK,
    S_LIST_ROW,
    S_REQUEST_ADD,
    S_SPAN_SAVE,
    S_LIST_SPANS,
    S_LIST_UNTIL,
    S_INTEGRATION_SEEN,
    S_INTEGRATION_AHEAD,
    S_FORGET_SEEN,
    S_FORGET_NEEDED,
    S_FORGET_SUBMISSIONS,
    S_FORGET_KEYS,
    S_FORGET_ENTITY,
    S_FORGET_NEXT,
    S_FORGET_SPANS,
    S_AGING_ADD,
    S_AGING_NEXT,
    S_AGING_DROP,
    S_CLEAN_NEXT,
    S_CLEAN_SUCCESSOR,
    S_CLEAN_BEFORE,
    S_CLEAN_ATTEMPTS,
    S_CLEAN_ROW,
    S_CLEAN_TRIM,
    S_CLEAN_SIGNALS_FIND,
    S_CLEAN_SIGNALS,
    S_CLEAN_PUBLISHED,
    S_SIGNAL_AT,
    S_CLEAN_SAVE,
    S_DELIVERY_FIND,
    S_DELIVERY_ADD,
    S_DELIVERY_CLEAN,
    S_PAGE_COUNT,
    S_FREE_COUNT,
    S_STATEMENTS
};

struct store_sqlite_db {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *kept[S_STATEMENTS];
    char uuid[33];
};

/* Submissions that one claim gave birth to, `first` to `last`, of which `outstanding` are still in
 * flight on this lease. They have no row in the index of due times, so this is how they are found
 * again when the lease runs out or the daemon dies. */
struct store_sqlite_lease {
    uint64_t first;
    uint64_t last;
    int64_t until_ms;
    uint32_t integration;
    uint32_t outstanding;
};

/* The one that grows; see store_sqlite_span.c. */
struct store_sqlite_span {
    uint64_t first, last;
    uint64_t written_last; /* of its row; 0: it has none yet */
    int64_t born_ms;
    uint32_t integration; /* 0: there is none yet */
};

struct store_sqlite_integration {
    char *name;
    uint32_t number;
    uint64_t cursor;
    uint64_t by_hand_end; /* the walk set back by hand goes so far; 0: there is none */
    enum store_walk by_hand;
    uint64_t entity_max; /* of no later entity is there a submission; mostly they come in order */
    bool is_changed;
    bool is_counted; /* some delta is not 0 */
    int64_t deltas[SUBMISSION_STATES];
};

/* The last numbers given out; they are never given again, whatever is deleted. And how many
 * entities live. */
struct store_sqlite_life {
    uint64_t seq;
    uint64_t entity;
    uint64_t submission;
    uint64_t entities;
    int64_t due_ms; /* what clock_due_ms said lately: the next life goes on from there */
    uint64_t floor; /* the highest version of an entity that retention removed */
};

/* Request lines that come again and again, by number from 1. */
enum { STORE_SQLITE_REQUESTS_MAX = 128, STORE_SQLITE_LATELY = 16 };
struct store_sqlite_requests {
    char *lines[STORE_SQLITE_REQUESTS_MAX];
    uint32_t count, committed;
    uint32_t last;                        /* index of the one that was met last */
    uint64_t lately[STORE_SQLITE_LATELY]; /* hashes of others that were met */
    size_t lately_next;
};

/* The oldest signals, as far as they were stamped by a clock that was ahead. Only a hint, which no
 * rollback makes wrong. */
struct store_sqlite_ahead {
    uint64_t passed;  /* all up to this one are of later than now */
    int64_t until_ms; /* by the wall, then the first of them is not any more */
    uint64_t over;    /* all up to this one are to go; 0: it is not known yet */
};

/* An integration that was opened in this life of the daemon. */
struct store_sqlite_lane {
    uint32_t number;
    bool walks; /* its claims name a walk, or it made none yet: its cursor counts */
};

struct store_sqlite_type {
    char *name;
    size_t len;
};

enum { TYPE_SLOTS = 2 * STORE_TYPES_MAX };

enum {
    /* Of a new store. A commit writes the last page of some ten trees anew, however little comes to
     * each: larger ones would be fewer to look up, and cost more than that. */
    STORE_SQLITE_PAGE_BYTES = 4096,
    STORE_SQLITE_LOG_PAGES_MAX = 4096, /* a page rewritten meanwhile is folded in once */
    STORE_SQLITE_BUSY_MS = 5000        /* only against foreign tools that read along */
};

/* Its own thread and handle, made when the log first grows long. */
struct store_sqlite_checkpointer {
    struct store_sqlite_db handle;
    pthread_t thread;
    bool is_started, is_refused; /* the writer's */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_asked;   /* these under lock; a round is due or under way */
    bool has_failed; /* to sync: the log is kept as it is */
    bool is_closing;
    int64_t folded_pages; /* of the log, by the last round; 0: none yet */
    int64_t complete_ms;  /* wall time of the last one that left nothing */
};

struct store_sqlite_writer {
    struct store_sqlite_db handle; /* first: the same address serves both */
    int lock_fd;
    int64_t cache_bytes;
    int64_t reserve_bytes;
    bool is_sync_full;
    bool is_spoiled;
    bool must_reload; /* the cache could not be read back after a rollback */
    int64_t wal_pages, page_bytes;
    int64_t log_pages_max; /* longer only while a reader holds it */
    struct store_sqlite_checkpointer checkpointer;
    int64_t
        now_ms; /* wall time of the write under way, for stamps; clock_due_ms says what is due */
    int64_t held_since_us; /* a checkpoint could not fold all of the log in; 0: it could */
    struct store_sqlite_requests requests;
    struct store_sqlite_lane *lanes;
    size_t lane_count;
    uint64_t forget_next; /* where the pass over the entities goes on; 0: none is under way */
    int64_t forget_at_ms, opened_ms; /* by clock_mono_us; the latter of the first slice */
    int64_t seen_next_ms;            /* by clock_due_ms */
    struct store_sqlite_ahead ahead;
    struct store_sqlite_span span, span_committed;
    uint64_t cleaned[SUBMISSION_STATES], cleaned_committed[SUBMISSION_STATES]; /* retention's */

    struct store_sqlite_life life, life_committed;
    struct store_sqlite_integration *integrations;
    size_t integration_count;
    struct store_sqlite_lease *leases; /* by `first`, ascending */
    size_t lease_count, lease_capacity;
    bool leases_changed; /* by the transaction under way */

    struct store_sqlite_type types[STORE_TYPES_MAX + 1]; /* by number, from 1 */
    uint16_t type_slots[TYPE_SLOTS];                     /* hashed by name; 0: free */
    uint32_t type_count, types_committed;
    uint8_t
        wanted[STORE_TYPES_MAX / 8 + 1]; /* the claim's types, for the SQL function of that name */
};

/* ---- store_sqlite.c: handles and statements ---- */
int store_sqlite_open(struct store_sqlite_db *handle, const char *path, int64_t cache_bytes,
                      struct err *err); /* to be closed also when it fails */
void store_sqlite_close(struct store_sqlite_db *handle);
/* Words for what SQLite refused, with the file; returns the status. */
int store_sqlite_fail(struct store_sqlite_db *handle, const char *doing, struct err *err);
/* The same on the writer's side: the transaction is spoiled with it. */
int store_sqlite_spoil(struct store_sqlite_writer *writer, const char *doing, struct err *err);
/* NULL when it does not compile or memory is short; the next step then fails with SQLite's own
 * words. */
sqlite3_stmt *store_sqlite_use(struct store_sqlite_db *handle, enum store_sqlite_statement which,
                               const char *sql);
/* Steps a statement that gives no rows, and resets it. */
int store_sqlite_run(struct store_sqlite_writer *writer, sqlite3_stmt *statement, const char *doing,
                     struct err *err);
int store_sqlite_exec(struct store_sqlite_db *handle, const char *sql, const char *doing,
                      struct err *err);
void store_sqlite_bind_text(sqlite3_stmt *statement, int index, struct str text); /* empty: NULL */
struct str store_sqlite_column(sqlite3_stmt *statement, int index);

/* ---- store_sqlite_log.c: the VFS that writes the log a commit at a time ---- */
#define STORE_SQLITE_LOG_VFS "tenon"
int store_sqlite_log_register(void); /* once, behind sqlite3_initialize(); SQLite's code */

/* ---- store_sqlite_checkpoint.c: the log is folded into the file ---- */
void store_sqlite_checkpointer_init(struct store_sqlite_checkpointer *own);
void store_sqlite_checkpointer_finish(struct store_sqlite_writer *writer); /* its handle is open */
/* After each commit: the log has so many pages. */
void store_sqlite_checkpoint_watch(struct store_sqlite_writer *writer, int64_t pages);
int store_sqlite_checkpoint(void *writer, struct err *err); /* all of it; the log starts anew */
int64_t store_sqlite_checkpoint_ms(struct store_sqlite_writer *writer);

/* ---- store_sqlite_schema.c ---- */
/* What a question with one answer says. */
int store_sqlite_number(struct store_sqlite_db *handle, const char *sql, int64_t *out,
                        struct err *err);
int store_sqlite_migrate(struct store_sqlite_db *handle, struct err *err);

/* ---- store_sqlite_cache.c: what the writer keeps in memory ---- */
int store_sqlite_cache_load(struct store_sqlite_writer *writer, struct err *err);
int store_sqlite_cache_flush(struct store_sqlite_writer *writer,
                             struct err *err); /* before COMMIT */
void store_sqlite_cache_committed(struct store_sqlite_writer *writer);
int store_sqlite_cache_rollback(struct store_sqlite_writer *writer, struct err *err);
void store_sqlite_cache_finish(struct store_sqlite_writer *writer);
uint32_t store_sqlite_type_find(struct store_sqlite_writer *writer, struct str name); /* 0: none */
/* E_TOO_LARGE, and nothing changed: the table is full. Whoever writes more than one row asks for
 * its types before the first, as that one row too many is all that a stranger needs to send. */
int store_sqlite_type_intern(struct store_sqlite_writer *writer, struct str name, uint32_t *out,
                             struct err *err);
/* Those above `keep`, which this transaction added and no row names. */
int store_sqlite_types_drop(struct store_sqlite_writer *writer, uint32_t keep, struct err *err);
struct store_sqlite_integration *store_sqlite_integration_find(struct store_sqlite_writer *writer,
                                                               uint32_t number, struct err *err);
void store_sqlite_count(struct store_sqlite_integration *integration, enum submission_state from,
                        enum submission_state to);
int store_sqlite_lease_add(struct store_sqlite_writer *writer,
                           const struct store_sqlite_lease *lease, struct err *err);
int store_sqlite_lease_drop(struct store_sqlite_writer *writer, size_t index, struct err *err);
/* A walk-born submission is no longer in flight. */
int store_sqlite_lease_release(struct store_sqlite_writer *writer, uint64_t submission,
                               struct err *err);

/* ---- store_sqlite_submission.c: single submissions ---- */
struct store_sqlite_submission {
    uint64_t number;
    uint64_t entity;
    uint64_t version;
    int64_t due_ms;
    uint32_t integration;
    uint32_t attempts;
    uint32_t base; /* attempts at the last replay: tries = attempts - base */
    enum submission_state state;
    uint32_t flags;
    uint32_t salt; /* of the idempotency key */
    bool has_due;
};

int store_sqlite_submission_load(struct store_sqlite_writer *writer, uint64_t number,
                                 struct store_sqlite_submission *out,
                                 struct err *err); /* E_NOT_FOUND does not spoil */
/* A new row, `in_flight` or waiting; changed at writer->now_ms, as after each move. */
int store_sqlite_submission_add(struct store_sqlite_writer *writer,
                                struct store_sqlite_integration *integration,
                                const struct store_sqlite_submission *row, uint64_t *out_number,
                                struct err *err);
/* Writes the changed members of `row`, counts the change of state from `from`. */
int store_sqlite_submission_move(struct store_sqlite_writer *writer,
                                 struct store_sqlite_integration *integration,
                                 const struct store_sqlite_submission *row,
                                 enum submission_state from, struct str reason, struct err *err);
int store_sqlite_submission_flag(struct store_sqlite_writer *writer, uint64_t number,
                                 uint32_t flags, struct err *err);
int store_sqlite_look(struct store_sqlite_writer *writer, uint32_t integration, uint64_t entity,
                      uint64_t version, uint64_t except, struct submission_look *out,
                      struct err *err);
int store_sqlite_supersede_waiting(struct store_sqlite_writer *writer,
                                   struct store_sqlite_integration *integration,
                                   const struct submission_look *look, uint64_t version,
                                   struct err *err);
/* `row` has FLAG_NEWER_WAITS and is in flight no longer: what stood blocked behind it is due at
 * due_ms, or over when it was delivered and that will do. *out_version stays 0 when there is none
 * any more. */
int store_sqlite_wake_newer(struct store_sqlite_writer *writer,
                            struct store_sqlite_integration *integration,
                            struct store_sqlite_submission *row, int64_t due_ms,
                            uint64_t *out_version, struct err *err);
/* In flight no longer, and nobody knows the answer (EVENT_LEASE_RAN_OUT or EVENT_RECOVERED): due at
 * now_ms, with an attempt row that says so. */
int store_sqlite_submission_lost(struct store_sqlite_writer *writer,
                                 struct store_sqlite_integration *integration,
                                 struct store_sqlite_submission *row, enum submission_event event,
                                 int64_t now_ms, struct err *err);
int store_sqlite_lease_lost(struct store_sqlite_writer *writer, size_t index,
                            enum submission_event event, int64_t now_ms, uint64_t *count,
                            struct err *err);
int store_sqlite_next_due(struct store_sqlite_writer *writer, uint32_t integration, int64_t *out,
                          struct err *err);

/* ---- store_sqlite_query.c ---- */
/* What is read between the two is of one commit. */
int store_sqlite_read_begin(struct store_sqlite_db *reader, struct err *err);
void store_sqlite_read_end(struct store_sqlite_db *reader);

/* ---- store_sqlite_list.c: QUERY_SUBMISSIONS and QUERY_SUBMISSION ---- */
int store_sqlite_list(struct store_sqlite_db *reader, struct store_query *query, struct err *err);

/* ---- store_sqlite_search.c: QUERY_ENTITIES ---- */
/* Of entities e and types t. */
#define STORE_SQLITE_ENTITY                                                                        \
    "e.id, t.name, e.data, e.version, e.seq, e.deleted, e.created_ms, e.updated_ms, e.trace,"      \
    " e.origin"
void store_sqlite_read_entity(sqlite3_stmt *columns, struct store_row *row);
int store_sqlite_search(struct store_sqlite_db *reader, struct store_query *query, struct err *err);

/* ---- store_sqlite_relate.c ---- */
int store_sqlite_relationships(struct store_sqlite_db *reader, struct store_query *query,
                               struct err *err);

/* ---- store_sqlite_put.c ---- */
struct store_sqlite_met {
    uint64_t number;
    uint64_t version;
    int64_t created_ms, updated_ms;
    int64_t hash; /* of the id; also when there is none */
    struct store_origin origin;
    bool is_deleted;
    bool is_same; /* as what is put: type and bytes */
};
/* 1, 0 when there is none, or an error. */
int store_sqlite_find_entity(struct store_sqlite_writer *writer, const struct store_entity *entity,
                             uint32_t type, struct store_sqlite_met *out, struct err *err);
/* Under the last number of the sequence. */
int store_sqlite_add_signal(struct store_sqlite_writer *writer, enum store_signal_kind kind,
                            uint64_t entity, uint64_t version, int64_t now_ms, struct err *err);

/* ---- store_sqlite_record.c: what asking by hand shares ---- */
struct store_sqlite_asked {
    uint64_t number;
    uint64_t version;
    bool is_deleted;
};
/* The entity by id, or by asked->number when `id` is empty. 1, 0 when there is none, or an error.
 */
int store_sqlite_find_asked(struct store_sqlite_writer *writer, struct str id,
                            struct store_sqlite_asked *asked, struct err *err);
/* Makes a row that is there pending and due now, its tries counted anew when it had ended. */
int store_sqlite_ask_again(struct store_sqlite_writer *writer,
                           struct store_sqlite_integration *integration,
                           struct store_sqlite_submission *row, bool is_blocked, struct err *err);
/* ---- store_sqlite_span.c ---- */
int store_sqlite_span_add(struct store_sqlite_writer *writer, uint32_t integration, uint64_t number,
                          struct err *err);
int store_sqlite_span_flush(struct store_sqlite_writer *writer, struct err *err);

/* ---- store_sqlite_request.c ---- */
/* The number of a line that is kept once, or 0: it goes with its attempt. */
int store_sqlite_request(struct store_sqlite_writer *writer, struct str line, uint32_t *out,
                         struct err *err);
void store_sqlite_requests_forget(struct store_sqlite_requests *requests, uint32_t keep_count);
int store_sqlite_requests_load(struct store_sqlite_writer *writer, struct str line, uint32_t number,
                               struct err *err);

/* ---- store_sqlite_forget.c ---- */
struct store_sqlite_lane *store_sqlite_lane(struct store_sqlite_writer *writer, uint32_t number);
int store_sqlite_lane_open(struct store_sqlite_writer *writer, uint32_t number, int64_t now_ms,
                           struct err *err);

/* ---- store_sqlite_clean.c ---- */
/* A submission has ended; notes it when retention's cursor for that state has passed it. */
int store_sqlite_age(struct store_sqlite_writer *writer, enum submission_state state,
                     uint64_t number, int64_t ended_ms, struct err *err);
int store_sqlite_clean(void *writer, struct store_slice *slice, struct err *err);
int store_sqlite_shrink(void *writer, struct store_slice *slice, struct err *err);
void store_sqlite_space(void *writer, struct store_space *out);

/* ---- store_sqlite_check.c, store_sqlite_backup.c ---- */
int store_sqlite_check(void *reader, struct store_job *job, struct err *err);
int store_sqlite_backup(void *reader, struct store_job *job, struct err *err);
/* Before it is opened: what lies beside a backup that was put at `path` is not its own. */
int store_sqlite_drop_foreign_log(const char *path, struct err *err);

/* ---- store_sqlite_reserve.c ---- */
int store_sqlite_reserve(void *writer, bool must_take, struct err *err);

/* ---- the writes and queries of struct store_backend ---- */
int store_sqlite_publish(void *writer, struct store_publish *publish, struct err *err);
/* Was it here before? Answers in the delivery. */
int store_sqlite_delivery_find(struct store_sqlite_writer *writer, struct store_delivery *delivery,
                               struct err *err);
int store_sqlite_delivery_add(struct store_sqlite_writer *writer,
                              const struct store_delivery *delivery, struct err *err);
int store_sqlite_put(void *writer, struct store_put *put, struct err *err);
int store_sqlite_relate(void *writer, struct store_relate *relate, struct err *err);
int store_sqlite_integration(void *writer, struct store_integration *integration, struct err *err);
int store_sqlite_claim(void *writer, struct store_claim *claim, struct err *err);
int store_sqlite_record(void *writer, struct store_record *record, struct err *err);
int store_sqlite_enqueue(void *writer, struct store_enqueue *enqueue, struct err *err);
int store_sqlite_keep(void *writer, struct store_keep *keep, struct err *err);
int store_sqlite_attribute(void *writer, struct store_attribute *attribute, struct err *err);
int store_sqlite_move(void *writer, struct store_move *move, struct err *err);
int store_sqlite_recover(void *writer, struct store_recover *recover, struct err *err);
int store_sqlite_query(void *reader, struct store_query *query, struct err *err);

enum {
    STORE_ATTEMPT_BITS = 16
}; /* an attempt's row number is its submission's, shifted, plus its own */

static inline int64_t store_sqlite_attempt_number(uint64_t submission, uint32_t attempt)
{
    uint32_t last = (1u << STORE_ATTEMPT_BITS) - 1;
    return (int64_t)((submission << STORE_ATTEMPT_BITS) | (attempt < last ? attempt : last));
}

#endif

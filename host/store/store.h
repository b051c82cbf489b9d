/* SPDX-License-Identifier: Apache-2.0
 * The embedded store: entities, relationships, signals, submissions, attempts. What the engine and
 * the API may ask.
 *
 * Writes go to one writer thread, which commits whatever waits as a group (synchronous=FULL unless
 * told otherwise), and are done when durable. Queries go to a reader thread and see the last
 * commit. Every answer comes back on [loop]. Nothing here assumes that one daemon alone uses the
 * data: work is claimed under a lease, in one step.
 *
 * How work becomes due: every change of an entity gives it the next number of one sequence (`seq`);
 * each integration has a cursor into that sequence. What is new for an integration is the walk of
 * the index behind its cursor, so neither a dead destination nor an integration added years later
 * costs a row until a record is really taken in hand. A submission row is born `in_flight` by a
 * claim; what has to wait (retrying, unknown, asked for by hand) stands in a partial index by due
 * time. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/histogram.h"
#include "base/loop.h"
#include "base/str.h"
#include "store/store_states.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

/* How long is kept what nobody waits for any more, in ms; 0: forever. Of an ended submission of age
 * go its attempts and its reason, and the submission itself when a later one of the same entity and
 * integration stands behind it. The last one stays, so that nothing is delivered again for being
 * old. */
struct store_retention {
    int64_t keep_ms[SUBMISSION_STATES]; /* of the live ones it is not asked */
    int64_t signals_ms;
    int64_t entities_ms; /* since the last change, of those that nothing else holds on to: every
                            integration has walked past them, all their submissions are of age, and
                            they have no relationships. All that is known of them goes; put again
                            they are new ones, whose versions begin above all that went */
    bool is_paused;      /* for now nothing is removed, and the file stays as it is */
};

struct store_settings {
    const char *url;   /* "sqlite:/var/lib/tenon/tenon.db" or "memory:" */
    bool is_sync_full; /* false: sync = normal, the bargain of losing the last moments at power loss
                        */
    int64_t cache_bytes;   /* page cache of the writer; the reader has a quarter */
    int64_t group_max;     /* most writes in one commit; 0: the backend's choice */
    int64_t reserve_bytes; /* kept beside the file for deliveries on a full disk, an eighth of the
                              disk at most; 0: nothing */
    struct store_retention retention;
};

/* 0 when there is a backend for it; nothing is opened. */
int store_check_url(const char *url, struct err *err);
struct store *store_open(const struct store_settings *settings, struct loop *loop, struct err *err);
/* Finishes what waits, then closes. [loop]; done callbacks of the last writes run before this
 * returns. */
void store_close(struct store *store);

/* One thing asked of the store; embedded in the structs below. The caller owns the whole until
 * done() runs on [loop]; `status` is 0 or negative with `error` filled. */
struct store_op {
    void (*done)(struct store_op *op);
    int status;
    struct err error;
    struct store_op *next; /* the store's */
    int kind;              /* the store's */
};

/* ---- writes ---- */

/* For if_version: whichever it is, but there has to be one. */
#define STORE_VERSION_ANY UINT64_MAX

struct store_entity {
    struct str id, type, data;
    bool is_delete;      /* type and data are ignored; the entity becomes a tombstone */
    uint64_t if_version; /* 0: any; else PUT_CONFLICT in the result when it is another,
                            PUT_NOT_FOUND when there is none */
    struct str trace;    /* of the request that brought it (base/trace.h); mostly none */
    uint32_t origin;     /* the integration whose plugin stores it, by number; 0: somebody outside.
                            No walk gives an integration a version of its own, unless set back by
                            hand; where an older version waits, it goes in its place all the same */
};

enum store_put_outcome {
    PUT_CREATED,
    PUT_UPDATED,
    PUT_UNCHANGED,
    PUT_DELETED,
    PUT_CONFLICT,
    PUT_NOT_FOUND,
    PUT_BY_TURNS
};

struct store_put_result {
    enum store_put_outcome outcome;
    uint64_t version;
};

/* One call of somebody outside who may call again when he saw no answer: what came with it is
 * stored once. */
struct store_delivery {
    uint32_t integration;
    struct str id;     /* 1 to 1,024 bytes, as the caller says it; borrowed until done */
    int64_t until_ms;  /* so long it is remembered, by the wall */
    bool is_duplicate; /* out: it was here before; nothing of the put was stored */
};

/* Adds or updates entities with their signals (entity.created, .updated, .deleted), all or none: an
 * id that is empty, longer than 1,024 bytes or with a NUL in it refuses the whole put, and the
 * error names its index; so does a type that would be the store's 4,097th, by its name.
 * PUT_CONFLICT and PUT_NOT_FOUND are answers, not failures: the others of the put are stored.
 * Byte-identical data of the same type is PUT_UNCHANGED: no version, no signal. A deleted entity
 * that is put again is PUT_CREATED and its versions go on, so that no idempotency key is used for
 * two contents. Integrations that answer each other's versions of one entity with versions of their
 * own, STORE_TURNS_MAX times within STORE_TURN_MS of each other and with nothing from outside
 * between, get PUT_BY_TURNS for the next one, an answer as PUT_CONFLICT is. */
enum { STORE_TURNS_MAX = 16, STORE_TURN_MS = 60000 };
struct store_put {
    struct store_op op;
    const struct store_entity *entities;
    size_t count;
    struct store_put_result *results; /* caller's array of count */
    uint64_t last_seq;                /* out: 0 when nothing changed */
    int64_t at_ms;                    /* out: when */
    struct store_delivery *delivery;  /* NULL: nobody's. With one, count may be 0 */
};
void store_put(struct store *store, struct store_put *put);

/* Adds a relationship, or gives it other data, or removes it. While one of its entities is deleted
 * it is not shown; it can be removed all the same. */
struct store_relate {
    struct store_op op;
    struct str from, type, to;      /* entity ids; E_NOT_FOUND when one is missing */
    struct str data;                /* JSON, may be empty */
    bool is_delete;                 /* E_NOT_FOUND when there is none such */
    enum store_put_outcome outcome; /* out: PUT_CREATED, _UPDATED, _UNCHANGED, _DELETED */
    uint64_t last_seq;              /* out: as in store_put, and its version and time */
    uint64_t version;
    int64_t at_ms;
};
void store_relate(struct store *store, struct store_relate *relate);

/* ---- signals ---- */

/* Those of the store's own making stand behind their entity; the others were published. All have
 * numbers of the one sequence, in the order of their commits. */
enum store_signal_kind {
    SIGNAL_CREATED,
    SIGNAL_UPDATED,
    SIGNAL_DELETED,
    SIGNAL_RELATED,
    SIGNAL_OWN,
    SIGNAL_UNRELATED, /* of a relationship that was removed */
    SIGNAL_KINDS
};
struct str store_signal_name(int kind); /* "entity.created"; "?" for SIGNAL_OWN */
enum { STORE_SIGNAL_MAX = 128 << 10 };

/* Publishes signals that are about no entity. They are kept as long as the others. */
struct store_own_signal {
    struct str name, sender; /* base/pattern.h */
    struct str data;         /* JSON, may be empty */
    uint32_t hops;           /* of signals in whose course it was published; see signals/hub.h */
};
struct store_publish {
    struct store_op op;
    const struct store_own_signal *signals; /* borrowed until done */
    size_t count;
    uint64_t last_seq; /* out: of the last of them */
    int64_t at_ms;     /* out */
};
void store_publish(struct store *store, struct store_publish *publish);

/* Hears of each signal of these kinds (set of 1 << enum store_signal_kind) when its commit is
 * durable, in the order of their numbers, just before the done() of the write that made it. With
 * `kinds` 0 nothing is looked at: a write costs one comparison. The last word of store_close is a
 * call with NULL. One watcher; fn NULL: none. [loop] */
struct store_signal {
    enum store_signal_kind kind;
    struct str name, sender; /* "tenon" is the sender of the store's own */
    struct str entity, type; /* empty: none; a deleted one's type is not said */
    struct str data;
    uint64_t seq, version;
    int64_t at_ms;
    uint32_t hops;
};
typedef void (*store_signal_fn)(void *user, const struct store_signal *signal);
void store_watch(struct store *store, unsigned kinds, store_signal_fn fn, void *user);

/* Makes an integration known and gives its number; the row outlives its ini. */
struct store_integration {
    struct store_op op;
    struct str name;
    uint32_t number; /* out */
    uint64_t cursor; /* out */
};
void store_integration(struct store *store, struct store_integration *integration);

/* How the walk behind the cursor picks (the built-in selectors). */
enum store_walk {
    WALK_NONE,        /* only what waits: retries and what was asked for by hand */
    WALK_UNSUBMITTED, /* entities never delivered to this integration. A version that waits while
                         an older one is in flight ends `skipped` when that is delivered */
    WALK_CHANGED,     /* entities whose present version was never delivered */
    WALK_ALL, /* every entity behind the cursor; as WALK_CHANGED until somebody sets the cursor back
               */
};
/* No walk takes up a version that failed or was skipped, unless the cursor was set back by hand
 * (store_enqueue). */

struct store_claimed {
    uint64_t submission;
    uint32_t attempt; /* this one's number, from 1 */
    uint64_t version;
    int64_t created_ms, updated_ms;
    struct str id, type, data; /* inside the claim's arena */
    struct str trace;          /* of this version, there too; mostly none */
    char key[33];              /* idempotency key, made once and kept */
    bool was_unknown;          /* an earlier attempt's answer was never seen */
    uint32_t
        tries; /* of this submission so far, this one included; equals attempt unless replayed */
};

/* Takes up to `max` records (and about max_bytes of data) in hand: waiting ones that are due first
 * (whose lease ran out among them, as `unknown`), then new ones behind the cursor. Each is
 * `in_flight` and leased until lease_until_ms when done() runs. One version of an entity at a time:
 * while an older one is in flight the newer waits without a due time, and is due when the older
 * ends or is lost, or in its place when the older would be tried again; an older one that waits
 * becomes `superseded`, as only the present version's data is kept. What waits for an entity that
 * was deleted becomes `skipped`. */
struct store_claim {
    struct store_op op;
    uint32_t integration;
    enum store_walk walk;
    const char *const *types; /* [select] type; type_count 0: all. Borrowed until done */
    size_t type_count;
    uint32_t max;
    size_t max_bytes;
    int64_t lease_until_ms; /* by clock_due_ms */
    bool new_first;         /* the walk before what waits and is due */
    /* out */
    struct store_claimed *records;
    size_t count;
    bool has_more; /* it stopped at a limit, not at the end: claim again, even when count is 0 */
    int64_t next_due_ms; /* when the next waiting one is due or the next lease ends (clock_due_ms);
                            may have passed; 0: neither */
    void *arena;         /* freed by store_claim_finish */
};
void store_claim(struct store *store, struct store_claim *claim);
void store_claim_finish(struct store_claim *claim);

/* One verdict to write down. It is ignored, without an error, when the claim it belongs to is not
 * held any more: the row is not in flight, or on a later attempt. */
struct store_outcome {
    uint64_t submission;
    enum submission_event event; /* a verdict: EVENT_RELEASED ... EVENT_OUT_OF_TRIES */
    int64_t due_ms;              /* with RETRY and UNSURE: when to try again (clock_due_ms) */
    bool is_attempt;             /* also write an attempt row (not for selector skips) */
    bool is_uncounted;           /* it says nothing of the record: not one of its tries */
    uint32_t attempt;
    int64_t started_ms;
    int64_t duration_us;
    int http_status;
    int error_class;        /* TENON_E_... or 0 */
    struct str reason;      /* why: clause, message; short texts */
    struct str request;     /* "POST https://...": masked; may be empty */
    struct str answer;      /* excerpt, masked; may be empty */
    struct str trace;       /* the traceparent that was sent; may be empty */
    struct str external_id; /* integration key; may be empty. It stays with the entity that was
                               given it last */
};

struct store_record {
    struct store_op op;
    uint32_t integration;
    const struct store_outcome *outcomes;
    size_t count;
    int64_t next_due_ms; /* out: as in store_claim */
};
void store_record(struct store *store, struct store_record *record);

/* Asks by hand. By entity id: its present version is due now, delivered before or not. `failed`:
 * those that are their entity's last word are due now. The other selectors set the cursor back and
 * hold until the walk is where it was, whatever walk the claims name; on that way they also take
 * what failed or was skipped (`all`: what was delivered, too). A replay is the same submission with
 * the same key; its tries are counted anew. */
enum { STORE_ASK_MAX = 1000 };
struct store_enqueue {
    struct store_op op;
    uint32_t integration;
    struct str entity; /* empty: by the selector */
    enum { ENQUEUE_UNSUBMITTED, ENQUEUE_FAILED, ENQUEUE_CHANGED, ENQUEUE_ALL } selector;
    uint64_t after; /* in and out, `failed`: one call looks at STORE_ASK_MAX of them and leaves the
                       last one's number here to go on from; 0: at the start, and at the end */
    uint64_t count; /* out: how many were made or moved; 0 when it rewinds */
    bool rewinds;   /* out: the cursor was set back, so the walk finds them (unsubmitted, changed,
                       all) */
};
void store_enqueue(struct store *store, struct store_enqueue *enqueue);

/* Keeps a short text for an integration under a name, for a later life of the daemon: what was
 * learned of its destination, what was switched by hand. It replaces the former value; an empty one
 * removes it. A value is at most 64 KiB. Durable when done, as every write. */
struct store_keep {
    struct store_op op;
    uint32_t integration;
    struct str name, value; /* borrowed until done */
};
void store_keep(struct store *store, struct store_keep *keep);

/* A value that an integration needs on an entity, under a name; it replaces the former one, and an
 * empty one removes it. It is no part of the entity's data: no version, no signal. E_NOT_FOUND:
 * there is no such entity or integration, or nothing to remove. */
struct store_attribute {
    struct store_op op;
    uint32_t integration;
    struct str entity, name; /* borrowed until done */
    struct str value;        /* JSON, at most 64 KiB; borrowed too */
};
void store_attribute(struct store *store, struct store_attribute *attribute);

/* Submissions by number, as somebody asks by hand. MOVE_RETRY: due now, whatever became of it, its
 * tries counted anew when it had ended; the same key goes out again unless `new_key`. A row of an
 * older version that is still its entity's last word, as none after it came to its end, is taken up
 * as well, and the present version then goes in its place. MOVE_DISCARD: what waits or failed
 * becomes `skipped` with the reason. What is refused is counted by why, and is no error. */
enum store_refusal {
    REFUSAL_NOT_FOUND,
    REFUSAL_IN_FLIGHT,  /* or blocked behind an older version that is */
    REFUSAL_SUPERSEDED, /* a newer version's submission counts */
    REFUSAL_DELETED,    /* its entity is */
    REFUSAL_OVER,       /* delivered or skipped: nothing to discard */
    REFUSALS
};
const char *store_refusal_name(enum store_refusal refusal); /* "in_flight" */

struct store_move {
    struct store_op op;
    const uint64_t *submissions; /* borrowed until done */
    size_t count;
    enum { MOVE_RETRY, MOVE_DISCARD } action;
    bool new_key;
    bool is_dry_run;    /* only counts what would be moved or refused */
    const char *reason; /* of MOVE_DISCARD */
    /* out */
    uint64_t moved;
    uint64_t refused[REFUSALS];
};
void store_move(struct store *store, struct store_move *move);

/* Once at start, before the first claim: leases of this daemon's former life are void. What was in
 * flight becomes `unknown`, due now, with an attempt that says so; what stood behind it is due now,
 * too. */
struct store_recover {
    struct store_op op;
    uint64_t count; /* out */
};
void store_recover(struct store *store, struct store_recover *recover);

/* ---- upkeep: what retention removes goes in small slices between the groups of writes ---- */

/* Other ages, from the next slice on. [any] */
void store_retain(struct store *store, const struct store_retention *retention);

/* All that is due goes now, the file gives back what is free in it, and the log is folded in. In
 * slices, so that other writes go on between them; several go one after the other. */
struct store_compact {
    struct store_op op;
    uint64_t removed, trimmed; /* out: submissions */
    int64_t freed_bytes;       /* out */
};
void store_compact(struct store *store, struct store_compact *compact);

/* Long work beside reader and writer, on a thread and a handle of its own; one after the other.
 * While one is under way nothing is removed, as its view of the store keeps the old pages. */
struct store_job {
    struct store_op op;
    enum {
        JOB_CHECK, /* the file's integrity, and that what the store says of itself holds */
        JOB_BACKUP /* a copy of one commit, a store of its own; it overwrites nothing: E_REFUSED */
    } work;
    const char *path; /* JOB_BACKUP: absolute; borrowed until done */
    /* out */
    uint64_t problem_count;
    struct buf problems; /* JOB_CHECK: the first ones, a line each; the caller finishes it */
    int64_t bytes;       /* JOB_BACKUP */
    _Atomic uint64_t done, total;    /* progress, of the job's own measure. [any] */
    const atomic_bool *is_cancelled; /* the store's */
};
void store_job(struct store *store, struct store_job *job);

/* ---- queries ---- */

enum store_query_kind {
    QUERY_ENTITY,      /* by entity id; with `integration` also row.key: the idempotency key that
                          a submission of the present version to it carries */
    QUERY_ENTITIES,    /* of type, with text, with all of fields (empty: all); after (a row's seq),
                          limit. An entity that changes moves to the end: a walk of pages meets
                          each at least once. With type, text or fields it looks at a bounded
                          number of them (STORE_SEARCH_MAX): see `next` */
    QUERY_KEY,         /* the entity whose integration key for `integration` is `text` */
    QUERY_SUBMISSIONS, /* with the last attempt's figures; updated_ms = the last change of state;
                          integration (0: all), entity id (empty: all), filter, after, limit;
                          newest first. Looks at STORE_LOOK_MAX rows at most: see `next` */
    QUERY_SUBMISSION,  /* number */
    QUERY_ATTEMPTS,    /* of submission `number`, oldest first; state = what the attempt itself
                          led to, also when a newer version then went instead */
    QUERY_RELATIONSHIPS, /* of entity id (empty: of all) by `direction`, with entity `other`, of
                            type (empty: any); after (a row's seq), limit; in the order they were
                            made. Of all entities: see `next` */
    QUERY_ATTRIBUTES,    /* of entity id, of `integration` (0: all): row.integration, row.name =
                            its name, row.key = the attribute's, row.data; ordered by both */
    QUERY_SIGNALS, /* after, filter.since_ms, limit, own_only; row.name = the signal's, sender, id
                      and type of its entity, version, created_ms = when; data, hops */
    QUERY_COUNTS,  /* submissions by integration and state: row.integration, row.state, row.count */
    QUERY_INTEGRATIONS, /* row.integration, row.name, row.cursor, row.count = entities behind the
                           cursor, about, row.created_ms = when the first of them changed, by the
                           signals still kept; 0: none */
    QUERY_KEPT,   /* of `integration` (0: all): row.integration, row.name, row.data, by name */
    QUERY_TOTALS, /* one row: count = entities, tombstones not counted, seq = last, bytes = file
                     size */
};

/* One row; which members are set depends on the kind. Borrowed for the call of row(). */
struct store_row {
    struct str id, type, data; /* entity; relationship: id=from, type, name=to, data */
    uint64_t version, seq;
    int64_t created_ms, updated_ms;
    bool is_deleted;
    uint64_t submission;
    uint32_t integration;
    struct str name; /* integration's name */
    struct str sender;
    uint32_t hops;
    enum submission_state state;
    uint32_t attempts;
    bool is_trimmed; /* submission: of age; earlier attempts and reasons were removed */
    int64_t due_ms;
    uint32_t origin; /* entity: see struct store_entity */
    struct str reason, request, answer, external_id, key;
    struct str trace; /* entity's; submission's when the entity still is at its version; attempt's,
                         as sent */
    int http_status, error_class;
    uint32_t attempt;
    int64_t started_ms, duration_us;
    uint64_t count, cursor, bytes;
    char key_space[33]; /* the store's: where `key` points to */
};

/* Which submissions; all zero takes every one. */
struct store_filter {
    uint32_t states;            /* set of submission_state_bit(); 0: all */
    int error_class;            /* TENON_E_... of the last attempt; 0: any */
    int64_t since_ms, until_ms; /* the last change of state, since <= it < until; 0: no bound */
};
static inline uint32_t submission_state_bit(enum submission_state state)
{
    return 1u << state;
}
enum { STORE_LOOK_MAX = 5000 };

/* What a member of an entity's data must be. `path`: member names with dots between. In an array a
 * number stands for the element of that index, from 0; anything else is looked for in each. The
 * value: a string by its text, a number by its value, true, false and null by their names. */
struct store_field {
    struct str path, value;
};

/* A search looks at so many entities and at so much of their data (about) before it reports back
 * with `next`, so that it holds up no other query for more than some milliseconds. */
enum { STORE_SEARCH_MAX = 20000, STORE_SEARCH_BYTES = 4 << 20 };

enum store_direction { DIRECTION_BOTH, DIRECTION_OUT, DIRECTION_IN };

struct store_query {
    struct store_op op;
    enum store_query_kind query;
    uint64_t number;
    uint32_t integration;
    struct str id, type; /* borrowed until done, as the next two */
    struct str text;     /* QUERY_ENTITIES: words, each of which is part of some string in the data,
                            whatever its case (of ASCII letters) */
    const struct store_field *fields;
    size_t field_count;
    struct str other; /* QUERY_RELATIONSHIPS: the entity at the other end; empty: any */
    enum store_direction direction;
    struct store_filter filter;
    bool with_data; /* QUERY_SUBMISSIONS: row.data is the entity's, as it is now */
    bool own_only;  /* QUERY_SIGNALS: only those that were published */
    uint64_t after; /* a row's seq/submission number to go on behind; 0: from the start */
    uint32_t limit; /* 0: no limit */
    /* For each row, on the reader thread [pool]; false stops. */
    bool (*row)(struct store_query *query, const struct store_row *row);
    void *user;
    uint64_t next; /* out: there may be more behind this number, though the limit was not reached;
                      0: that was the end */
};
void store_query(struct store *store, struct store_query *query);

/* Figures for /metrics and status. [any] */
struct store_figures {
    uint64_t commits, writes, largest_group;
    struct histogram commit_us;
    int64_t wal_bytes;
    int64_t file_bytes, free_bytes; /* free: inside the file */
    int64_t oldest_reader_ms;       /* who holds the log back, and for how long; 0: nobody */
    int64_t checkpoint_ms;          /* wall time of the last complete one; 0: none yet */
    uint64_t removed, trimmed, signals, entities; /* by retention, since the start */
    uint64_t slices, slice_us_sum;
    bool is_full; /* the disk is: intake is refused until there is room */
};
void store_figures(struct store *store, struct store_figures *out);
/* Several producers wait for their commits, or did a moment ago, and leave time between them: what
 * keeps nobody waiting does well to let them go first. On any thread. */
bool store_is_awaited(const struct store *store);

#endif

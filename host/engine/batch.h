/* SPDX-License-Identifier: Apache-2.0
 * One claim in hand. Private to the engine room: batch.c takes it through its stages, poison.c
 * finds the record that a worker dies of, sending.c sends requests and reads answers, splitting.c
 * finds the record for which a whole request is refused, settle.c turns what became of a record
 * into what is written down. [loop] */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include "base/arena.h"
#include "engine/lane.h"
#include "http/http_client.h"

enum stage { STAGE_JQ, STAGE_PLUGIN };

/* Records that go into the plugin's hands together. */
struct range {
    const uint32_t *indexes; /* of batch->records */
    uint32_t count;
    bool is_reconcile; /* asked first whether they had arrived: see reconcile.c */
    bool is_further;   /* a request of theirs was answered already, and led to this one */
};

static inline struct range range_part(const struct range *range, uint32_t from, uint32_t count)
{
    struct range part = *range;

    part.indexes += from;
    part.count = count;
    return part;
}

struct batch {
    struct lane *lane;
    struct batch *next, **link;
    struct store_claim claim; /* owns the records' texts */
    int64_t start_by_ms;      /* what is begun later could outlive the lease */
    struct lane_gate_pass pass;
    struct plugin_record *records;
    struct str *keys;
    bool *is_settled;
    uint8_t *deaths; /* per record: deaths of the worker that were its doing, as far as is known */
    uint8_t *losses; /* those in which it was lost alone, without proof that it was its doing */
    uint32_t count, open; /* records; those without a verdict */
    enum stage stage;
    struct range *ranges; /* what waits for the plugin; the last one goes first */
    uint32_t range_count, range_room;
    struct str *notes; /* per record: what was found out before it was sent; NULL: of none */
    bool is_calling;
    bool is_advancing; /* an answer may come from within the call */
    struct arena arena;
    struct plugin_reply **replies; /* whose bytes records and requests point into */
    size_t reply_count, reply_room;
};

/* A range in the plugin's hands. */
struct delivery {
    struct batch *batch;
    const uint32_t *indexes; /* of batch->records */
    uint32_t count;
    unsigned steps;
    bool is_further; /* as its range */
    /* of a lookup (PLUGIN_STEP_RECONCILE): */
    uint32_t *absent; /* those that had not arrived */
    uint32_t absent_count;
    uint32_t lookups; /* requests under way, and one while more may come */
};

void batch_advance(struct batch *batch);
/* These go to the plugin, before all that waits already; batch_advance() then takes them there.
 * The indexes stay the batch's (its arena). Without memory the records are given back unused. */
void batch_push(struct batch *batch, struct range range);
void batch_push_halves(struct batch *batch, struct range range);

/* ---- settle.c ---- */

/* What became of a record. Texts are borrowed for the call. */
struct settlement {
    int verdict; /* TENON_... */
    int error_class;
    int64_t retry_after_ms;
    int http_status;
    bool is_attempt;
    bool is_unreached; /* not one byte of it left: the destination was not there, and the record is
                          none the worse */
    struct str message, external_id, request, answer;
    struct str trace; /* the traceparent that was sent, or none */
    int64_t started_ms, duration_us;
};

/* Writes down one record's verdict; a second one for the same record is ignored. */
void settle(struct batch *batch, uint32_t index, const struct settlement *settlement);
/* A claim that was not used: the record is as before, no try counted. */
void settle_released(struct batch *batch, uint32_t index);

/* ---- poison.c ---- */

/* The worker did not survive these records: they go again in parts, so that the one that it died of
 * ends alone, parked, and the others get through. */
void poison_isolate(struct delivery *delivery, const struct plugin_reply *reply);
/* A call that hung or died while the plugin itself was sending: nobody knows what arrived. */
void poison_settle_unsure(struct delivery *delivery, const struct plugin_reply *reply);

/* ---- reconcile.c ---- */

void reconcile_begin(struct delivery *delivery);
/* What a lookup said of one record; `found->verdict` may be TENON_NOT_THERE. */
void reconcile_take(struct delivery *delivery, uint32_t index, const struct settlement *found);
/* One of the delivery's lookups has ended; after the last one those that had not arrived go on. */
void reconcile_end_one(struct delivery *delivery);

/* ---- splitting.c ---- */

/* One answer for several records, which says that the data is wrong, may be true of one of them
 * only: they go again in halves. False when this is no such answer: then it stands. */
bool splitting_take_answer(struct batch *batch, const uint32_t *indexes, uint32_t count,
                           const struct settlement *answer);
/* The same where the plugin's judge gave the verdicts on an answer with this HTTP status, */
bool splitting_take_judged(struct batch *batch, const uint32_t *indexes, uint32_t count,
                           const struct plugin_outcome *outcomes, int http_status);
/* and where prepare, submit or a submitter refused all that it was given by one status: what is
 * shared so goes again, and only the other outcomes are left to settle. */
bool splitting_take_call(struct batch *batch, const uint32_t *indexes, uint32_t count,
                         const struct plugin_outcome *outcomes);

/* ---- sending.c ---- */

/* A request under way. */
struct sending {
    struct http_request http;
    struct batch *batch;
    const uint32_t *records; /* indexes of batch->records */
    uint32_t record_count;
    bool is_probe;           /* of the gate's breaker */
    struct str line;         /* "POST https://..." for `tenon why` */
    struct str trace;        /* the traceparent in it, or none */
    struct delivery *lookup; /* that asks whether they had arrived; NULL: it delivers them */
    struct sending *next;    /* that waits for the judge */
};

/* The answer as it is usually read, by its status. */
struct settlement sending_read(const struct sending *sending);
/* All of its records have this verdict, or go again in halves. */
void sending_settle(struct sending *sending, const struct settlement *settlement);
void sending_settle_one(struct sending *sending, uint32_t i, const struct settlement *settlement);
void sending_end(struct sending *sending); /* every record of it is settled, or goes again */

/* Sends what the plugin prepared; each answer settles its records. `reply` is kept by the batch. */
void sending_start(struct delivery *delivery, struct plugin_reply *reply);

/* ---- judging.c ---- */

/* Has the plugin's judge read the answer, then ends it. */
void judging_ask(struct sending *sending);

#endif

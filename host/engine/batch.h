/* SPDX-License-Identifier: Apache-2.0
 * One claim in hand. Private to the engine room: batch.c takes it through its stages, sending.c
 * sends requests and reads answers, settle.c turns what became of a record into what is written
 * down. [loop] */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include "engine/arena.h"
#include "engine/lane.h"

enum { RANGES_MAX = 64 };

enum stage { STAGE_JQ, STAGE_PLUGIN, STAGE_DONE };

struct range {
    uint32_t first, count; /* in batch->alive */
};

struct batch {
    struct lane *lane;
    struct batch *next, **link;
    struct store_claim claim; /* owns the records' texts */
    struct plugin_record *records;
    struct str *keys;
    bool *is_settled;
    uint8_t *deaths; /* per record: deaths of the worker that were its doing, as far as is known */
    uint8_t *losses; /* those in which it was lost alone, without proof that it was its doing */
    uint32_t count, open; /* records; those without a verdict */
    enum stage stage;
    uint32_t *alive; /* indexes into records, for this stage */
    uint32_t alive_count;
    struct range ranges[RANGES_MAX];
    uint32_t range_count;
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
};

void batch_advance(struct batch *batch);

/* ---- settle.c ---- */

/* What became of a record. Texts are borrowed for the call. */
struct settlement {
    int verdict; /* TENON_... */
    int error_class;
    int64_t retry_after_ms;
    int http_status;
    bool is_attempt;
    struct str message, external_id, request, answer;
    int64_t started_ms, duration_us;
};

/* Writes down one record's verdict; a second one for the same record is ignored. */
void settle(struct batch *batch, uint32_t index, const struct settlement *settlement);
/* A claim that was not used: the record is as before, no try counted. */
void settle_released(struct batch *batch, uint32_t index);

/* ---- sending.c ---- */

/* Sends what the plugin prepared; each answer settles its records. `reply` is kept by the batch. */
void sending_start(struct delivery *delivery, struct plugin_reply *reply);

#endif

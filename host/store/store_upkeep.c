/* SPDX-License-Identifier: Apache-2.0
 * A slice lasts about SLICE_US, and while others write it is followed by at least four times as
 * long for them: a write that comes at the wrong moment waits for one slice. */
#include "store/store_upkeep.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>

enum {
    SLICE_US = 600,
    REST = 4, /* so many times what the slice took */
    TICK_MIN_US = 1000000,
    TICK_MAX_US = 10000000,
    ROWS_MIN = 16,
    ROWS_MAX = 4096,
    PAGES_MIN = 4,
    PAGES_MAX = 256,
    FREE_MIN_BYTES = 4 << 20,      /* less is not worth the moving */
    FREE_SHARE = 16,               /* shrinks when more than a sixteenth of the file is free */
    WAL_MAX_BYTES = 64 << 20,      /* then the log is started anew, if readers let it */
    READER_WARN_US = 30 * 1000000, /* who holds it back for longer is told of */
    WARN_EVERY_US = 300 * 1000000,
};

void store_upkeep_start(struct store_upkeep *upkeep, const struct store_backend *backend,
                        void *writer)
{
    *upkeep = (struct store_upkeep){
        .backend = backend,
        .writer = writer,
        .next_us = clock_mono_us() + TICK_MIN_US,
        .rows = 4 * ROWS_MIN,
        .pages = 4 * PAGES_MIN,
    };
}

static int64_t tick_us(const struct store_retention *retention)
{
    int64_t least_ms = retention->signals_ms;
    int64_t tick;

    if (retention->entities_ms > 0 && (least_ms <= 0 || retention->entities_ms < least_ms))
        least_ms = retention->entities_ms;
    for (int i = 0; i < SUBMISSION_STATES; i++)
        if (retention->keep_ms[i] > 0 && (least_ms <= 0 || retention->keep_ms[i] < least_ms))
            least_ms = retention->keep_ms[i];
    tick = least_ms > 0 && least_ms < TICK_MAX_US / 1000 ? least_ms * 1000 : TICK_MAX_US;
    return tick < TICK_MIN_US ? TICK_MIN_US : tick;
}

/* What fits a slice follows what the last one took. */
static void adapt(uint32_t *most, int64_t took_us, uint32_t lower, uint32_t upper)
{
    if (took_us > SLICE_US)
        *most = *most / 2 > lower ? *most / 2 : lower;
    else if (took_us < SLICE_US / 2)
        *most = *most * 2 < upper ? *most * 2 : upper;
}

static int clean(struct store_upkeep *upkeep, const struct store_retention *retention,
                 bool *out_more, struct err *err)
{
    int64_t started_us = clock_mono_us();
    struct store_slice slice = {
        .retention = *retention,
        .until_us = started_us + SLICE_US,
        .most = upkeep->rows,
        .is_asked = upkeep->compact != NULL,
    };
    int status = upkeep->backend->clean(upkeep->writer, &slice, err);

    if (status < 0)
        return status;
    adapt(&upkeep->rows, clock_mono_us() - started_us, ROWS_MIN, ROWS_MAX);
    upkeep->figures.removed += slice.removed;
    upkeep->figures.trimmed += slice.trimmed;
    upkeep->figures.signals += slice.signals;
    upkeep->figures.entities += slice.entities;
    if (upkeep->compact != NULL) {
        upkeep->compact->removed += slice.removed;
        upkeep->compact->trimmed += slice.trimmed;
    }
    *out_more = slice.has_more;
    return 0;
}

static int shrink(struct store_upkeep *upkeep, bool *out_more, struct err *err)
{
    int64_t started_us = clock_mono_us();
    struct store_slice slice = {.until_us = started_us + SLICE_US, .most = upkeep->pages};
    int status = upkeep->backend->shrink(upkeep->writer, &slice, err);

    if (status == 0)
        adapt(&upkeep->pages, clock_mono_us() - started_us, PAGES_MIN, PAGES_MAX);
    *out_more = slice.has_more;
    return status;
}

/* Some free pages are left for what is written next. */
static bool wants_shrinking(struct store_upkeep *upkeep, const struct store_space *space)
{
    int64_t share = space->bytes / FREE_SHARE;
    int64_t most = share > FREE_MIN_BYTES ? share : FREE_MIN_BYTES;

    upkeep->is_shrinking = space->free_bytes > (upkeep->is_shrinking ? most / 2 : most);
    return upkeep->is_shrinking;
}

static void watch_log(struct store_upkeep *upkeep, const struct store_space *space,
                      int64_t reader_since_us)
{
    int64_t now_us = clock_mono_us();
    int64_t since_us = space->held_since_us;

    if (reader_since_us > 0 && (since_us == 0 || reader_since_us < since_us))
        since_us = reader_since_us;
    upkeep->figures.oldest_reader_ms = since_us > 0 ? (now_us - since_us) / 1000 : 0;
    if (space->wal_bytes > WAL_MAX_BYTES && upkeep->backend->checkpoint(upkeep->writer, NULL) == 0)
        return;
    if (since_us == 0 || now_us - since_us < READER_WARN_US ||
        (upkeep->warned_us > 0 && now_us - upkeep->warned_us < WARN_EVERY_US))
        return;
    upkeep->warned_us = now_us;
    log_warn("a reader holds back the store's log, which grows until it ends",
             F_INT("reader_age_ms", upkeep->figures.oldest_reader_ms),
             F_INT("wal_bytes", space->wal_bytes));
}

static void take_space(struct store_upkeep *upkeep, const struct store_space *space)
{
    upkeep->figures.file_bytes = space->bytes;
    upkeep->figures.free_bytes = space->free_bytes;
    upkeep->figures.wal_bytes = space->wal_bytes;
    upkeep->figures.checkpoint_ms = space->checkpoint_ms;
}

/* One slice towards the end of a compact; 1: it is at its end. */
static int compact(struct store_upkeep *upkeep, const struct store_retention *retention,
                   struct err *err)
{
    struct store_space space = {0};
    bool is_more = false;
    int status = 0;

    upkeep->backend->space(upkeep->writer, &space);
    if (upkeep->bytes_before == 0)
        upkeep->bytes_before = space.bytes;
    if (!upkeep->is_cleaned) {
        status = clean(upkeep, retention, &is_more, err);
        upkeep->is_cleaned = !is_more;
        return status;
    }
    if (space.free_bytes > 0)
        status = shrink(upkeep, &is_more, err);
    if (status < 0 || is_more)
        return status;
    upkeep->backend->space(upkeep->writer, &space);
    upkeep->compact->freed_bytes = upkeep->bytes_before - space.bytes;
    status = upkeep->backend->checkpoint(upkeep->writer, err);
    return status == 0 || status == -EBUSY ? 1 : status; /* a reader's end lets the log go */
}

static struct store_op *compact_end(struct store_upkeep *upkeep, int status,
                                    const struct err *error)
{
    struct store_op *op = &upkeep->compact->op;

    op->status = status < 0 ? status : 0;
    if (status < 0)
        op->error = *error;
    upkeep->compact = NULL;
    upkeep->is_cleaned = false;
    upkeep->bytes_before = 0;
    return op;
}

struct store_op *store_upkeep_step(struct store_upkeep *upkeep,
                                   const struct store_retention *retention, int64_t reader_since_us)
{
    struct store_op *ended = NULL;
    struct store_space space = {0};
    struct err error = {0};
    int64_t started_us = clock_mono_us();
    bool is_compacting = upkeep->compact != NULL;
    bool is_more = false;
    int status;

    if (is_compacting) {
        status = compact(upkeep, retention, &error);
        if (status != 0)
            ended = compact_end(upkeep, status, &error);
    } else {
        status = retention->is_paused ? 0 : clean(upkeep, retention, &is_more, &error);
    }
    upkeep->backend->space(upkeep->writer, &space);
    if (status == 0 && !is_compacting && !is_more && !retention->is_paused &&
        wants_shrinking(upkeep, &space))
        status = shrink(upkeep, &is_more, &error);
    if (status < 0 && !is_compacting)
        log_warn("the store could not be cleaned, tried again later", F_ERR(&error));
    watch_log(upkeep, &space, reader_since_us);
    upkeep->backend->space(upkeep->writer, &space);
    take_space(upkeep, &space);

    int64_t took_us = clock_mono_us() - started_us;
    upkeep->figures.slices++;
    upkeep->figures.slice_us_sum += (uint64_t)took_us;
    if (upkeep->compact != NULL)
        upkeep->next_us = started_us;
    else if (is_more && status >= 0)
        upkeep->next_us = started_us + (1 + REST) * took_us;
    else
        upkeep->next_us = started_us + tick_us(retention);
    return ended;
}

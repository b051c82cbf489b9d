/* SPDX-License-Identifier: Apache-2.0
 * Spans: numbers that submissions of one integration got in a row, and when the first of them was
 * born. A row per claim or fewer, where an index by integration would be one per submission: they
 * lead a list to an integration's submissions, and past those that are too young for it.
 *
 * The one that grows has its row written ahead, up to where it may grow, so that growing costs
 * nothing: no number behind its end is given out yet. Its row is put right when another begins. */
#include "store/store_sqlite.h"

enum { SPAN_MAX = 4096 };

static int save(struct store_sqlite_writer *writer, uint64_t last, struct err *err)
{
    struct store_sqlite_span *span = &writer->span;
    sqlite3_stmt *save = store_sqlite_use(
        &writer->handle, S_SPAN_SAVE,
        "INSERT INTO spans (first, last, integration, born_ms) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET last = ?2");

    span->written_last = last;
    (void)sqlite3_bind_int64(save, 1, (int64_t)span->first);
    (void)sqlite3_bind_int64(save, 2, (int64_t)last);
    (void)sqlite3_bind_int64(save, 3, span->integration);
    (void)sqlite3_bind_int64(save, 4, span->born_ms);
    return store_sqlite_run(writer, save, "cannot save a span", err);
}

int store_sqlite_span_flush(struct store_sqlite_writer *writer, struct err *err)
{
    const struct store_sqlite_span *span = &writer->span;

    return span->written_last < span->last ? save(writer, span->first + SPAN_MAX - 1, err) : 0;
}

int store_sqlite_span_add(struct store_sqlite_writer *writer, uint32_t integration, uint64_t number,
                          struct err *err)
{
    struct store_sqlite_span *span = &writer->span;
    int status = 0;

    if (span->integration == integration && span->last + 1 == number &&
        number - span->first < SPAN_MAX) {
        span->last = number;
        return 0;
    }
    if (span->written_last != span->last)
        status = save(writer, span->last, err);
    *span = (struct store_sqlite_span){
        .first = number, .last = number, .integration = integration, .born_ms = writer->now_ms};
    return status;
}

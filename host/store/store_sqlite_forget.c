/* SPDX-License-Identifier: Apache-2.0
 * Entities of age that nobody needs any more. They are met in the order of their numbers, which is
 * that of their birth, in passes that end where the young begin.
 *
 * An entity stays while an integration has not walked past it, while a submission of it is not over
 * or not of age, and while a relationship holds on to it. Versions of those that went are not given
 * again (life.floor), so that no idempotency key is used for two contents. */
#include "store/store_sqlite_clean.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    WINDOW = 256,
    GRACE_MS = 600000, /* until the lanes are open after a start; also the least between passes */
    PASSES = 16,       /* so many in the time that an entity is kept */
    SEEN_EVERY_MS = 3600000
};

struct old {
    uint64_t number, seq, version;
    int64_t created_ms, updated_ms;
    bool is_deleted;
};

struct store_sqlite_lane *store_sqlite_lane(struct store_sqlite_writer *writer, uint32_t number)
{
    for (size_t i = 0; i < writer->lane_count; i++)
        if (writer->lanes[i].number == number)
            return &writer->lanes[i];
    return NULL;
}

int store_sqlite_lane_open(struct store_sqlite_writer *writer, uint32_t number, int64_t now_ms,
                           struct err *err)
{
    sqlite3_stmt *seen = store_sqlite_use(&writer->handle, S_INTEGRATION_SEEN,
                                          "UPDATE integrations SET seen_ms = ?2 WHERE number = ?1");

    if (store_sqlite_lane(writer, number) == NULL) {
        struct store_sqlite_lane *more =
            realloc(writer->lanes, (writer->lane_count + 1) * sizeof(*more));
        if (more == NULL) {
            writer->is_spoiled = true;
            return err_set(err, -ENOMEM, "no memory for an integration");
        }
        writer->lanes = more;
        more[writer->lane_count++] = (struct store_sqlite_lane){.number = number, .walks = true};
    }
    (void)sqlite3_bind_int64(seen, 1, number);
    (void)sqlite3_bind_int64(seen, 2, now_ms);
    return store_sqlite_run(writer, seen, "cannot open an integration", err);
}

/* The number up to which every integration that counts has walked. One that was not open for as
 * long as entities are kept does not count any more. */
static int walked_by_all(struct clean *clean, uint64_t *out, struct err *err)
{
    struct store_sqlite_writer *writer = clean->writer;
    sqlite3_stmt *all = store_sqlite_use(&writer->handle, S_FORGET_SEEN,
                                         "SELECT number, seen_ms FROM integrations");
    int code = SQLITE_ERROR;
    uint64_t least = writer->life.seq;

    while (all != NULL && (code = sqlite3_step(all)) == SQLITE_ROW) {
        uint32_t number = (uint32_t)sqlite3_column_int64(all, 0);
        const struct store_sqlite_lane *lane = store_sqlite_lane(writer, number);
        const struct store_sqlite_integration *integration =
            store_sqlite_integration_find(writer, number, NULL);
        bool counts = lane != NULL ? lane->walks
                                   : sqlite3_column_int64(all, 1) >
                                         clean->now_ms - clean->slice->retention.entities_ms;
        if (counts && integration != NULL && integration->cursor < least)
            least = integration->cursor;
    }
    (void)sqlite3_reset(all); /* repeats the step's code */
    if (code != SQLITE_DONE)
        return store_sqlite_spoil(writer, "cannot look for integrations", err);
    *out = least;
    return 0;
}

static int is_needed(struct clean *clean, uint64_t number, bool *out, struct err *err)
{
    sqlite3_stmt *find = store_sqlite_use(
        &clean->writer->handle, S_FORGET_NEEDED,
        "SELECT EXISTS (SELECT 1 FROM submissions INDEXED BY submissions_entity WHERE entity = ?1"
        " AND (flags & 16 = 0 OR state NOT IN (2, 4, 6, 7) OR changed_ms > ?2))"
        " OR EXISTS (SELECT 1 FROM relationships INDEXED BY relationships_from WHERE"
        " from_entity = ?1)"
        " OR EXISTS (SELECT 1 FROM relationships INDEXED BY relationships_to WHERE to_entity = "
        "?1)");

    (void)sqlite3_bind_int64(find, 1, (int64_t)number);
    (void)sqlite3_bind_int64(find, 2, clean->now_ms - clean->slice->retention.entities_ms);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    *out = code == SQLITE_ROW && sqlite3_column_int(find, 0) != 0;
    (void)sqlite3_reset(find); /* repeats the step's code */
    return code == SQLITE_ROW ? 0
                              : store_sqlite_spoil(clean->writer, "cannot look for entities", err);
}

static int drop_submissions(struct clean *clean, uint64_t entity, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(&clean->writer->handle, S_FORGET_SUBMISSIONS,
                         STORE_SQLITE_AGED " FROM submissions s INDEXED BY submissions_entity"
                                           " WHERE s.entity = ?1 LIMIT 64");
    struct aged rows[STORE_SQLITE_AGED_MAX];
    size_t count = 1;
    int status = 0;

    while (count > 0 && status == 0) {
        (void)sqlite3_bind_int64(find, 1, (int64_t)entity);
        status = store_sqlite_aged(clean, find, rows, &count, err);
        for (size_t i = 0; i < count && status == 0; i++)
            status = store_sqlite_clean_drop(clean, &rows[i], err);
    }
    return status;
}

static int drop_by_entity(struct clean *clean, enum store_sqlite_statement which, const char *sql,
                          uint64_t entity, struct err *err)
{
    sqlite3_stmt *drop = store_sqlite_use(&clean->writer->handle, which, sql);

    (void)sqlite3_bind_int64(drop, 1, (int64_t)entity);
    return store_sqlite_run(clean->writer, drop, "cannot remove an entity", err);
}

static int forget(struct clean *clean, const struct old *old, struct err *err)
{
    struct store_sqlite_life *life = &clean->writer->life;
    int status = drop_submissions(clean, old->number, err);

    if (status == 0)
        status = drop_by_entity(clean, S_FORGET_KEYS,
                                "DELETE FROM integration_keys WHERE (integration, entity) IN"
                                " (SELECT number, ?1 FROM integrations)",
                                old->number, err);
    if (status == 0)
        status = drop_by_entity(clean, S_FORGET_ATTRIBUTES,
                                "DELETE FROM attributes WHERE entity = ?1", old->number, err);
    if (status == 0)
        status = drop_by_entity(clean, S_FORGET_ENTITY, "DELETE FROM entities WHERE num = ?1",
                                old->number, err);
    if (!old->is_deleted)
        life->entities--;
    if (old->version > life->floor)
        life->floor = old->version;
    clean->slice->entities++;
    return status;
}

static int read_window(struct clean *clean, struct old *out, size_t *out_count, struct err *err)
{
    sqlite3_stmt *next = store_sqlite_use(
        &clean->writer->handle, S_FORGET_NEXT,
        "SELECT num, seq, version, deleted, created_ms, updated_ms FROM entities WHERE num > ?1"
        " ORDER BY num LIMIT ?2");
    size_t count = 0;
    int code = SQLITE_ERROR;

    (void)sqlite3_bind_int64(next, 1, (int64_t)clean->writer->forget_next);
    (void)sqlite3_bind_int64(next, 2, WINDOW);
    while (next != NULL && (code = sqlite3_step(next)) == SQLITE_ROW)
        out[count++] = (struct old){
            .number = (uint64_t)sqlite3_column_int64(next, 0),
            .seq = (uint64_t)sqlite3_column_int64(next, 1),
            .version = (uint64_t)sqlite3_column_int64(next, 2),
            .is_deleted = sqlite3_column_int(next, 3) != 0,
            .created_ms = sqlite3_column_int64(next, 4),
            .updated_ms = sqlite3_column_int64(next, 5),
        };
    (void)sqlite3_reset(next); /* repeats the step's code */
    *out_count = count;
    return code == SQLITE_DONE ? 0
                               : store_sqlite_spoil(clean->writer, "cannot look for entities", err);
}

static int forget_window(struct clean *clean, uint64_t walked, bool *out_more, struct err *err)
{
    struct old rows[WINDOW];
    size_t count = 0;
    size_t i = 0;
    bool has_old = false;
    int64_t cut_ms = clean->now_ms - clean->slice->retention.entities_ms;
    int status = read_window(clean, rows, &count, err);

    for (; i < count && status == 0 && !store_sqlite_clean_is_over(clean); i++) {
        bool is_kept = rows[i].updated_ms > cut_ms || rows[i].seq > walked;
        has_old |= rows[i].created_ms <= cut_ms || rows[i].created_ms > clean->wall_ms;
        clean->slice->looked++;
        clean->writer->forget_next = rows[i].number;
        if (!is_kept)
            status = is_needed(clean, rows[i].number, &is_kept, err);
        if (status == 0 && !is_kept)
            status = forget(clean, &rows[i], err);
    }
    *out_more = i < count || (count == WINDOW && has_old);
    return status;
}

/* Of an integration that was seen by a clock which was ahead, only that it was is known. */
static int put_seen_right(struct clean *clean, struct err *err)
{
    sqlite3_stmt *ahead =
        store_sqlite_use(&clean->writer->handle, S_INTEGRATION_AHEAD,
                         "UPDATE integrations SET seen_ms = ?1 WHERE seen_ms > ?2");

    (void)sqlite3_bind_int64(ahead, 1, clean->now_ms);
    (void)sqlite3_bind_int64(ahead, 2, clean->wall_ms);
    return store_sqlite_run(clean->writer, ahead, "cannot look for integrations", err);
}

/* Lanes that are open are seen, however long they have been. */
static int note_seen(struct clean *clean, struct err *err)
{
    struct store_sqlite_writer *writer = clean->writer;
    int64_t due_ms = clock_due_ms(); /* while the machine sleeps the time that is kept goes on */

    if (due_ms < writer->seen_next_ms)
        return 0;
    writer->seen_next_ms = due_ms + SEEN_EVERY_MS;
    int status = put_seen_right(clean, err);
    for (size_t i = 0; i < writer->lane_count && status == 0; i++)
        status = store_sqlite_lane_open(writer, writer->lanes[i].number, clean->now_ms, err);
    return status;
}

static int end_pass(struct clean *clean, struct err *err)
{
    struct store_sqlite_writer *writer = clean->writer;
    int64_t pause_ms = clean->slice->retention.entities_ms / PASSES;

    writer->forget_next = 0;
    writer->forget_at_ms = clock_mono_us() / 1000 + (pause_ms < GRACE_MS ? pause_ms : GRACE_MS);
    sqlite3_stmt *spans = store_sqlite_use(
        &writer->handle, S_FORGET_SPANS,
        "DELETE FROM spans WHERE last < (SELECT min(num) FROM submissions) AND first < ?1");
    (void)sqlite3_bind_int64(spans, 1, (int64_t)writer->span.first);
    return store_sqlite_run(writer, spans, "cannot remove spans", err);
}

int store_sqlite_forget(struct clean *clean, struct err *err)
{
    struct store_sqlite_writer *writer = clean->writer;
    int64_t keep_ms = clean->slice->retention.entities_ms;
    int64_t mono_ms = clock_mono_us() / 1000;
    uint64_t walked = 0;
    bool is_more = true;

    if (keep_ms <= 0)
        return 0;
    if (writer->opened_ms == 0)
        writer->opened_ms = mono_ms;
    int status = note_seen(clean, err);
    bool is_time =
        clean->slice->is_asked || writer->forget_next > 0 || mono_ms >= writer->forget_at_ms;
    if (status < 0 || !is_time ||
        mono_ms < writer->opened_ms + (keep_ms < GRACE_MS ? keep_ms : GRACE_MS))
        return status;
    status = walked_by_all(clean, &walked, err);
    while (status == 0 && is_more && !store_sqlite_clean_is_over(clean))
        status = forget_window(clean, walked, &is_more, err);
    clean->slice->has_more |= is_more;
    return status < 0 || is_more ? status : end_pass(clean, err);
}

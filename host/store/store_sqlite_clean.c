/* SPDX-License-Identifier: Apache-2.0
 * What retention removes, in slices.
 *
 * Submissions are numbered as they are born, so those behind one that changed long ago are no
 * younger: for each state a cursor follows the numbers and looks at each row once. Rows that end
 * behind their state's cursor (tried for days, replayed) are noted in `aging` when they end. So are
 * those that a clock which was ahead has stamped, when the cursor comes to them: it would stand
 * before them for years.
 *
 * An ended row that has a successor for its entity and integration goes. The last one is what the
 * walks and the order per entity lean on (store_sqlite_look), so it stays, without its attempts and
 * its reason. */
#include "store/store_sqlite_clean.h"

#include "base/clock.h"

enum { WINDOW = STORE_SQLITE_AGED_MAX };

static int64_t cut_of(const struct clean *clean, enum submission_state state)
{
    return clean->now_ms - clean->slice->retention.keep_ms[state];
}

static struct aged read_aged(sqlite3_stmt *row)
{
    return (struct aged){
        .number = (uint64_t)sqlite3_column_int64(row, 0),
        .entity = (uint64_t)sqlite3_column_int64(row, 1),
        .integration = (uint32_t)sqlite3_column_int64(row, 2),
        .state = (enum submission_state)sqlite3_column_int(row, 3),
        .flags = (uint32_t)sqlite3_column_int64(row, 4),
        .changed_ms = sqlite3_column_int64(row, 5),
    };
}

int store_sqlite_aged(struct clean *clean, sqlite3_stmt *rows, struct aged *out, size_t *out_count,
                      struct err *err)
{
    int code = SQLITE_ERROR;
    size_t count = 0;

    while (rows != NULL && count < WINDOW && (code = sqlite3_step(rows)) == SQLITE_ROW)
        out[count++] = read_aged(rows);
    (void)sqlite3_reset(rows); /* repeats the step's code */
    if (rows == NULL || (code != SQLITE_ROW && code != SQLITE_DONE))
        return store_sqlite_spoil(clean->writer, "cannot look for what is of age", err);
    *out_count = count;
    return 0;
}

int store_sqlite_age(struct store_sqlite_writer *writer, enum submission_state state,
                     uint64_t number, int64_t ended_ms, struct err *err)
{
    if (number > writer->cleaned[state])
        return 0;
    sqlite3_stmt *age = store_sqlite_use(
        &writer->handle, S_AGING_ADD,
        "INSERT OR IGNORE INTO aging (state, ended_ms, submission) VALUES (?1, ?2, ?3)");
    (void)sqlite3_bind_int(age, 1, state);
    (void)sqlite3_bind_int64(age, 2, ended_ms);
    (void)sqlite3_bind_int64(age, 3, (int64_t)number);
    return store_sqlite_run(writer, age, "cannot note what ended", err);
}

/* Is there one behind it for the same entity and integration, at which a look stops? */
static int has_successor(struct clean *clean, const struct aged *row, bool *out, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(&clean->writer->handle, S_CLEAN_SUCCESSOR,
                         "SELECT 1 FROM submissions INDEXED BY submissions_entity"
                         " WHERE entity = ?1 AND integration = ?2 AND num > ?3 AND state <> 7"
                         " AND NOT (state = 0 AND due_ms IS NULL) AND flags & 8 = 0 LIMIT 1");

    (void)sqlite3_bind_int64(find, 1, (int64_t)row->entity);
    (void)sqlite3_bind_int64(find, 2, row->integration);
    (void)sqlite3_bind_int64(find, 3, (int64_t)row->number);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    (void)sqlite3_reset(find); /* repeats the step's code */
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return store_sqlite_spoil(clean->writer, "cannot look for submissions", err);
    *out = code == SQLITE_ROW;
    return 0;
}

static int drop_attempts(struct clean *clean, uint64_t number, struct err *err)
{
    sqlite3_stmt *drop = store_sqlite_use(&clean->writer->handle, S_CLEAN_ATTEMPTS,
                                          "DELETE FROM attempts WHERE num BETWEEN ?1 AND ?2");

    (void)sqlite3_bind_int64(drop, 1, store_sqlite_attempt_number(number, 0));
    (void)sqlite3_bind_int64(drop, 2, store_sqlite_attempt_number(number, UINT32_MAX));
    return store_sqlite_run(clean->writer, drop, "cannot remove attempts", err);
}

static int drop_row(struct clean *clean, uint64_t number, uint32_t integration,
                    enum submission_state state, struct err *err)
{
    struct store_sqlite_writer *writer = clean->writer;
    struct store_sqlite_integration *owner =
        store_sqlite_integration_find(writer, integration, err);
    sqlite3_stmt *drop =
        store_sqlite_use(&writer->handle, S_CLEAN_ROW, "DELETE FROM submissions WHERE num = ?1");

    if (owner == NULL) {
        writer->is_spoiled = true;
        return E_NOT_FOUND;
    }
    (void)sqlite3_bind_int64(drop, 1, (int64_t)number);
    store_sqlite_count(owner, state, SUBMISSION_NONE);
    clean->slice->removed++;
    return store_sqlite_run(writer, drop, "cannot remove a submission", err);
}

/* Trimmed ones before `row`, which were their entity's last until it came. */
static int drop_trimmed_before(struct clean *clean, const struct aged *row, struct err *err)
{
    sqlite3_stmt *find = store_sqlite_use(
        &clean->writer->handle, S_CLEAN_BEFORE,
        STORE_SQLITE_AGED " FROM submissions s INDEXED BY submissions_entity WHERE s.entity = ?1"
                          " AND s.integration = ?2 AND s.num < ?3 AND s.flags & 16 AND s.state IN"
                          " (2, 4, 6, 7) LIMIT 4");
    struct aged before[WINDOW];
    size_t count = 0;

    (void)sqlite3_bind_int64(find, 1, (int64_t)row->entity);
    (void)sqlite3_bind_int64(find, 2, row->integration);
    (void)sqlite3_bind_int64(find, 3, (int64_t)row->number);
    int status = store_sqlite_aged(clean, find, before, &count, err);
    for (size_t i = 0; i < count && status == 0; i++)
        status = drop_row(clean, before[i].number, row->integration, before[i].state, err);
    return status;
}

int store_sqlite_clean_drop(struct clean *clean, const struct aged *row, struct err *err)
{
    int status = drop_attempts(clean, row->number, err);

    return status < 0 ? status : drop_row(clean, row->number, row->integration, row->state, err);
}

static int clean_row(struct clean *clean, const struct aged *row, struct err *err)
{
    bool is_followed = false;
    int status = has_successor(clean, row, &is_followed, err);

    if (status == 0)
        status = drop_attempts(clean, row->number, err);
    if (status < 0)
        return status;
    if (is_followed)
        return drop_row(clean, row->number, row->integration, row->state, err);
    sqlite3_stmt *trim =
        store_sqlite_use(&clean->writer->handle, S_CLEAN_TRIM,
                         "UPDATE submissions SET flags = flags | 16, reason = NULL WHERE num = ?1");
    (void)sqlite3_bind_int64(trim, 1, (int64_t)row->number);
    status = store_sqlite_run(clean->writer, trim, "cannot trim a submission", err);
    clean->slice->trimmed++;
    bool is_stop = row->state != SUBMISSION_SUPERSEDED && (row->flags & FLAG_WAS_BLOCKED) == 0;
    return status < 0 || !is_stop ? status : drop_trimmed_before(clean, row, err);
}

bool store_sqlite_clean_is_over(const struct clean *clean)
{
    const struct store_slice *slice = clean->slice;

    return slice->looked >= slice->most ||
           (slice->looked > 0 && clock_mono_us() >= slice->until_us);
}

/* The rows behind the cursor of `state`, as far as they are surely no younger than its age, or are
 * no measure of that. */
static int clean_state(struct clean *clean, enum submission_state state, bool *out_more,
                       struct err *err)
{
    sqlite3_stmt *next =
        store_sqlite_use(&clean->writer->handle, S_CLEAN_NEXT,
                         STORE_SQLITE_AGED " FROM submissions s WHERE s.num > ?1 ORDER BY s.num");
    struct aged rows[WINDOW];
    size_t count = 0;
    size_t old = 0;
    int64_t cut_ms = cut_of(clean, state);
    size_t i = 0;

    (void)sqlite3_bind_int64(next, 1, (int64_t)clean->writer->cleaned[state]);
    int status = store_sqlite_aged(clean, next, rows, &count, err);
    if (status < 0)
        return status;
    for (size_t at = 0; at < count; at++)
        if (rows[at].changed_ms <= cut_ms || rows[at].changed_ms > clean->wall_ms)
            old = at + 1;
    for (; i < old && status == 0 && !store_sqlite_clean_is_over(clean); i++) {
        clean->slice->looked++;
        clean->writer->cleaned[state] = rows[i].number;
        if (rows[i].state == state && rows[i].changed_ms <= cut_ms)
            status = clean_row(clean, &rows[i], err);
        else if (rows[i].state == state)
            status =
                store_sqlite_age(clean->writer, state, rows[i].number, rows[i].changed_ms, err);
    }
    *out_more = i < old || (old == count && count == WINDOW);
    return status;
}

static int drop_aging(struct clean *clean, enum submission_state state, int64_t ended_ms,
                      uint64_t number, struct err *err)
{
    sqlite3_stmt *drop = store_sqlite_use(
        &clean->writer->handle, S_AGING_DROP,
        "DELETE FROM aging WHERE state = ?1 AND ended_ms = ?2 AND submission = ?3");

    (void)sqlite3_bind_int(drop, 1, state);
    (void)sqlite3_bind_int64(drop, 2, ended_ms);
    (void)sqlite3_bind_int64(drop, 3, (int64_t)number);
    return store_sqlite_run(clean->writer, drop, "cannot remove a note", err);
}

/* What ended behind the cursor. A note that does not fit its row any more was followed by another
 * one when the row ended again. */
static int clean_aging(struct clean *clean, enum submission_state state, struct err *err)
{
    sqlite3_stmt *next = store_sqlite_use(
        &clean->writer->handle, S_AGING_NEXT,
        "SELECT a.submission, s.entity, s.integration, ifnull(s.state, -1), s.flags, a.ended_ms,"
        " s.changed_ms FROM aging a LEFT JOIN submissions s ON s.num = a.submission"
        " WHERE a.state = ?1 AND a.ended_ms <= ?2 ORDER BY a.ended_ms LIMIT 1");
    int status = 0;
    int code = SQLITE_ROW;

    while (status == 0 && code == SQLITE_ROW && !store_sqlite_clean_is_over(clean)) {
        struct aged row = {0};
        int64_t changed_ms = 0;
        (void)sqlite3_bind_int(next, 1, state);
        (void)sqlite3_bind_int64(next, 2, cut_of(clean, state));
        code = next != NULL ? sqlite3_step(next) : SQLITE_ERROR;
        if (code == SQLITE_ROW) {
            row = read_aged(next);
            changed_ms = sqlite3_column_int64(next, 6);
        }
        (void)sqlite3_reset(next); /* repeats the step's code */
        if (code != SQLITE_ROW)
            break;
        clean->slice->looked++;
        status = drop_aging(clean, state, row.changed_ms, row.number, err);
        if (status == 0 && row.state == state && changed_ms == row.changed_ms)
            status = clean_row(clean, &row, err);
    }
    clean->slice->has_more |= code == SQLITE_ROW;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return store_sqlite_spoil(clean->writer, "cannot look for what is of age", err);
    return status;
}

/* What the signals behind a number say, as far as a window shows. */
struct signals {
    uint64_t old;  /* the last that is of age; 0: none is */
    uint64_t last; /* of them all */
    uint32_t old_count, count;
    int64_t first_ms; /* the least of their stamps */
};

static int look_at_signals(struct clean *clean, uint64_t after, struct signals *out,
                           struct err *err)
{
    sqlite3_stmt *find = store_sqlite_use(
        &clean->writer->handle, S_CLEAN_SIGNALS_FIND,
        "SELECT max(seq) FILTER (WHERE is_old), count(*) FILTER (WHERE is_old), max(seq), count(*),"
        " min(at_ms) FROM (SELECT seq, at_ms, at_ms <= ?1 OR seq <= ?2 AS is_old FROM signals"
        " WHERE seq > ?3 ORDER BY seq LIMIT ?4)");

    (void)sqlite3_bind_int64(find, 1, clean->now_ms - clean->slice->retention.signals_ms);
    (void)sqlite3_bind_int64(find, 2, (int64_t)clean->writer->ahead.over);
    (void)sqlite3_bind_int64(find, 3, (int64_t)after);
    (void)sqlite3_bind_int(find, 4, WINDOW);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *out = (struct signals){
            .old = (uint64_t)sqlite3_column_int64(find, 0),
            .old_count = (uint32_t)sqlite3_column_int64(find, 1),
            .last = (uint64_t)sqlite3_column_int64(find, 2),
            .count = (uint32_t)sqlite3_column_int64(find, 3),
            .first_ms = sqlite3_column_int64(find, 4),
        };
    (void)sqlite3_reset(find); /* repeats the step's code */
    return code == SQLITE_ROW ? 0
                              : store_sqlite_spoil(clean->writer, "cannot look for signals", err);
}

static int drop_signals(struct clean *clean, uint64_t last, uint32_t count, struct err *err)
{
    struct store_sqlite_db *handle = &clean->writer->handle;
    sqlite3_stmt *drop =
        store_sqlite_use(handle, S_CLEAN_SIGNALS, "DELETE FROM signals WHERE seq <= ?1");

    (void)sqlite3_bind_int64(drop, 1, (int64_t)last);
    clean->slice->looked += count / 8; /* one range, far cheaper than rows of their own */
    clean->slice->signals += count;
    int status = store_sqlite_run(clean->writer, drop, "cannot remove signals", err);
    if (status < 0)
        return status;
    drop = store_sqlite_use(handle, S_CLEAN_PUBLISHED, "DELETE FROM published WHERE seq <= ?1");
    (void)sqlite3_bind_int64(drop, 1, (int64_t)last);
    return store_sqlite_run(clean->writer, drop, "cannot remove signals", err);
}

/* Signals stand in the order of their birth; the oldest go. The stamp of one that is of later than
 * now says nothing: it goes with the next whose stamp does. A window that holds no other kind is
 * passed, and behind such it is found out up to where they go, before they do. */
static int clean_signals(struct clean *clean, bool *out_more, struct err *err)
{
    struct store_sqlite_ahead *ahead = &clean->writer->ahead;
    struct signals found = {0};

    if (clean->wall_ms >= ahead->until_ms)
        ahead->passed = 0;
    bool is_behind = ahead->passed > 0 && ahead->over == 0;
    int status = look_at_signals(clean, is_behind ? ahead->passed : 0, &found, err);
    if (status < 0)
        return status;
    *out_more = found.old_count == WINDOW;
    if (found.old == 0 && found.count == WINDOW && found.first_ms > clean->wall_ms) {
        if (ahead->passed == 0 || found.first_ms < ahead->until_ms)
            ahead->until_ms = found.first_ms;
        ahead->passed = found.last;
        clean->slice->looked += found.count / 8;
        *out_more = true;
    } else if (found.old > 0 && is_behind) {
        ahead->over = found.old;
        *out_more = true;
    } else if (found.old > 0) {
        status = drop_signals(clean, found.old, found.old_count, err);
        if (status == 0 && found.old >= ahead->over)
            *ahead = (struct store_sqlite_ahead){0};
    }
    return status;
}

static int save_cursors(struct store_sqlite_writer *writer, struct err *err)
{
    int status = 0;

    for (int state = 0; state < SUBMISSION_STATES && status == 0; state++) {
        if (writer->cleaned[state] == writer->cleaned_committed[state])
            continue;
        sqlite3_stmt *save = store_sqlite_use(&writer->handle, S_CLEAN_SAVE,
                                              "INSERT INTO cleaned (state, submission) VALUES "
                                              "(?1, ?2) ON CONFLICT DO UPDATE SET submission = ?2");
        (void)sqlite3_bind_int(save, 1, state);
        (void)sqlite3_bind_int64(save, 2, (int64_t)writer->cleaned[state]);
        status = store_sqlite_run(writer, save, "cannot save a cursor", err);
    }
    return status;
}

static int clean_all(struct clean *clean, struct err *err)
{
    const struct store_retention *retention = &clean->slice->retention;
    int status = 0;
    bool is_more;

    for (int i = 0; i < SUBMISSION_STATES && status == 0; i++) {
        enum submission_state state = (enum submission_state)i;
        if (retention->keep_ms[i] <= 0 || submission_is_live(state))
            continue;
        status = clean_aging(clean, state, err);
        is_more = true;
        while (status == 0 && is_more && !store_sqlite_clean_is_over(clean))
            status = clean_state(clean, state, &is_more, err);
        clean->slice->has_more |= is_more;
    }
    is_more = retention->signals_ms > 0;
    while (status == 0 && is_more && !store_sqlite_clean_is_over(clean))
        status = clean_signals(clean, &is_more, err);
    clean->slice->has_more |= is_more;
    is_more = true;
    while (status == 0 && is_more && !store_sqlite_clean_is_over(clean))
        status = store_sqlite_delivery_clean(clean, &is_more, err);
    clean->slice->has_more |= is_more;
    if (status == 0 && !clean->slice->has_more)
        status = store_sqlite_forget(clean, err);
    return status < 0 ? status : save_cursors(clean->writer, err);
}

/* A slice lost with the power is done again, so it waits for no disk: the next commit that does
 * makes it durable as well. */
static int relax(struct store_sqlite_writer *writer, bool is_relaxed, struct err *err)
{
    if (!writer->is_sync_full)
        return 0;
    return store_sqlite_exec(
        &writer->handle, is_relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL",
        "cannot be cleaned", err);
}

int store_sqlite_clean(void *pointer, struct store_slice *slice, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct clean clean = {.writer = writer,
                          .slice = slice,
                          .now_ms = store_rules_age_ms(),
                          .wall_ms = clock_wall_ms()};
    int status = relax(writer, true, err);

    if (status < 0)
        return status;
    status = sqlite_backend.begin(writer, err);
    if (status == 0) {
        int changes = sqlite3_total_changes(writer->handle.db);
        status = clean_all(&clean, err);
        bool has_changed = sqlite3_total_changes(writer->handle.db) != changes;
        if (status == 0) /* a store at rest is not written to, not even by what a commit saves */
            status = has_changed
                         ? sqlite_backend.commit(writer, err)
                         : store_sqlite_exec(&writer->handle, "COMMIT", "cannot be cleaned", err);
        if (status < 0)
            sqlite_backend.rollback(writer);
    }
    int restored = relax(writer, false, err);
    return status < 0 ? status : restored;
}

static int64_t pragma_number(struct store_sqlite_writer *writer, enum store_sqlite_statement which,
                             const char *sql)
{
    sqlite3_stmt *pragma = store_sqlite_use(&writer->handle, which, sql);
    int64_t number = 0;

    if (pragma != NULL && sqlite3_step(pragma) == SQLITE_ROW)
        number = sqlite3_column_int64(pragma, 0);
    (void)sqlite3_reset(pragma); /* repeats the step's code */
    return number;
}

void store_sqlite_space(void *pointer, struct store_space *out)
{
    struct store_sqlite_writer *writer = pointer;
    int64_t page_bytes = writer->page_bytes;

    out->bytes = pragma_number(writer, S_PAGE_COUNT, "PRAGMA page_count") * page_bytes;
    out->free_bytes = pragma_number(writer, S_FREE_COUNT, "PRAGMA freelist_count") * page_bytes;
    out->page_bytes = page_bytes;
    out->wal_bytes = writer->wal_pages * page_bytes;
    out->held_since_us = writer->held_since_us;
    out->checkpoint_ms = store_sqlite_checkpoint_ms(writer);
}

/* Moves pages from the end of the file into free places, and cuts the end off. */
int store_sqlite_shrink(void *pointer, struct store_slice *slice, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct store_space before;
    struct store_space after;
    char sql[64];
    int status = relax(writer, true, err);

    if (status < 0)
        return status;
    store_sqlite_space(writer, &before);
    snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%u)", slice->most);
    status = store_sqlite_exec(&writer->handle, sql, "cannot shrink", err);
    store_sqlite_space(writer, &after);
    slice->looked = (uint32_t)((before.bytes - after.bytes) / before.page_bytes);
    slice->has_more = after.free_bytes > 0 && after.bytes < before.bytes;
    int restored = relax(writer, false, err);
    return status < 0 ? status : restored;
}

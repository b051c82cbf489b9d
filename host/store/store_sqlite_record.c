/* SPDX-License-Identifier: Apache-2.0
 * Verdicts written down, work asked for by hand, and the end of a former life's leases. */
#include "store/store_sqlite.h"

#include "base/clock.h"

static int add_attempt(struct store_sqlite_writer *writer, const struct store_outcome *outcome,
                       struct err *err)
{
    enum submission_state state = SUBMISSION_IN_FLIGHT;
    sqlite3_stmt *add = store_sqlite_use(
        &writer->handle, S_ATTEMPT,
        "INSERT OR REPLACE INTO attempts (num, started_ms, duration_us, http_status,"
        " error_class, reason, request, answer, state, trace, request_num)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    uint32_t line = 0;
    int status = store_sqlite_request(writer, outcome->request, &line, err);

    if (status < 0)
        return status;
    (void)submission_step(&state, outcome->event); /* a verdict: the caller has taken it */
    (void)sqlite3_bind_int64(add, 1,
                             store_sqlite_attempt_number(outcome->submission, outcome->attempt));
    (void)sqlite3_bind_int64(add, 2, outcome->started_ms);
    (void)sqlite3_bind_int64(add, 3, outcome->duration_us);
    (void)sqlite3_bind_int(add, 4, outcome->http_status);
    (void)sqlite3_bind_int(add, 5, outcome->error_class);
    store_sqlite_bind_text(add, 6, outcome->reason);
    store_sqlite_bind_text(add, 7, line == 0 ? outcome->request : STR_NONE);
    store_sqlite_bind_text(add, 8, outcome->answer);
    (void)sqlite3_bind_int(add, 9, state);
    store_sqlite_bind_text(add, 10, outcome->trace);
    if (line == 0)
        (void)sqlite3_bind_null(add, 11);
    else
        (void)sqlite3_bind_int64(add, 11, line);
    return store_sqlite_run(writer, add, "cannot add an attempt", err);
}

/* An id belongs to one entity of an integration: the last one that the other side gave it to. */
static int keep_key(struct store_sqlite_writer *writer, const struct store_sqlite_submission *row,
                    struct str external_id, struct err *err)
{
    sqlite3_stmt *keep = store_sqlite_use(
        &writer->handle, S_KEY,
        "INSERT OR REPLACE INTO integration_keys (integration, entity, external_id)"
        " VALUES (?1, ?2, ?3)");

    (void)sqlite3_bind_int64(keep, 1, row->integration);
    (void)sqlite3_bind_int64(keep, 2, (int64_t)row->entity);
    store_sqlite_bind_text(keep, 3, external_id);
    return store_sqlite_run(writer, keep, "cannot keep an integration key", err);
}

/* The common case in one statement: born by the walk, first attempt, delivered, nobody waiting
 * behind it. *out_is_done stays false when it is another case.
 *
 * SQLite stores 0 and 1 without a byte of their own, so a row would grow from `in_flight` (1) to
 * `succeeded` (2). Its page was filled to the last byte by the rows behind it, and would be split
 * for that. So the row is born with FLAG_ROOM, whose byte the state gets. */
static int record_delivered(struct store_sqlite_writer *writer,
                            struct store_sqlite_integration *integration,
                            const struct store_outcome *outcome, bool *out_is_done, struct err *err)
{
    sqlite3_stmt *done = store_sqlite_use(
        &writer->handle, S_SUBMISSION_DONE,
        "UPDATE submissions SET state = ?5, changed_ms = ?4, flags = flags & ~32 WHERE num = ?1"
        " AND state = 1 AND attempts = ?2 AND integration = ?3 AND due_ms IS NULL"
        " AND flags & 1 = 0");

    enum submission_state state = SUBMISSION_IN_FLIGHT;

    if (!submission_step(&state, outcome->event))
        return 0;
    (void)sqlite3_bind_int64(done, 1, (int64_t)outcome->submission);
    (void)sqlite3_bind_int64(done, 2, outcome->attempt);
    (void)sqlite3_bind_int64(done, 3, integration->number);
    (void)sqlite3_bind_int64(done, 4, writer->now_ms);
    (void)sqlite3_bind_int(done, 5, state);
    int status = store_sqlite_run(writer, done, "cannot record a verdict", err);
    if (status < 0 || sqlite3_changes(writer->handle.db) == 0)
        return status;
    *out_is_done = true;
    store_sqlite_count(integration, SUBMISSION_IN_FLIGHT, state);
    status = store_sqlite_age(writer, state, outcome->submission, writer->now_ms, err);
    return status < 0 ? status : store_sqlite_lease_release(writer, outcome->submission, err);
}

/* A newer version waits behind `row`, whose new state is decided: the newer is due when this one
 * ends, or in its place when it would be tried again. */
static int settle_newer(struct store_sqlite_writer *writer,
                        struct store_sqlite_integration *integration,
                        struct store_sqlite_submission *row, struct str *reason, char space[48],
                        int64_t now_ms, struct err *err)
{
    uint64_t version = 0;
    int status = store_sqlite_wake_newer(writer, integration, row,
                                         row->has_due ? row->due_ms : now_ms, &version, err);

    if (status < 0 || version == 0)
        return status;
    if (submission_step(&row->state, EVENT_NEWER_VERSION)) {
        row->has_due = false;
        *reason = store_text_superseded(version, space);
    }
    return 0;
}

static int record_move(struct store_sqlite_writer *writer,
                       struct store_sqlite_integration *integration,
                       const struct store_outcome *outcome, struct store_sqlite_submission *row,
                       int64_t now_ms, struct err *err)
{
    struct str reason = outcome->event == EVENT_ACCEPTED ? STR_NONE : outcome->reason;
    enum submission_state from = row->state;
    bool is_walk_born = !row->has_due;
    char space[48];
    int status = 0;

    if (!submission_step(&row->state, outcome->event))
        return 0;
    row->has_due = submission_is_waiting(row->state);
    row->due_ms = outcome->due_ms;
    if (outcome->event == EVENT_RELEASED) {
        row->due_ms = now_ms;
        row->attempts--;
    }
    if (outcome->is_uncounted && submission_is_waiting(row->state))
        row->base++;
    if (row->state == SUBMISSION_UNKNOWN)
        row->flags |= FLAG_UNKNOWN;
    if (outcome->is_attempt && outcome->event != EVENT_RELEASED)
        row->flags = flags_with_class(row->flags, outcome->error_class);
    if ((row->flags & FLAG_NEWER_WAITS) != 0)
        status = settle_newer(writer, integration, row, &reason, space, now_ms, err);
    if (status == 0)
        status = store_sqlite_submission_move(writer, integration, row, from, reason, err);
    if (status == 0 && is_walk_born)
        status = store_sqlite_lease_release(writer, row->number, err);
    return status;
}

static int record_one(struct store_sqlite_writer *writer,
                      struct store_sqlite_integration *integration,
                      const struct store_outcome *outcome, int64_t now_ms, struct err *err)
{
    struct store_sqlite_submission row = {0};
    bool is_done = false;
    bool has_key = outcome->external_id.len > 0;
    int status = 0;

    if (outcome->event == EVENT_ACCEPTED && !has_key)
        status = record_delivered(writer, integration, outcome, &is_done, err);
    if (status == 0 && !is_done) {
        status = store_sqlite_submission_load(writer, outcome->submission, &row, err);
        if (status == E_NOT_FOUND)
            return 0; /* as stale as one whose lease ran out */
        if (status == 0 && (row.state != SUBMISSION_IN_FLIGHT || row.attempts != outcome->attempt ||
                            row.integration != integration->number))
            return 0;
        if (status == 0)
            status = record_move(writer, integration, outcome, &row, now_ms, err);
        if (status == 0 && has_key)
            status = keep_key(writer, &row, outcome->external_id, err);
    }
    if (status == 0 && outcome->is_attempt && outcome->event != EVENT_RELEASED)
        status = add_attempt(writer, outcome, err);
    return status;
}

int store_sqlite_record(void *pointer, struct store_record *record, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct store_sqlite_integration *integration =
        store_sqlite_integration_find(writer, record->integration, err);
    int64_t now_ms = clock_due_ms();
    int status = 0;

    if (integration == NULL)
        return E_NOT_FOUND;
    writer->now_ms = clock_wall_ms();
    status = store_rules_check_record(record, err);
    for (size_t i = 0; i < record->count && status == 0; i++)
        status = record_one(writer, integration, &record->outcomes[i], now_ms, err);
    return status < 0
               ? status
               : store_sqlite_next_due(writer, record->integration, &record->next_due_ms, err);
}

int store_sqlite_find_asked(struct store_sqlite_writer *writer, struct str id,
                            struct store_sqlite_asked *asked, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(&writer->handle, S_ENTITY_STATE,
                         "SELECT num, version, deleted FROM entities WHERE num ="
                         " ifnull(?1, (SELECT num FROM entities WHERE id_hash = ?3 AND id = ?2))");
    int status = 0;

    if (id.len == 0)
        (void)sqlite3_bind_int64(find, 1, (int64_t)asked->number);
    else
        (void)sqlite3_bind_null(find, 1);
    store_sqlite_bind_text(find, 2, id);
    (void)sqlite3_bind_int64(find, 3, store_rules_hash(writer->handle.uuid, id));
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        *asked = (struct store_sqlite_asked){(uint64_t)sqlite3_column_int64(find, 0),
                                             (uint64_t)sqlite3_column_int64(find, 1),
                                             sqlite3_column_int(find, 2) != 0};
        status = 1;
    } else if (code != SQLITE_DONE) {
        status = store_sqlite_spoil(writer, "cannot look for an entity", err);
    }
    (void)sqlite3_reset(find); /* repeats the step's code */
    return status;
}

int store_sqlite_ask_again(struct store_sqlite_writer *writer,
                           struct store_sqlite_integration *integration,
                           struct store_sqlite_submission *row, bool is_blocked, struct err *err)
{
    enum submission_state from = row->state;

    if (!submission_step(&row->state, submission_asking(from)))
        return 0;
    if (!submission_is_live(from))
        row->base = row->attempts;
    if (from == SUBMISSION_SUCCEEDED)
        row->flags |= FLAG_DELIVERED; /* that it was stays true, whatever becomes of the replay */
    row->flags &= ~(uint32_t)FLAG_ONCE;
    row->due_ms = clock_due_ms();
    row->has_due = !is_blocked;
    return store_sqlite_submission_move(writer, integration, row, from, STR_NONE, err);
}

static int ask_again(struct store_sqlite_writer *writer,
                     struct store_sqlite_integration *integration, uint64_t number, bool is_blocked,
                     struct err *err)
{
    struct store_sqlite_submission row;
    int status = store_sqlite_submission_load(writer, number, &row, err);

    return status < 0 ? status : store_sqlite_ask_again(writer, integration, &row, is_blocked, err);
}

static int enqueue_entity(struct store_sqlite_writer *writer,
                          struct store_sqlite_integration *integration,
                          struct store_enqueue *enqueue, int64_t now_ms, struct err *err)
{
    struct store_sqlite_asked asked = {0};
    struct submission_look look;
    int status = store_sqlite_find_asked(writer, enqueue->entity, &asked, err);

    if (status < 0)
        return status;
    if (status == 0 || asked.is_deleted)
        return err_set(err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(enqueue->entity));
    status =
        store_sqlite_look(writer, integration->number, asked.number, asked.version, 0, &look, err);
    if (status < 0 || (look.same != 0 && look.same_state == SUBMISSION_IN_FLIGHT))
        return status;
    enqueue->count = 1;
    status = store_sqlite_supersede_waiting(writer, integration, &look, asked.version, err);
    if (status == 0 && look.in_flight != 0)
        status = store_sqlite_submission_flag(writer, look.in_flight, FLAG_NEWER_WAITS, err);
    if (status < 0)
        return status;
    if (look.same != 0)
        return ask_again(writer, integration, look.same, look.in_flight != 0, err);
    struct store_sqlite_submission row = {
        .entity = asked.number,
        .version = asked.version,
        .state = SUBMISSION_NONE,
        .flags = look.has_succeeded ? FLAG_DELIVERED : 0,
        .due_ms = now_ms,
        .has_due = look.in_flight == 0,
    };
    if (!submission_step(&row.state, submission_asking(row.state)))
        return 0;
    return store_sqlite_submission_add(writer, integration, &row, &row.number, err);
}

static int enqueue_failed_one(struct store_sqlite_writer *writer,
                              struct store_sqlite_integration *integration, uint64_t number,
                              uint64_t *count, struct err *err)
{
    struct store_sqlite_submission row;
    struct submission_look look = {0};
    int status = store_sqlite_submission_load(writer, number, &row, err);
    struct store_sqlite_asked asked = {.number = row.entity};

    if (status == 0)
        status = store_sqlite_find_asked(writer, STR_NONE, &asked, err);
    if (status <= 0 || asked.is_deleted)
        return status < 0 ? status : 0;
    status =
        store_sqlite_look(writer, integration->number, row.entity, asked.version, 0, &look, err);
    if (status < 0 || !store_rules_is_last_word(number, row.version, asked.version, &look))
        return status;
    (*count)++;
    return store_sqlite_ask_again(writer, integration, &row, false, err);
}

static int enqueue_failed(struct store_sqlite_writer *writer,
                          struct store_sqlite_integration *integration,
                          struct store_enqueue *enqueue, struct err *err)
{
    sqlite3_stmt *next =
        store_sqlite_use(&writer->handle, S_FAILED,
                         "SELECT num FROM submissions INDEXED BY submissions_state WHERE state = 4"
                         " AND state NOT IN (1, 2) AND integration = ?1 AND num > ?2"
                         " ORDER BY num LIMIT 1");
    uint64_t number = enqueue->after;

    enqueue->after = 0;
    for (int looked = 0; looked < STORE_ASK_MAX; looked++) {
        (void)sqlite3_bind_int64(next, 1, integration->number);
        (void)sqlite3_bind_int64(next, 2, (int64_t)number);
        int code = next != NULL ? sqlite3_step(next) : SQLITE_ERROR;
        if (code == SQLITE_ROW)
            number = (uint64_t)sqlite3_column_int64(next, 0);
        (void)sqlite3_reset(next); /* repeats the step's code */
        if (code != SQLITE_ROW)
            return code == SQLITE_DONE
                       ? 0
                       : store_sqlite_spoil(writer, "cannot look for failed ones", err);
        int status = enqueue_failed_one(writer, integration, number, &enqueue->count, err);
        if (status < 0)
            return status;
    }
    enqueue->after = number;
    return 0;
}

int store_sqlite_enqueue(void *pointer, struct store_enqueue *enqueue, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct store_sqlite_integration *integration =
        store_sqlite_integration_find(writer, enqueue->integration, err);
    int64_t now_ms = clock_due_ms();

    if (integration == NULL)
        return E_NOT_FOUND;
    writer->now_ms = clock_wall_ms();
    if (enqueue->entity.len > 0)
        return enqueue_entity(writer, integration, enqueue, now_ms, err);
    if (enqueue->selector == ENQUEUE_FAILED)
        return enqueue_failed(writer, integration, enqueue, err);
    struct store_by_hand by_hand = {integration->by_hand, integration->cursor,
                                    integration->by_hand_end};
    store_rules_rewind(&by_hand, enqueue, writer->life.seq);
    integration->by_hand = by_hand.walk;
    integration->cursor = by_hand.cursor;
    integration->by_hand_end = by_hand.end;
    integration->is_changed = true;
    enqueue->rewinds = true;
    return 0;
}

/* Rows change behind the statement that finds them, never before it: what is found was in flight,
 * and is not any more. */
static int recover_reclaimed(struct store_sqlite_writer *writer,
                             struct store_sqlite_integration *integration, uint64_t *count,
                             int64_t now_ms, struct err *err)
{
    sqlite3_stmt *rows =
        store_sqlite_use(&writer->handle, S_RECLAIMED,
                         "SELECT num FROM submissions INDEXED BY submissions_due"
                         " WHERE due_ms IS NOT NULL AND integration = ?1 AND state = 1");
    int code = SQLITE_ERROR;
    int status = 0;

    (void)sqlite3_bind_int64(rows, 1, integration->number);
    while (status == 0 && rows != NULL && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct store_sqlite_submission row;
        status = store_sqlite_submission_load(writer, (uint64_t)sqlite3_column_int64(rows, 0), &row,
                                              err);
        if (status == 0)
            status = store_sqlite_submission_lost(writer, integration, &row, EVENT_RECOVERED,
                                                  now_ms, err);
        (*count)++;
    }
    (void)sqlite3_reset(rows); /* repeats the step's code */
    if (status == 0 && code != SQLITE_DONE)
        status = store_sqlite_spoil(writer, "cannot look for claims", err);
    return status;
}

/* Nothing is in flight any more, so nothing waits behind it. Stores of former versions may hold
 * such that nothing would ever wake: what stood before them ended without a look behind it. */
static int wake_all(struct store_sqlite_writer *writer, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *up = store_sqlite_use(
        &writer->handle, S_WAKE_ALL,
        "UPDATE submissions INDEXED BY submissions_state SET due_ms = ?1,"
        " flags = flags | 8 WHERE state = 0 AND state NOT IN (1, 2) AND due_ms IS NULL");

    (void)sqlite3_bind_int64(up, 1, now_ms);
    return store_sqlite_run(writer, up, "cannot wake submissions", err);
}

int store_sqlite_recover(void *pointer, struct store_recover *recover, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    int64_t now_ms = clock_due_ms();
    int status = 0;

    writer->now_ms = clock_wall_ms();
    while (writer->lease_count > 0 && status == 0)
        status = store_sqlite_lease_lost(writer, writer->lease_count - 1, EVENT_RECOVERED, now_ms,
                                         &recover->count, err);
    for (size_t i = 0; i < writer->integration_count && status == 0; i++)
        status = recover_reclaimed(writer, &writer->integrations[i], &recover->count, now_ms, err);
    return status < 0 ? status : wake_all(writer, now_ms, err);
}

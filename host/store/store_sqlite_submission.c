/* SPDX-License-Identifier: Apache-2.0
 * Single submissions: born, moved from state to state, looked at, lost. The order of their numbers
 * is, for one entity and one integration, the order of the versions, since each is made for the
 * version that is present then; and what is live stands above all that ended. store_sqlite_look
 * leans on both. */
#include "store/store_sqlite.h"

int store_sqlite_submission_load(struct store_sqlite_writer *writer, uint64_t number,
                                 struct store_sqlite_submission *out, struct err *err)
{
    sqlite3_stmt *load = store_sqlite_use(
        &writer->handle, S_SUBMISSION_LOAD,
        "SELECT integration, entity, version, state, attempts, base, flags, due_ms,"
        " salt"
        " FROM submissions WHERE num = ?1");
    int status = 0;

    (void)sqlite3_bind_int64(load, 1, (int64_t)number);
    int code = load != NULL ? sqlite3_step(load) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *out = (struct store_sqlite_submission){
            .number = number,
            .integration = (uint32_t)sqlite3_column_int64(load, 0),
            .entity = (uint64_t)sqlite3_column_int64(load, 1),
            .version = (uint64_t)sqlite3_column_int64(load, 2),
            .state = (enum submission_state)sqlite3_column_int(load, 3),
            .attempts = (uint32_t)sqlite3_column_int64(load, 4),
            .base = (uint32_t)sqlite3_column_int64(load, 5),
            .flags = (uint32_t)sqlite3_column_int64(load, 6),
            .due_ms = sqlite3_column_int64(load, 7),
            .has_due = sqlite3_column_type(load, 7) != SQLITE_NULL,
            .salt = (uint32_t)sqlite3_column_int64(load, 8),
        };
    else if (code == SQLITE_DONE)
        status =
            err_set(err, E_NOT_FOUND, "there is no submission %llu", (unsigned long long)number);
    else
        status = store_sqlite_spoil(writer, "cannot look for a submission", err);
    (void)sqlite3_reset(load); /* repeats the step's code */
    return status;
}

int store_sqlite_submission_add(struct store_sqlite_writer *writer,
                                struct store_sqlite_integration *integration,
                                const struct store_sqlite_submission *row, uint64_t *out_number,
                                struct err *err)
{
    sqlite3_stmt *add = store_sqlite_use(
        &writer->handle, S_SUBMISSION_ADD,
        "INSERT INTO submissions (num, integration, entity, version, state, attempts,"
        " base, flags, due_ms, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9)");
    uint64_t number = ++writer->life.submission;

    if (row->entity > integration->entity_max)
        integration->entity_max = row->entity;

    (void)sqlite3_bind_int64(add, 1, (int64_t)number);
    (void)sqlite3_bind_int64(add, 2, integration->number);
    (void)sqlite3_bind_int64(add, 3, (int64_t)row->entity);
    (void)sqlite3_bind_int64(add, 4, (int64_t)row->version);
    (void)sqlite3_bind_int(add, 5, row->state);
    (void)sqlite3_bind_int64(add, 6, row->attempts);
    (void)sqlite3_bind_int64(add, 7, row->flags);
    if (row->has_due)
        (void)sqlite3_bind_int64(add, 8, row->due_ms);
    else
        (void)sqlite3_bind_null(add, 8);
    (void)sqlite3_bind_int64(add, 9, writer->now_ms);
    store_sqlite_count(integration, SUBMISSION_NONE, row->state);
    *out_number = number;
    int status = store_sqlite_run(writer, add, "cannot add a submission", err);
    return status < 0 ? status : store_sqlite_span_add(writer, integration->number, number, err);
}

int store_sqlite_submission_move(struct store_sqlite_writer *writer,
                                 struct store_sqlite_integration *integration,
                                 const struct store_sqlite_submission *row,
                                 enum submission_state from, struct str reason, struct err *err)
{
    sqlite3_stmt *move =
        store_sqlite_use(&writer->handle, S_SUBMISSION_MOVE,
                         "UPDATE submissions SET state = ?2, attempts = ?3, base = ?4, flags = ?5,"
                         " due_ms = ?6, reason = ?7, changed_ms = ?8, salt = ?9 WHERE num = ?1");

    (void)sqlite3_bind_int64(move, 1, (int64_t)row->number);
    (void)sqlite3_bind_int(move, 2, row->state);
    (void)sqlite3_bind_int64(move, 3, row->attempts);
    (void)sqlite3_bind_int64(move, 4, row->base);
    (void)sqlite3_bind_int64(move, 5, row->flags);
    if (row->has_due)
        (void)sqlite3_bind_int64(move, 6, row->due_ms);
    else
        (void)sqlite3_bind_null(move, 6);
    store_sqlite_bind_text(move, 7, reason);
    (void)sqlite3_bind_int64(move, 8, writer->now_ms);
    (void)sqlite3_bind_int64(move, 9, row->salt);
    store_sqlite_count(integration, from, row->state);
    int status = store_sqlite_run(writer, move, "cannot change a submission", err);
    return status < 0 || submission_is_live(row->state)
               ? status
               : store_sqlite_age(writer, row->state, row->number, writer->now_ms, err);
}

int store_sqlite_submission_flag(struct store_sqlite_writer *writer, uint64_t number,
                                 uint32_t flags, struct err *err)
{
    sqlite3_stmt *flag =
        store_sqlite_use(&writer->handle, S_SUBMISSION_FLAG,
                         "UPDATE submissions SET flags = flags | ?2 WHERE num = ?1");

    (void)sqlite3_bind_int64(flag, 1, (int64_t)number);
    (void)sqlite3_bind_int64(flag, 2, flags);
    return store_sqlite_run(writer, flag, "cannot change a submission", err);
}

int store_sqlite_look(struct store_sqlite_writer *writer, uint32_t integration, uint64_t entity,
                      uint64_t version, uint64_t except, struct submission_look *out,
                      struct err *err)
{
    sqlite3_stmt *look =
        store_sqlite_use(&writer->handle, S_LOOK,
                         "SELECT num, version, state, flags, due_ms IS NULL FROM submissions"
                         " INDEXED BY submissions_entity WHERE entity = ?1 AND integration = ?2"
                         " ORDER BY num DESC");
    const struct store_sqlite_integration *owner =
        store_sqlite_integration_find(writer, integration, NULL);
    int code = SQLITE_ERROR;
    bool is_enough = false;

    *out = (struct submission_look){0};
    if (owner != NULL && entity > owner->entity_max)
        return 0; /* a new entity that the walk meets: no index needs to be asked */
    (void)sqlite3_bind_int64(look, 1, (int64_t)entity);
    (void)sqlite3_bind_int64(look, 2, integration);
    while (!is_enough && look != NULL && (code = sqlite3_step(look)) == SQLITE_ROW) {
        uint64_t number = (uint64_t)sqlite3_column_int64(look, 0);
        enum submission_state state = (enum submission_state)sqlite3_column_int(look, 2);
        bool is_blocked = state == SUBMISSION_PENDING && sqlite3_column_int(look, 4) != 0;
        if ((sqlite3_column_int64(look, 3) & FLAG_DELIVERED) != 0)
            out->has_succeeded = true;
        if (number != except)
            store_look_add(out, version, number, (uint64_t)sqlite3_column_int64(look, 1), state,
                           (uint32_t)sqlite3_column_int64(look, 3));
        is_enough = state != SUBMISSION_SUPERSEDED && !is_blocked &&
                    (sqlite3_column_int64(look, 3) & FLAG_WAS_BLOCKED) == 0;
    }
    (void)sqlite3_reset(look); /* repeats the step's code */
    if (!is_enough && code != SQLITE_DONE)
        return store_sqlite_spoil(writer, "cannot look for submissions", err);
    return 0;
}

int store_sqlite_supersede_waiting(struct store_sqlite_writer *writer,
                                   struct store_sqlite_integration *integration,
                                   const struct submission_look *look, uint64_t version,
                                   struct err *err)
{
    char space[48];
    int status = 0;

    for (size_t i = 0; i < look->waiting_count && status == 0; i++) {
        struct store_sqlite_submission row;
        status = store_sqlite_submission_load(writer, look->waiting[i], &row, err);
        if (status < 0)
            break;
        enum submission_state from = row.state;
        if (!submission_step(&row.state, EVENT_NEWER_VERSION))
            continue;
        row.has_due = false;
        status = store_sqlite_submission_move(writer, integration, &row, from,
                                              store_text_superseded(version, space), err);
    }
    return status;
}

/* The one that stood blocked behind `row`; out->number 0: none any more. */
static int find_blocked(struct store_sqlite_writer *writer,
                        const struct store_sqlite_submission *row,
                        struct store_sqlite_submission *out, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(&writer->handle, S_SUBMISSION_BLOCKED,
                         "SELECT num FROM submissions INDEXED BY submissions_entity"
                         " WHERE entity = ?1 AND integration = ?2 AND state = 0 AND due_ms IS NULL"
                         " ORDER BY num DESC LIMIT 1");
    uint64_t number = 0;

    out->number = 0;
    (void)sqlite3_bind_int64(find, 1, (int64_t)row->entity);
    (void)sqlite3_bind_int64(find, 2, row->integration);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        number = (uint64_t)sqlite3_column_int64(find, 0);
    (void)sqlite3_reset(find); /* repeats the step's code */
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return store_sqlite_spoil(writer, "cannot look for a submission", err);
    return number != 0 ? store_sqlite_submission_load(writer, number, out, err) : 0;
}

static int wake(struct store_sqlite_writer *writer, uint64_t number, int64_t due_ms, uint32_t flags,
                struct err *err)
{
    sqlite3_stmt *up =
        store_sqlite_use(&writer->handle, S_SUBMISSION_WAKE,
                         "UPDATE submissions SET due_ms = ?2, flags = flags | ?3 WHERE num = ?1");

    (void)sqlite3_bind_int64(up, 1, (int64_t)number);
    (void)sqlite3_bind_int64(up, 2, due_ms);
    (void)sqlite3_bind_int64(up, 3, flags);
    return store_sqlite_run(writer, up, "cannot wake a submission", err);
}

/* Version `version` was delivered, and `row` waited in case it would not be. */
static int end_once(struct store_sqlite_writer *writer,
                    struct store_sqlite_integration *integration,
                    struct store_sqlite_submission *row, uint64_t version, struct err *err)
{
    enum submission_state from = row->state;
    char space[96];

    if (!submission_step(&row->state, EVENT_DELIVERED_ONCE))
        return 0;
    row->flags |= FLAG_DELIVERED;
    return store_sqlite_submission_move(writer, integration, row, from,
                                        store_text_once(version, space), err);
}

int store_sqlite_wake_newer(struct store_sqlite_writer *writer,
                            struct store_sqlite_integration *integration,
                            struct store_sqlite_submission *row, int64_t due_ms,
                            uint64_t *out_version, struct err *err)
{
    struct store_sqlite_submission newer;
    int status = find_blocked(writer, row, &newer, err);

    row->flags &= ~(uint32_t)FLAG_NEWER_WAITS;
    if (status < 0 || newer.number == 0)
        return status;
    *out_version = newer.version;
    if (row->state == SUBMISSION_SUCCEEDED && (newer.flags & FLAG_ONCE) != 0)
        return end_once(writer, integration, &newer, row->version, err);
    uint32_t flags = row->state == SUBMISSION_SUCCEEDED ? FLAG_DELIVERED : 0;
    flags |= row->flags & FLAG_DELIVERED;
    if (row->state == SUBMISSION_UNKNOWN)
        flags |= FLAG_WAS_BLOCKED;
    return wake(writer, newer.number, due_ms, flags, err);
}

int store_sqlite_submission_lost(struct store_sqlite_writer *writer,
                                 struct store_sqlite_integration *integration,
                                 struct store_sqlite_submission *row, enum submission_event event,
                                 int64_t now_ms, struct err *err)
{
    sqlite3_stmt *lost = store_sqlite_use(
        &writer->handle, S_ATTEMPT_LOST,
        "INSERT OR IGNORE INTO attempts (num, started_ms, duration_us, http_status,"
        " error_class, reason, state) VALUES (?1, ?2, 0, 0, ?4, ?3, ?5)");
    enum submission_state from = row->state;
    struct str reason = store_text_lost(event);
    uint64_t newer_version = 0;
    int status = 0;

    if (!submission_step(&row->state, event))
        return 0;
    row->flags = flags_with_class(row->flags | FLAG_UNKNOWN, STORE_ERROR_UNKNOWN);
    row->due_ms = now_ms;
    row->has_due = true;
    /* It may end in many ways from here on, so the newer one stands on its own feet. */
    if ((row->flags & FLAG_NEWER_WAITS) != 0)
        status = store_sqlite_wake_newer(writer, integration, row, now_ms, &newer_version, err);
    if (status == 0)
        status = store_sqlite_submission_move(writer, integration, row, from, reason, err);
    if (status < 0)
        return status;
    (void)sqlite3_bind_int64(lost, 1, store_sqlite_attempt_number(row->number, row->attempts));
    (void)sqlite3_bind_int64(lost, 2, writer->now_ms);
    store_sqlite_bind_text(lost, 3, reason);
    (void)sqlite3_bind_int(lost, 4, STORE_ERROR_UNKNOWN);
    (void)sqlite3_bind_int(lost, 5, row->state);
    return store_sqlite_run(writer, lost, "cannot add an attempt", err);
}

/* The next in-flight one from `first` on that this lease holds; 1, 0 or an error. */
static int lease_next(struct store_sqlite_writer *writer, uint64_t first, uint64_t last,
                      uint64_t *out, struct err *err)
{
    sqlite3_stmt *rows =
        store_sqlite_use(&writer->handle, S_LEASE_ROWS,
                         "SELECT num FROM submissions WHERE num BETWEEN ?1 AND ?2 AND state = 1"
                         " AND due_ms IS NULL ORDER BY num LIMIT 1");

    (void)sqlite3_bind_int64(rows, 1, (int64_t)first);
    (void)sqlite3_bind_int64(rows, 2, (int64_t)last);
    int code = rows != NULL ? sqlite3_step(rows) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *out = (uint64_t)sqlite3_column_int64(rows, 0);
    int status = code == SQLITE_ROW ? 1 : 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = store_sqlite_spoil(writer, "cannot look for claims", err);
    (void)sqlite3_reset(rows); /* repeats the step's code */
    return status;
}

int store_sqlite_lease_lost(struct store_sqlite_writer *writer, size_t index,
                            enum submission_event event, int64_t now_ms, uint64_t *count,
                            struct err *err)
{
    struct store_sqlite_lease lease = writer->leases[index];
    struct store_sqlite_integration *integration =
        store_sqlite_integration_find(writer, lease.integration, err);
    uint64_t number = lease.first;
    int status = integration != NULL ? 1 : E_NOT_FOUND;

    while (status == 1 && (status = lease_next(writer, number, lease.last, &number, err)) == 1) {
        struct store_sqlite_submission row;
        status = store_sqlite_submission_load(writer, number, &row, err);
        if (status == 0)
            status = store_sqlite_submission_lost(writer, integration, &row, event, now_ms, err);
        if (status < 0)
            break;
        (*count)++;
        number++;
        status = 1;
    }
    return status < 0 ? status : store_sqlite_lease_drop(writer, index, err);
}

int store_sqlite_next_due(struct store_sqlite_writer *writer, uint32_t integration, int64_t *out,
                          struct err *err)
{
    sqlite3_stmt *next =
        store_sqlite_use(&writer->handle, S_NEXT_DUE,
                         "SELECT due_ms FROM submissions INDEXED BY submissions_due"
                         " WHERE due_ms IS NOT NULL AND integration = ?1 ORDER BY due_ms LIMIT 1");

    *out = 0;
    (void)sqlite3_bind_int64(next, 1, integration);
    int code = next != NULL ? sqlite3_step(next) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(next, 0);
    (void)sqlite3_reset(next); /* repeats the step's code */
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return store_sqlite_spoil(writer, "cannot look for what is due", err);
    for (size_t i = 0; i < writer->lease_count; i++) {
        const struct store_sqlite_lease *lease = &writer->leases[i];
        if (lease->integration == integration && (*out == 0 || lease->until_ms < *out))
            *out = lease->until_ms;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Taking work in hand: leases that ran out, then what waits and is due, then the walk behind the
 * cursor. */
#include "store/store_sqlite.h"

#include "base/clock.h"

struct run {
    struct store_sqlite_writer *writer;
    struct store_sqlite_integration *integration;
    struct store_claim *claim;
    int64_t now_ms;
    struct store_sqlite_lease born; /* the rows this claim gives birth to */
};

/* The entity as it is now; the texts point into the statement that found it. */
struct present {
    uint64_t number, version;
    int64_t created_ms, updated_ms;
    struct str id, data, trace;
    uint32_t type;
    bool is_deleted;
};

static int hand_out(struct run *run, const struct present *entity,
                    const struct store_sqlite_submission *row, struct err *err)
{
    const struct store_sqlite_type *type = &run->writer->types[entity->type];
    struct store_claimed *record =
        store_claim_add(run->claim, entity->id, (struct str){type->name, type->len}, entity->data);

    if (record == NULL) {
        run->writer->is_spoiled = true;
        return err_set(err, -ENOMEM, "no memory for a claim of %u records", run->claim->max);
    }
    if (entity->trace.len > 0 && !store_claim_add_trace(run->claim, record, entity->trace)) {
        run->writer->is_spoiled = true;
        return err_set(err, -ENOMEM, "no memory for a claim's trace");
    }
    record->submission = row->number;
    record->attempt = row->attempts;
    record->tries = row->attempts - row->base;
    record->version = row->version;
    record->created_ms = entity->created_ms;
    record->updated_ms = entity->updated_ms;
    record->was_unknown = (row->flags & FLAG_UNKNOWN) != 0;
    store_rules_key(run->writer->handle.uuid, str_of(run->integration->name), entity->id,
                    entity->version, row->salt, record->key);
    return 0;
}

static int take_new(struct run *run, const struct present *entity,
                    const struct submission_look *look, struct err *err)
{
    struct store_sqlite_submission row = {
        .entity = entity->number,
        .version = entity->version,
        .state = SUBMISSION_NONE,
        .attempts = 1,
        .flags = FLAG_ROOM | (look->has_succeeded ? FLAG_DELIVERED : 0),
    };

    if (!submission_step(&row.state, EVENT_CLAIMED))
        return 0;
    int status = store_sqlite_submission_add(run->writer, run->integration, &row, &row.number, err);

    if (run->born.first == 0)
        run->born.first = row.number;
    run->born.last = row.number;
    run->born.outstanding++;
    return status < 0 ? status : hand_out(run, entity, &row, err);
}

/* A row that is there already: one that waits, or one that ended and is asked for again. */
static int take_again(struct run *run, const struct present *entity, uint64_t number,
                      struct err *err)
{
    struct store_sqlite_submission row;
    int status = store_sqlite_submission_load(run->writer, number, &row, err);

    if (status < 0)
        return status;
    enum submission_state from = row.state;
    bool is_over = !submission_is_live(from);
    if (!submission_step(&row.state, is_over ? EVENT_REWOUND : EVENT_CLAIMED))
        return 0;
    if (is_over)
        row.base = row.attempts;
    row.flags &= ~(uint32_t)FLAG_WAS_BLOCKED; /* nothing below it is live any more */
    row.attempts++;
    row.due_ms = run->claim->lease_until_ms;
    row.has_due = true;
    status = store_sqlite_submission_move(run->writer, run->integration, &row, from, STR_NONE, err);
    return status < 0 ? status : hand_out(run, entity, &row, err);
}

/* Waits behind another version, without a due time; the end of that one wakes it. See
 * store_sqlite_record. */
static int block(struct run *run, enum store_walk walk, const struct present *entity,
                 const struct submission_look *look, struct err *err)
{
    struct store_sqlite_submission row = {
        .entity = entity->number,
        .version = entity->version,
        .state = SUBMISSION_NONE,
        .flags = look->has_succeeded ? FLAG_DELIVERED : 0,
    };
    int status = 0;

    if (look->same != 0)
        status = store_sqlite_submission_load(run->writer, look->same, &row, err);
    enum submission_state from = row.state;
    if (status < 0 || !submission_step(&row.state, EVENT_BLOCKED))
        return status;
    row.base = row.attempts;
    row.flags = flags_blocked(row.flags, walk, look);
    row.has_due = false;
    status =
        from != SUBMISSION_NONE
            ? store_sqlite_submission_move(run->writer, run->integration, &row, from, STR_NONE, err)
            : store_sqlite_submission_add(run->writer, run->integration, &row, &row.number, err);
    return status < 0
               ? status
               : store_sqlite_submission_flag(run->writer, look->in_flight, FLAG_NEWER_WAITS, err);
}

/* What waited is over without being sent. */
static int end_waiting(struct run *run, struct store_sqlite_submission *row,
                       enum submission_event event, struct str reason, struct err *err)
{
    enum submission_state from = row->state;

    if (!submission_step(&row->state, event))
        return 0;
    row->has_due = false;
    return store_sqlite_submission_move(run->writer, run->integration, row, from, reason, err);
}

/* One that waited and is due. Its version may not be the present one any more: then that goes
 * instead, behind what is in flight. That is so only where a former version let one be asked for
 * below another that was over; see store_rules_is_last_word. */
static int take_due(struct run *run, uint64_t number, const struct present *entity, struct err *err)
{
    struct store_sqlite_submission row;
    struct submission_look look;
    char space[48];
    int status = store_sqlite_submission_load(run->writer, number, &row, err);

    if (status < 0)
        return status;
    if (row.state == SUBMISSION_IN_FLIGHT)
        status = store_sqlite_submission_lost(run->writer, run->integration, &row,
                                              EVENT_LEASE_RAN_OUT, run->now_ms, err);
    if (status == 0 && entity->is_deleted)
        return end_waiting(run, &row, EVENT_ENTITY_DELETED, str_of(store_text_deleted), err);
    if (status == 0)
        status = store_sqlite_look(run->writer, run->integration->number, entity->number,
                                   entity->version, number, &look, err);
    if (status == 0)
        status = store_sqlite_supersede_waiting(run->writer, run->integration, &look,
                                                entity->version, err);
    if (status < 0)
        return status;
    if (row.version == entity->version)
        return take_again(run, entity, number, err);
    if ((row.flags & FLAG_DELIVERED) != 0)
        look.has_succeeded = true;
    status = end_waiting(run, &row, EVENT_NEWER_VERSION,
                         store_text_superseded(entity->version, space), err);
    if (status < 0)
        return status;
    if (look.in_flight != 0) /* it was asked for, so it means more than to be delivered once */
        return look.same == 0 ? block(run, WALK_CHANGED, entity, &look, err) : 0;
    if (look.same == 0)
        return take_new(run, entity, &look, err);
    return submission_is_waiting(look.same_state) ? take_again(run, entity, look.same, err) : 0;
}

/* Leases of this integration that ran out: their rows wait as `unknown`, due now, and are met by
 * claim_due at once. */
static int expire_leases(struct run *run, struct err *err)
{
    uint64_t count = 0;
    int status = 0;

    for (size_t i = 0; i < run->writer->lease_count && status == 0;) {
        const struct store_sqlite_lease *lease = &run->writer->leases[i];
        if (lease->integration == run->integration->number && lease->until_ms <= run->now_ms)
            status = store_sqlite_lease_lost(run->writer, i, EVENT_LEASE_RAN_OUT, run->now_ms,
                                             &count, err);
        else
            i++;
    }
    return status;
}

static int claim_due(struct run *run, struct err *err)
{
    sqlite3_stmt *due = store_sqlite_use(
        &run->writer->handle, S_DUE,
        "SELECT s.num, e.num, e.version, e.deleted, e.type, e.created_ms, e.updated_ms, e.id, "
        "e.data, e.trace"
        " FROM submissions s INDEXED BY submissions_due CROSS JOIN entities e ON e.num = s.entity"
        " WHERE s.due_ms IS NOT NULL AND s.integration = ?1 AND s.due_ms <= ?2 ORDER BY s.due_ms");
    int code = SQLITE_ERROR;
    int status = 0;
    int looked = 0;

    (void)sqlite3_bind_int64(due, 1, run->integration->number);
    (void)sqlite3_bind_int64(due, 2, run->now_ms);
    while (status == 0 && due != NULL && (code = sqlite3_step(due)) == SQLITE_ROW) {
        if (store_claim_is_full(run->claim) || ++looked > STORE_WALK_MAX) {
            run->claim->has_more = true;
            break;
        }
        const struct present entity = {
            .number = (uint64_t)sqlite3_column_int64(due, 1),
            .version = (uint64_t)sqlite3_column_int64(due, 2),
            .is_deleted = sqlite3_column_int(due, 3) != 0,
            .type = (uint32_t)sqlite3_column_int(due, 4),
            .created_ms = sqlite3_column_int64(due, 5),
            .updated_ms = sqlite3_column_int64(due, 6),
            .id = store_sqlite_column(due, 7),
            .data = store_sqlite_column(due, 8),
            .trace = store_sqlite_column(due, 9),
        };
        status = take_due(run, (uint64_t)sqlite3_column_int64(due, 0), &entity, err);
    }
    (void)sqlite3_reset(due); /* repeats the step's code */
    if (status == 0 && code != SQLITE_DONE && code != SQLITE_ROW)
        return store_sqlite_spoil(run->writer, "cannot look for what is due", err);
    return status;
}

/* The first number in the walk's index behind the cursor; 0: none. The claim's window starts there,
 * so that numbers which updates left empty are jumped over. */
static int walk_from(struct run *run, uint64_t *out, struct err *err)
{
    sqlite3_stmt *from =
        store_sqlite_use(&run->writer->handle, S_WALK_FROM,
                         "SELECT seq FROM entities INDEXED BY entities_walk WHERE deleted = 0"
                         " AND seq > ?1 ORDER BY seq LIMIT 1");

    *out = 0;
    (void)sqlite3_bind_int64(from, 1, (int64_t)run->integration->cursor);
    int code = from != NULL ? sqlite3_step(from) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *out = (uint64_t)sqlite3_column_int64(from, 0);
    (void)sqlite3_reset(from); /* repeats the step's code */
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return store_sqlite_spoil(run->writer, "cannot walk", err);
    return 0;
}

static sqlite3_stmt *walk_statement(struct run *run)
{
    struct store_sqlite_writer *writer = run->writer;
    const struct store_claim *claim = run->claim;

#define WALK_SQL(filter)                                                                           \
    "SELECT seq, num, version, type, created_ms, updated_ms, id, data, trace, origin FROM"         \
    " entities"                                                                                    \
    " INDEXED BY entities_walk"                                                                    \
    " WHERE deleted = 0 AND seq > ?1 AND seq <= ?2" filter " ORDER BY seq"
    if (claim->type_count == 0)
        return store_sqlite_use(&writer->handle, S_WALK, WALK_SQL(""));
    memset(writer->wanted, 0, sizeof(writer->wanted));
    for (size_t i = 0; i < claim->type_count; i++) {
        uint32_t type = store_sqlite_type_find(writer, str_of(claim->types[i]));
        if (type != 0)
            writer->wanted[type / 8] |= (uint8_t)(1u << (type % 8));
    }
    return store_sqlite_use(&writer->handle, S_WALK_TYPES, WALK_SQL(" AND wanted(type)"));
#undef WALK_SQL
}

static int ask_again(struct run *run, const struct submission_look *look, struct err *err)
{
    struct store_sqlite_submission row;
    int status = store_sqlite_submission_load(run->writer, look->same, &row, err);

    return status < 0 ? status
                      : store_sqlite_ask_again(run->writer, run->integration, &row,
                                               look->in_flight != 0, err);
}

static int walk_one(struct run *run, enum store_walk walk, bool is_by_hand, sqlite3_stmt *row,
                    struct err *err)
{
    const struct present entity = {
        .number = (uint64_t)sqlite3_column_int64(row, 1),
        .version = (uint64_t)sqlite3_column_int64(row, 2),
        .type = (uint32_t)sqlite3_column_int(row, 3),
        .created_ms = sqlite3_column_int64(row, 4),
        .updated_ms = sqlite3_column_int64(row, 5),
        .id = store_sqlite_column(row, 6),
        .data = store_sqlite_column(row, 7),
        .trace = store_sqlite_column(row, 8),
    };
    struct submission_look look;
    uint32_t origin = store_origin_unpack(sqlite3_column_int64(row, 9)).integration;
    if (origin == run->integration->number && !is_by_hand)
        return 0; /* its own; see struct store_entity */
    int status = store_sqlite_look(run->writer, run->integration->number, entity.number,
                                   entity.version, 0, &look, err);
    if (status < 0)
        return status;

    enum store_pick pick = store_rules_pick(walk, is_by_hand, &look);
    if (pick == PICK_SKIP)
        return 0;
    if (pick == PICK_ASKED)
        return ask_again(run, &look, err);
    status =
        store_sqlite_supersede_waiting(run->writer, run->integration, &look, entity.version, err);
    if (status < 0)
        return status;
    if (pick == PICK_BLOCKED)
        return block(run, walk, &entity, &look, err);
    return look.same != 0 ? take_again(run, &entity, look.same, err)
                          : take_new(run, &entity, &look, err);
}

/* Walks (cursor, end]; the cursor follows, to `end` when nothing stopped it. */
static int walk_window(struct run *run, enum store_walk walk, bool is_by_hand, uint64_t end,
                       struct err *err)
{
    sqlite3_stmt *rows = walk_statement(run);
    uint64_t reached = run->integration->cursor;
    int code = SQLITE_ERROR;
    int status = 0;
    bool is_stopped = false;

    (void)sqlite3_bind_int64(rows, 1, (int64_t)reached);
    (void)sqlite3_bind_int64(rows, 2, (int64_t)end);
    while (status == 0 && !is_stopped && rows != NULL &&
           (code = sqlite3_step(rows)) == SQLITE_ROW) {
        is_stopped = store_claim_is_full(run->claim);
        if (is_stopped)
            break;
        status = walk_one(run, walk, is_by_hand, rows, err);
        reached = (uint64_t)sqlite3_column_int64(rows, 0);
    }
    (void)sqlite3_reset(rows); /* repeats the step's code */
    if (status < 0)
        return status;
    if (!is_stopped && code != SQLITE_DONE)
        return store_sqlite_spoil(run->writer, "cannot walk", err);
    run->integration->cursor = is_stopped ? reached : end;
    run->integration->is_changed = true;
    return 0;
}

static int claim_walk(struct run *run, struct err *err)
{
    struct store_sqlite_integration *integration = run->integration;
    uint64_t last = run->writer->life.seq;
    bool is_by_hand = integration->by_hand_end > integration->cursor;
    enum store_walk walk = is_by_hand ? integration->by_hand : run->claim->walk;
    uint64_t from = integration->cursor + 1;
    int status = 0;

    if (walk == WALK_NONE || integration->cursor >= last)
        return 0;
    if (store_claim_is_full(run->claim)) {
        run->claim->has_more = true;
        return 0;
    }
    if (last - integration->cursor > STORE_WALK_MAX)
        status = walk_from(run, &from, err);
    if (status < 0)
        return status;
    uint64_t end = from == 0 ? last : from + STORE_WALK_MAX - 1;
    if (end > last)
        end = last;
    if (is_by_hand && end > integration->by_hand_end)
        end = integration->by_hand_end;
    status = walk_window(run, walk, is_by_hand, end, err);
    if (status == 0)
        run->claim->has_more =
            integration->cursor < last &&
            (integration->cursor < integration->by_hand_end || run->claim->walk != WALK_NONE);
    return status;
}

static int claim_both(struct run *run, struct err *err)
{
    int status = run->claim->new_first ? claim_walk(run, err) : claim_due(run, err);

    if (status < 0 || run->claim->has_more)
        return status;
    return run->claim->new_first ? claim_due(run, err) : claim_walk(run, err);
}

int store_sqlite_claim(void *pointer, struct store_claim *claim, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct run run = {.writer = writer, .claim = claim, .now_ms = clock_due_ms()};

    run.integration = store_sqlite_integration_find(writer, claim->integration, err);
    if (run.integration == NULL)
        return E_NOT_FOUND;
    struct store_sqlite_lane *lane = store_sqlite_lane(writer, claim->integration);
    if (lane != NULL)
        lane->walks = claim->walk != WALK_NONE;
    writer->now_ms = clock_wall_ms();
    run.born.integration = claim->integration;
    run.born.until_ms = claim->lease_until_ms;
    int status = expire_leases(&run, err);
    if (status == 0)
        status = claim_both(&run, err);
    if (status == 0 && run.born.outstanding > 0)
        status = store_sqlite_lease_add(writer, &run.born, err);
    if (status == 0)
        status = store_sqlite_next_due(writer, claim->integration, &claim->next_due_ms, err);
    return status;
}

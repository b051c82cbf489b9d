/* SPDX-License-Identifier: Apache-2.0
 * Submissions moved by hand, by their numbers. */
#include "store/store_sqlite.h"

#include "base/clock.h"

static int discard(struct store_sqlite_writer *writer, struct store_sqlite_integration *integration,
                   struct store_sqlite_submission *row, const char *reason, struct err *err)
{
    enum submission_state from = row->state;

    if (from == SUBMISSION_PENDING && !row->has_due)
        row->flags |= FLAG_WAS_BLOCKED;
    if (!submission_step(&row->state, EVENT_DISCARDED))
        return 0;
    row->has_due = false;
    return store_sqlite_submission_move(writer, integration, row, from, str_of(reason), err);
}

static int retry(struct store_sqlite_writer *writer, struct store_sqlite_integration *integration,
                 struct store_sqlite_submission *row, const struct submission_look *look,
                 bool new_key, struct err *err)
{
    int status = 0;

    if (new_key)
        row->salt++;
    if (look->in_flight != 0)
        status = store_sqlite_submission_flag(writer, look->in_flight, FLAG_NEWER_WAITS, err);
    return status < 0 ? status
                      : store_sqlite_ask_again(writer, integration, row, look->in_flight != 0, err);
}

static int move_one(struct store_sqlite_writer *writer, const struct store_move *move,
                    uint64_t number, enum store_refusal *out_refusal, struct err *err)
{
    struct store_sqlite_submission row = {0};
    struct store_sqlite_asked entity = {0};
    struct submission_look look = {0};
    int status = store_sqlite_submission_load(writer, number, &row, err);

    *out_refusal = REFUSAL_NOT_FOUND;
    if (status < 0)
        return status == E_NOT_FOUND ? 0 : status;
    entity.number = row.entity;
    status = store_sqlite_find_asked(writer, STR_NONE, &entity, err);
    if (status <= 0)
        return status;
    status = store_sqlite_look(writer, row.integration, row.entity, entity.version, 0, &look, err);
    if (status < 0)
        return status;
    const struct store_move_facts facts = {
        .number = number,
        .version = row.version,
        .present_version = entity.version,
        .state = row.state,
        .is_blocked = row.state == SUBMISSION_PENDING && !row.has_due,
        .is_deleted = entity.is_deleted,
    };
    *out_refusal = store_rules_move(move->action, &facts, &look);
    struct store_sqlite_integration *integration =
        store_sqlite_integration_find(writer, row.integration, err);
    if (*out_refusal != REFUSALS || integration == NULL || move->is_dry_run)
        return integration == NULL ? E_NOT_FOUND : 0;
    if (move->action == MOVE_DISCARD)
        return discard(writer, integration, &row, move->reason, err);
    return retry(writer, integration, &row, &look, move->new_key, err);
}

int store_sqlite_move(void *pointer, struct store_move *move, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    int status = 0;

    writer->now_ms = clock_wall_ms();
    for (size_t i = 0; i < move->count && status == 0; i++) {
        enum store_refusal refusal;
        status = move_one(writer, move, move->submissions[i], &refusal, err);
        if (status == 0 && refusal == REFUSALS)
            move->moved++;
        else if (status == 0)
            move->refused[refusal]++;
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * A group is what queued up while the last one was committed. */
#include "store/store_group.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/store_rules.h"

#include <errno.h>

enum { PROBE_US = 1000000 };

void op_queue_add(struct op_queue *queue, struct store_op *op)
{
    op->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = op;
    else
        queue->head = op;
    queue->tail = op;
}

struct store_op *op_queue_take(struct op_queue *queue)
{
    struct store_op *op = queue->head;

    if (op == NULL)
        return NULL;
    queue->head = op->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    op->next = NULL;
    return op;
}

void op_queue_append(struct op_queue *queue, struct op_queue *more)
{
    if (more->head == NULL)
        return;
    if (queue->tail != NULL)
        queue->tail->next = more->head;
    else
        queue->head = more->head;
    queue->tail = more->tail;
    *more = (struct op_queue){NULL, NULL};
}

uint64_t op_weight(const struct store_op *op)
{
    uint64_t weight = 1;

    if (op->kind == OP_PUT)
        weight = ((const struct store_put *)op)->count;
    else if (op->kind == OP_PUBLISH)
        weight = ((const struct store_publish *)op)->count;
    else if (op->kind == OP_RECORD)
        weight = ((const struct store_record *)op)->count;
    else if (op->kind == OP_MOVE)
        weight = ((const struct store_move *)op)->count;
    else if (op->kind == OP_CLAIM)
        weight = ((const struct store_claim *)op)->max;
    return weight > 0 ? weight : 1;
}

static int run_write(const struct store_group *group, struct store_op *op, struct err *err)
{
    const struct store_backend *backend = group->backend;

    switch ((enum op_kind)op->kind) {
    case OP_PUT:
        return backend->put(group->writer, (struct store_put *)op, err);
    case OP_RELATE:
        return backend->relate(group->writer, (struct store_relate *)op, err);
    case OP_PUBLISH:
        return backend->publish(group->writer, (struct store_publish *)op, err);
    case OP_INTEGRATION:
        return backend->integration(group->writer, (struct store_integration *)op, err);
    case OP_CLAIM:
        return backend->claim(group->writer, (struct store_claim *)op, err);
    case OP_RECORD:
        return backend->record(group->writer, (struct store_record *)op, err);
    case OP_ENQUEUE:
        return backend->enqueue(group->writer, (struct store_enqueue *)op, err);
    case OP_KEEP:
        return backend->keep(group->writer, (struct store_keep *)op, err);
    case OP_ATTRIBUTE:
        return backend->attribute(group->writer, (struct store_attribute *)op, err);
    case OP_MOVE:
        return backend->move(group->writer, (struct store_move *)op, err);
    case OP_RECOVER:
        return backend->recover(group->writer, (struct store_recover *)op, err);
    case OP_COMPACT:
    case OP_JOB:
    case OP_QUERY:
        break;
    }
    return err_set(err, -EINVAL, "the store has no write of kind %d", op->kind);
}

/* As it was before it was run; what it holds is freed. */
static void op_reset(struct store_op *op)
{
    op->status = 0;
    if (op->kind == OP_PUT) {
        struct store_put *put = (struct store_put *)op;
        put->last_seq = 0;
        if (put->delivery != NULL)
            put->delivery->is_duplicate = false;
    } else if (op->kind == OP_RELATE) {
        ((struct store_relate *)op)->last_seq = 0;
    } else if (op->kind == OP_PUBLISH) {
        ((struct store_publish *)op)->last_seq = 0;
    } else if (op->kind == OP_CLAIM) {
        struct store_claim *claim = (struct store_claim *)op;
        store_claim_finish(claim);
        claim->has_more = false;
        claim->next_due_ms = 0;
    } else if (op->kind == OP_RECORD) {
        ((struct store_record *)op)->next_due_ms = 0;
    } else if (op->kind == OP_ENQUEUE) {
        ((struct store_enqueue *)op)->count = 0;
        ((struct store_enqueue *)op)->rewinds = false;
    } else if (op->kind == OP_MOVE) {
        struct store_move *move = (struct store_move *)op;
        move->moved = 0;
        memset(move->refused, 0, sizeof(move->refused));
    } else if (op->kind == OP_RECOVER) {
        ((struct store_recover *)op)->count = 0;
    }
}

/* An op that failed hands nothing out, whatever its backend had filled in already. */
static void op_fail(struct store_op *op, int status, const struct err *error)
{
    struct err own = *error; /* it may be the op's */

    op_reset(op);
    op->status = status;
    op->error = own;
}

static bool is_full_disk(int status)
{
    return status == -ENOSPC || status == -EDQUOT;
}

/* What brings records in: it can wait where it comes from. The rest is about what is here. */
static bool is_intake(const struct store_op *op)
{
    return op->kind == OP_PUT || op->kind == OP_RELATE || op->kind == OP_PUBLISH ||
           op->kind == OP_ATTRIBUTE;
}

static bool is_refused(const struct store_group *group, const struct store_op *op)
{
    return group->is_full && is_intake(op);
}

/* One transaction. What fails alone is told alone; what spoils the transaction, or fails to commit,
 * is the group's error. */
static int run_once(struct store_group *group, struct store_op *first, struct err *err)
{
    const struct store_backend *backend = group->backend;
    int status = backend->begin(group->writer, err);
    bool has_begun = status == 0;

    for (struct store_op *op = first; op != NULL && status == 0; op = op->next) {
        if (is_refused(group, op))
            continue;
        op->error = (struct err){0};
        op->status = run_write(group, op, &op->error);
        if (op->status < 0 && backend->is_spoiled(group->writer)) {
            status = op->status;
            *err = op->error;
        } else if (op->status < 0) {
            op_fail(op, op->status, &op->error);
        } else {
            op->error.code = 0; /* a backend may have looked for what was not there */
        }
    }
    if (status == 0)
        status = backend->commit(group->writer, err);
    if (status < 0 && has_begun)
        backend->rollback(group->writer);
    return status;
}

/* From now on intake is refused; the rest of the group gets the room that was kept for it, and what
 * the log takes: folded in, it starts anew. */
static int run_on_reserve(struct store_group *group, struct store_op *first, struct err *err)
{
    if (!group->is_full)
        log_error("the store's disk is full: intake is refused, delivery goes on from the reserve",
                  F_ERR(err));
    group->is_full = true;
    group->probe_us = clock_mono_us() + PROBE_US;
    (void)group->backend->reserve(group->writer, false, NULL); /* gives up a file of ours */
    (void)group->backend->checkpoint(group->writer, NULL);     /* as far as there is room */
    for (struct store_op *op = first; op != NULL; op = op->next)
        op_reset(op);
    return run_once(group, first, err);
}

void store_group_run(struct store_group *group, struct store_op *first)
{
    struct err error = {0};
    struct err full = {0};
    int status = run_once(group, first, &error);

    if (is_full_disk(status))
        status = run_on_reserve(group, first, &error);
    err_prefix(&error, "nothing was stored: ");
    err_set(&full, -ENOSPC,
            "nothing was stored: the disk of the store is full, and what little room is left is "
            "kept for deliveries: make room on it; intake goes on by itself then");
    for (struct store_op *op = first; op != NULL; op = op->next)
        if (is_refused(group, op))
            op_fail(op, -ENOSPC, &full);
        else if (status < 0)
            op_fail(op, status, &error);
}

void store_group_start(struct store_group *group, const struct store_backend *backend, void *writer)
{
    struct err error = {0};

    *group = (struct store_group){.backend = backend, .writer = writer};
    int status = backend->reserve(writer, true, &error);
    group->is_full = is_full_disk(status);
    if (status < 0)
        log_warn(group->is_full ? "the store's disk is full: intake is refused"
                                : "no room is kept in reserve for a full disk",
                 F_ERR(&error));
}

void store_group_probe(struct store_group *group)
{
    int64_t now_us = clock_mono_us();

    if (!group->is_full || now_us < group->probe_us)
        return;
    group->probe_us = now_us + PROBE_US;
    if (is_full_disk(group->backend->reserve(group->writer, true, NULL)))
        return;
    group->is_full = false;
    log_info("the store's disk has room again: intake goes on");
}

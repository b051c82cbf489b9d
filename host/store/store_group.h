/* SPDX-License-Identifier: Apache-2.0
 * Queues of ops, and how those that were taken together become one transaction. On the writer's
 * thread, but for the queues. Inside this room only. */
#ifndef STORE_GROUP_H
#define STORE_GROUP_H

#include "store/store_backend.h"

enum op_kind {
    OP_PUT,
    OP_RELATE,
    OP_PUBLISH,
    OP_INTEGRATION,
    OP_CLAIM,
    OP_RECORD,
    OP_ENQUEUE,
    OP_KEEP,
    OP_ATTRIBUTE,
    OP_MOVE,
    OP_RECOVER,
    OP_COMPACT,
    OP_JOB,
    OP_QUERY
};

struct op_queue {
    struct store_op *head;
    struct store_op *tail;
};

void op_queue_add(struct op_queue *queue, struct store_op *op);
struct store_op *op_queue_take(struct op_queue *queue); /* NULL: empty */
void op_queue_append(struct op_queue *queue, struct op_queue *more);
uint64_t op_weight(const struct store_op *op); /* how many writes it stands for in a group */

struct store_group {
    const struct store_backend *backend;
    void *writer;
    bool is_full;     /* the disk is: no intake */
    int64_t probe_us; /* of clock_mono_us: when to look for room again */
};

void store_group_start(struct store_group *group, const struct store_backend *backend,
                       void *writer);
/* Runs what was taken as one transaction; each op has its status then. A full disk is nobody's
 * verdict: intake is refused, the reserve is given up, and the rest runs again. */
void store_group_run(struct store_group *group, struct store_op *first);
/* While the disk is full: looks for room once a second, and ends the refusal when there is. */
void store_group_probe(struct store_group *group);

#endif

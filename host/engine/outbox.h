/* SPDX-License-Identifier: Apache-2.0
 * The verdicts of a lane on their way into the store: collected while one write is under way, then
 * written as one. Nothing is dropped: a write that fails is tried again until it holds. */
#ifndef ENGINE_OUTBOX_H
#define ENGINE_OUTBOX_H

#include "base/arena.h"
#include "base/loop.h"
#include "store/store.h"

struct outbox_side {
    struct store_outcome *outcomes;
    size_t count, room;
    struct arena texts;
};

struct outbox_events {
    void *user;
    /* `count` verdicts are on their way: the time to claim, since both then share a commit. */
    void (*leaving)(void *user, size_t count);
    /* They are durable; next_due_ms as the store says. */
    void (*written)(void *user, size_t count, int64_t next_due_ms);
};

struct outbox {
    struct store *store;
    uint32_t integration;
    const char *name; /* the integration's, for log lines; borrowed */
    struct outbox_side filling, writing;
    struct store_record record;
    bool is_writing;
    struct loop_timer *timer;
    struct outbox_events events;
};

int outbox_init(struct outbox *outbox, struct loop *loop, struct store *store,
                const struct outbox_events *events);
void outbox_finish(struct outbox *outbox);
/* Copies the texts of `outcome`. It is written within a few milliseconds, together with others. */
void outbox_add(struct outbox *outbox, const struct store_outcome *outcome);
bool outbox_is_empty(const struct outbox *outbox);
void outbox_flush(struct outbox *outbox); /* now, unless a write is under way */

#endif

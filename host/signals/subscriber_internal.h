/* SPDX-License-Identifier: Apache-2.0
 * What subscriber.c and subscriber_parked.c share. [loop] */
#ifndef SIGNALS_SUBSCRIBER_INTERNAL_H
#define SIGNALS_SUBSCRIBER_INTERNAL_H

#include "base/loop.h"
#include "signals/follow.h"
#include "signals/subscriber_keep.h"

enum { SUBSCRIBER_WORDS_MAX = 300 };

/* A copy: who told it has gone on. */
struct heard {
    struct heard *next;
    struct store_signal signal;
    uint64_t request;
    int64_t timeout_ms;
    bool is_parked;  /* on the list of those that were, until it is handled */
    uint32_t before; /* tries that it had until it was parked */
    char texts[];
};

struct subscription {
    struct subscriber *subscriber;
    uint32_t index;
    char *pattern, *sender; /* copies: the plugin may be gone first */
    bool is_durable, has_cursor, has_begun;
    struct follow *follow;         /* durable */
    struct hub_listener *listener; /* the others */
    struct heard *first, *last;    /* what waits */
    size_t waiting, waiting_bytes;
    struct heard *in_hand;
    bool is_calling;
    uint32_t attempt, deaths;
    struct loop_timer *timer;
    uint64_t cursor, passed; /* done; looked at by the follow */
    struct subscriber_kept cursor_kept, parked_kept;
    uint64_t handled, failed, dropped, parked;
    char last_error[SUBSCRIBER_WORDS_MAX];
};

struct subscriber {
    struct subscriber_settings settings;
    struct store_query read; /* of the cursors */
    bool is_reading, is_stopping;
    size_t moves;                  /* of parked ones, under way: subscriber_parked.c */
    struct parked_move *unwritten; /* those of them that wait for the store */
    size_t count;
    struct subscription subscriptions[];
};

/* A copy for later; NULL: no memory. Pure. [any] */
struct heard *subscriber_copy(const struct hub_signal *told);
/* False: too much waits for it. Else it is taken, and comes before all that is followed. */
bool subscriber_take_in_line(struct subscription *one, struct heard *take_heard);
/* After each thing that ends: tells once nothing is left of a subscriber that was stopped. Nothing
 * of it may be touched behind this. */
void subscriber_look_idle(struct subscriber *subscriber);
/* A write ended: moves that waited for it end. */
void subscriber_parked_written(struct subscriber *subscriber);

#endif

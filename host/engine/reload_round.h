/* SPDX-License-Identifier: Apache-2.0
 * What one look at the configuration led to, file by file, until everybody who waits for it is
 * answered: when its lanes are open or have said why not. Private to reload.c. [loop] */
#ifndef ENGINE_RELOAD_ROUND_H
#define ENGINE_RELOAD_ROUND_H

#include "engine/engine.h"
#include "engine/generation.h"
#include "engine/roster.h"

struct reload_round;

struct reload_item {
    struct lane_waiter waiter; /* first: the item is the whole */
    struct reload_round *round;
    char *file, *integration, *words;
    enum change change;
};

struct reload_waiter {
    struct reload_waiter *next;
    engine_reload_fn done;
    void *user;
    int64_t patience_until_ms; /* mono */
};

/* What one look led to, until it is answered. */
struct reload_round {
    struct reload_round **list; /* that it is in, until it is answered */
    struct reload_round *next;
    struct reload_waiter *waiters;
    struct reload_item **items;
    size_t count, room;
    size_t pending; /* lanes begun and not open yet */
    bool is_planned, is_by_hand, is_out_of_memory;
    int status;
    struct err err;
};

/* Copies all texts. NULL: no memory, which the round's answer then says. */
struct reload_item *reload_round_add(struct reload_round *round, enum change change,
                                     const char *file, const char *integration, struct str words);
/* The round is answered after this lane is open, or has said why not; the item then tells. */
void reload_item_wait(struct reload_item *item, struct lane *lane);
/* Answers and frees the round when it is planned and no lane is pending. */
void reload_round_maybe_end(struct reload_round *round);
void reload_round_destroy(struct reload_round *round); /* without an answer */
/* Tells and frees each of them. */
void reload_answer(struct reload_waiter *take_waiters, const struct engine_reload_result *result);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The one event thread, on libuv. What runs here never blocks. Other threads reach it by loop_post
 * alone. Debug builds check the thread at the door (loop_assert_here). */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;

struct loop *loop_create(struct err *err);
void loop_destroy(struct loop *loop); /* after loop_run returned; closes what is still open */
void loop_run(struct loop *loop);     /* until loop_stop; the calling thread becomes [loop] */
void loop_stop(struct loop *loop);    /* [any]; what was posted before still runs first */
/* Runs what was posted, or asked for the end of the round, after loop_run returned, until nothing
 * is left: call it once every poster is joined and before what the messages point to is gone.
 * loop_destroy runs no message. */
void loop_drain(struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);
void loop_assert_here(const struct loop *loop);

/* A message to the loop. The poster owns the struct until fn runs; fn owns it then. Order per
 * poster is kept. Many posts become one wake-up. [any] */
struct loop_message {
    struct loop_message *next; /* the loop's */
    void (*fn)(struct loop_message *message);
};
void loop_post(struct loop *loop, struct loop_message *message);

/* Work for the end of this round: fn runs once before the loop waits again, so that what many
 * events of one round ask for is done together. Zero-initialised but for fn; asking twice is asking
 * once. It must not go before it ran, unless the loop goes, too. [loop] */
struct loop_task {
    void (*fn)(struct loop_task *task);
    struct loop_task *next; /* the loop's */
    bool is_waiting;        /* the same */
};
void loop_at_end(struct loop *loop, struct loop_task *task);
void loop_forget(struct loop *loop, struct loop_task *task); /* takes it back, if it waits */

/* One-shot timer. Zero-initialised is idle. Setting it again moves it. All [loop]. */
struct loop_timer;
struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *user), void *user);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms); /* 0: next round */
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer); /* NULL allowed */

#endif

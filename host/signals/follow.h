/* SPDX-License-Identifier: Apache-2.0
 * Signals from the store, one after the other behind a cursor, those that come included: nothing is
 * missed as long as retention keeps it, and whoever remembers the cursor goes on from there after a
 * restart. The reader waits for its taker: one that takes slowly costs a batch of memory. What is
 * not stored (requests) comes in between, at once. For listen routes and durable
 * subscriptions. [loop] */
#ifndef SIGNALS_FOLLOW_H
#define SIGNALS_FOLLOW_H

#include "signals/hub.h"

struct follow;

struct follow_settings {
    struct str pattern, sender; /* as in hub_filter; copied */
    bool answers;
    bool from_now;    /* what is committed from here on; else: */
    uint64_t after;   /* behind this number */
    int64_t since_ms; /* and not older than this; 0: any */
};

/* False: not now; it is given again after follow_resume. An unstored one (seq 0) comes also to a
 * taker that was not ready, and is gone when it is not taken. May stop the follow. */
typedef bool (*follow_fn)(void *user, const struct hub_signal *signal);

struct follow_events {
    follow_fn signal;
    /* May be NULL. Where it begins: every signal behind `cursor` will come. Once, before any. */
    void (*began)(void *user, uint64_t cursor);
    /* May be NULL. All up to `cursor` has been taken, or is none of those that are wanted. */
    void (*idle)(void *user, uint64_t cursor);
};
/* NULL with err: -EINVAL, -ENOMEM. */
struct follow *follow_start(struct hub *hub, const struct follow_settings *settings,
                            const struct follow_events *events, void *user, struct err *err);
void follow_resume(struct follow *follow);
void follow_stop(struct follow *follow); /* NULL allowed; no callback comes after it */

#endif

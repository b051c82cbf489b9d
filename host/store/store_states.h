/* SPDX-License-Identifier: Apache-2.0
 * The states of a submission and every way from one to another: one table, in store_states.c. Both
 * backends and the engine take the next state from it; what it does not have does not happen, and
 * the row stays as it was. Pure. [any]
 *
 *                 claimed                    accepted
 *   (walk) ----------------------> in_flight ----------> succeeded
 *     |                            ^ |  | |  rejected, out of tries
 *     | blocked,          claimed  | |  | +------------> failed
 *     | asked for                  | |  |  skipped
 *     v                            | |  +--------------> skipped
 *   pending ---------------------->+ |
 *     ^                            | | released --------> pending
 *     |                            | | retry -----------> retrying --+
 *     |                            | | unsure, lease ran             | claimed
 *     |                            | | out, recovered --> unknown  --+
 *     |                            +---------------------------------+
 *     |
 *     +-- retried: pending, retrying, unknown, failed, skipped
 *     +-- replayed: succeeded
 *
 *   succeeded, failed, skipped: rewound (the cursor was set back) -> in_flight; a skipped one that
 *                               another version in flight stands before: blocked -> pending
 *
 *   pending, retrying, unknown: newer version -> superseded; entity deleted, discarded -> skipped
 *   pending:                    delivered once -> skipped
 *   failed:                     discarded -> skipped
 *   superseded:                 nothing leads out of it, for its data is gone */
#ifndef STORE_STATES_H
#define STORE_STATES_H

#include "base/str.h"

#include <stdbool.h>

enum submission_state {
    SUBMISSION_PENDING,
    SUBMISSION_IN_FLIGHT,
    SUBMISSION_SUCCEEDED,
    SUBMISSION_RETRYING,
    SUBMISSION_FAILED,
    SUBMISSION_UNKNOWN,
    SUBMISSION_SKIPPED,
    SUBMISSION_SUPERSEDED,
    SUBMISSION_STATES,
    SUBMISSION_NONE = SUBMISSION_STATES /* not born yet: no row has it */
};
const char *submission_state_name(enum submission_state state);
bool submission_state_parse(struct str name, enum submission_state *out);

enum submission_event {
    /* of a claim */
    EVENT_CLAIMED,
    EVENT_REWOUND, /* by a walk whose cursor was set back by hand */
    EVENT_BLOCKED, /* by another version of the same entity that is in flight */
    EVENT_NEWER_VERSION,
    EVENT_DELIVERED_ONCE, /* an older version, and the walk that made this one wait wants no more */
    EVENT_ENTITY_DELETED,
    EVENT_LEASE_RAN_OUT,
    /* of who holds the claim: these are what store_record takes */
    EVENT_RELEASED, /* given back unused: no try counted */
    EVENT_ACCEPTED,
    EVENT_REJECTED,
    EVENT_SKIPPED, /* a selector does not want it */
    EVENT_RETRY,
    EVENT_UNSURE, /* sent, answer never seen */
    EVENT_OUT_OF_TRIES,
    /* of a start */
    EVENT_RECOVERED, /* what a former life of the daemon left in flight */
    /* by hand */
    EVENT_ASKED_FOR,
    EVENT_RETRIED,
    EVENT_REPLAYED,
    EVENT_DISCARDED,
    SUBMISSION_EVENTS
};
const char *submission_event_name(enum submission_event event);

/* A row of the table: where `event` leads to from a state, and what must hold for it to happen. */
struct submission_transition {
    enum submission_state to;
    const char *needs; /* for people */
};
/* NULL: the table has no such row. */
const struct submission_transition *submission_transition_find(enum submission_state from,
                                                               enum submission_event event);

/* Takes the step. False when the table has no such row: then *state is as before, and whoever asks
 * leaves the rest of the submission as it is, too. */
static inline bool submission_step(enum submission_state *state, enum submission_event event)
{
    const struct submission_transition *transition = submission_transition_find(*state, event);

    if (transition != NULL)
        *state = transition->to;
    return transition != NULL;
}

/* One that the holder of a claim may tell of. */
static inline bool submission_event_is_verdict(enum submission_event event)
{
    return event >= EVENT_RELEASED && event <= EVENT_OUT_OF_TRIES;
}

/* What asking for it by hand is, by where it stands. */
static inline enum submission_event submission_asking(enum submission_state from)
{
    return from == SUBMISSION_NONE        ? EVENT_ASKED_FOR
           : from == SUBMISSION_SUCCEEDED ? EVENT_REPLAYED
                                          : EVENT_RETRIED;
}

/* Waits, or is in somebody's hands: not over yet. */
static inline bool submission_is_live(enum submission_state state)
{
    return state == SUBMISSION_PENDING || state == SUBMISSION_IN_FLIGHT ||
           state == SUBMISSION_RETRYING || state == SUBMISSION_UNKNOWN;
}

static inline bool submission_is_waiting(enum submission_state state)
{
    return submission_is_live(state) && state != SUBMISSION_IN_FLIGHT;
}

#endif

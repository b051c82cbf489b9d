/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_states.h"

#include <stddef.h>

static const char *const state_names[SUBMISSION_STATES] = {
    [SUBMISSION_PENDING] = "pending",     [SUBMISSION_IN_FLIGHT] = "in_flight",
    [SUBMISSION_SUCCEEDED] = "succeeded", [SUBMISSION_RETRYING] = "retrying",
    [SUBMISSION_FAILED] = "failed",       [SUBMISSION_UNKNOWN] = "unknown",
    [SUBMISSION_SKIPPED] = "skipped",     [SUBMISSION_SUPERSEDED] = "superseded",
};

static const char *const event_names[SUBMISSION_EVENTS] = {
    [EVENT_CLAIMED] = "claimed",
    [EVENT_REWOUND] = "rewound",
    [EVENT_BLOCKED] = "blocked",
    [EVENT_NEWER_VERSION] = "newer version",
    [EVENT_DELIVERED_ONCE] = "delivered once",
    [EVENT_ENTITY_DELETED] = "entity deleted",
    [EVENT_LEASE_RAN_OUT] = "lease ran out",
    [EVENT_RELEASED] = "released",
    [EVENT_ACCEPTED] = "accepted",
    [EVENT_REJECTED] = "rejected",
    [EVENT_SKIPPED] = "skipped",
    [EVENT_RETRY] = "retry",
    [EVENT_UNSURE] = "unsure",
    [EVENT_OUT_OF_TRIES] = "out of tries",
    [EVENT_RECOVERED] = "recovered",
    [EVENT_ASKED_FOR] = "asked for",
    [EVENT_RETRIED] = "retried",
    [EVENT_REPLAYED] = "replayed",
    [EVENT_DISCARDED] = "discarded",
};

static const char is_due[] = "its time has come, and its version is the present one";
static const char is_held[] = "the claim is still held: the row's attempt is the one told of";
static const char is_lapsed[] = "its lease ended before a verdict came";
static const char has_newer[] = "its entity has a newer version, whose submission is or gets made";
static const char is_enough[] = "a walk that delivers an entity once made it wait behind that one";
static const char is_gone[] = "its entity was deleted";
static const char is_walked[] = "the cursor was set back by hand, and the walk's selector wants it";
static const char is_asked[] = "a person asks";
static const char by_hand[] = "a person asks; its version is the present one";

#define ROW(from, event, to, needs) [SUBMISSION_##from][EVENT_##event] = {SUBMISSION_##to, needs}
static const struct submission_transition table[SUBMISSION_STATES + 1][SUBMISSION_EVENTS] = {
    /* born */
    ROW(NONE, CLAIMED, IN_FLIGHT, "the walk's selector wants the entity's present version"),
    ROW(NONE, BLOCKED, PENDING, "the walk wants it, and another version is in flight"),
    ROW(NONE, ASKED_FOR, PENDING, "a person asks, and there is none of the present version"),
    /* taken in hand */
    ROW(PENDING, CLAIMED, IN_FLIGHT, is_due),
    ROW(RETRYING, CLAIMED, IN_FLIGHT, is_due),
    ROW(UNKNOWN, CLAIMED, IN_FLIGHT, is_due),
    ROW(SUCCEEDED, REWOUND, IN_FLIGHT, is_walked),
    ROW(FAILED, REWOUND, IN_FLIGHT, is_walked),
    ROW(SKIPPED, REWOUND, IN_FLIGHT, is_walked),
    ROW(SKIPPED, BLOCKED, PENDING, "as for rewound, but another version is still in flight"),
    /* verdicts */
    ROW(IN_FLIGHT, RELEASED, PENDING, is_held),
    ROW(IN_FLIGHT, ACCEPTED, SUCCEEDED, is_held),
    ROW(IN_FLIGHT, REJECTED, FAILED, is_held),
    ROW(IN_FLIGHT, SKIPPED, SKIPPED, is_held),
    ROW(IN_FLIGHT, RETRY, RETRYING, is_held),
    ROW(IN_FLIGHT, UNSURE, UNKNOWN, is_held),
    ROW(IN_FLIGHT, OUT_OF_TRIES, FAILED, is_held),
    /* no verdict */
    ROW(IN_FLIGHT, LEASE_RAN_OUT, UNKNOWN, is_lapsed),
    ROW(IN_FLIGHT, RECOVERED, UNKNOWN, "a former life of the daemon held the claim"),
    /* overtaken while it waits; what is in flight comes to its end first */
    ROW(PENDING, NEWER_VERSION, SUPERSEDED, has_newer),
    ROW(RETRYING, NEWER_VERSION, SUPERSEDED, has_newer),
    ROW(UNKNOWN, NEWER_VERSION, SUPERSEDED, has_newer),
    ROW(PENDING, DELIVERED_ONCE, SKIPPED, is_enough),
    ROW(PENDING, ENTITY_DELETED, SKIPPED, is_gone),
    ROW(RETRYING, ENTITY_DELETED, SKIPPED, is_gone),
    ROW(UNKNOWN, ENTITY_DELETED, SKIPPED, is_gone),
    /* by hand */
    ROW(PENDING, RETRIED, PENDING, by_hand),
    ROW(RETRYING, RETRIED, PENDING, by_hand),
    ROW(UNKNOWN, RETRIED, PENDING, by_hand),
    ROW(FAILED, RETRIED, PENDING, by_hand),
    ROW(SKIPPED, RETRIED, PENDING, by_hand),
    ROW(SUCCEEDED, REPLAYED, PENDING, by_hand),
    ROW(PENDING, DISCARDED, SKIPPED, is_asked),
    ROW(RETRYING, DISCARDED, SKIPPED, is_asked),
    ROW(UNKNOWN, DISCARDED, SKIPPED, is_asked),
    ROW(FAILED, DISCARDED, SKIPPED, is_asked),
};
#undef ROW

const char *submission_state_name(enum submission_state state)
{
    return (unsigned)state < SUBMISSION_STATES ? state_names[state] : "?";
}

bool submission_state_parse(struct str name, enum submission_state *out)
{
    for (int i = 0; i < SUBMISSION_STATES; i++) {
        if (str_is(name, state_names[i])) {
            *out = (enum submission_state)i;
            return true;
        }
    }
    return false;
}

const char *submission_event_name(enum submission_event event)
{
    return (unsigned)event < SUBMISSION_EVENTS ? event_names[event] : "?";
}

const struct submission_transition *submission_transition_find(enum submission_state from,
                                                               enum submission_event event)
{
    if ((unsigned)from > SUBMISSION_NONE || (unsigned)event >= SUBMISSION_EVENTS ||
        table[from][event].needs == NULL)
        return NULL;
    return &table[from][event];
}

/* SPDX-License-Identifier: Apache-2.0
 * The signals that an integration's plugin subscribed to, given to its handler one by one. Those
 * above this room look at the figures alone. [loop]
 *
 * A durable subscription follows the store behind a cursor, which is kept there once the handler is
 * done with a signal: at least once, in order, over restarts and crashes. One that fails is tried
 * again for a while, then parked: noted beside the cursor and passed by. The others hear what
 * comes, through a bounded queue. Each subscription goes at its own pace. */
#ifndef SIGNALS_SUBSCRIBER_H
#define SIGNALS_SUBSCRIBER_H

#include "plugin/plugin.h"
#include "signals/hub.h"

struct subscriber;

struct subscriber_settings {
    struct hub *hub;
    struct store *store;
    struct loop *loop;
    struct plugin_instance *plugin;
    uint32_t integration;
    const char *name; /* the integration's; lives as long */
    /* After subscriber_stop: nothing is in hand or being written any more. Not from within it. */
    void (*idle)(void *user);
    void *user;
};

/* Reads the cursors, then listens. NULL: no memory, or the plugin subscribes to nothing. */
struct subscriber *subscriber_start(const struct subscriber_settings *settings);
/* Takes no more; what is in hand ends. */
void subscriber_stop(struct subscriber *subscriber);
bool subscriber_is_idle(const struct subscriber *subscriber);
/* Once idle; else the plugin's calls have been answered and the store has closed. NULL allowed. */
void subscriber_destroy(struct subscriber *subscriber);
/* What is published now, while its handler runs, has so many hops behind it. */
uint32_t subscriber_hops(const struct subscriber *subscriber); /* NULL: 0 */

/* One subscription, for people; texts borrowed until the next loop round. */
struct subscription_figures {
    struct str pattern, sender;
    bool is_durable;
    const char *state; /* starting, listening, handling, retrying, stopping */
    uint64_t cursor;   /* durable: done with all up to here */
    uint64_t handled, failed, dropped, parked; /* since start; parked: kept, see below */
    const char *last_error;                    /* NULL: none since start */
    struct str parked_json; /* the parked ones that are kept, a JSON array; empty: none */
    size_t parked_now;      /* how many those are */
};
size_t subscriber_count(const struct subscriber *subscriber); /* NULL: 0 */
void subscriber_at(const struct subscriber *subscriber, size_t index,
                   struct subscription_figures *out);

/* ---- parked ones, by hand ---- */

/* Of these numbers, in whichever subscriptions parked them; count 0: all. Borrowed for the call. */
struct parked_choice {
    const uint64_t *seqs;
    size_t count;
};

enum parked_refusal {
    PARKED_NOT_THERE, /* it is none of the parked ones */
    PARKED_UNDER_WAY, /* is given to its handler again already */
    PARKED_REMOVED,   /* [store] keep_signals has taken what it said; it stays on the list */
    PARKED_NO_ROOM,   /* too much waits in line */
    PARKED_REFUSALS,
};
const char *parked_refusal_name(enum parked_refusal refusal); /* "not_parked" */

struct parked_result {
    int status; /* negative: what `err` says, and how far it came before stands here all the same */
    const struct err *err;
    size_t matched, moved; /* moved: in line, or given up and written */
    size_t refused[PARKED_REFUSALS];
};
/* Once, maybe at once; also when the integration closes meanwhile. */
typedef void (*parked_fn)(void *user, const struct parked_result *result);

/* Is a parked one of the subscription at `index` given to its handler again just now? */
bool subscriber_is_under_way(const struct subscriber *subscriber, size_t index, uint64_t seq);

/* Gives them to their handler again, before what comes: out of order, then. One stays on the list
 * until it is handled. Each is tried once, as what comes waits behind it; one that fails is parked
 * anew. */
void subscriber_retry(struct subscriber *subscriber, const struct parked_choice *choice,
                      parked_fn done, void *user);
/* Takes them off the list; durable when done is told. */
void subscriber_discard(struct subscriber *subscriber, const struct parked_choice *choice,
                        parked_fn done, void *user);

#endif

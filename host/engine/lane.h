/* SPDX-License-Identifier: Apache-2.0
 * One integration's lane: what it claims, what it has in hand, what it has to write down. Private
 * to the engine room: lane_open.c makes and opens it, lane.c decides when to claim, batch.c takes a
 * batch to its verdicts, outbox.c writes them down.
 *
 *   starting --opened--> active                  any --> stopping --in flight ended--> stopped
 *      |
 *      +--could not----> failed
 *
 * An active lane may be held back for a while: by its plugin, which restarts, or by its gate
 * (lane_gate.h).
 */
#ifndef ENGINE_LANE_H
#define ENGINE_LANE_H

#include "base/log.h"
#include "engine/activation.h"
#include "engine/engine.h"
#include "engine/generation.h"
#include "engine/health.h"
#include "engine/hook.h"
#include "engine/lane_gate.h"
#include "engine/outbound.h"
#include "engine/outbox.h"
#include "engine/tap.h"
#include "rules/names.h"
#include "rules/retry.h"
#include "signals/subscriber.h"

enum lane_state {
    LANE_DISABLED, /* by its ini */
    LANE_INACTIVE, /* by hand, or by safe mode: words say */
    LANE_STARTING,
    LANE_ACTIVE,
    LANE_FAILED,
    LANE_STOPPING,
};

/* Somebody who is told once that a lane took its place (NULL), or why not. Embedded, and his own
 * until then. */
struct lane_waiter {
    struct lane_waiter *next;
    void (*settled)(struct lane_waiter *waiter, const char *problem);
};

struct lane {
    const struct engine_rooms *rooms;
    struct generation *generation; /* the lane's own reference; `file` is of it */
    const struct config_file *file;
    char *name;
    uint32_t number;
    enum lane_state state;
    char words[600];        /* why failed */
    char former_words[640]; /* why it does not run by its present files; "" when it does */

    /* what the ini says */
    struct names types;
    enum store_walk walk;
    const char *selector; /* the plugin's, or NULL */
    bool has_where, has_transform;
    struct retry_policy policy;
    struct outbound_rules *outbound; /* NULL: the plugin has no HTTP destination */
    struct http_destination *destination;
    struct plugin_instance *jq; /* runs where and [transform]; NULL: neither is set */
    struct plugin_instance *plugin;
    struct plugin_facts facts;
    bool is_jq_open, is_plugin_open, is_gate_open;
    bool can_ask;   /* the plugin may tell whether an earlier try had arrived: see reconcile.c */
    bool has_asked; /* and did so once: its settings say how */
    struct lane_gate gate; /* what may go when */
    struct hook *hook;     /* what comes in from outside; NULL: nothing does */

    /* what is in hand */
    struct store_claim claim;
    struct lane_gate_pass pass; /* of the claim */
    bool is_claiming, must_look_again;
    bool is_drained;    /* the last claim found the end of the walk, and nothing came since */
    uint32_t in_flight; /* records claimed and not yet written down */
    struct batch *batches;
    struct sending *judge_first, *judge_last; /* answers that wait for the plugin's judge */
    uint32_t judged;                          /* answers that are at it */
    uint32_t judge_deaths;                    /* in a row */
    char judge_words[400];                    /* of the last one */
    struct outbox outbox;
    struct loop_timer *timer;  /* when to look again */
    int64_t looked_ms;         /* when it claimed last */
    int64_t next_due_ms;       /* by clock_due_ms; what the store said last */
    uint64_t requests_records; /* records in all requests, to size the window */
    struct lane_figures figures;
    struct health health;
    struct probe *probes; /* probe.c: under way */
    struct test *test;    /* the same: whose result who asks now gets as well; NULL: none */
    struct log_limit failures_told, retries_told;
    struct subscriber *signals; /* that the plugin hears; NULL: none, or not yet */
    struct tap *tap;            /* of this name, not of this lane; NULL: none to be had */

    void (*changed)(void *user, struct lane *lane); /* state changed or went idle */
    void *changed_user;

    /* its place among the others (roster.c) */
    unsigned holds;           /* who else has a pointer to it for a while */
    bool is_closing;          /* lane_close was called */
    struct generation *tried; /* what its present files said when they did not open; or NULL */
    const struct config_file *tried_file;
    struct activation activation;
    bool is_released;       /* activated by hand since start: safe mode lets it pass */
    bool waits_for_former;  /* claims nothing until the one whose place it takes is through */
    struct lane *successor; /* opens beside it, to take its place */
    struct lane *next;      /* of those that drain */
    struct lane_waiter *waiters;
};

/* `file` is of `generation`. A lane that cannot be is created all the same, as failed. */
struct lane *lane_create(const struct engine_rooms *rooms, struct generation *generation,
                         const struct config_file *file, struct err *err);
/* Goes over to a generation that says the same of it: the former one can then be freed. Whatever
 * else of the config a lane keeps must be a copy. */
void lane_rebind(struct lane *lane, struct generation *generation, const struct config_file *file);
/* What `next` was does not open: not tried again by itself until it is otherwise. Either may be
 * NULL, which forgets it. */
void lane_set_tried(struct lane *lane, struct generation *generation,
                    const struct config_file *file);
/* Takes over what `former`, whose place it takes, has counted and learned of the destination. */
void lane_inherit(struct lane *lane, struct lane *former);
void lane_take_figures(struct lane *lane, struct lane *former); /* the counts alone */
/* The lane stays in memory, and is not idle, until each hold is released. */
void lane_hold(struct lane *lane);
void lane_release(struct lane *lane);
void lane_destroy(struct lane *lane);
/* The store knows it by `number`: opens the plugin's instances, then becomes active or failed. */
void lane_open(struct lane *lane, uint32_t number);
void lane_look(struct lane *lane);
/* Tells the engine that the state changed or the lane went idle. */
void lane_tell(struct lane *lane);
/* Its outbox's events: records left the window; their outcomes are written down. */
void lane_leaving(void *user, size_t count);
void lane_written(void *user, size_t count, int64_t next_due_ms);
void lane_stop(struct lane *lane);
/* Active, in its place: its plugin hears its signals from here on. More than once is once. */
void lane_subscribe(struct lane *lane);
bool lane_is_idle(const struct lane *lane);
/* Idle and stopped, its plugin lets go of what it holds; lane_is_closed after that, and the engine
 * is told. More than once is once. */
void lane_close(struct lane *lane);
bool lane_is_closed(const struct lane *lane);
void lane_fail(struct lane *lane, const char *words);
/* It could not be opened, or its plugin did not open again after a restart and says that it never
 * will: another try is a new lane's. */
bool lane_has_failed(const struct lane *lane);
/* It is not to be opened, and why. */
void lane_hold_back(struct lane *lane, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The plugin is not there: no claims before then (clock_due_ms), or before it is back. */
void lane_plugin_away(struct lane *lane, int64_t until_ms, const char *words);
const char *lane_state_name(const struct lane *lane);
/* Why it is not simply active, a sentence; NULL: it is. The lane's, until the next call. */
const char *lane_words(struct lane *lane);

/* A claim with records becomes a batch, which takes over the claim's arena and its pass. */
int batch_start(struct lane *lane, struct store_claim *claim);

#endif

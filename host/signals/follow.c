/* SPDX-License-Identifier: Apache-2.0
 *
 *   finding --where "now" is--> ordering --> reading <--heard of more--> idle
 *                                               |
 *                                               +--rows--> giving --taken--> reading
 *                                                             |  ^
 *                                                      refused|  |follow_resume
 *                                                             v  |
 *                                                            held
 */
#include "signals/follow.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/pattern.h"
#include "signals/hub_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
    BATCH_SIGNALS = 256,
    BATCH_BYTES = 1 << 20,
    READ_AGAIN_MS = 1000, /* after a query that failed */
};

struct follow {
    union { /* first: an op is its follow */
        struct store_query query;
        struct store_publish order;
    };
    struct hub *hub;
    struct hub_listener *listener;
    struct loop_timer *timer;
    struct follow_events events;
    void *user;
    char *pattern, *sender; /* sender "": any */
    uint64_t cursor;
    uint64_t heard_first; /* while finding: of those that were committed meanwhile; 0: none */
    int64_t since_ms;
    bool is_finding, is_busy; /* the query is under way */
    bool has_more;            /* there may be more behind the batch, or it was heard of */
    bool is_held, is_giving, is_stopped;
    /* the batch: the reader's while is_busy */
    struct store_signal signals[BATCH_SIGNALS];
    struct arena arena;
    size_t count, at, bytes;
    uint32_t looked;
    uint64_t last;
    bool is_cut, is_out_of_memory;
};

static void work(struct follow *follow);

static void destroy(struct follow *follow)
{
    arena_finish(&follow->arena);
    loop_timer_destroy(follow->timer);
    free(follow->pattern);
    free(follow->sender);
    free(follow);
}

/* ---- reading ---- */

static bool copy_row(struct follow *follow, const struct store_row *row)
{
    struct store_signal *signal = &follow->signals[follow->count];

    *signal = hub_signal_of(row);
    signal->name = arena_copy(&follow->arena, row->name);
    signal->sender = arena_copy(&follow->arena, row->sender);
    signal->entity = arena_copy(&follow->arena, row->id);
    signal->type = arena_copy(&follow->arena, row->type);
    signal->data = arena_copy(&follow->arena, row->data);
    follow->bytes += row->data.len;
    follow->count++;
    return signal->name.ptr != NULL && signal->sender.ptr != NULL && signal->entity.ptr != NULL &&
           signal->type.ptr != NULL && signal->data.ptr != NULL;
}

/* [pool] */
static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct follow *follow = (struct follow *)query;
    bool is_wanted = pattern_matches(str_of(follow->pattern), row->name) &&
                     (follow->sender[0] == '\0' || str_is(row->sender, follow->sender)) &&
                     row->created_ms >= follow->since_ms;

    if (is_wanted && !copy_row(follow, row)) {
        follow->is_out_of_memory = true;
        return false;
    }
    follow->last = row->seq;
    follow->is_cut = follow->count == BATCH_SIGNALS || follow->bytes >= BATCH_BYTES ||
                     ++follow->looked == STORE_LOOK_MAX;
    return !follow->is_cut;
}

static void on_read(struct store_op *op)
{
    struct follow *follow = (struct follow *)op;

    follow->is_busy = false;
    if (follow->is_stopped) {
        destroy(follow);
        return;
    }
    if (op->status == 0 && !follow->is_out_of_memory) {
        follow->has_more |= follow->is_cut;
        work(follow);
        return;
    }
    follow->count = 0;
    follow->has_more = true;
    if (op->status == E_STOPPED)
        return;
    log_warn("cannot read signals from the store, will try again", F_ERR(&op->error));
    loop_timer_set(follow->timer, READ_AGAIN_MS);
}

static void read_more(struct follow *follow)
{
    bool own_only =
        hub_kinds_of(str_of(follow->pattern), str_of(follow->sender)) == 1u << SIGNAL_OWN;

    arena_finish(&follow->arena);
    follow->count = follow->at = follow->bytes = 0;
    follow->looked = 0;
    follow->last = follow->cursor;
    follow->is_cut = follow->is_out_of_memory = follow->has_more = false;
    follow->is_busy = true;
    follow->query = (struct store_query){
        .op.done = on_read,
        .query = QUERY_SIGNALS,
        .after = follow->cursor,
        .filter.since_ms = follow->since_ms,
        .own_only = own_only,
        .row = on_row,
    };
    store_query(follow->hub->store, &follow->query);
}

/* ---- giving ---- */

/* False: stopped, and gone unless a query still has it. */
static bool give(struct follow *follow)
{
    follow->is_giving = true;
    while (!follow->is_held && !follow->is_stopped && follow->at < follow->count) {
        const struct store_signal *signal = &follow->signals[follow->at];
        uint64_t seq = signal->seq;
        if (!follow->events.signal(follow->user, &(struct hub_signal){.signal = signal})) {
            follow->is_held = true;
            break;
        }
        follow->at++;
        follow->cursor = seq;
    }
    follow->is_giving = false;
    if (!follow->is_stopped)
        return true;
    if (!follow->is_busy)
        destroy(follow);
    return false;
}

static void work(struct follow *follow)
{
    if (follow->is_busy || follow->is_finding || follow->is_giving || !give(follow) ||
        follow->is_held)
        return;
    if (follow->last > follow->cursor)
        follow->cursor = follow->last;
    if (follow->has_more && follow->hub->store != NULL) {
        read_more(follow);
        return;
    }
    follow->count = follow->at = 0;
    if (follow->events.idle != NULL)
        follow->events.idle(follow->user, follow->cursor);
}

static void on_timer(void *user)
{
    work(user);
}

static void on_heard(void *user, const struct hub_signal *heard)
{
    struct follow *follow = user;
    struct hub *hub = follow->hub;
    uint64_t seq = heard->signal->seq;

    if (seq == 0) { /* of no number: now or never */
        bool is_taken = !follow->is_finding && follow->events.signal(follow->user, heard);
        if (!is_taken && heard->request != 0)
            hub_decline(hub, heard->request, STR("listener"), "it is not following");
        return;
    }
    if (follow->is_finding && follow->heard_first == 0)
        follow->heard_first = seq;
    if (seq <= follow->cursor || follow->has_more)
        return;
    follow->has_more = true;
    work(follow);
}

/* ---- life ---- */

/* [pool] */
static bool on_total(struct store_query *query, const struct store_row *row)
{
    ((struct follow *)query)->last = row->seq;
    return false;
}

static void begin(struct follow *follow)
{
    follow->is_finding = false;
    follow->is_giving = true; /* began() may stop it */
    if (follow->events.began != NULL)
        follow->events.began(follow->user, follow->cursor);
    follow->is_giving = false;
    if (follow->is_stopped)
        destroy(follow);
    else
        work(follow);
}

/* Now is the last number, unless a commit came between the start and the look at it. */
static void on_ordered(struct store_op *op)
{
    struct follow *follow = (struct follow *)op;

    follow->is_busy = false;
    if (follow->is_stopped) {
        destroy(follow);
        return;
    }
    follow->cursor = follow->last;
    if (follow->heard_first != 0 && follow->heard_first <= follow->cursor)
        follow->cursor = follow->heard_first - 1;
    follow->last = follow->cursor;
    follow->has_more = follow->heard_first != 0;
    begin(follow);
}

/* The look met what was committed and not heard of yet. Writes are told of in their order: behind
 * one of nothing, all that the look met has been heard of. Whether that one is done says nothing;
 * a full disk refuses it, and then there was nothing to hear. */
static void on_found(struct store_op *op)
{
    struct follow *follow = (struct follow *)op;

    if (op->status < 0 && op->status != E_STOPPED)
        log_warn("cannot look for the last signal, follows what is heard of from here on",
                 F_ERR(&op->error));
    follow->order = (struct store_publish){.op.done = on_ordered};
    if (follow->is_stopped || follow->hub->store == NULL)
        on_ordered(&follow->order.op);
    else
        store_publish(follow->hub->store, &follow->order);
}

static void find_now(struct follow *follow)
{
    follow->is_finding = follow->is_busy = true;
    follow->query = (struct store_query){
        .op.done = on_found, .query = QUERY_TOTALS, .row = on_total, .limit = 1};
    store_query(follow->hub->store, &follow->query);
}

static void on_begin(void *user)
{
    struct follow *follow = user;

    if (follow->is_finding)
        begin(follow);
    else
        on_timer(follow);
}

struct follow *follow_start(struct hub *hub, const struct follow_settings *settings,
                            const struct follow_events *events, void *user, struct err *err)
{
    const struct hub_filter filter = {settings->pattern, settings->sender, settings->answers};
    struct follow *follow;

    if (hub->store == NULL) {
        (void)err_set(err, E_STOPPED, "the daemon is stopping");
        return NULL;
    }
    follow = calloc(1, sizeof *follow);
    if (follow != NULL) {
        follow->pattern = str_dup(settings->pattern);
        follow->sender = str_dup(settings->sender);
        follow->timer = loop_timer_create(hub->loop, on_begin, follow);
    }
    if (follow == NULL || follow->pattern == NULL || follow->sender == NULL ||
        follow->timer == NULL) {
        if (follow != NULL)
            destroy(follow);
        (void)err_set(err, -ENOMEM, "no memory to follow signals");
        return NULL;
    }
    follow->hub = hub;
    follow->events = *events;
    follow->user = user;
    follow->cursor = follow->last = settings->after;
    follow->since_ms = settings->since_ms;
    follow->listener = hub_listen(hub, &filter, on_heard, follow, err);
    if (follow->listener == NULL) {
        destroy(follow);
        return NULL;
    }
    if (settings->from_now) {
        find_now(follow);
        return follow;
    }
    follow->is_finding = follow->has_more = true; /* begins from the loop, not within this call */
    loop_timer_set(follow->timer, 0);
    return follow;
}

void follow_resume(struct follow *follow)
{
    follow->is_held = false;
    work(follow);
}

void follow_stop(struct follow *follow)
{
    if (follow == NULL || follow->is_stopped)
        return;
    hub_leave(follow->listener);
    follow->listener = NULL;
    follow->is_stopped = true;
    if (!follow->is_busy && !follow->is_giving)
        destroy(follow);
}

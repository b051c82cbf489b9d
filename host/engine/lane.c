/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lane.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/probe.h"

enum {
    WINDOW_FIRST = 256,
    CLAIM_MOST = 256,    /* records a claim, unless a quarter of the window is more */
    WINDOW_LEAST = 1024, /* records in hand at once */
    WINDOW_MOST = 8192,
    IN_HAND_US = 10000000, /* how long a record waits in hand at most, about */
    CLAIM_BYTES = 1 << 20,
    LOOK_AGAIN_MS = 1000, /* after a claim that failed */
    LOOK_LATEST_MS = 60000,
    LOOK_GRAIN_MS = 10,
    LEASE_SLACK_MS = 60000,
};

static void claim_done(struct store_op *op);

void lane_tell(struct lane *lane)
{
    if (lane->changed != NULL)
        lane->changed(lane->changed_user, lane);
}

/* Sets the timer to when something waits to be done. */
static void wait_for_due(struct lane *lane)
{
    int64_t now = clock_due_ms();
    int64_t until = lane->next_due_ms;
    int64_t free_ms;

    /* While there is more to walk through, the gate alone says when; else what is due as well. */
    if (lane_gate_look(&lane->gate, now, &free_ms) != GATE_FREE) {
        if (free_ms == 0)
            return; /* an answer comes, and lane_written looks again */
        if (!lane->is_drained || until < free_ms)
            until = free_ms;
    }
    if (until == 0)
        return;
    /* Retries fall due one by one: those of a few milliseconds share a claim and its commit. */
    if (until < lane->looked_ms + LOOK_GRAIN_MS)
        until = lane->looked_ms + LOOK_GRAIN_MS;
    until -= now;
    /* Looked at once a minute at least: the wall clock may have stepped. */
    loop_timer_set(lane->timer, until < 0 ? 0 : until < LOOK_LATEST_MS ? until : LOOK_LATEST_MS);
}

/* A write that fails is tried again and keeps its records out of the window, but then claims fail
 * as well: the store is one. */
void lane_leaving(void *user, size_t count)
{
    struct lane *lane = user;

    lane->in_flight -= (uint32_t)count;
    if (!lane->is_drained)
        lane_look(lane);
}

void lane_written(void *user, size_t count, int64_t next_due_ms)
{
    struct lane *lane = user;

    (void)count;
    lane->next_due_ms = next_due_ms;
    if (lane->state == LANE_STOPPING)
        lane_tell(lane);
    else if (lane->is_drained)
        wait_for_due(lane);
    else
        lane_look(lane);
}

/* ---- claiming ---- */

/* Records in hand at once: enough to keep every connection busy while more are claimed, and no
 * more than a slow destination gets through long before their lease ends. */
static uint32_t window_of(const struct lane *lane)
{
    uint64_t limit = concurrency_limit(&lane->gate.concurrency);
    int64_t latency_us = lane->gate.concurrency.mean_us;
    uint64_t per_request =
        lane->figures.requests > 0 ? lane->requests_records / lane->figures.requests : 1;
    uint64_t busy = (per_request > 0 ? per_request : 1) * 3 * limit;
    uint64_t window = busy > WINDOW_LEAST ? busy : WINDOW_LEAST;

    if (latency_us == 0 && !lane->facts.has_submit)
        return busy > WINDOW_FIRST ? (uint32_t)busy
                                   : WINDOW_FIRST; /* how fast remains to be seen */
    if (latency_us > 0) {
        uint64_t in_time = busy / 3 * IN_HAND_US / (uint64_t)latency_us;

        if (in_time < busy)
            in_time = busy;
        if (window > in_time)
            window = in_time;
    }
    return window < WINDOW_MOST ? (uint32_t)window : WINDOW_MOST;
}

void lane_look(struct lane *lane)
{
    uint32_t window = window_of(lane);
    uint32_t least = window / 4 > 0 ? window / 4 : 1;
    uint32_t most = least > CLAIM_MOST ? least : CLAIM_MOST;
    uint32_t room = lane->in_flight < window ? window - lane->in_flight : 0;
    uint32_t chunk = room < most ? room : most; /* as one, since a request may take many records */
    int64_t now = clock_due_ms();
    int64_t free_ms;

    if (lane->state != LANE_ACTIVE || lane->waits_for_former)
        return;
    if (lane->is_claiming) {
        lane->must_look_again = true;
        return;
    }
    if (lane_gate_look(&lane->gate, now, &free_ms) != GATE_FREE) {
        lane->is_drained = false;
        wait_for_due(lane);
        return;
    }
    if (room < least) {
        lane->is_drained = false; /* lane_leaving looks again */
        return;
    }
    chunk = lane_gate_reserve(&lane->gate, chunk, lane->facts.has_submit, now, &lane->pass);
    if (chunk == 0) {
        wait_for_due(lane);
        return;
    }
    lane->is_claiming = true;
    lane->must_look_again = false;
    lane->looked_ms = now;
    lane->claim = (struct store_claim){
        .op.done = claim_done,
        .integration = lane->number,
        .walk = lane->walk,
        .types = lane->types.names,
        .type_count = lane->types.count,
        .max = chunk,
        .new_first = lane_gate_wants_new(&lane->gate, now),
        .max_bytes = CLAIM_BYTES,
        .lease_until_ms = now + config_integer(lane->file, "integration", "timeout") +
                          LEASE_SLACK_MS +
                          2 * config_integer(lane->file, "integration", "call_timeout"),
    };
    store_claim(lane->rooms->store, &lane->claim);
}

static void give_back(struct lane *lane, const struct store_claim *claim)
{
    for (size_t i = 0; i < claim->count; i++) {
        const struct store_outcome outcome = {
            .submission = claim->records[i].submission,
            .attempt = claim->records[i].attempt,
            .event = EVENT_RELEASED,
        };
        outbox_add(&lane->outbox, &outcome);
    }
}

static void claim_done(struct store_op *op)
{
    struct lane *lane = (struct lane *)(void *)((char *)op - offsetof(struct lane, claim.op));
    struct store_claim *claim = &lane->claim;
    bool has_more;

    log_integration_scope(lane->name);
    lane->is_claiming = false;
    if (op->status < 0) {
        log_error("could not take work from the store, will look again", F_ERR(&op->error));
        lane_gate_return(&lane->gate, &lane->pass, 0);
        store_claim_finish(claim);
        loop_timer_set(lane->timer, LOOK_AGAIN_MS);
        return;
    }
    has_more = claim->has_more || claim->count > 0 || lane->must_look_again;
    lane->in_flight += (uint32_t)claim->count;
    lane->next_due_ms = claim->next_due_ms;
    if (claim->count == 0) {
        store_claim_finish(claim);
    } else if (lane->state != LANE_ACTIVE || batch_start(lane, claim) < 0) {
        give_back(lane, claim);
        store_claim_finish(claim);
    }
    lane_gate_return(&lane->gate, &lane->pass, 0); /* of what became no batch */
    lane->is_drained = !has_more;
    if (has_more)
        lane_look(lane);
    else
        wait_for_due(lane);
    if (lane->state == LANE_STOPPING)
        lane_tell(lane);
}

void lane_plugin_away(struct lane *lane, int64_t until_ms, const char *words)
{
    log_integration_scope(lane->name);
    lane_gate_away(&lane->gate, until_ms, words);
    wait_for_due(lane);
}

void lane_stop(struct lane *lane)
{
    if (lane->state == LANE_ACTIVE || lane->state == LANE_STARTING)
        lane->state = LANE_STOPPING;
    if (lane->is_gate_open)
        lane_gate_keep_changed(&lane->gate);
    lane_gate_close(&lane->gate);
    if (lane->signals != NULL)
        subscriber_stop(lane->signals);
    loop_timer_clear(lane->timer);
    health_stop(&lane->health);
    probe_end_all(lane);
}

bool lane_is_idle(const struct lane *lane)
{
    return lane->batches == NULL && !lane->is_claiming && lane->holds == 0 &&
           (lane->signals == NULL || subscriber_is_idle(lane->signals)) &&
           outbox_is_empty(&lane->outbox) && lane_gate_is_idle(&lane->gate);
}

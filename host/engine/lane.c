/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lane.h"

#include "base/clock.h"
#include "base/log.h"

enum {
    WINDOW_LEAST = 1024, /* records in hand at once */
    WINDOW_MOST = 8192,
    CLAIM_LEAST = 256, /* records per claim under load */
    CLAIM_BYTES = 1 << 20,
    LOOK_AGAIN_MS = 1000, /* after a claim that failed */
    LOOK_LATEST_MS = 60000,
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

    if (lane->paused_until_ms > now && (until == 0 || until < lane->paused_until_ms))
        until = lane->paused_until_ms;
    if (until == 0)
        return;
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

static uint32_t window_of(const struct lane *lane)
{
    uint64_t per_request =
        lane->figures.requests > 0 ? lane->requests_records / lane->figures.requests : 1;
    uint64_t window = per_request * 3 * (uint64_t)lane->concurrency;

    if (window < WINDOW_LEAST)
        return WINDOW_LEAST;
    return window < WINDOW_MOST ? (uint32_t)window : WINDOW_MOST;
}

void lane_look(struct lane *lane)
{
    uint32_t window = window_of(lane);
    uint32_t chunk = window / 4 > CLAIM_LEAST ? window / 4 : CLAIM_LEAST;
    int64_t now = clock_due_ms();

    if (lane->state != LANE_ACTIVE)
        return;
    if (lane->is_claiming) {
        lane->must_look_again = true;
        return;
    }
    if (lane->paused_until_ms > now) {
        wait_for_due(lane);
        return;
    }
    if (lane->paused_until_ms != 0) {
        lane->paused_until_ms = 0;
        http_destination_limit(lane->destination, lane->concurrency);
    }
    if (lane->in_flight + chunk > window)
        return; /* lane_written looks again */
    lane->is_claiming = true;
    lane->must_look_again = false;
    lane->claim = (struct store_claim){
        .op.done = claim_done,
        .integration = lane->number,
        .walk = lane->walk,
        .types = lane->types.names,
        .type_count = lane->types.count,
        .max = chunk,
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
    lane->is_drained = !has_more;
    if (has_more)
        lane_look(lane);
    else
        wait_for_due(lane);
    if (lane->state == LANE_STOPPING)
        lane_tell(lane);
}

void lane_pause(struct lane *lane, int64_t until_ms, const char *words)
{
    int64_t now = clock_due_ms();

    log_integration_scope(lane->name);
    if (until_ms <= lane->paused_until_ms)
        return;
    if (lane->paused_until_ms <= now)
        log_warn("delivery pauses", F_INT("wait_ms", until_ms - now), F_STR("reason", words));
    lane->paused_until_ms = until_ms;
    http_destination_limit(lane->destination, 0); /* what waits for a connection comes back */
    lane->figures.paused_until_ms = until_ms;
    (void)snprintf(lane->words, sizeof lane->words, "%s", words); /* cut is fine */
    wait_for_due(lane);
}

void lane_stop(struct lane *lane)
{
    if (lane->state == LANE_ACTIVE || lane->state == LANE_STARTING)
        lane->state = LANE_STOPPING;
    loop_timer_clear(lane->timer);
}

bool lane_is_idle(const struct lane *lane)
{
    return lane->batches == NULL && !lane->is_claiming && lane->holds == 0 &&
           outbox_is_empty(&lane->outbox);
}

/* SPDX-License-Identifier: Apache-2.0
 * One claim's way to its verdicts: jq (where, transform) -> the plugin (selector, transformer,
 * client) -> requests -> answers.
 *
 * A stage hands its records over in ranges. Usually there is one; when a worker dies with a range
 * in hand, the range is cut around the record that the worker was in (or in halves), so that the
 * others get through and the culprit ends alone. */
#include "engine/batch.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <tenon/tenon.h>

enum {
    /* A record that was in hand at so many deaths, the last time alone, is parked. */
    DEATHS_MAX = 2,
    /* One that was lost so often without proof against it tries again later. */
    LOSSES_MAX = 10,
    UNAVAILABLE_PAUSE_MS = 250,
};

/* ---- life ---- */

static void batch_destroy(struct batch *batch)
{
    if (batch->link != NULL) {
        *batch->link = batch->next;
        if (batch->next != NULL)
            batch->next->link = batch->link;
    }
    for (size_t i = 0; i < batch->reply_count; i++)
        plugin_reply_unref(batch->replies[i]);
    free(batch->replies);
    store_claim_finish(&batch->claim);
    arena_finish(&batch->arena);
    free(batch);
}

static bool take_arrays(struct batch *batch)
{
    batch->records = arena_take(&batch->arena, batch->count * sizeof *batch->records);
    batch->keys = arena_take(&batch->arena, batch->count * sizeof *batch->keys);
    batch->is_settled = arena_take(&batch->arena, batch->count * sizeof *batch->is_settled);
    batch->deaths = arena_take(&batch->arena, batch->count * sizeof *batch->deaths);
    batch->losses = arena_take(&batch->arena, batch->count * sizeof *batch->losses);
    batch->alive = arena_take(&batch->arena, batch->count * sizeof *batch->alive);
    return batch->records && batch->keys && batch->is_settled && batch->deaths && batch->losses &&
           batch->alive;
}

int batch_start(struct lane *lane, struct store_claim *claim)
{
    struct batch *batch = calloc(1, sizeof *batch);

    if (batch == NULL)
        return -ENOMEM;
    batch->lane = lane;
    batch->count = batch->open = (uint32_t)claim->count;
    if (!take_arrays(batch)) {
        arena_finish(&batch->arena);
        free(batch);
        return -ENOMEM;
    }
    batch->claim = *claim;
    *claim = (struct store_claim){.op = claim->op, .next_due_ms = claim->next_due_ms};
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct store_claimed *from = &batch->claim.records[i];

        batch->keys[i] = str_of(from->key);
        batch->records[i] = (struct plugin_record){
            .id = from->id,
            .type = from->type,
            .key = batch->keys[i],
            .data = from->data,
            .version = from->version,
            .attempt = from->attempt,
            .created_ms = from->created_ms,
            .updated_ms = from->updated_ms,
        };
    }
    batch->next = lane->batches;
    if (batch->next != NULL)
        batch->next->link = &batch->next;
    batch->link = &lane->batches;
    lane->batches = batch;
    batch->stage = lane->jq != NULL ? STAGE_JQ : STAGE_PLUGIN;
    batch_advance(batch);
    return 0;
}

/* Keeps a reply's bytes as long as the batch lives. */
static int keep_reply(struct batch *batch, struct plugin_reply *reply)
{
    if (batch->reply_count == batch->reply_room) {
        size_t room = batch->reply_room + 4;
        struct plugin_reply **more = realloc(batch->replies, room * sizeof(struct plugin_reply *));

        if (more == NULL)
            return -ENOMEM;
        batch->replies = more;
        batch->reply_room = room;
    }
    batch->replies[batch->reply_count++] = plugin_reply_ref(reply);
    return 0;
}

/* ---- calls into plugins ---- */

static void push_range(struct batch *batch, uint32_t first, uint32_t count)
{
    if (count > 0)
        batch->ranges[batch->range_count++] = (struct range){first, count};
}

static void park(struct delivery *delivery, uint32_t index, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_REJECTED,
        .error_class = TENON_E_PERMANENT,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    settle(delivery->batch, delivery->indexes[index], &s);
}

/* A call that hung while the plugin itself was sending: nobody knows what arrived. */
static void settle_unsure(struct delivery *delivery, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_UNSURE,
        .error_class = TENON_E_UNKNOWN,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    for (uint32_t i = 0; i < delivery->count; i++)
        settle(delivery->batch, delivery->indexes[i], &s);
}

/* One record, and a death that may well be another integration's doing: it goes again at once. */
static void repeat_lost(struct delivery *delivery, const struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;

    if (++batch->losses[delivery->indexes[0]] < LOSSES_MAX && batch->range_count < RANGES_MAX)
        push_range(batch, (uint32_t)(delivery->indexes - batch->alive), 1);
    else
        settle_unsure(delivery, reply);
}

/* The worker did not survive this range. */
static void isolate(struct delivery *delivery, const struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;
    uint32_t first = (uint32_t)(delivery->indexes - batch->alive);
    uint32_t count = delivery->count;
    uint32_t half = count / 2;
    bool has_hint = reply->culprit >= 0 && reply->culprit < (int64_t)count;

    if (count == 1 && !has_hint) {
        repeat_lost(delivery, reply);
        return;
    }
    if (has_hint) {
        uint32_t culprit = (uint32_t)reply->culprit;

        if (batch->deaths[delivery->indexes[culprit]] < UINT8_MAX)
            batch->deaths[delivery->indexes[culprit]]++;
        if (count == 1 && batch->deaths[delivery->indexes[0]] >= DEATHS_MAX) {
            park(delivery, 0, reply);
            return;
        }
        if (batch->range_count + 3 <= RANGES_MAX) {
            push_range(batch, first + culprit, 1); /* taken last */
            push_range(batch, first + culprit + 1, count - culprit - 1);
            push_range(batch, first, culprit);
            return;
        }
    } else if (batch->range_count + 2 <= RANGES_MAX) {
        push_range(batch, first + half, count - half);
        push_range(batch, first, half);
        return;
    }
    settle_unsure(delivery, reply);
}

static void settle_failed_call(struct delivery *delivery, const struct plugin_reply *reply)
{
    bool is_final = reply->error_class == TENON_E_VALIDATION ||
                    reply->error_class == TENON_E_PERMANENT ||
                    reply->error_class == TENON_E_UNSUPPORTED;
    const struct settlement s = {
        .verdict = is_final                                ? TENON_REJECTED
                   : reply->error_class == TENON_E_UNKNOWN ? TENON_UNSURE
                                                           : TENON_RETRY,
        .error_class = reply->error_class,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    for (uint32_t i = 0; i < delivery->count; i++)
        settle(delivery->batch, delivery->indexes[i], &s);
}

static void settle_outcome(struct delivery *delivery, uint32_t i,
                           const struct plugin_outcome *outcome)
{
    bool is_sent = (delivery->steps & PLUGIN_STEP_SUBMIT) != 0 && outcome->kind != OUTCOME_SKIPPED;
    const struct settlement s = {
        .verdict = (int)outcome->kind, /* same numbers as TENON_..., see plugin.h */
        .error_class = outcome->error_class,
        .retry_after_ms = outcome->retry_after_ms,
        .http_status = outcome->http_status,
        .is_attempt =
            is_sent || outcome->kind == OUTCOME_REJECTED || outcome->kind == OUTCOME_RETRY,
        .message = outcome->message,
        .external_id = outcome->external_id,
    };

    settle(delivery->batch, delivery->indexes[i], &s);
}

static void take_outcomes(struct delivery *delivery, struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;

    for (uint32_t i = 0; i < delivery->count; i++) {
        const struct plugin_outcome *outcome = &reply->outcomes[i];

        if (outcome->kind != OUTCOME_GOES_ON)
            settle_outcome(delivery, i, outcome);
        else if (batch->stage == STAGE_JQ)
            batch->records[delivery->indexes[i]].data = outcome->payload;
    }
    if (batch->stage == STAGE_PLUGIN)
        sending_start(delivery, reply);
}

/* The plugin room holds a reply to "each record in one request or with one verdict"; should a
 * record slip through all the same, it must not stay in flight for ever. */
static void settle_forgotten(struct delivery *delivery, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_RETRY,
        .error_class = TENON_E_PERMANENT,
        .is_attempt = true,
        .message = STR("the plugin neither prepared a request for this record nor gave a verdict"),
    };
    bool *is_sent = arena_take(&delivery->batch->arena, delivery->count);

    for (size_t i = 0; is_sent != NULL && i < reply->request_count; i++)
        for (uint32_t k = 0; k < reply->requests[i].record_count; k++)
            is_sent[reply->requests[i].records[k]] = true;
    for (uint32_t i = 0; is_sent != NULL && i < delivery->count; i++)
        if (!is_sent[i])
            settle(delivery->batch, delivery->indexes[i], &s);
}

static void delivery_done(void *user, struct plugin_reply *reply)
{
    struct delivery *delivery = user;
    struct batch *batch = delivery->batch;
    struct lane *lane = batch->lane;

    log_integration_scope(lane->name);
    batch->is_calling = false;
    switch (reply->status) {
    case PLUGIN_OK:
        if (reply->outcome_count == delivery->count && keep_reply(batch, reply) == 0)
            take_outcomes(delivery, reply);
        else
            settle_unsure(delivery, reply);
        if (batch->stage == STAGE_PLUGIN)
            settle_forgotten(delivery, reply);
        break;
    case PLUGIN_FAILED:
        settle_failed_call(delivery, reply);
        break;
    case PLUGIN_TIMED_OUT:
        if ((delivery->steps & PLUGIN_STEP_SUBMIT) != 0)
            settle_unsure(delivery, reply);
        else
            isolate(delivery, reply);
        break;
    case PLUGIN_DIED:
    case PLUGIN_GARBLED:
        isolate(delivery, reply);
        break;
    case PLUGIN_UNAVAILABLE:
    case PLUGIN_STOPPED:
        for (uint32_t i = 0; i < delivery->count; i++)
            settle_released(batch, delivery->indexes[i]);
        lane_pause(lane,
                   reply->retry_at_ms > 0 ? reply->retry_at_ms
                                          : clock_due_ms() + UNAVAILABLE_PAUSE_MS,
                   reply->words != NULL ? reply->words : "the plugin is not running");
        break;
    }
    batch_advance(batch);
}

static unsigned steps_of(const struct lane *lane, enum stage stage)
{
    unsigned steps = 0;

    if (stage == STAGE_JQ)
        return (lane->has_where ? PLUGIN_STEP_SELECT : 0u) |
               (lane->has_transform ? PLUGIN_STEP_TRANSFORM : 0u) | PLUGIN_STEP_PAYLOADS;
    if (lane->selector != NULL)
        steps |= PLUGIN_STEP_SELECT;
    if (lane->facts.has_submit)
        return steps | PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_SUBMIT;
    return steps | PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PREPARE;
}

static void call_range(struct batch *batch, struct range range)
{
    struct lane *lane = batch->lane;
    bool is_jq = batch->stage == STAGE_JQ;
    struct delivery *delivery = arena_take(&batch->arena, sizeof *delivery);
    struct plugin_record *records = arena_take(&batch->arena, range.count * sizeof *records);
    struct plugin_batch call;

    if (delivery == NULL || records == NULL) {
        for (uint32_t i = 0; i < range.count; i++)
            settle_released(batch, batch->alive[range.first + i]);
        return;
    }
    *delivery = (struct delivery){batch, batch->alive + range.first, range.count,
                                  steps_of(lane, batch->stage)};
    for (uint32_t i = 0; i < range.count; i++)
        records[i] = batch->records[delivery->indexes[i]];
    call = (struct plugin_batch){
        .records = records,
        .count = range.count,
        .steps = delivery->steps,
        .selector = is_jq ? "where" : lane->selector,
    };
    batch->is_calling = true;
    plugin_deliver(is_jq ? lane->jq : lane->plugin, &call, delivery_done, delivery);
}

/* The records that still go on, as the next stage's one range. */
static void gather_alive(struct batch *batch)
{
    batch->alive_count = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        if (!batch->is_settled[i])
            batch->alive[batch->alive_count++] = i;
    push_range(batch, 0, batch->alive_count);
}

static void cut_to_batch_max(struct batch *batch, struct range *range)
{
    uint32_t most = batch->lane->facts.batch_max;

    if (batch->stage != STAGE_PLUGIN || most == 0 || range->count <= most ||
        batch->range_count == RANGES_MAX)
        return;
    push_range(batch, range->first + most, range->count - most);
    range->count = most;
}

void batch_advance(struct batch *batch)
{
    struct lane *lane = batch->lane;

    if (batch->is_advancing)
        return;
    batch->is_advancing = true;
    while (!batch->is_calling && batch->stage != STAGE_DONE) {
        if (batch->range_count == 0 && batch->alive_count == 0)
            gather_alive(batch);
        if (batch->range_count > 0) {
            struct range range = batch->ranges[--batch->range_count];

            cut_to_batch_max(batch, &range);
            call_range(batch, range);
            continue;
        }
        batch->stage++;
        batch->alive_count = 0;
    }
    batch->is_advancing = false;
    if (batch->is_calling || batch->open > 0)
        return;
    batch_destroy(batch);
    if (lane->state == LANE_STOPPING && lane->changed != NULL)
        lane->changed(lane->changed_user, lane);
}

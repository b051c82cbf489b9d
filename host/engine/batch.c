/* SPDX-License-Identifier: Apache-2.0
 * One claim's way to its verdicts: jq (where, transform) -> the plugin (selector, transformer,
 * client) -> requests -> answers.
 *
 * A stage hands its records over in ranges. Usually there is one; when a worker dies with it in
 * hand (poison.c), or it is answered as a whole by "this is wrong" (splitting.c), its records come
 * back in smaller ranges, so that the others get through and the culprit ends alone. What was sent
 * before without an answer is asked about first, where the plugin can (reconcile.c). */
#include "engine/batch.h"

#include "base/clock.h"
#include "engine/clause.h"
#include "base/log.h"
#include "base/secret.h"
#include "engine/tell.h"

#include <stdlib.h>
#include <tenon/tenon.h>

/* Until a plugin that does not come back by itself is asked again. Whatever mends it tells the
 * lane, see lane_open.c; this is for the case that nothing does. */
enum { AWAY_MS = 60000 };

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
    free(batch->ranges);
    lane_gate_return(&batch->lane->gate, &batch->pass, batch->count);
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
    return batch->records && batch->keys && batch->is_settled && batch->deaths && batch->losses;
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

static bool reserve_range(struct batch *batch)
{
    uint32_t room = batch->range_room > 0 ? 2 * batch->range_room : 8;
    struct range *more;

    if (batch->range_count < batch->range_room)
        return true;
    more = realloc(batch->ranges, room * sizeof *more);
    if (more == NULL)
        return false;
    batch->ranges = more;
    batch->range_room = room;
    return true;
}

static void release(struct batch *batch, const uint32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        settle_released(batch, indexes[i]);
}

void batch_push(struct batch *batch, struct range range)
{
    if (range.count == 0)
        return;
    if (reserve_range(batch))
        batch->ranges[batch->range_count++] = range;
    else
        release(batch, range.indexes, range.count);
}

void batch_push_halves(struct batch *batch, struct range range)
{
    uint32_t half = range.count / 2;

    batch_push(batch, range_part(&range, half, range.count - half));
    batch_push(batch, range_part(&range, 0, half));
}

/* Nobody is there, as the records before this one have shown: it costs this one no try. */
static bool is_kept_out(const struct delivery *delivery, const struct settlement *s)
{
    return (delivery->steps & PLUGIN_STEP_SUBMIT) != 0 && s->verdict == TENON_RETRY &&
           s->error_class == TENON_E_CONNECTION &&
           lane_gate_is_shut(&delivery->batch->lane->gate, clock_due_ms());
}

/* The gate hears of each record that a plugin sent by itself. */
static void tell_gate(const struct delivery *delivery, const struct settlement *s)
{
    char words[200] = "";

    if ((delivery->steps & PLUGIN_STEP_SUBMIT) == 0 || s->verdict == TENON_SKIPPED)
        return;
    if (s->verdict == TENON_RETRY || s->verdict == TENON_UNSURE)
        secret_copy(words, sizeof words, s->message);
    lane_gate_submitted(&delivery->batch->lane->gate, &delivery->batch->pass, s->verdict,
                        s->error_class, words);
}

static void settle_submitted(const struct delivery *delivery, uint32_t index,
                             const struct settlement *s)
{
    if (is_kept_out(delivery, s)) {
        settle_released(delivery->batch, index);
        return;
    }
    tell_gate(delivery, s);
    settle(delivery->batch, index, s);
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
        settle_submitted(delivery, delivery->indexes[i], &s);
}

static void settle_outcome(struct delivery *delivery, uint32_t i,
                           const struct plugin_outcome *outcome)
{
    struct batch *batch = delivery->batch;
    bool is_sent = (delivery->steps & (PLUGIN_STEP_SUBMIT | PLUGIN_STEP_RECONCILE)) != 0 &&
                   outcome->kind != OUTCOME_SKIPPED;
    bool is_jq = batch->stage == STAGE_JQ;
    bool has_clause = is_jq || outcome->kind == OUTCOME_SKIPPED;
    const struct settlement s = {
        .verdict = (int)outcome->kind, /* same numbers as TENON_..., see plugin.h */
        .error_class = outcome->error_class,
        .retry_after_ms = outcome->retry_after_ms,
        .http_status = outcome->http_status,
        .is_attempt =
            is_sent || outcome->kind == OUTCOME_REJECTED || outcome->kind == OUTCOME_RETRY,
        .message = has_clause ? clause_words(batch->lane, is_jq, outcome, &batch->arena)
                              : outcome->message,
        .external_id = outcome->external_id,
    };

    if ((delivery->steps & PLUGIN_STEP_RECONCILE) != 0) {
        reconcile_take(delivery, delivery->indexes[i], &s);
        return;
    }
    settle_submitted(delivery, delivery->indexes[i], &s);
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
        if (!is_sent[i] && reply->outcomes[i].kind == OUTCOME_GOES_ON)
            settle(delivery->batch, delivery->indexes[i], &s);
}

static void take_outcomes(struct delivery *delivery, struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;

    bool is_lookup = (delivery->steps & PLUGIN_STEP_RECONCILE) != 0;
    bool is_split = !is_lookup &&
                    splitting_take_call(batch, delivery->indexes, delivery->count, reply->outcomes);

    if (is_lookup)
        reconcile_begin(delivery);
    if (tap_is_on(batch->lane->tap))
        tell_outcomes(delivery, reply);
    for (uint32_t i = 0; i < delivery->count; i++) {
        const struct plugin_outcome *outcome = &reply->outcomes[i];

        if (is_split && outcome->is_shared)
            continue;
        if (is_lookup && outcome->is_shared && outcome->error_class == TENON_E_UNSUPPORTED)
            batch->lane->can_ask = false; /* its settings do not say how */
        else if (is_lookup)
            batch->lane->has_asked = true;
        if (outcome->kind != OUTCOME_GOES_ON)
            settle_outcome(delivery, i, outcome);
        else if (batch->stage == STAGE_JQ)
            batch->records[delivery->indexes[i]].data = outcome->payload;
    }
    if (batch->stage == STAGE_JQ)
        return;
    sending_start(delivery, reply);
    if (is_lookup)
        reconcile_end_one(delivery);
    settle_forgotten(delivery, reply);
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
            poison_settle_unsure(delivery, reply);
        break;
    case PLUGIN_FAILED:
        settle_failed_call(delivery, reply);
        break;
    case PLUGIN_TIMED_OUT:
        if ((delivery->steps & PLUGIN_STEP_SUBMIT) != 0) {
            tell_gate(delivery, &(struct settlement){.verdict = TENON_UNSURE,
                                                     .error_class = TENON_E_UNKNOWN,
                                                     .message = str_of(reply->words)});
        }
        if ((delivery->steps & PLUGIN_STEP_SUBMIT) != 0 && !lane->can_ask)
            poison_settle_unsure(delivery, reply);
        else
            poison_isolate(delivery, reply);
        break;
    case PLUGIN_DIED:
    case PLUGIN_GARBLED:
        poison_isolate(delivery, reply);
        break;
    case PLUGIN_UNAVAILABLE:
    case PLUGIN_STOPPED:
        release(batch, delivery->indexes, delivery->count);
        lane_plugin_away(lane,
                         reply->retry_at_ms > 0 ? reply->retry_at_ms : clock_due_ms() + AWAY_MS,
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

/* Behind that the lease could run out under a call, or under the request behind it. */
static int64_t start_by_ms(const struct lane *lane, const struct store_claim *claim)
{
    return claim->lease_until_ms - config_integer(lane->file, "integration", "call_timeout") -
           config_integer(lane->file, "integration", "timeout");
}

static void call_range(struct batch *batch, struct range range)
{
    struct lane *lane = batch->lane;
    bool is_jq = batch->stage == STAGE_JQ;
    struct delivery *delivery = arena_take(&batch->arena, sizeof *delivery);
    struct plugin_record *records = arena_take(&batch->arena, range.count * sizeof *records);
    struct plugin_batch call;

    /* Those of a lease that runs out go back unused and another claim takes them, before somebody
     * else does while they are on the wire. */
    if (delivery == NULL || records == NULL || clock_due_ms() > batch->start_by_ms ||
        (!is_jq && lane->facts.has_submit && lane_gate_is_shut(&lane->gate, clock_due_ms()))) {
        release(batch, range.indexes, range.count);
        return;
    }
    *delivery = (struct delivery){
        .batch = batch,
        .indexes = range.indexes,
        .count = range.count,
        .steps = range.is_reconcile ? PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_RECONCILE
                                    : steps_of(lane, batch->stage),
        .is_further = range.is_further,
    };
    for (uint32_t i = 0; i < range.count; i++)
        records[i] = batch->records[range.indexes[i]];
    call = (struct plugin_batch){
        .records = records,
        .count = range.count,
        .steps = delivery->steps,
        .selector = is_jq ? "where" : lane->selector,
    };
    batch->is_calling = true;
    plugin_deliver(is_jq ? lane->jq : lane->plugin, &call, delivery_done, delivery);
}

static void cut_to_batch_max(struct batch *batch, struct range *range)
{
    uint32_t most = batch->lane->facts.batch_max;

    if (batch->stage != STAGE_PLUGIN || most == 0 || range->count <= most)
        return;
    batch_push(batch, range_part(range, most, range->count - most));
    range->count = most;
}

/* All that still go on, as one range. Before them, as another, those to ask about first; where
 * nobody can be asked, and the plugin sends by itself, they go alone and last: the one that its
 * submit hangs in may be among them. */
static void enter_stage(struct batch *batch, enum stage stage)
{
    const struct lane *lane = batch->lane;
    bool goes_alone = stage == STAGE_PLUGIN && lane->facts.has_submit && !lane->can_ask;
    bool goes_apart = goes_alone || (stage == STAGE_PLUGIN && lane->can_ask);
    uint32_t *alive = arena_take(&batch->arena, batch->count * sizeof *alive);
    uint32_t count = 0;
    uint32_t asked = batch->count; /* from here on: the array is filled from both ends */

    batch->stage = stage;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->is_settled[i])
            continue;
        if (alive == NULL)
            settle_released(batch, i);
        else if (goes_apart && batch->claim.records[i].was_unknown)
            alive[--asked] = i;
        else
            alive[count++] = i;
    }
    if (alive == NULL)
        return;
    for (uint32_t i = asked; goes_alone && i < batch->count; i++)
        batch_push(batch, (struct range){.indexes = alive + i, .count = 1});
    batch_push(batch, (struct range){.indexes = alive, .count = count});
    if (!goes_alone)
        batch_push(batch, (struct range){.indexes = alive + asked,
                                         .count = batch->count - asked,
                                         .is_reconcile = true});
}

void batch_advance(struct batch *batch)
{
    struct lane *lane = batch->lane;

    if (batch->is_advancing)
        return;
    batch->is_advancing = true;
    while (!batch->is_calling) {
        if (batch->range_count > 0) {
            struct range range = batch->ranges[--batch->range_count];

            cut_to_batch_max(batch, &range);
            call_range(batch, range);
        } else if (batch->stage == STAGE_JQ) {
            enter_stage(batch, STAGE_PLUGIN);
        } else {
            break;
        }
    }
    batch->is_advancing = false;
    if (batch->is_calling || batch->open > 0)
        return;
    batch_destroy(batch);
    if (lane->state == LANE_STOPPING && lane->changed != NULL)
        lane->changed(lane->changed_user, lane);
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
    batch->pass = lane->pass;
    lane->pass = (struct lane_gate_pass){0};
    batch->claim = *claim;
    batch->start_by_ms = start_by_ms(lane, claim);
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
    if (tap_is_on(lane->tap))
        tell_claimed(batch);
    enter_stage(batch, lane->jq != NULL ? STAGE_JQ : STAGE_PLUGIN);
    batch_advance(batch);
    return 0;
}

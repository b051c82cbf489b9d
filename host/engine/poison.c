/* SPDX-License-Identifier: Apache-2.0
 * The record that a worker dies of. When the worker says where it was, the records are cut around
 * that one; when it says nothing, in halves. Either way a culprit is parked only when it was alone
 * in hand and has been blamed twice: what hostile memory says is a hint, not a proof. */
#include "engine/batch.h"

#include <tenon/tenon.h>

enum {
    /* A record that was in hand at so many deaths, the last time alone, is parked. */
    DEATHS_MAX = 2,
    /* One that was lost so often without proof against it tries again later. */
    LOSSES_MAX = 10,
};

static void park(struct delivery *delivery, uint32_t index, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_REJECTED,
        /* One that hung was ended by us, at its deadline. */
        .error_class = reply->status == PLUGIN_TIMED_OUT ? TENON_E_CANCELLED : TENON_E_PERMANENT,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    settle(delivery->batch, delivery->indexes[index], &s);
}

/* A call that hung while the plugin itself was sending: nobody knows what arrived. */
void poison_settle_unsure(struct delivery *delivery, const struct plugin_reply *reply)
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

/* The same records again. Where the plugin may have sent them, and can say so, it is asked first.
 */
static struct range range_again(const struct delivery *delivery)
{
    bool may_have_sent = (delivery->steps & PLUGIN_STEP_SUBMIT) != 0;

    return (struct range){
        .indexes = delivery->indexes,
        .count = delivery->count,
        .is_reconcile = (delivery->steps & PLUGIN_STEP_RECONCILE) != 0 ||
                        (may_have_sent && delivery->batch->lane->can_ask),
        .is_further = delivery->is_further,
    };
}

/* One record, and a death that may well be another integration's doing: it goes again at once. */
static void repeat_lost(struct delivery *delivery, const struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;

    if (++batch->losses[delivery->indexes[0]] < LOSSES_MAX)
        batch_push(batch, range_again(delivery));
    else
        poison_settle_unsure(delivery, reply);
}

void poison_isolate(struct delivery *delivery, const struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;
    const uint32_t *indexes = delivery->indexes;
    uint32_t count = delivery->count;
    struct range range = range_again(delivery);
    bool has_hint = reply->culprit >= 0 && reply->culprit < (int64_t)count;

    if (count == 1 && !has_hint) {
        repeat_lost(delivery, reply);
        return;
    }
    if (has_hint) {
        uint32_t culprit = (uint32_t)reply->culprit;

        if (batch->deaths[indexes[culprit]] < UINT8_MAX)
            batch->deaths[indexes[culprit]]++;
        if (count == 1 && batch->deaths[indexes[0]] >= DEATHS_MAX) {
            park(delivery, 0, reply);
            return;
        }
        batch_push(batch, range_part(&range, culprit, 1)); /* taken last */
        batch_push(batch, range_part(&range, culprit + 1, count - culprit - 1));
        batch_push(batch, range_part(&range, 0, culprit));
    } else {
        batch_push_halves(batch, range);
    }
}

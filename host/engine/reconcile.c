/* SPDX-License-Identifier: Apache-2.0
 * Before a record goes again whose answer was never seen, a plugin that can looks whether it had
 * arrived: by itself, or by requests that are sent like any other but carry no idempotency key, as
 * they are not the delivery. What had arrived is done, what had not goes on, together with the
 * others that were asked about with it, and the rest stays unknown and is asked about later. */
#include "engine/batch.h"

#include <tenon/tenon.h>

/* "it had arrived: the plugin's words" */
static struct str with_words(struct batch *batch, const char *lead, struct str words)
{
    struct str text = words.len > 0 ? arena_printf(&batch->arena, "%s: %.*s", lead, STR_ARG(words))
                                    : str_of(lead);

    return text.ptr != NULL ? text : str_of(lead);
}

static void go_on(struct delivery *delivery, uint32_t index, const struct settlement *found)
{
    struct batch *batch = delivery->batch;

    delivery->absent[delivery->absent_count++] = index;
    if (found->error_class == TENON_E_UNSUPPORTED) /* it was not asked */
        return;
    if (batch->notes == NULL)
        batch->notes = arena_take(&batch->arena, batch->count * sizeof *batch->notes);
    if (batch->notes != NULL)
        batch->notes[index] = with_words(batch, "no earlier try had arrived", found->message);
}

void reconcile_take(struct delivery *delivery, uint32_t index, const struct settlement *found)
{
    struct batch *batch = delivery->batch;
    struct settlement s = *found;

    switch (found->verdict) {
    case TENON_NOT_THERE:
        go_on(delivery, index, found);
        return;
    case TENON_ACCEPTED:
        s.message = with_words(batch, "an earlier try had arrived", found->message);
        break;
    case TENON_REJECTED:
    case TENON_SKIPPED:
        break;
    default:
        s.verdict = TENON_UNSURE;
        s.message = with_words(batch, "could not find out whether an earlier try had arrived",
                               found->message);
        break;
    }
    settle(batch, index, &s);
}

void reconcile_begin(struct delivery *delivery)
{
    delivery->lookups = 1;
    delivery->absent =
        arena_take(&delivery->batch->arena, delivery->count * sizeof *delivery->absent);
}

void reconcile_end_one(struct delivery *delivery)
{
    if (--delivery->lookups == 0)
        batch_push(delivery->batch, (struct range){
                                        .indexes = delivery->absent,
                                        .count = delivery->absent_count,
                                        .is_further = true,
                                    });
}

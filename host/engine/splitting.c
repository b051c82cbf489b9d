/* SPDX-License-Identifier: Apache-2.0
 * The record for which a whole request is refused. A destination that answers 400, 413 or 422 to a
 * hundred records means one of them, or their sum. So the request is cut in halves, each prepared
 * and sent as a request of its own, with an idempotency key of its own, until what is refused is
 * one record. Of n records with one bad one that costs 2 log2(n) further requests, and 2n - 2 at
 * most, when all are bad. None of them costs a record a try: each is settled once, by the answer to
 * the last request that it was in. */
#include "engine/batch.h"

#include <tenon/tenon.h>

/* What is wrong with the request as such, its form or its sender, is wrong with each half. */
enum { STATUS_WRONG_TYPE = 415 };

static bool is_about_data(int verdict, int error_class, int http_status)
{
    return verdict == TENON_REJECTED && error_class == TENON_E_VALIDATION &&
           http_status != STATUS_WRONG_TYPE;
}

static void split(struct batch *batch, const uint32_t *indexes, uint32_t count)
{
    batch->lane->figures.splits++;
    batch_push_halves(batch,
                      (struct range){.indexes = indexes, .count = count, .is_further = true});
}

bool splitting_take_answer(struct batch *batch, const uint32_t *indexes, uint32_t count,
                           const struct settlement *answer)
{
    if (count < 2 || !is_about_data(answer->verdict, answer->error_class, answer->http_status))
        return false;
    split(batch, indexes, count);
    return true;
}

bool splitting_take_judged(struct batch *batch, const uint32_t *indexes, uint32_t count,
                           const struct plugin_outcome *outcomes, int http_status)
{
    bool is_refused = http_status >= 400 && http_status < 500;

    /* A judge that tells the records apart gives them different words. */
    for (uint32_t i = 0; i < count; i++)
        if (!is_refused ||
            !is_about_data((int)outcomes[i].kind, outcomes[i].error_class, http_status) ||
            !str_equals(outcomes[i].message, outcomes[0].message))
            return false;
    if (count < 2)
        return false;
    split(batch, indexes, count);
    return true;
}

bool splitting_take_call(struct batch *batch, const uint32_t *indexes, uint32_t count,
                         const struct plugin_outcome *outcomes)
{
    uint32_t *shared = NULL;
    uint32_t shared_count = 0;

    for (uint32_t i = 0; i < count; i++)
        shared_count += outcomes[i].is_shared &&
                        is_about_data((int)outcomes[i].kind, outcomes[i].error_class, 0);
    if (shared_count < 2)
        return false;
    shared = arena_take(&batch->arena, shared_count * sizeof *shared);
    if (shared == NULL)
        return false;
    shared_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (outcomes[i].is_shared)
            shared[shared_count++] = indexes[i];
    split(batch, shared, shared_count);
    return true;
}

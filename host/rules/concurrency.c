/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/concurrency.h"

enum {
    START = 16,
    SLACK_US = 2000, /* below this a mean that doubled is noise of our own machine */
};

void concurrency_init(struct concurrency *concurrency, uint32_t ceiling, bool is_adaptive)
{
    *concurrency = (struct concurrency){
        .ceiling = ceiling > 0 ? ceiling : 1,
        .is_adaptive = is_adaptive,
    };
    concurrency->limit = concurrency->ceiling;
    if (is_adaptive && concurrency->limit > START)
        concurrency->limit = START;
}

void concurrency_restore(struct concurrency *concurrency, double limit)
{
    if (concurrency->is_adaptive && limit >= 1)
        concurrency->limit = limit < concurrency->ceiling ? limit : concurrency->ceiling;
}

uint32_t concurrency_limit(const struct concurrency *concurrency)
{
    return (uint32_t)concurrency->limit;
}

static void cut(struct concurrency *concurrency, double share, int64_t now_us)
{
    concurrency->limit *= 1 - share / 2;
    if (concurrency->limit < 1)
        concurrency->limit = 1;
    concurrency->cut_at_us = now_us;
}

static bool is_flat(const struct concurrency *concurrency, int64_t mean_us)
{
    return concurrency->best_us == 0 || mean_us <= 2 * concurrency->best_us + SLACK_US;
}

/* The best mean drifts towards what is usual now, so that a destination that became slower for
 * good is not held at yesterday's pace for ever. */
static void learn_latency(struct concurrency *concurrency, int64_t mean_us)
{
    if (concurrency->best_us == 0 || mean_us < concurrency->best_us)
        concurrency->best_us = mean_us;
    else
        concurrency->best_us += (mean_us - concurrency->best_us) / 64;
}

static void end_round(struct concurrency *concurrency, int64_t now_us)
{
    uint32_t good = concurrency->answers - concurrency->overloads;
    bool may_grow = concurrency->is_used;

    if (good > 0) {
        int64_t mean_us = concurrency->latency_us_sum / good;

        may_grow = may_grow && is_flat(concurrency, mean_us);
        learn_latency(concurrency, mean_us);
    }
    if (concurrency->overloads > 0)
        cut(concurrency, (double)concurrency->overloads / concurrency->answers, now_us);
    if (good > 0 && may_grow)
        concurrency->limit += 1;
    if (concurrency->limit > concurrency->ceiling)
        concurrency->limit = concurrency->ceiling;
    concurrency->answers = concurrency->overloads = 0;
    concurrency->latency_us_sum = 0;
    concurrency->is_used = false;
}

bool concurrency_saw(struct concurrency *concurrency, const struct concurrency_answer *answer,
                     int64_t now_us)
{
    uint32_t before = concurrency_limit(concurrency);

    if (!answer->is_overload)
        concurrency->mean_us =
            concurrency->mean_us == 0
                ? answer->latency_us
                : concurrency->mean_us + (answer->latency_us - concurrency->mean_us) / 16;
    if (!concurrency->is_adaptive)
        return false;
    if (answer->is_overload && now_us - answer->latency_us < concurrency->cut_at_us)
        return false;
    concurrency->answers++;
    concurrency->overloads += answer->is_overload;
    if (!answer->is_overload)
        concurrency->latency_us_sum += answer->latency_us;
    concurrency->is_used |= answer->outstanding >= before;
    if (concurrency->answers >= before)
        end_round(concurrency, now_us);
    return concurrency_limit(concurrency) != before;
}

bool concurrency_halve(struct concurrency *concurrency, int64_t now_us)
{
    uint32_t before = concurrency_limit(concurrency);

    if (concurrency->is_adaptive)
        cut(concurrency, 1, now_us);
    return concurrency_limit(concurrency) != before;
}

/* SPDX-License-Identifier: Apache-2.0
 * How many requests a destination gets at the same time: a limit between 1 and what the ini allows
 * that follows what the destination bears. Pure; the clock is the caller's, monotonic. [any]
 *
 * Answers are looked at in rounds of as many as the limit. A round in which
 *   - all were refused for load (429, 503, time limit) halves the limit; when only a share was, it
 *     takes that share of the half. Plain halving at each refusal, as TCP once did, would hold a
 *     destination that turns away 2 of 100 at a few requests at a time (the square root of 2/0.02),
 *     though it serves the other 98 gladly; the proportional cut is DCTCP's (RFC 8257).
 *   - else the limit was used to the full and latency stayed flat adds 1. Latency is flat while a
 *     round's mean is within twice the best mean of late and a little slack; beyond that more
 *     requests would only wait in the destination's own queue.
 * Refusals of requests sent before the last cut say nothing new and are passed over. */
#ifndef RULES_CONCURRENCY_H
#define RULES_CONCURRENCY_H

#include <stdbool.h>
#include <stdint.h>

struct concurrency {
    uint32_t ceiling;
    bool is_adaptive;
    double limit;
    /* the round under way */
    uint32_t answers, overloads;
    int64_t latency_us_sum;
    bool is_used; /* the limit was reached */

    int64_t best_us; /* mean latency of a good round; forgets slowly; 0: none yet */
    int64_t mean_us; /* of all answers, moving; 0: none yet */
    int64_t cut_at_us;
};

/* Starts at the ceiling, or at 16 when that is more: few busy connections are the best start. */
void concurrency_init(struct concurrency *concurrency, uint32_t ceiling, bool is_adaptive);
void concurrency_restore(struct concurrency *concurrency, double limit); /* learned before */
uint32_t concurrency_limit(const struct concurrency *concurrency);

/* One request ended. True: concurrency_limit() is another now. */
struct concurrency_answer {
    bool is_overload; /* 429, 503, time limit */
    int64_t latency_us;
    uint32_t outstanding; /* requests under way or waiting, this one included */
};
bool concurrency_saw(struct concurrency *concurrency, const struct concurrency_answer *answer,
                     int64_t now_us);
/* The destination was lost altogether: it is met again with half. True as above. */
bool concurrency_halve(struct concurrency *concurrency, int64_t now_us);

#endif

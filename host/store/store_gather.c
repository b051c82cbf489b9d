/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_gather.h"

enum { PRODUCERS_LEAST = 4, SHARE = 6 };
/* Of producers, over some eight commits. Measured with 16 to 256 of them. */
enum { GAPS_FROM = 8, GAPS_TO = 64, COMMITS = 8 };

void store_gather_add(struct store_gather *gather, uint64_t puts, uint64_t writes)
{
    gather->puts += puts;
    gather->writes += writes;
}

void store_gather_take(struct store_gather *gather)
{
    gather->taken = gather->puts;
    gather->puts = 0; /* near enough for what a full group leaves in the queue */
    gather->writes = 0;
    gather->is_on = false;
}

void store_gather_end(struct store_gather *gather)
{
    /* Commits of claims and verdicts alone lie between those of the producers. */
    gather->expected = gather->taken > 0 ? gather->taken + gather->puts : gather->expected / 2;
    gather->recent = gather->recent - gather->recent / COMMITS + gather->expected;
}

bool store_gather_leaves_gaps(const struct store_gather *gather)
{
    uint64_t producers = gather->recent / COMMITS;

    return producers >= GAPS_FROM && producers <= GAPS_TO;
}

bool store_gather_start(struct store_gather *gather)
{
    gather->is_on = gather->expected >= PRODUCERS_LEAST;
    gather->is_on = !store_gather_is_enough(gather);
    return gather->is_on;
}

bool store_gather_is_enough(const struct store_gather *gather)
{
    return !gather->is_on || gather->puts * SHARE >= gather->expected ||
           gather->writes >= STORE_GATHER_WRITES;
}

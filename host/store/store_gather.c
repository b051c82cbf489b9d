/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_gather.h"

enum { PRODUCERS_LEAST = 4, SHARE = 6 };

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

/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/retry.h"

bool retry_is_exhausted(const struct retry_policy *policy, uint32_t tries)
{
    return tries >= (uint32_t)policy->max_attempts;
}

int64_t retry_delay_ms(const struct retry_policy *policy, uint32_t tries, int64_t asked_ms,
                       uint64_t random)
{
    int64_t ceiling = policy->base_ms;
    int64_t delay;

    for (uint32_t i = 1; i < tries && ceiling < policy->max_ms; i++)
        ceiling *= 2;
    if (ceiling > policy->max_ms)
        ceiling = policy->max_ms;
    /* Full jitter: anything up to the ceiling, so that a herd that failed together does not come
     * back together. */
    delay = ceiling > 0 ? (int64_t)(random % (uint64_t)ceiling) + 1 : 0;
    if (asked_ms > policy->retry_after_max_ms)
        asked_ms = policy->retry_after_max_ms;
    if (asked_ms > 0)
        delay = asked_ms +
                delay % (policy->base_ms + 1); /* not before it asked, and still not all at once */
    return delay;
}

/* SPDX-License-Identifier: Apache-2.0
 * From a verdict to a time: exponential backoff with full jitter, Retry-After honoured and clamped.
 * Pure. [any] */
#ifndef RULES_RETRY_H
#define RULES_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
    int max_attempts;           /* tries of one submission, the first included */
    int64_t base_ms, max_ms;    /* the first wait is up to base, doubling up to max */
    int64_t retry_after_max_ms; /* a destination cannot park a record for longer */
};

bool retry_is_exhausted(const struct retry_policy *policy, uint32_t tries);
/* How long to wait before try number tries + 1. `asked_ms`: Retry-After, or <= 0. `random`: any 64
 * random bits. */
int64_t retry_delay_ms(const struct retry_policy *policy, uint32_t tries, int64_t asked_ms,
                       uint64_t random);

#endif

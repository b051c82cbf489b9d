/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/bucket.h"

enum { BURST_MS = 100, SLICE_MS = 50 };

static double per_ms(const struct bucket_policy *policy)
{
    return (double)policy->amount / (double)policy->per_ms;
}

static double burst_of(const struct bucket_policy *policy)
{
    double burst = policy->burst > 0 ? (double)policy->burst : per_ms(policy) * BURST_MS;

    return burst < 1 ? 1 : burst;
}

void bucket_init(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_ms)
{
    *bucket = (struct bucket){.policy = *policy, .at_ms = now_ms};
    if (policy->amount > 0)
        bucket->tokens = burst_of(policy);
}

static void fill(struct bucket *bucket, int64_t now_ms)
{
    double burst = burst_of(&bucket->policy);

    if (now_ms <= bucket->at_ms)
        return;
    bucket->tokens += (double)(now_ms - bucket->at_ms) * per_ms(&bucket->policy);
    if (bucket->tokens > burst)
        bucket->tokens = burst;
    bucket->at_ms = now_ms;
}

void bucket_restore(struct bucket *bucket, double tokens, int64_t age_ms, int64_t now_ms)
{
    if (bucket->policy.amount <= 0)
        return;
    bucket->tokens = tokens > 0 ? tokens : 0; /* a value that is not a number ends here as well */
    bucket->at_ms = now_ms - (age_ms > 0 ? age_ms : 0);
    fill(bucket, now_ms);
    if (bucket->tokens > burst_of(&bucket->policy))
        bucket->tokens = burst_of(&bucket->policy); /* the ini has another burst by now */
    bucket->at_ms = now_ms;
}

uint32_t bucket_tokens(struct bucket *bucket, int64_t now_ms)
{
    if (bucket->policy.amount <= 0)
        return UINT32_MAX;
    fill(bucket, now_ms);
    if (bucket->tokens < 0)
        return 0;
    return bucket->tokens < (double)UINT32_MAX ? (uint32_t)bucket->tokens : UINT32_MAX - 1;
}

bool bucket_take(struct bucket *bucket, int64_t now_ms)
{
    if (bucket_tokens(bucket, now_ms) == 0)
        return false;
    if (bucket->policy.amount > 0)
        bucket->tokens -= 1;
    return true;
}

void bucket_owe(struct bucket *bucket, int64_t now_ms)
{
    if (bucket->policy.amount <= 0)
        return;
    fill(bucket, now_ms);
    bucket->tokens -= 1;
}

void bucket_give_back(struct bucket *bucket)
{
    if (bucket->policy.amount > 0)
        bucket->tokens += 1; /* at most what was taken; the next filling cuts it to the burst */
}

int64_t bucket_wait_ms(struct bucket *bucket, int64_t now_ms)
{
    const struct bucket_policy *policy = &bucket->policy;
    double slice;

    if (policy->amount <= 0)
        return 0;
    fill(bucket, now_ms);
    slice = per_ms(policy) * SLICE_MS;
    if (slice > burst_of(policy))
        slice = burst_of(policy);
    if (slice < 1)
        slice = 1;
    if (bucket->tokens >= slice)
        return 0;
    return (int64_t)((slice - bucket->tokens) / per_ms(policy)) + 1;
}

/* SPDX-License-Identifier: Apache-2.0
 * A token bucket: so many requests per time, saved up to a burst. Pure; the clock is the caller's,
 * monotonic. [any] */
#ifndef RULES_BUCKET_H
#define RULES_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket_policy {
    int64_t amount; /* tokens per `per_ms`; 0: no limit */
    int64_t per_ms;
    int64_t burst; /* most that is saved up; 0: what falls due in a tenth of a second, at least 1 */
};

struct bucket {
    struct bucket_policy policy;
    double tokens;
    int64_t at_ms;
};

/* Full. */
void bucket_init(struct bucket *bucket, const struct bucket_policy *policy, int64_t now_ms);
/* As it was `age_ms` ago, kept over a restart: no restart fills a bucket. */
void bucket_restore(struct bucket *bucket, double tokens, int64_t age_ms, int64_t now_ms);
/* Whole tokens; UINT32_MAX without a limit. */
uint32_t bucket_tokens(struct bucket *bucket, int64_t now_ms);
bool bucket_take(struct bucket *bucket, int64_t now_ms);
/* Takes one that need not be there: what is owed comes in before there is another. */
void bucket_owe(struct bucket *bucket, int64_t now_ms);
void bucket_give_back(struct bucket *bucket);
/* Until there is enough to be worth a claim: what falls due in 50 ms, at least one token. Each
 * claim is a commit, so a fast rate is served in slices. 0: now. */
int64_t bucket_wait_ms(struct bucket *bucket, int64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/bucket.h"

static uint32_t take_all(struct bucket *bucket, int64_t now_ms)
{
    uint32_t taken = 0;

    while (taken < 100000 && bucket_take(bucket, now_ms))
        taken++;
    return taken;
}

static void keeps_to_its_rate_after_the_burst(void **state)
{
    (void)state;
    const struct bucket_policy policy = {.amount = 100, .per_ms = 1000, .burst = 20};
    struct bucket bucket;
    uint32_t taken = 0;

    bucket_init(&bucket, &policy, 5000);
    for (int64_t now = 5000; now <= 8000; now += 7)
        taken += take_all(&bucket, now);
    assert_in_range(taken, 319, 320);
}

static void saves_up_no_more_than_the_burst(void **state)
{
    (void)state;
    const struct bucket_policy fast = {.amount = 1000, .per_ms = 1000};
    const struct bucket_policy slow = {.amount = 1, .per_ms = 3600000};
    struct bucket bucket;

    bucket_init(&bucket, &fast, 0);
    assert_int_equal(take_all(&bucket, 0), 100); /* a tenth of a second */
    assert_int_equal(take_all(&bucket, 86400000), 100);
    bucket_init(&bucket, &slow, 0);
    assert_int_equal(take_all(&bucket, 0), 1);
    assert_int_equal(take_all(&bucket, 3599000), 0);
    assert_int_equal(take_all(&bucket, 3600001), 1);
}

static void waits_for_a_slice_worth_a_claim(void **state)
{
    (void)state;
    const struct bucket_policy fast = {.amount = 1000, .per_ms = 1000};
    const struct bucket_policy slow = {.amount = 2, .per_ms = 1000};
    struct bucket bucket;

    bucket_init(&bucket, &fast, 0);
    assert_int_equal(bucket_wait_ms(&bucket, 0), 0);
    (void)take_all(&bucket, 0);
    assert_in_range(bucket_wait_ms(&bucket, 0), 50, 52);
    assert_int_equal(bucket_wait_ms(&bucket, 52), 0);
    assert_in_range(bucket_tokens(&bucket, 52), 51, 52);
    bucket_init(&bucket, &slow, 0);
    (void)take_all(&bucket, 0);
    assert_in_range(bucket_wait_ms(&bucket, 0), 500, 501);
    bucket_give_back(&bucket);
    assert_int_equal(bucket_wait_ms(&bucket, 0), 0);
}

static void a_restart_does_not_fill_it(void **state)
{
    (void)state;
    const struct bucket_policy policy = {.amount = 10, .per_ms = 1000, .burst = 50};
    struct bucket bucket;

    bucket_init(&bucket, &policy, 100);
    bucket_restore(&bucket, 2.5, 1000, 100);
    assert_int_equal(take_all(&bucket, 100), 12);
    bucket_restore(&bucket, 1e9, -5, 100);
    assert_int_equal(take_all(&bucket, 100), 50);
    bucket_restore(&bucket, -7, -3600000, 100); /* kept under a clock that was ahead */
    assert_int_equal(take_all(&bucket, 100), 0);
}

static void what_is_owed_comes_in_first(void **state)
{
    (void)state;
    const struct bucket_policy policy = {.amount = 10, .per_ms = 1000, .burst = 5};
    struct bucket bucket;

    bucket_init(&bucket, &policy, 0);
    for (int i = 0; i < 8; i++)
        bucket_owe(&bucket, 0);
    assert_int_equal(bucket_tokens(&bucket, 0), 0);
    assert_in_range(bucket_wait_ms(&bucket, 0), 400, 401);
    assert_int_equal(bucket_tokens(&bucket, 300), 0);
    assert_int_equal(bucket_tokens(&bucket, 400), 1);
}

static void none_is_no_limit(void **state)
{
    (void)state;
    const struct bucket_policy none = {0};
    struct bucket bucket;

    bucket_init(&bucket, &none, 0);
    assert_int_equal(take_all(&bucket, 0), 100000);
    assert_int_equal(bucket_tokens(&bucket, 0), UINT32_MAX);
    assert_int_equal(bucket_wait_ms(&bucket, 0), 0);
    bucket_owe(&bucket, 0);
    assert_int_equal(bucket_tokens(&bucket, 0), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_to_its_rate_after_the_burst),
        cmocka_unit_test(saves_up_no_more_than_the_burst),
        cmocka_unit_test(waits_for_a_slice_worth_a_claim),
        cmocka_unit_test(a_restart_does_not_fill_it),
        cmocka_unit_test(what_is_owed_comes_in_first),
        cmocka_unit_test(none_is_no_limit),
    };
    return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}

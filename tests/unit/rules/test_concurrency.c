/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/concurrency.h"

static int64_t now_us;

/* `count` answers, each after its latency, with the limit always used to the full; the first
 * `overloads` of every hundred are refusals. */
static void see(struct concurrency *concurrency, int count, int overloads, int64_t latency_us)
{
    for (int i = 0; i < count; i++) {
        const struct concurrency_answer answer = {
            .is_overload = i % 100 < overloads,
            .latency_us = latency_us,
            .outstanding = concurrency_limit(concurrency),
        };

        now_us += latency_us + 1;
        (void)concurrency_saw(concurrency, &answer, now_us);
    }
}

static void refusals_halve_it_down_to_one(void **state)
{
    (void)state;
    struct concurrency concurrency;

    concurrency_init(&concurrency, 16, true);
    see(&concurrency, 16, 100, 1000);
    assert_int_equal(concurrency_limit(&concurrency), 8);
    see(&concurrency, 8, 100, 1000);
    assert_int_equal(concurrency_limit(&concurrency), 4);
    see(&concurrency, 50, 100, 1000);
    assert_int_equal(concurrency_limit(&concurrency), 1);
}

static void it_grows_again_while_latency_is_flat(void **state)
{
    (void)state;
    struct concurrency concurrency;

    concurrency_init(&concurrency, 16, true);
    see(&concurrency, 100, 100, 10000);
    assert_int_equal(concurrency_limit(&concurrency), 1);
    see(&concurrency, 1 + 2 + 3, 0, 10000);
    assert_int_equal(concurrency_limit(&concurrency), 4);
    see(&concurrency, 12, 0, 100000); /* it has become slow: more would only wait there */
    assert_int_equal(concurrency_limit(&concurrency), 4);
    see(&concurrency, 500, 0, 10000);
    assert_int_equal(concurrency_limit(&concurrency), 16);
}

static void a_few_refusals_among_many_cost_little(void **state)
{
    (void)state;
    struct concurrency concurrency;

    concurrency_init(&concurrency, 16, true);
    for (int i = 0; i < 50; i++) {
        see(&concurrency, 100, 2, 5000);
        assert_in_range(concurrency_limit(&concurrency), 14, 16);
    }
}

static void it_starts_at_sixteen_and_learns_more(void **state)
{
    (void)state;
    struct concurrency concurrency;

    concurrency_init(&concurrency, 200, true);
    assert_int_equal(concurrency_limit(&concurrency), 16);
    see(&concurrency, 2000, 0, 20000);
    assert_in_range(concurrency_limit(&concurrency), 50, 200);
    concurrency_restore(&concurrency, 1e9);
    assert_int_equal(concurrency_limit(&concurrency), 200);
    concurrency_restore(&concurrency, 7.5);
    assert_int_equal(concurrency_limit(&concurrency), 7);
    assert_true(concurrency_halve(&concurrency, now_us));
    assert_int_equal(concurrency_limit(&concurrency), 3);
}

static void a_limit_that_nobody_uses_does_not_grow(void **state)
{
    (void)state;
    struct concurrency concurrency;
    const struct concurrency_answer answer = {.latency_us = 1000, .outstanding = 1};

    concurrency_init(&concurrency, 100, true);
    for (int i = 0; i < 1000; i++)
        (void)concurrency_saw(&concurrency, &answer, now_us += 1001);
    assert_int_equal(concurrency_limit(&concurrency), 16);
}

static void refusals_from_before_the_cut_are_old_news(void **state)
{
    (void)state;
    struct concurrency concurrency;
    const struct concurrency_answer late = {
        .is_overload = true, .latency_us = 5000, .outstanding = 16};

    concurrency_init(&concurrency, 16, true);
    now_us += 100000;
    for (int i = 0; i < 32; i++) /* all were under way when the first came back */
        (void)concurrency_saw(&concurrency, &late, now_us + i);
    assert_int_equal(concurrency_limit(&concurrency), 8);
}

static void fixed_is_fixed(void **state)
{
    (void)state;
    struct concurrency concurrency;

    concurrency_init(&concurrency, 40, false);
    see(&concurrency, 1000, 100, 1000);
    concurrency_restore(&concurrency, 3);
    assert_false(concurrency_halve(&concurrency, now_us));
    assert_int_equal(concurrency_limit(&concurrency), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_halve_it_down_to_one),
        cmocka_unit_test(it_grows_again_while_latency_is_flat),
        cmocka_unit_test(a_few_refusals_among_many_cost_little),
        cmocka_unit_test(it_starts_at_sixteen_and_learns_more),
        cmocka_unit_test(a_limit_that_nobody_uses_does_not_grow),
        cmocka_unit_test(refusals_from_before_the_cut_are_old_news),
        cmocka_unit_test(fixed_is_fixed),
    };
    return cmocka_run_group_tests_name("concurrency", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/breaker.h"

static const struct breaker_policy policy = {
    .is_enabled = true,
    .window_ms = 10000,
    .ratio = 0.5,
    .min_requests = 20,
    .connection_failures = 5,
    .open_ms = 1000,
    .open_max_ms = 60000,
    .probes = 3,
};

static struct breaker fresh(void)
{
    struct breaker breaker;

    breaker_init(&breaker, &policy);
    return breaker;
}

/* Opens it by connection failures; no jitter. */
static void lose(struct breaker *breaker, int64_t now_ms)
{
    for (int i = 0; i < 5; i++)
        (void)breaker_saw(breaker, BREAKER_NO_ANSWER, false, now_ms, 0);
    assert_int_equal(breaker->state, BREAKER_OPEN);
}

static void probe(struct breaker *breaker, enum breaker_outcome outcome, int64_t now_ms)
{
    assert_int_equal(breaker_state(breaker, now_ms), BREAKER_HALF_OPEN);
    assert_true(breaker_admits(breaker, now_ms) > 0);
    assert_true(breaker_sent(breaker));
    (void)breaker_saw(breaker, outcome, true, now_ms, 0);
}

static void eight_of_a_hundred_errors_never_open_it(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    for (int i = 0; i < 100000; i++)
        assert_false(breaker_saw(&breaker, i % 100 < 8 ? BREAKER_FAILED : BREAKER_OK, false,
                                 1000 + i / 10, 0));
    assert_int_equal(breaker_admits(&breaker, 20000), UINT32_MAX);
}

static void opens_at_the_ratio_and_not_before_the_minimum(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    for (int i = 0; i < 19; i++)
        assert_false(breaker_saw(&breaker, BREAKER_FAILED, false, 1000, 0));
    assert_true(breaker_saw(&breaker, BREAKER_FAILED, false, 1000, 0));
    assert_int_equal(breaker.tripped_of, 20);
    assert_int_equal(breaker.tripped_count, 20);
    assert_int_equal(breaker_admits(&breaker, 1999), 0);
    assert_int_equal(breaker_admits(&breaker, 2000), 3);
}

static void a_long_good_time_does_not_hide_a_sudden_end(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    for (int i = 0; i < 100000; i++)
        assert_false(breaker_saw(&breaker, BREAKER_OK, false, 1000, 0));
    for (int i = 0; i < 19; i++)
        assert_false(breaker_saw(&breaker, BREAKER_FAILED, false, 1000, 0));
    assert_true(breaker_saw(&breaker, BREAKER_FAILED, false, 1000, 0));
    assert_int_equal(breaker.tripped_count, 20);
}

static void forgets_what_left_the_window(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    for (int i = 0; i < 19; i++)
        (void)breaker_saw(&breaker, BREAKER_FAILED, false, 1000, 0);
    (void)breaker_saw(&breaker, BREAKER_OK, false, 12000, 0); /* it is no row */
    for (int i = 0; i < 18; i++)
        assert_false(breaker_saw(&breaker, BREAKER_FAILED, false, 12000, 0));
    assert_true(breaker_saw(&breaker, BREAKER_FAILED, false, 12000, 0));
    assert_int_equal(breaker.tripped_of, 20);
}

static void opens_after_a_row_without_an_answer(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    for (int i = 0; i < 4; i++)
        assert_false(breaker_saw(&breaker, BREAKER_NO_ANSWER, false, 1000, 0));
    assert_false(breaker_saw(&breaker, BREAKER_OK, false, 1000, 0)); /* the row is broken */
    for (int i = 0; i < 4; i++)
        assert_false(breaker_saw(&breaker, BREAKER_NO_ANSWER, false, 1000, 0));
    assert_true(breaker_saw(&breaker, BREAKER_NO_ANSWER, false, 1000, 0));
    assert_int_equal(breaker.tripped_of, 0);
    assert_int_equal(breaker.tripped_count, 5);
}

static void probes_close_it(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    lose(&breaker, 1000);
    assert_int_equal(breaker_state(&breaker, 2000), BREAKER_HALF_OPEN);
    assert_true(breaker_sent(&breaker));
    assert_true(breaker_sent(&breaker));
    assert_true(breaker_sent(&breaker));
    assert_int_equal(breaker_admits(&breaker, 2000), 0); /* no herd */
    breaker_forget(&breaker, true);                      /* one came back unsent */
    assert_int_equal(breaker_admits(&breaker, 2000), 1);
    assert_false(breaker_saw(&breaker, BREAKER_OK, true, 2000, 0));
    assert_false(breaker_saw(&breaker, BREAKER_OK, true, 2000, 0));
    assert_int_equal(breaker_admits(&breaker, 2000), 1);
    assert_true(breaker_sent(&breaker));
    assert_true(breaker_saw(&breaker, BREAKER_OK, true, 2000, 0));
    assert_int_equal(breaker_state(&breaker, 2000), BREAKER_CLOSED);
    assert_false(breaker_sent(&breaker));
    assert_int_equal(breaker_admits(&breaker, 2000), UINT32_MAX);
}

static void a_failed_probe_doubles_the_time_up_to_the_most(void **state)
{
    (void)state;
    struct breaker breaker = fresh();
    int64_t now = 1000;
    int64_t expected = 1000;

    lose(&breaker, now);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(breaker.open_until_ms - now, expected);
        now = breaker.open_until_ms;
        probe(&breaker, BREAKER_FAILED, now);
        assert_int_equal(breaker.state, BREAKER_OPEN);
        expected = expected * 2 < 60000 ? expected * 2 : 60000;
    }
    assert_int_equal(breaker.openings, 11);
}

static void a_relapse_goes_on_doubling_and_health_forgets(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    lose(&breaker, 1000);
    for (int i = 0; i < 3; i++)
        probe(&breaker, BREAKER_OK, 2000);
    lose(&breaker, 2500);
    assert_int_equal(breaker.open_until_ms, 4500);
    for (int i = 0; i < 3; i++)
        probe(&breaker, BREAKER_OK, 4500);
    lose(&breaker, 7000);
    assert_int_equal(breaker.open_until_ms, 8000);
}

static void jitter_takes_at_most_half(void **state)
{
    (void)state;

    for (uint64_t random = 0; random < 5000; random += 7) {
        struct breaker breaker = fresh();

        for (int i = 0; i < 5; i++)
            (void)breaker_saw(&breaker, BREAKER_NO_ANSWER, false, 0, random);
        assert_in_range(breaker.open_until_ms, 500, 1000);
    }
}

static void late_answers_change_nothing(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    lose(&breaker, 1000);
    assert_false(breaker_saw(&breaker, BREAKER_OK, false, 1500, 0));
    assert_int_equal(breaker_state(&breaker, 2000), BREAKER_HALF_OPEN);
    assert_false(breaker_saw(&breaker, BREAKER_FAILED, false, 2000, 0));
    assert_int_equal(breaker_admits(&breaker, 2000), 3);
}

static void is_as_it_was_after_a_restart(void **state)
{
    (void)state;
    struct breaker breaker = fresh();

    breaker_restore(&breaker, 8000, 5000, 100);
    assert_int_equal(breaker_admits(&breaker, 5099), 0);
    probe(&breaker, BREAKER_FAILED, 5100);
    assert_int_equal(breaker.open_until_ms, 5100 + 16000);
    breaker_restore(&breaker, INT64_MAX, INT64_MAX, 100); /* kept under another clock, or damaged */
    assert_int_equal(breaker.open_until_ms, 100 + 60000);
    breaker_restore(&breaker, 0, -3600000, 100);
    assert_int_equal(breaker_state(&breaker, 100), BREAKER_HALF_OPEN);
}

static void switched_off_it_never_opens(void **state)
{
    (void)state;
    struct breaker_policy off = policy;
    struct breaker breaker;

    off.is_enabled = false;
    breaker_init(&breaker, &off);
    breaker_restore(&breaker, 8000, 5000, 100);
    for (int i = 0; i < 1000; i++)
        assert_false(breaker_saw(&breaker, BREAKER_NO_ANSWER, false, 1000, 0));
    assert_int_equal(breaker_admits(&breaker, 1000), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_of_a_hundred_errors_never_open_it),
        cmocka_unit_test(opens_at_the_ratio_and_not_before_the_minimum),
        cmocka_unit_test(a_long_good_time_does_not_hide_a_sudden_end),
        cmocka_unit_test(forgets_what_left_the_window),
        cmocka_unit_test(opens_after_a_row_without_an_answer),
        cmocka_unit_test(probes_close_it),
        cmocka_unit_test(a_failed_probe_doubles_the_time_up_to_the_most),
        cmocka_unit_test(a_relapse_goes_on_doubling_and_health_forgets),
        cmocka_unit_test(jitter_takes_at_most_half),
        cmocka_unit_test(late_answers_change_nothing),
        cmocka_unit_test(is_as_it_was_after_a_restart),
        cmocka_unit_test(switched_off_it_never_opens),
    };
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}

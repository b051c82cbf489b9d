/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_gather.h"

/* One commit of what is in the queue; `behind` puts come while it is under way. */
static void commit(struct store_gather *gather, uint64_t behind)
{
    store_gather_take(gather);
    store_gather_add(gather, behind, behind);
    store_gather_end(gather);
}

static void test_one_producer_never_waits(void **state)
{
    struct store_gather gather = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        store_gather_add(&gather, 1, 1);
        assert_false(store_gather_start(&gather));
        commit(&gather, 0);
    }
}

static void test_a_sixth_of_them_is_enough(void **state)
{
    struct store_gather gather = {0};

    (void)state;
    store_gather_add(&gather, 10, 10);
    assert_false(store_gather_start(&gather)); /* nothing is known yet */
    commit(&gather, 2);
    assert_false(store_gather_start(&gather)); /* twelve are expected, two are there */
    commit(&gather, 0);
    store_gather_add(&gather, 20, 20);
    commit(&gather, 0);
    store_gather_add(&gather, 3, 3);
    assert_true(store_gather_start(&gather)); /* of twenty */
    assert_false(store_gather_is_enough(&gather));
    store_gather_add(&gather, 1, 1);
    assert_true(store_gather_is_enough(&gather));
}

static void test_large_puts_wait_for_nobody(void **state)
{
    struct store_gather gather = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        store_gather_add(&gather, 8, 800);
        assert_false(store_gather_start(&gather));
        commit(&gather, 0);
    }
    store_gather_add(&gather, 1, 100);
    assert_false(store_gather_start(&gather));
}

/* What holds after twenty commits of half of them each, while the other half waits. */
static bool leaves_gaps(struct store_gather *gather, uint64_t producers)
{
    for (int i = 0; i < 20; i++)
        commit(gather, producers / 2);
    return store_gather_leaves_gaps(gather);
}

static void test_few_producers_leave_gaps_and_many_do_not(void **state)
{
    struct store_gather gather = {0};

    (void)state;
    assert_false(leaves_gaps(&gather, 2));
    assert_false(leaves_gaps(&gather, 6));
    assert_true(leaves_gaps(&gather, 16));
    assert_true(leaves_gaps(&gather, 40));
    assert_false(leaves_gaps(&gather, 160));
    commit(&gather, 8);
    assert_false(store_gather_leaves_gaps(&gather)); /* it is no matter of one commit */
    assert_true(leaves_gaps(&gather, 16));
    assert_false(leaves_gaps(&gather, 0)); /* they stay away */
}

static void test_who_stays_away_is_soon_forgotten(void **state)
{
    struct store_gather gather = {0};
    int waits = 0;

    (void)state;
    store_gather_add(&gather, 32, 32);
    commit(&gather, 0);
    for (int i = 0; i < 10; i++) {
        store_gather_add(&gather, 0, 20); /* claims and verdicts */
        waits += store_gather_start(&gather);
        commit(&gather, 0);
    }
    assert_in_range(waits, 1, 5);
    store_gather_add(&gather, 1, 1);
    assert_false(store_gather_start(&gather));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_producer_never_waits),
        cmocka_unit_test(test_a_sixth_of_them_is_enough),
        cmocka_unit_test(test_large_puts_wait_for_nobody),
        cmocka_unit_test(test_few_producers_leave_gaps_and_many_do_not),
        cmocka_unit_test(test_who_stays_away_is_soon_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

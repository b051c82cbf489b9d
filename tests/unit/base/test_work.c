/* SPDX-License-Identifier: Apache-2.0
 * Work runs beside the loop and ends on it, once. */
#include "base/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct sum {
    struct work work; /* first: the sum is the whole */
    struct loop *loop;
    int result, ended;
    pthread_t ran_on;
};

static void add_up(struct work *work)
{
    struct sum *sum = (struct sum *)(void *)work;

    for (int i = 1; i <= 100; i++)
        sum->result += i;
    sum->ran_on = pthread_self();
}

static void added_up(struct work *work)
{
    struct sum *sum = (struct sum *)(void *)work;

    loop_assert_here(sum->loop);
    sum->ended++;
    loop_stop(sum->loop);
}

static void it_runs_beside_and_ends_on_the_loop(void **state)
{
    struct err err = {0};
    struct sum sum = {.work = {.run = add_up, .done = added_up}};

    (void)state;
    sum.loop = loop_create(&err);
    assert_int_equal(work_start(&sum.work, sum.loop, &err), 0);
    loop_run(sum.loop);
    assert_int_equal(sum.result, 5050);
    assert_int_equal(sum.ended, 1);
    assert_false(pthread_equal(sum.ran_on, pthread_self()));
    assert_int_equal(work_start(&sum.work, sum.loop, &err), 0); /* the struct is ours again */
    loop_run(sum.loop);
    assert_int_equal(sum.ended, 2);
    loop_destroy(sum.loop);
}

static void waiting_for_it_leaves_its_end_to_the_loop(void **state)
{
    struct err err = {0};
    struct sum sum = {.work = {.run = add_up, .done = added_up}};

    (void)state;
    sum.loop = loop_create(&err);
    assert_int_equal(work_start(&sum.work, sum.loop, &err), 0);
    work_wait(&sum.work);
    assert_int_equal(sum.result, 5050);
    assert_int_equal(sum.ended, 0);
    loop_drain(sum.loop);
    assert_int_equal(sum.ended, 1);
    loop_destroy(sum.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_beside_and_ends_on_the_loop),
        cmocka_unit_test(waiting_for_it_leaves_its_end_to_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

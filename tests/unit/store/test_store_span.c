/* SPDX-License-Identifier: Apache-2.0
 * Spans of numbers: one row for those that grow, exact where they end, and each submission in one
 * of its own integration. */
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Nothing is wrong, no number stands in two of them, and the list by integration is exact. */
static void assert_whole(struct fixture *f, uint32_t integration, size_t submissions)
{
    struct store_job job = {.op.done = fixture_stop, .work = JOB_CHECK};

    store_job(f->store, &job);
    fixture_wait(f, &job.op);
    assert_int_equal(job.op.status, 0);
    if (job.problem_count > 0)
        fail_msg("%s", job.problems.ptr);
    assert_int_equal(fixture_number(f->path,
                                    "SELECT count(*) FROM spans a JOIN spans b ON b.first > a.first"
                                    " AND b.first <= a.last"),
                     0);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_SUBMISSIONS, .integration = integration}, NULL),
        submissions);
}

static void put_and_take(struct fixture *f, const char *id)
{
    put(f, id, "{}");
    take_one(f, WALK_CHANGED, id, 1);
}

static void test_one_that_grows_is_one_row_over_lives(void **state)
{
    struct fixture *f = *state;

    put_and_take(f, "a");
    put_and_take(f, "b");
    fixture_reopen(f);
    put_and_take(f, "c");
    fixture_reopen(f);
    put_and_take(f, "d");
    assert_int_equal(fixture_number(f->path, "SELECT count(*) FROM spans"), 1);
    assert_whole(f, f->integration, 4);
}

static void test_another_integrations_number_ends_it(void **state)
{
    struct fixture *f = *state;
    uint32_t hook = f->integration;
    uint32_t other = add_integration(f, "other");

    put_and_take(f, "a");
    f->integration = other;
    take_one(f, WALK_CHANGED, "a", 1);
    f->integration = hook;
    put_and_take(f, "b");
    put_and_take(f, "c");
    fixture_reopen(f);
    f->integration = other;
    take_one(f, WALK_CHANGED, "b", 1);
    take_one(f, WALK_CHANGED, "c", 1);
    assert_int_equal(fixture_number(f->path, "SELECT count(*) FROM spans"), 4);
    assert_whole(f, hook, 3);
    assert_whole(f, other, 3);
}

/* As stores have it that were written before rows were written ahead. */
static void test_a_row_that_ends_where_its_numbers_do_grows(void **state)
{
    struct fixture *f = *state;

    put_and_take(f, "a");
    store_close(f->store);
    f->store = NULL;
    fixture_sql(f->path, "UPDATE spans SET last = first");
    fixture_reopen(f);
    put_and_take(f, "b");
    assert_int_equal(fixture_number(f->path, "SELECT count(*) FROM spans"), 1);
    assert_whole(f, f->integration, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_that_grows_is_one_row_over_lives, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_another_integrations_number_ends_it, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_row_that_ends_where_its_numbers_do_grows,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The contract of store.h where a version waits behind an older one that is in flight: what becomes
 * of it when that ends in this way or that. Every backend. */
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Nothing is left waiting when the entity is deleted before the newer version goes, whichever way
 * the older was lost: with its daemon or by its lease, at its first attempt or at a later one. */
static void test_nothing_waits_behind_a_lost_one_of_a_deleted(void **state)
{
    struct fixture *f = *state;

    for (int way = 0; way < 4; way++) {
        char id[] = {(char)('a' + way), '\0'};
        bool is_recovered = way % 2 == 0;
        fixture_at(NOW_MS);
        put(f, id, "1");
        struct store_claimed first = take_one(f, WALK_CHANGED, id, 1);
        if (way >= 2) {
            tell_event(f, &first, EVENT_RETRY, NOW_MS);
            first = take_one(f, WALK_CHANGED, id, 1);
        }
        put(f, id, "2");
        take_none(f, WALK_CHANGED);
        assert_int_equal(count_of(f, SUBMISSION_PENDING), 1);
        if (is_recovered)
            assert_int_equal(recover(f), 1);
        else
            fixture_at(NOW_MS + LEASE_MS);
        drop(f, id);
        take_none(f, WALK_CHANGED);
        take_none(f, WALK_CHANGED);
        assert_int_equal(f->next_due_ms, 0);
        assert_int_equal(count_of(f, SUBMISSION_PENDING), 0);
        assert_int_equal(count_of(f, SUBMISSION_SKIPPED), 2 * (way + 1));
        assert_string_equal(ask_submission(f, first.submission + 1).reason,
                            "the entity was deleted");
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nothing_waits_behind_a_lost_one_of_a_deleted),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

/* SPDX-License-Identifier: Apache-2.0
 * Versions that an integration's own plugin stores: it is not given them, the others are, and two
 * that answer each other come to an end. Run against every backend. */
#include "store_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static enum store_put_outcome put_by(struct fixture *f, uint32_t integration, const char *id,
                                     const char *data)
{
    struct store_put_result result;
    const struct store_entity entity = {
        .id = str_of(id), .type = STR("event"), .data = str_of(data), .origin = integration};

    assert_int_equal(put_many(f, &entity, 1, &result), 0);
    return result.outcome;
}

static void take_as(struct fixture *f, uint32_t integration, size_t count)
{
    uint32_t own = f->integration;
    struct store_claim claim;

    f->integration = integration;
    take(f, WALK_CHANGED, 10, &claim);
    f->integration = own;
    assert_int_equal(claim.count, count);
    store_claim_finish(&claim);
}

static void test_nobody_is_given_his_own_version(void **state)
{
    struct fixture *f = *state;
    uint32_t other = add_integration(f, "other");
    const struct kept_row *rows;
    uint64_t count;

    assert_int_equal(put_by(f, f->integration, "a", "{}"), PUT_CREATED);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("a")}, &rows), 1);
    assert_int_equal(rows[0].row.origin, f->integration);
    take_none(f, WALK_CHANGED);
    take_none(f, WALK_UNSUBMITTED);
    take_as(f, other, 1);
    put(f, "a", "{\"n\":1}"); /* somebody outside has the last word */
    take_one(f, WALK_CHANGED, "a", 2);
    assert_int_equal(put_by(f, f->integration, "b", "{}"), PUT_CREATED);
    take_none(f, WALK_CHANGED);
    assert_int_equal(enqueue(f, "b", ENQUEUE_UNSUBMITTED, &count), 0);
    assert_int_equal(count, 1); /* asked for by hand it goes */
    take_one(f, WALK_CHANGED, "b", 1);
}

static void test_what_waits_is_not_lost_to_an_own_version(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "{}");
    struct store_claimed record = take_one(f, WALK_CHANGED, "a", 1);
    assert_int_equal(put_by(f, f->integration, "a", "{\"n\":1}"), PUT_UPDATED);
    take_none(f, WALK_CHANGED);
    tell_event(f, &record, EVENT_RETRY, NOW_MS + 10);
    fixture_at(NOW_MS + 20);
    take_one(f, WALK_CHANGED, "a", 2); /* with the change from outside in it */
    take_none(f, WALK_CHANGED);
}

static void test_answering_each_other_ends(void **state)
{
    struct fixture *f = *state;
    uint32_t other = add_integration(f, "other");
    char data[32];
    int turns = 0;

    put(f, "a", "{}");
    for (;; turns++) {
        snprintf(data, sizeof(data), "{\"n\":%d}", turns);
        if (put_by(f, turns % 2 == 0 ? f->integration : other, "a", data) == PUT_BY_TURNS)
            break;
        assert_true(turns < 100);
    }
    assert_int_equal(turns, STORE_TURNS_MAX);
    assert_int_equal(put_by(f, turns % 2 == 0 ? other : f->integration, "a", "{\"x\":1}"),
                     PUT_UPDATED); /* the same again is no answer */
    fixture_at(NOW_MS + STORE_TURN_MS);
    assert_int_equal(put_by(f, turns % 2 == 0 ? f->integration : other, "a", data), PUT_UPDATED);
    put(f, "a", "{}");
    assert_int_equal(put_by(f, other, "a", data), PUT_UPDATED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nobody_is_given_his_own_version),
        CASE(test_what_waits_is_not_lost_to_an_own_version),
        CASE(test_answering_each_other_ends),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

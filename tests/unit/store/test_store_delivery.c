/* SPDX-License-Identifier: Apache-2.0
 * What comes again is stored once. Every backend. */
#include "store_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HOUR_MS = 3600000 };

/* Puts `count` entities as one delivery; its status. */
static int deliver(struct fixture *f, uint32_t integration, const char *id, const char *entity,
                   struct store_delivery *out, uint64_t *out_seq)
{
    const struct store_entity entities[] = {
        {.id = str_of(entity), .type = STR("event"), .data = STR("{}")}};
    struct store_put_result results[1];
    *out = (struct store_delivery){
        .integration = integration, .id = str_of(id), .until_ms = clock_wall_ms() + HOUR_MS};
    struct store_put put = {.op.done = fixture_stop,
                            .entities = entities,
                            .count = entity != NULL,
                            .results = results,
                            .delivery = out};

    store_put(f->store, &put);
    fixture_wait(f, &put.op);
    *out_seq = put.last_seq;
    return put.op.status;
}

static void take_delivery(struct fixture *f, uint32_t integration, const char *id,
                          const char *entity, bool is_duplicate)
{
    struct store_delivery delivery;
    uint64_t seq;

    assert_int_equal(deliver(f, integration, id, entity, &delivery, &seq), 0);
    assert_int_equal(delivery.is_duplicate, is_duplicate);
    assert_int_equal(seq != 0, !is_duplicate && entity != NULL);
}

static size_t entities(struct fixture *f)
{
    return ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL);
}

static void test_the_second_time_nothing_is_stored(void **state)
{
    struct fixture *f = *state;

    take_delivery(f, 1, "d-1", "a", false);
    take_delivery(f, 1, "d-1", "b", true);
    take_delivery(f, 1, "d-1", NULL, true);
    assert_int_equal(entities(f), 1);
    take_delivery(f, 2, "d-1", "b", false); /* another's id is another's */
    take_delivery(f, 1, "d-2", NULL, false);
    take_delivery(f, 1, "d-2", "c", true);
    assert_int_equal(entities(f), 2);
}

static void test_what_was_refused_may_come_again(void **state)
{
    struct fixture *f = *state;
    struct store_delivery delivery;
    uint64_t seq;

    assert_int_equal(deliver(f, 1, "d-1", "", &delivery, &seq), -EINVAL);
    assert_false(delivery.is_duplicate);
    assert_int_equal(deliver(f, 1, "", "a", &delivery, &seq), -EINVAL);
    take_delivery(f, 1, "d-1", "a", false);
    assert_int_equal(entities(f), 1);
}

static void test_it_is_forgotten_when_its_time_is_over(void **state)
{
    struct fixture *f = *state;
    const struct store_retention nothing = {.signals_ms = 0};

    take_delivery(f, 1, "d-1", "a", false);
    fixture_at(NOW_MS + HOUR_MS - 1);
    take_delivery(f, 1, "d-2", "b", false);
    (void)compact(f, &nothing);
    take_delivery(f, 1, "d-1", "c", true);
    fixture_at(NOW_MS + HOUR_MS);
    (void)compact(f, &nothing);
    take_delivery(f, 1, "d-1", "c", false);
    take_delivery(f, 1, "d-2", "d", true);
}

static void test_another_life_remembers(void **state)
{
    struct fixture *f = *state;

    take_delivery(f, 1, "d-1", "a", false);
    fixture_reopen(f);
    take_delivery(f, 1, "d-1", "b", true);
    assert_int_equal(entities(f), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_second_time_nothing_is_stored),
        CASE(test_what_was_refused_may_come_again),
        CASE(test_it_is_forgotten_when_its_time_is_over),
        CASE(test_another_life_remembers),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory"; /* without the last, which is about a file */
    failures +=
        _cmocka_run_group_tests("memory", tests, sizeof(tests) / sizeof(tests[0]) - 1, NULL, NULL);
    return failures;
}

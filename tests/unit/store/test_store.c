/* SPDX-License-Identifier: Apache-2.0
 * The contract of store.h, run against every backend. */
#include "store_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_put_tells_what_changed(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_put_result result = put(f, "a", "{\"n\":1}");

    assert_int_equal(result.outcome, PUT_CREATED);
    assert_int_equal(result.version, 1);
    assert_int_equal(put(f, "a", "{\"n\":1}").outcome, PUT_UNCHANGED);
    fixture_at(NOW_MS + 5);
    result = put(f, "a", "{\"n\":2}");
    assert_int_equal(result.outcome, PUT_UPDATED);
    assert_int_equal(result.version, 2);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("a")}, &rows), 1);
    assert_string_equal(rows[0].data, "{\"n\":2}");
    assert_string_equal(rows[0].type, "event");
    assert_int_equal(rows[0].row.created_ms, NOW_MS);
    assert_int_equal(rows[0].row.updated_ms, NOW_MS + 5);
    assert_int_equal(rows[0].row.seq, 2);
    result = drop(f, "a");
    assert_int_equal(result.outcome, PUT_DELETED);
    assert_int_equal(result.version, 3);
    assert_int_equal(drop(f, "a").outcome, PUT_NOT_FOUND);
    assert_int_equal(drop(f, "never").outcome, PUT_NOT_FOUND);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("a")}, &rows), 1);
    assert_true(rows[0].row.is_deleted);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, &rows), 0);
    result = put(f, "a", "{}");
    assert_int_equal(result.outcome, PUT_CREATED);
    assert_int_equal(result.version,
                     4); /* versions go on, so that no key is ever used for two contents */
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_SIGNALS, .after = 1, .limit = 2}, &rows), 2);
    assert_string_equal(rows[0].name, "entity.updated");
    assert_string_equal(rows[1].name, "entity.deleted");
    assert_int_equal(rows[1].row.seq, 3);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_TOTALS}, &rows), 1);
    assert_int_equal(rows[0].row.count, 1);
    assert_int_equal(rows[0].row.seq, 4);
}

static void test_put_heeds_if_version(void **state)
{
    struct fixture *f = *state;
    struct store_put_result results[3];
    const struct store_entity entities[] = {
        {STR("a"), STR("event"), STR("{\"n\":2}"), false, 1, STR_NONE, 0},
        {STR("a"), STR("event"), STR("{\"n\":3}"), false, 1, STR_NONE, 0},
        {STR("b"), STR("event"), STR("{}"), false, 1, STR_NONE, 0},
    };

    put(f, "a", "{\"n\":1}");
    assert_int_equal(put_many(f, entities, 3, results), 0);
    assert_int_equal(results[0].outcome, PUT_UPDATED);
    assert_int_equal(results[1].outcome, PUT_CONFLICT);
    assert_int_equal(results[1].version, 2);
    assert_int_equal(results[2].outcome, PUT_NOT_FOUND);
}

static void test_put_over_any_version_makes_none(void **state)
{
    struct fixture *f = *state;
    struct store_put_result results[4];
    const struct store_entity entities[] = {
        {STR("a"), STR("event"), STR("{\"n\":2}"), false, STORE_VERSION_ANY, STR_NONE, 0},
        {STR("b"), STR("event"), STR("{}"), false, STORE_VERSION_ANY, STR_NONE, 0},
        {STR("a"), STR_NONE, STR_NONE, true, STORE_VERSION_ANY, STR_NONE, 0},
        {STR("a"), STR("event"), STR("{}"), false, STORE_VERSION_ANY, STR_NONE, 0},
    };

    put(f, "a", "{\"n\":1}");
    assert_int_equal(put_many(f, entities, 4, results), 0);
    assert_int_equal(results[0].outcome, PUT_UPDATED);
    assert_int_equal(results[0].version, 2);
    assert_int_equal(results[1].outcome, PUT_NOT_FOUND);
    assert_int_equal(results[2].outcome, PUT_DELETED);
    assert_int_equal(results[3].outcome, PUT_NOT_FOUND); /* it was deleted */
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL), 0);
}

static void test_put_is_all_or_none(void **state)
{
    struct fixture *f = *state;
    static char long_id[1025];
    struct store_put_result results[2];
    struct store_entity entities[] = {
        {STR("good"), STR("event"), STR("{}"), false, 0, STR_NONE, 0},
        {{long_id, sizeof(long_id)}, STR("event"), STR("{}"), false, 0, STR_NONE, 0},
    };

    memset(long_id, 'x', sizeof(long_id));
    assert_int_equal(put_many(f, entities, 2, results), E_TOO_LARGE);
    assert_non_null(strstr(f->err.text, "entity 1 of 2"));
    assert_non_null(strstr(f->err.text, "1025 bytes"));
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL), 0);
    entities[1].id.len = 1024;
    assert_int_equal(put_many(f, entities, 2, results), 0);
    entities[1].id = (struct str){"a\0b", 3};
    assert_int_equal(put_many(f, entities, 2, results), -EINVAL);
    assert_non_null(strstr(f->err.text, "NUL"));
    entities[1].id = STR_NONE;
    assert_int_equal(put_many(f, entities, 2, results), -EINVAL);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL), 2);
}

struct counted_put {
    struct store_put put;
    size_t *order;
    size_t at;
    struct fixture *fixture;
};

static void note_put(struct store_op *op)
{
    struct counted_put *counted = (struct counted_put *)(void *)op;

    counted->at = ++*counted->order;
    if (counted->at == 64)
        loop_stop(counted->fixture->loop);
}

/* Asked for in one round of the loop. Every eighth is refused on its own account, and spoils it for
 * nobody else. */
static const struct counted_put *put_64(struct fixture *f)
{
    static struct counted_put puts[64];
    static char ids[64][8];
    static struct store_entity entities[64];
    static struct store_put_result results[64];
    static size_t order;

    order = 0;
    for (size_t i = 0; i < 64; i++) {
        snprintf(ids[i], sizeof(ids[i]), "e%zu", i);
        entities[i] = (struct store_entity){
            str_of(ids[i]), i % 8 == 7 ? STR_NONE : STR("event"), STR("{}"), false, 0, STR_NONE, 0};
        puts[i] = (struct counted_put){
            .put = {.op.done = note_put,
                    .entities = &entities[i],
                    .count = 1,
                    .results = &results[i]},
            .order = &order,
            .fixture = f,
        };
    }
    for (size_t i = 0; i < 64; i++)
        store_put(f->store, &puts[i].put);
    loop_run(f->loop);
    return puts;
}

static void test_writes_keep_order_and_fail_alone(void **state)
{
    struct fixture *f = *state;
    struct store_figures before;
    struct store_figures after;

    store_figures(f->store, &before);
    const struct counted_put *puts = put_64(f);
    store_figures(f->store, &after);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(puts[i].at, i + 1);
        assert_int_equal(puts[i].put.op.status, i % 8 == 7 ? -EINVAL : 0);
    }
    assert_int_equal(after.writes - before.writes, 64);
    assert_true(after.commits > before.commits);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL), 56);
}

static void test_several_producers_are_awaited_and_one_is_not(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++)
        put(f, "alone", "{}");
    assert_false(store_is_awaited(f->store));
    for (int i = 0; i < 4; i++)
        (void)put_64(f);
    assert_true(store_is_awaited(f->store));
    fixture_at(NOW_MS + 19);
    assert_true(store_is_awaited(f->store));
    fixture_at(NOW_MS + 20);
    assert_false(store_is_awaited(f->store));
}

static void test_relationships(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_relate relate = {
        .op.done = fixture_stop, .from = STR("a"), .type = STR("at"), .to = STR("b")};

    put(f, "a", "{}");
    store_relate(f->store, &relate);
    fixture_wait(f, &relate.op);
    assert_int_equal(relate.op.status, E_NOT_FOUND);
    assert_non_null(strstr(f->err.text, "'b'"));
    put(f, "b", "{}");
    for (int i = 0; i < 2; i++) { /* the second changes nothing */
        store_relate(f->store, &relate);
        fixture_wait(f, &relate.op);
        assert_int_equal(relate.op.status, 0);
    }
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_RELATIONSHIPS, .id = STR("b")}, &rows), 1);
    assert_string_equal(rows[0].id, "a");
    assert_string_equal(rows[0].type, "at");
    assert_string_equal(rows[0].name, "b");
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_RELATIONSHIPS, .id = STR("a")}, &rows), 1);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SIGNALS}, &rows), 3);
    assert_string_equal(rows[2].name, "relationship.created");
    assert_string_equal(rows[2].id, "a");
    put(f, "c", "{}"); /* the walk is not thrown off by a signal that is no entity's */
    struct store_claim claim;
    take(f, WALK_UNSUBMITTED, 10, &claim);
    assert_int_equal(claim.count, 3);
    store_claim_finish(&claim);
}

static void test_queries_filter_and_page(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_claim claim;
    char id[16];

    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "e%d", i);
        put(f, id, i % 2 == 0 ? "{\"kind\":\"even\"}" : "{\"kind\":\"odd\"}");
    }
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES, .limit = 4}, &rows), 4);
    assert_string_equal(rows[3].id, "e3");
    assert_int_equal(ask(f,
                         (struct store_query){.query = QUERY_ENTITIES,
                                              .after = rows[3].row.seq,
                                              .text = STR("even")},
                         &rows),
                     3);
    assert_string_equal(rows[0].id, "e4");
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ENTITIES, .type = STR("talk")}, &rows), 0);
    take(f, WALK_UNSUBMITTED, 10, &claim);
    assert_int_equal(claim.count, 10);
    struct store_outcome outcomes[10];
    for (size_t i = 0; i < 10; i++)
        outcomes[i] = (struct store_outcome){.submission = claim.records[i].submission,
                                             .attempt = 1,
                                             .event = i < 4 ? EVENT_REJECTED : EVENT_ACCEPTED};
    assert_int_equal(tell(f, outcomes, 10), 0);
    store_claim_finish(&claim);
    struct store_query failed = {
        .query = QUERY_SUBMISSIONS, .filter.states = 1u << SUBMISSION_FAILED, .limit = 3};
    assert_int_equal(ask(f, failed, &rows), 3);
    assert_string_equal(rows[0].id, "e3"); /* newest first */
    failed.after = rows[2].row.submission;
    assert_int_equal(ask(f, failed, &rows), 1);
    assert_string_equal(rows[0].id, "e0");
    struct store_query all = {.query = QUERY_SUBMISSIONS, .limit = 100};
    assert_int_equal(ask(f, all, &rows), 10);
    assert_string_equal(rows[0].id, "e9");
    all.id = STR("e7");
    assert_int_equal(ask(f, all, &rows), 1);
    all.id = STR("nobody");
    assert_int_equal(ask(f, all, &rows), 0);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SUBMISSION, .number = 999}, &rows),
                     0);
}

static void test_keeps_texts_by_integration_and_name(void **state)
{
    static char large[(64 << 10) + 2];
    struct fixture *f = *state;
    const struct kept_row *rows;
    uint32_t other = add_integration(f, "other");

    assert_int_equal(keep_text(f, f->integration, "lane", "one"), 0);
    assert_int_equal(keep_text(f, other, "lane", "theirs"), 0);
    assert_int_equal(keep_text(f, f->integration, "lan", "short"), 0);
    assert_int_equal(keep_text(f, f->integration, "switch", "off"), 0);
    assert_int_equal(keep_text(f, f->integration, "lane", "two"), 0);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_KEPT, .integration = f->integration}, &rows), 3);
    assert_string_equal(rows[0].name, "lan");
    assert_string_equal(rows[1].name, "lane");
    assert_string_equal(rows[1].data, "two");
    assert_string_equal(rows[2].data, "off");
    assert_int_equal(keep_text(f, f->integration, "lane", ""), 0);
    assert_int_equal(keep_text(f, f->integration, "never", ""), 0);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_KEPT}, &rows), 3);
    assert_int_equal(rows[2].row.integration, other);
    assert_string_equal(rows[2].data, "theirs");
    assert_int_equal(keep_text(f, 99, "lane", "x"), E_NOT_FOUND);
    assert_int_equal(keep_text(f, other, "", "x"), -EINVAL);
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(keep_text(f, other, "large", large), E_TOO_LARGE);
    large[sizeof(large) - 2] = '\0';
    assert_int_equal(keep_text(f, other, "large", large), 0);
}

static void test_a_trace_stays_with_its_version(void **state)
{
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\na=1";
    static const char sent[] = "00-0af7651916cd43dd8448eb211c80319c-0102030405060708-01";
    struct fixture *fixture = *state;
    struct store_put_result result;
    const struct kept_row *rows;
    struct store_entity entity = {
        .id = STR("a"), .type = STR("event"), .data = STR("{\"n\":1}"), .trace = str_of(trace)};

    assert_int_equal(put_many(fixture, &entity, 1, &result), 0);
    struct store_claim claim;
    take(fixture, WALK_CHANGED, 1, &claim);
    assert_int_equal(claim.count, 1);
    assert_true(str_is(claim.records[0].trace, trace));
    struct store_outcome outcome = {.submission = claim.records[0].submission,
                                    .attempt = 1,
                                    .event = EVENT_RETRY,
                                    .due_ms = NOW_MS + 1,
                                    .is_attempt = true,
                                    .trace = str_of(sent)};
    store_claim_finish(&claim);
    assert_int_equal(tell(fixture, &outcome, 1), 0);
    assert_int_equal(
        ask(fixture, (struct store_query){.query = QUERY_ATTEMPTS, .number = 1}, &rows), 1);
    assert_string_equal(rows[0].trace, sent);
    assert_string_equal(ask_submission(fixture, 1).trace, trace);
    fixture_at(NOW_MS + 1);
    take(fixture, WALK_CHANGED, 1, &claim); /* as what waits, not as what is new */
    assert_int_equal(claim.count, 1);
    assert_true(str_is(claim.records[0].trace, trace));
    store_claim_finish(&claim);
    (void)put(fixture, "a", "{\"n\":2}"); /* another version, brought by nobody's trace */
    assert_string_equal(ask_submission(fixture, 1).trace, "");
    assert_int_equal(
        ask(fixture, (struct store_query){.query = QUERY_ENTITY, .id = STR("a")}, &rows), 1);
    assert_string_equal(rows[0].trace, "");
}

static void test_what_nobody_has_looked_at_is_dated(void **state)
{
    const struct store_query query = {.query = QUERY_INTEGRATIONS};
    struct fixture *fixture = *state;
    const struct kept_row *rows;
    struct store_claim claim;

    assert_int_equal(ask(fixture, query, &rows), 1);
    assert_int_equal(rows[0].row.created_ms, 0);
    (void)put(fixture, "a", "{}");
    fixture_at(NOW_MS + 500);
    (void)put(fixture, "b", "{}");
    assert_int_equal(ask(fixture, query, &rows), 1);
    assert_int_equal(rows[0].row.created_ms, NOW_MS);
    assert_int_equal(rows[0].row.count, 2);
    take(fixture, WALK_CHANGED, 1, &claim);
    store_claim_finish(&claim);
    (void)ask(fixture, query, &rows);
    assert_int_equal(rows[0].row.created_ms, NOW_MS + 500);
    take(fixture, WALK_CHANGED, 1, &claim);
    store_claim_finish(&claim);
    (void)ask(fixture, query, &rows);
    assert_int_equal(rows[0].row.created_ms, 0);
}

static void test_close_drains(void **state)
{
    struct fixture *f = *state;
    struct store_put_result result;
    const struct store_entity entity = {.id = STR("last"), .type = STR("event"), .data = STR("{}")};
    size_t order = 0;
    struct counted_put counted = {
        .put = {.op.done = note_put, .entities = &entity, .count = 1, .results = &result},
        .order = &order,
        .fixture = f};

    store_put(f->store, &counted.put);
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(counted.at, 1); /* told before close returned */
    assert_int_equal(counted.put.op.status, 0);
    assert_int_equal(result.outcome, PUT_CREATED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_put_tells_what_changed),
        CASE(test_put_heeds_if_version),
        CASE(test_put_over_any_version_makes_none),
        CASE(test_put_is_all_or_none),
        CASE(test_writes_keep_order_and_fail_alone),
        CASE(test_several_producers_are_awaited_and_one_is_not),
        CASE(test_relationships),
        CASE(test_queries_filter_and_page),
        CASE(test_keeps_texts_by_integration_and_name),
        CASE(test_a_trace_stays_with_its_version),
        CASE(test_what_nobody_has_looked_at_is_dated),
        CASE(test_close_drains),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

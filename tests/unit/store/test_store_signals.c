/* SPDX-License-Identifier: Apache-2.0
 * The contract of store.h where signals are published, listed and heard of. Every backend. */
#include "store_fixture.h"

#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct store_query all = {.query = QUERY_SIGNALS};

static struct store_publish publish(struct fixture *f, const struct store_own_signal *signals,
                                    size_t count)
{
    struct store_publish publish = {
        .op.done = fixture_stop, .signals = signals, .count = count, .last_seq = 99};

    store_publish(f->store, &publish);
    fixture_wait(f, &publish.op);
    return publish;
}

static struct store_publish publish_one(struct fixture *f, const char *name)
{
    const struct store_own_signal signal = {str_of(name), STR("shop"), STR("{\"n\":1}"), 2};

    return publish(f, &signal, 1);
}

static void test_published_ones_stand_among_the_others(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    const struct store_own_signal two[] = {
        {STR("order.paid"), STR("shop"), STR("{\"n\":1}"), 3},
        {STR("order.sent"), STR("till"), STR_NONE, 0},
    };

    put(f, "a", "1");
    fixture_at(NOW_MS + 5);
    struct store_publish done = publish(f, two, 2);
    assert_int_equal(done.op.status, 0);
    assert_int_equal(done.last_seq, 3);
    assert_int_equal(done.at_ms, NOW_MS + 5);
    put(f, "a", "2");
    assert_int_equal(ask(f, all, &rows), 4);
    assert_string_equal(rows[0].name, "entity.created");
    assert_string_equal(rows[0].sender, "tenon");
    assert_string_equal(rows[1].name, "order.paid");
    assert_string_equal(rows[1].sender, "shop");
    assert_string_equal(rows[1].data, "{\"n\":1}");
    assert_string_equal(rows[1].id, "");
    assert_int_equal(rows[1].row.seq, 2);
    assert_int_equal(rows[1].row.hops, 3);
    assert_int_equal(rows[1].row.created_ms, NOW_MS + 5);
    assert_string_equal(rows[2].name, "order.sent");
    assert_string_equal(rows[2].data, "");
    assert_string_equal(rows[3].name, "entity.updated");
    assert_string_equal(rows[3].id, "a");
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SIGNALS, .own_only = true}, &rows),
                     2);
    assert_string_equal(rows[0].name, "order.paid");
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_SIGNALS, .own_only = true, .after = 2}, &rows),
        1);
    assert_string_equal(rows[0].sender, "till");
}

static void test_what_is_no_signal_is_refused(void **state)
{
    struct fixture *f = *state;
    static char big[STORE_SIGNAL_MAX + 1];
    const struct store_own_signal bad[] = {
        {STR("order paid"), STR("shop"), STR_NONE, 0},
        {STR("order.*"), STR("shop"), STR_NONE, 0},
        {STR("order.paid"), STR_NONE, STR_NONE, 0},
        {STR("order.paid"), STR("shop"), {big, sizeof(big)}, 0},
    };

    memset(big, ' ', sizeof(big));
    for (size_t i = 0; i < 4; i++) {
        const struct store_own_signal two[] = {{STR("good"), STR("shop"), STR_NONE, 0}, bad[i]};
        struct store_publish done = publish(f, two, 2);
        assert_int_equal(done.op.status, i < 3 ? -EINVAL : E_TOO_LARGE);
        assert_int_equal(done.last_seq, 0);
    }
    assert_int_equal(ask(f, all, NULL), 0); /* all or none */
    assert_int_equal(
        publish(f, &(struct store_own_signal){STR("a"), STR("b"), {big, STORE_SIGNAL_MAX}, 0}, 1)
            .op.status,
        0);
}

static void test_walks_pass_them_over(void **state)
{
    struct fixture *f = *state;
    struct store_claim claim;
    const struct kept_row *rows;

    (void)publish_one(f, "first");
    put(f, "a", "1");
    (void)publish_one(f, "between");
    put(f, "b", "1");
    (void)publish_one(f, "last");
    take(f, WALK_UNSUBMITTED, 10, &claim);
    assert_int_equal(claim.count, 2);
    assert_false(claim.has_more);
    store_claim_finish(&claim);
    (void)ask(f, (struct store_query){.query = QUERY_INTEGRATIONS}, &rows);
    assert_int_equal(rows[0].row.cursor, 5);
    assert_int_equal(rows[0].row.count, 0);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL), 2);
}

static void test_they_are_found_by_time_and_go_with_age(void **state)
{
    struct fixture *f = *state;
    const struct store_retention an_hour = {.signals_ms = 3600000};
    const struct kept_row *rows;

    for (int i = 0; i < 10; i++) {
        fixture_at(NOW_MS + i * 1000);
        (void)publish_one(f, "tick");
        put(f, i % 2 == 0 ? "a" : "b", "1");
    }
    struct store_query query = {.query = QUERY_SIGNALS, .filter.since_ms = NOW_MS + 7000};
    assert_int_equal(ask(f, query, &rows), 3); /* the entities did not change any more */
    assert_int_equal(rows[0].row.created_ms, NOW_MS + 7000);
    query.filter.since_ms = NOW_MS + 10000;
    assert_int_equal(ask(f, query, &rows), 0);
    query.filter.since_ms = 1;
    assert_int_equal(ask(f, query, &rows), 12);
    query.filter.since_ms = NOW_MS + 7000;
    query.after = rows[10].row.seq;
    assert_int_equal(ask(f, query, &rows), 1);
    fixture_at(NOW_MS + 3600000 + 4000);
    compact(f, &an_hour);
    assert_int_equal(ask(f, all, &rows), 5);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SIGNALS, .own_only = true}, &rows),
                     5);
    assert_string_equal(rows[0].data, "{\"n\":1}");
}

struct heard {
    struct buf text;
    uint64_t last_seq;
};

static void hear(void *user, const struct store_signal *signal)
{
    struct heard *heard = user;

    if (signal == NULL) {
        buf_puts(&heard->text, "closed");
        return;
    }
    assert_true(signal->seq > heard->last_seq);
    heard->last_seq = signal->seq;
    buf_printf(&heard->text, "%d %.*s %.*s %.*s/%.*s v%d %.*s at %d;", (int)signal->seq,
               STR_ARG(signal->name), STR_ARG(signal->sender), STR_ARG(signal->type),
               STR_ARG(signal->entity), (int)signal->version, STR_ARG(signal->data),
               (int)signal->at_ms);
}

static void test_a_watcher_hears_what_is_committed(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    struct store_put_result results[4];
    const struct store_entity entities[] = {
        {.id = STR("a"), .type = STR("event"), .data = STR("1")},
        {.id = STR("a"), .type = STR("event"), .data = STR("1")}, /* unchanged: no signal */
        {.id = STR("nobody"), .is_delete = true},                 /* not found: none */
        {.id = STR("b"), .type = STR("talk"), .data = STR("1")},
    };
    struct store_relate relate = {
        .op.done = fixture_stop, .from = STR("a"), .type = STR("at"), .to = STR("b")};

    store_watch(f->store, ~0u, hear, &heard);
    assert_int_equal(put_many(f, entities, 4, results), 0);
    assert_string_equal(buf_str(&heard.text).ptr, "1 entity.created tenon event/a v1  at 1000000;"
                                                  "2 entity.created tenon talk/b v1  at 1000000;");
    buf_clear(&heard.text);
    for (int i = 0; i < 2; i++) { /* the second changes nothing */
        store_relate(f->store, &relate);
        fixture_wait(f, &relate.op);
    }
    (void)publish_one(f, "order.paid");
    (void)publish_one(f, "order paid"); /* refused: none */
    (void)drop(f, "a");
    assert_string_equal(buf_str(&heard.text).ptr, "3 relationship.created tenon /a v1  at 1000000;"
                                                  "4 order.paid shop / v0 {\"n\":1} at 1000000;"
                                                  "5 entity.deleted tenon /a v2  at 1000000;");
    buf_clear(&heard.text);
    store_watch(f->store, 1u << SIGNAL_OWN, hear, &heard);
    put(f, "c", "1");
    (void)publish_one(f, "x");
    store_watch(f->store, 0, NULL, NULL);
    (void)publish_one(f, "y");
    assert_string_equal(buf_str(&heard.text).ptr, "7 x shop / v0 {\"n\":1} at 1000000;");
    buf_clear(&heard.text);
    store_watch(f->store, 0, hear, &heard);
    store_close(f->store);
    f->store = NULL;
    assert_string_equal(buf_str(&heard.text).ptr, "closed");
    buf_finish(&heard.text);
}

static void test_they_outlive_the_store(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;

    if (strcmp(fixture_scheme, "memory") == 0)
        return; /* nothing of it does */
    (void)publish_one(f, "order.paid");
    fixture_reopen(f);
    assert_int_equal(ask(f, all, &rows), 1);
    assert_string_equal(rows[0].name, "order.paid");
    assert_int_equal(publish_one(f, "order.sent").last_seq, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_published_ones_stand_among_the_others),
        CASE(test_what_is_no_signal_is_refused),
        CASE(test_walks_pass_them_over),
        CASE(test_they_are_found_by_time_and_go_with_age),
        CASE(test_a_watcher_hears_what_is_committed),
        CASE(test_they_outlive_the_store),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

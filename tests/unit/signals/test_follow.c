/* SPDX-License-Identifier: Apache-2.0
 * Signals behind a cursor: all of them, in order, once each, however slowly they are taken. On the
 * in-memory store. */
#include "signals/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct loop *loop;
static struct store *store;
static struct hub *hub;

struct taker {
    struct follow *follow;
    uint64_t seqs[4096];
    size_t count, wanted; /* wanted: it ends the loop */
    size_t room;          /* it takes so many, then holds */
    char last_name[64], last_entity[64], last_data[64];
    uint64_t began, idle, request;
    bool has_begun, stops_at_began, stops_at_idle;
};

static bool take(void *user, const struct hub_signal *heard)
{
    struct taker *taker = user;
    const struct store_signal *signal = heard->signal;

    if (taker->room == 0) {
        loop_stop(loop);
        return false;
    }
    taker->room--;
    taker->request = heard->request;
    taker->seqs[taker->count++] = signal->seq;
    snprintf(taker->last_name, sizeof(taker->last_name), "%.*s", STR_ARG(signal->name));
    snprintf(taker->last_entity, sizeof(taker->last_entity), "%.*s", STR_ARG(signal->entity));
    snprintf(taker->last_data, sizeof(taker->last_data), "%.*s", STR_ARG(signal->data));
    if (taker->count == taker->wanted)
        loop_stop(loop);
    return true;
}

static void begin(void *user, uint64_t cursor)
{
    struct taker *taker = user;

    assert_false(taker->has_begun);
    taker->has_begun = true;
    taker->began = cursor;
    if (taker->stops_at_began) {
        follow_stop(taker->follow);
        taker->follow = NULL;
        loop_stop(loop);
    }
}

static void rest(void *user, uint64_t cursor)
{
    struct taker *taker = user;

    taker->idle = cursor;
    if (taker->stops_at_idle)
        loop_stop(loop);
}

static const struct follow_events events = {take, begin, rest};

static void start_follow(struct taker *taker, struct follow_settings settings)
{
    struct err err = {0};

    taker->follow = follow_start(hub, &settings, &events, taker, &err);
    assert_non_null(taker->follow);
    assert_false(taker->has_begun); /* not from within */
}

static void run_to_idle(struct taker *taker, uint64_t cursor)
{
    taker->stops_at_idle = true;
    while (!taker->has_begun || taker->idle < cursor)
        loop_run(loop);
    taker->stops_at_idle = false;
}

static int start(void **state)
{
    (void)state;
    loop = loop_create(NULL);
    store = store_open(&(struct store_settings){.url = "memory:"}, loop, NULL);
    hub = hub_create(loop, store, (void (*)(void *))free, NULL); /* free(NULL): nothing */
    return hub == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    store_close(store);
    hub_destroy(hub);
    loop_drain(loop);
    loop_destroy(loop);
    return 0;
}

static size_t under_way;
static bool waits_for_puts;

static void on_op(struct store_op *op)
{
    assert_int_equal(op->status, 0);
    if (--under_way == 0 && waits_for_puts)
        loop_stop(loop);
}

static void wait_for_puts(void)
{
    waits_for_puts = true;
    while (under_way > 0)
        loop_run(loop);
    waits_for_puts = false;
}

static void put_many(size_t count)
{
    static struct store_entity entities[4096];
    static struct store_put_result results[4096];
    static char ids[4096][16];
    static struct store_put put;
    static size_t next;

    wait_for_puts(); /* what was put may be heard of before it is done with */
    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "e%zu", next++);
        entities[i] =
            (struct store_entity){.id = str_of(ids[i]), .type = STR("event"), .data = STR("{}")};
    }
    put = (struct store_put){
        .op.done = on_op, .entities = entities, .count = count, .results = results};
    under_way++;
    store_put(store, &put);
}

static void publish(const char *name)
{
    hub_publish(hub, &(struct store_own_signal){str_of(name), STR("shop"), STR("{}"), 0}, NULL,
                NULL);
}

static void it_begins_where_it_was_told_and_goes_on(void **state)
{
    struct taker taker = {.room = 4096, .wanted = 3};

    (void)state;
    publish("order.paid");
    put_many(2);
    publish("order.sent");
    start_follow(&taker, (struct follow_settings){.pattern = STR("**"), .after = 1});
    loop_run(loop);
    assert_true(taker.has_begun);
    assert_int_equal(taker.began, 1);
    assert_int_equal(taker.seqs[0], 2);
    assert_int_equal(taker.seqs[2], 4);
    assert_string_equal(taker.last_name, "order.sent");
    assert_string_equal(taker.last_data, "{}");
    taker.wanted = 4;
    put_many(1);
    loop_run(loop);
    assert_int_equal(taker.seqs[3], 5);
    assert_string_equal(taker.last_entity, "e2");
    follow_stop(taker.follow);
}

static void from_now_misses_nothing_that_comes(void **state)
{
    struct taker taker = {.room = 4096};

    (void)state;
    put_many(3);
    start_follow(&taker, (struct follow_settings){.pattern = STR("order.*"), .from_now = true});
    publish("order.paid"); /* on its way before it was found where now is */
    publish("other.one");
    publish("order.sent");
    taker.wanted = 2;
    loop_run(loop);
    assert_int_equal(taker.seqs[0], 4);
    assert_int_equal(taker.seqs[1], 6);
    run_to_idle(&taker, 6);
    follow_stop(taker.follow);
}

static void all_come_in_order_however_slowly(void **state)
{
    struct taker taker = {.room = 100};

    (void)state;
    put_many(1000);
    start_follow(&taker, (struct follow_settings){.pattern = STR("entity.created")});
    while (taker.count < 1500) {
        loop_run(loop); /* it holds */
        if (taker.count == 500)
            put_many(500);
        taker.room = 100;
        if (taker.count + 100 == 1500)
            taker.wanted = 1500;
        follow_resume(taker.follow);
        if (taker.count == 1500)
            break;
    }
    for (size_t i = 0; i < 1500; i++)
        assert_int_equal(taker.seqs[i], i + 1);
    follow_stop(taker.follow);
}

static void the_cursor_passes_what_nobody_wants(void **state)
{
    struct taker taker = {.room = 4096};

    (void)state;
    publish("order.paid");
    put_many(10);
    wait_for_puts();
    start_follow(&taker, (struct follow_settings){.pattern = STR("entity.deleted")});
    run_to_idle(&taker, 11);
    assert_int_equal(taker.count, 0);
    follow_stop(taker.follow);
    struct taker other = {.room = 4096};
    start_follow(&other, (struct follow_settings){.pattern = STR("**"), .sender = STR("till")});
    run_to_idle(&other, 1); /* it looks at what was published alone */
    assert_int_equal(other.count, 0);
    follow_stop(other.follow);
}

static void ignore(void *user, const struct hub_answer *answer)
{
    *(int *)user = answer->status;
}

static void requests_come_to_who_is_free(void **state)
{
    struct taker taker = {.room = 10};
    const struct store_own_signal question = {STR("price.get"), STR("shop"), STR("7"), 0};
    int status = 1;

    (void)state;
    start_follow(&taker, (struct follow_settings){
                             .pattern = STR("price.*"), .answers = true, .from_now = true});
    assert_int_equal(hub_ask(hub, &question, 1000, ignore, &status), 0);
    assert_int_equal(status, E_UNREACHABLE); /* it has not begun: it declines */
    run_to_idle(&taker, 0);
    uint64_t number = hub_ask(hub, &question, 1000, ignore, &status);
    assert_int_not_equal(number, 0);
    assert_int_equal(taker.request, number);
    assert_int_equal(taker.seqs[0], 0);
    assert_int_equal(hub_reply(hub, number, STR("x"), STR("1"), NULL), 0);
    assert_int_equal(status, 0);
    follow_stop(taker.follow);
}

static void it_may_stop_at_any_time(void **state)
{
    struct taker taker = {.room = 10, .stops_at_began = true};
    struct taker other = {.room = 10};

    (void)state;
    put_many(3);
    start_follow(&taker, (struct follow_settings){.pattern = STR("**")});
    loop_run(loop);
    assert_int_equal(taker.count, 0);
    start_follow(&other, (struct follow_settings){.pattern = STR("**"), .from_now = true});
    follow_stop(other.follow); /* its query is under way */
    assert_int_equal(hub_listener_count(hub), 0);
    assert_null(follow_start(hub, &(struct follow_settings){.pattern = STR("a..b")}, &events,
                             &other, NULL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_begins_where_it_was_told_and_goes_on),
        CASE(from_now_misses_nothing_that_comes),
        CASE(all_come_in_order_however_slowly),
        CASE(the_cursor_passes_what_nobody_wants),
        CASE(requests_come_to_who_is_free),
        CASE(it_may_stop_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

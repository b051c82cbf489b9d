/* SPDX-License-Identifier: Apache-2.0
 * Signals in process: who hears what, what may be published, and who gets an answer. On the
 * in-memory store. */
#include "signals/hub.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct loop *loop;
static struct store *store;
static struct hub *hub;

struct ear {
    struct buf heard;
    struct hub_listener *listener;
    bool leaves, replies, declines, stops;
    int status; /* of its reply */
};

static void hear(void *user, const struct hub_signal *heard)
{
    struct ear *ear = user;
    const struct store_signal *signal = heard->signal;

    buf_printf(&ear->heard, "%d %.*s %.*s %.*s%.*s;", (int)signal->seq, STR_ARG(signal->name),
               STR_ARG(signal->sender), STR_ARG(signal->entity), STR_ARG(signal->data));
    if (ear->leaves) {
        hub_leave(ear->listener);
        ear->listener = NULL;
    }
    if (ear->replies)
        ear->status = hub_reply(hub, heard->request, STR("ear"), STR("{\"ok\":1}"), NULL);
    if (ear->declines)
        hub_decline(hub, heard->request, STR("ear"), "it is broken");
    if (ear->stops)
        loop_stop(loop);
}

static void attend(struct ear *ear, const char *pattern, const char *sender, bool answers)
{
    const struct hub_filter filter = {str_of(pattern), str_of(sender), answers};
    struct err err = {0};

    ear->listener = hub_listen(hub, &filter, hear, ear, &err);
    assert_non_null(ear->listener);
}

static void leave(struct ear *ear)
{
    hub_leave(ear->listener);
    buf_finish(&ear->heard);
}

static const char *heard(const struct ear *ear)
{
    return buf_str(&ear->heard).ptr;
}

static int passed; /* calls of `published` */

static void on_passed(void *user)
{
    (void)user;
    passed++;
    loop_stop(loop);
}

static int start(void **state)
{
    const struct store_settings settings = {.url = "memory:"};

    (void)state;
    passed = 0;
    loop = loop_create(NULL);
    store = store_open(&settings, loop, NULL);
    hub = hub_create(loop, store, on_passed, NULL);
    return hub == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    hub_destroy(hub);
    store_close(store);
    loop_destroy(loop);
    return 0;
}

static void on_op(struct store_op *op)
{
    assert_int_equal(op->status, 0);
    loop_stop(loop);
}

static void put(const char *id)
{
    struct store_put_result result;
    const struct store_entity entity = {.id = str_of(id), .type = STR("event"), .data = STR("{}")};
    struct store_put put = {.op.done = on_op, .entities = &entity, .count = 1, .results = &result};

    store_put(store, &put);
    loop_run(loop);
}

struct published {
    int status;
    bool waits;
    uint64_t seq;
    char words[1024];
};

static void on_published(void *user, int status, const struct err *err, uint64_t seq)
{
    struct published *published = user;

    published->status = status;
    published->seq = seq;
    (void)snprintf(published->words, sizeof(published->words), "%s", err->text);
    if (published->waits)
        loop_stop(loop);
}

static struct published publish(const char *name, const char *sender, const char *data,
                                uint32_t hops)
{
    const struct store_own_signal signal = {str_of(name), str_of(sender), str_of(data), hops};
    struct published published = {.status = 1};

    hub_publish(hub, &signal, on_published, &published);
    published.waits = published.status == 1;
    if (published.waits)
        loop_run(loop);
    return published;
}

static void listeners_hear_what_they_named(void **state)
{
    struct ear all = {0};
    struct ear entities = {0};
    struct ear shop = {0};
    struct ear exact = {0};

    (void)state;
    attend(&all, "**", "", false);
    attend(&entities, "entity.*", "", false);
    attend(&shop, "*.*", "shop", false);
    attend(&exact, "order.paid", "tenon", false);
    put("a");
    assert_int_equal(publish("order.paid", "shop", "{}", 0).seq, 2);
    assert_int_equal(publish("order.paid", "till", "", 0).status, 0);
    assert_string_equal(heard(&all),
                        "1 entity.created tenon a;2 order.paid shop {};3 order.paid till ;");
    assert_string_equal(heard(&entities), "1 entity.created tenon a;");
    assert_string_equal(heard(&shop), "2 order.paid shop {};");
    assert_string_equal(heard(&exact), "");
    assert_true(hub_is_wanted(hub, STR("submission.succeeded")));
    leave(&all);
    assert_false(hub_is_wanted(hub, STR("submission")));
    assert_true(hub_is_wanted(hub, STR("entity.created")));
    assert_int_equal(hub_listener_count(hub), 3);
    leave(&entities);
    leave(&shop);
    leave(&exact);
}

static void one_may_leave_while_it_hears(void **state)
{
    struct ear first = {.leaves = true};
    struct ear second = {0};

    (void)state;
    attend(&first, "**", "", false);
    attend(&second, "**", "", false);
    put("a");
    put("b");
    assert_string_equal(heard(&first), "1 entity.created tenon a;");
    assert_string_equal(heard(&second), "1 entity.created tenon a;2 entity.created tenon b;");
    leave(&first);
    leave(&second);
    assert_int_equal(hub_listener_count(hub), 0);
}

static void what_may_not_be_published_says_why(void **state)
{
    struct published last;

    (void)state;
    last = publish("order paid", "shop", "", 0);
    assert_int_equal(last.status, -EINVAL);
    last = publish("entity.created", "shop", "", 0);
    assert_int_equal(last.status, E_REFUSED);
    assert_non_null(strstr(last.words, "entity.* are the host's own"));
    assert_int_equal(publish("order.paid", "tenon", "", 0).status, E_REFUSED);
    assert_int_equal(publish("order.paid", "shop", "", HUB_HOPS_MAX).status, 0);
    last = publish("order.paid", "shop", "", HUB_HOPS_MAX + 1);
    assert_int_equal(last.status, E_REFUSED);
    assert_non_null(strstr(last.words, "8 in a row"));
    struct hub_figures figures;
    hub_figures(hub, &figures);
    assert_int_equal(figures.published, 1);
    assert_int_equal(figures.refused, 4);
}

static void numbers_given_to_signals_are_told(void **state)
{
    (void)state;
    (void)publish("a", "shop", "", 0);
    (void)publish("b", "shop", "", 0);
    loop_run(loop);
    assert_int_equal(passed, 1);
}

struct answered {
    int times, status;
    bool waits;
    char words[1024], sender[64], data[64];
};

static void on_answer(void *user, const struct hub_answer *answer)
{
    struct answered *answered = user;

    answered->times++;
    answered->status = answer->status;
    (void)snprintf(answered->words, sizeof(answered->words), "%s",
                   answer->err != NULL ? answer->err->text : "");
    (void)snprintf(answered->sender, sizeof(answered->sender), "%.*s", STR_ARG(answer->sender));
    (void)snprintf(answered->data, sizeof(answered->data), "%.*s", STR_ARG(answer->data));
    if (answered->waits)
        loop_stop(loop);
}

static uint64_t question(struct answered *answered, int64_t timeout_ms)
{
    const struct store_own_signal signal = {STR("price.get"), STR("shop"), STR("{\"id\":7}"), 0};

    *answered = (struct answered){0};
    return hub_ask(hub, &signal, timeout_ms, on_answer, answered);
}

static void nobody_there_is_said_at_once(void **state)
{
    struct ear passive = {0};
    struct answered answered;

    (void)state;
    attend(&passive, "**", "", false);
    assert_int_equal(question(&answered, 1000), 0);
    assert_int_equal(answered.times, 1);
    assert_int_equal(answered.status, E_NOT_FOUND);
    assert_non_null(strstr(answered.words, "'price.get'"));
    assert_string_equal(heard(&passive), "");
    assert_int_equal(question(&answered, 0), 0);
    assert_int_equal(answered.status, -EINVAL);
    leave(&passive);
}

static void the_first_reply_wins(void **state)
{
    struct ear passive = {0};
    struct ear first = {.replies = true};
    struct ear second = {.replies = true};
    struct answered answered;

    (void)state;
    attend(&passive, "price.*", "", false);
    attend(&first, "price.*", "", true);
    attend(&second, "price.*", "", true);
    assert_int_equal(question(&answered, 1000), 0); /* over already */
    assert_int_equal(answered.times, 1);
    assert_int_equal(answered.status, 0);
    assert_string_equal(answered.sender, "ear");
    assert_string_equal(answered.data, "{\"ok\":1}");
    assert_int_equal(first.status, 0);
    assert_int_equal(second.status, E_NOT_FOUND);
    assert_string_equal(heard(&passive), "0 price.get shop {\"id\":7};");
    leave(&passive);
    leave(&first);
    leave(&second);
}

static void time_runs_out(void **state)
{
    struct ear silent = {0};
    struct answered answered;

    (void)state;
    attend(&silent, "price.*", "", true);
    uint64_t number = question(&answered, 20);
    assert_int_not_equal(number, 0);
    answered.waits = true;
    loop_run(loop);
    assert_int_equal(answered.times, 1);
    assert_int_equal(answered.status, -ETIMEDOUT);
    assert_string_equal(answered.words, "nobody answered 'price.get' in 20 ms; 1 could have");
    assert_int_equal(hub_reply(hub, number, STR("late"), STR_NONE, NULL), E_NOT_FOUND);
    leave(&silent);
}

static void it_ends_when_all_have_declined(void **state)
{
    struct ear ears[2] = {{.declines = true}, {.declines = false}};
    struct answered answered;

    (void)state;
    attend(&ears[0], "price.*", "", true);
    attend(&ears[1], "price.*", "", true);
    uint64_t number = question(&answered, 30000);
    assert_int_equal(answered.times, 0);
    assert_int_equal(hub_reply(hub, number, STR("x"), STR("{"), NULL), E_SYNTAX);
    hub_decline(hub, number, STR("other"), "it is shut");
    assert_int_equal(answered.status, E_UNREACHABLE);
    assert_string_equal(answered.words, "'other' did not answer 'price.get': it is shut");
    number = question(&answered, 30000);
    hub_forget(hub, number);
    hub_decline(hub, number, STR("other"), "it is shut");
    assert_int_equal(answered.times, 0);
    leave(&ears[0]);
    leave(&ears[1]);
}

static char asked_name[] = "price.get";

static void on_answer_spoil(void *user, const struct hub_answer *answer)
{
    *(int *)user = answer->status;
    memset(asked_name, 'x', sizeof(asked_name) - 1); /* as if it were freed */
}

static void the_question_may_go_with_its_answer(void **state)
{
    struct ear first = {.declines = true};
    struct ear second = {0};
    int status = 0;

    (void)state;
    attend(&first, "price.*", "", true);
    attend(&second, "price.*", "", false);
    const struct store_own_signal signal = {str_of(asked_name), STR("shop"), STR_NONE, 0};
    assert_int_equal(hub_ask(hub, &signal, 1000, on_answer_spoil, &status), 0);
    assert_int_equal(status, E_UNREACHABLE);
    assert_string_equal(heard(&second), "0 price.get shop ;");
    leave(&first);
    leave(&second);
}

static void the_end_of_hub_or_store_is_survived(void **state)
{
    struct ear ear = {0};
    struct answered answered;
    struct published late = {0};

    (void)state;
    attend(&ear, "**", "", true);
    (void)question(&answered, 30000);
    store_close(store);
    assert_int_equal(answered.times, 0);
    hub_publish(hub, &(struct store_own_signal){STR("a"), STR("b"), STR_NONE, 0}, on_published,
                &late);
    assert_int_equal(late.status, E_STOPPED);
    hub_destroy(hub);
    assert_int_equal(answered.status, E_STOPPED);
    leave(&ear);
    store = store_open(&(struct store_settings){.url = "memory:"}, loop, NULL);
    hub = hub_create(loop, store, on_passed, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(listeners_hear_what_they_named),
        CASE(one_may_leave_while_it_hears),
        CASE(what_may_not_be_published_says_why),
        CASE(numbers_given_to_signals_are_told),
        CASE(nobody_there_is_said_at_once),
        CASE(the_first_reply_wins),
        CASE(time_runs_out),
        CASE(it_ends_when_all_have_declined),
        CASE(the_question_may_go_with_its_answer),
        CASE(the_end_of_hub_or_store_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

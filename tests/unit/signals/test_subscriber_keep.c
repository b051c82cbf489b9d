/* SPDX-License-Identifier: Apache-2.0
 * What a subscription keeps: the parked ones as an array that stays within what the store takes,
 * the newest last. On the in-memory store. */
#include "signals/subscriber_keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { REASON_BYTES = 2000 };

static struct loop *loop;
static struct store *store;
static struct subscriber_settings settings;
static struct subscriber_kept kept;

static void ended(void *user)
{
    (void)user;
    if (!kept.is_busy)
        loop_stop(loop);
}

static void known(struct store_op *op)
{
    (void)op;
    loop_stop(loop);
}

static int start(void **state)
{
    struct store_integration integration = {.op.done = known, .name = STR("hears")};

    (void)state;
    loop = loop_create(NULL);
    store = store_open(&(struct store_settings){.url = "memory:"}, loop, NULL);
    if (store == NULL)
        return -1;
    store_integration(store, &integration);
    loop_run(loop);
    settings = (struct subscriber_settings){
        .store = store, .name = "hears", .integration = integration.number};
    subscriber_kept_init(&kept, &settings, "parked", "work.**", "", ended, NULL);
    return integration.op.status;
}

static int stop(void **state)
{
    (void)state;
    store_close(store);
    loop_drain(loop);
    subscriber_kept_finish(&kept);
    loop_destroy(loop);
    return 0;
}

static void add(uint64_t seq, size_t reason_bytes)
{
    char reason[REASON_BYTES + 1];
    char object[REASON_BYTES + 100];

    memset(reason, 'x', reason_bytes);
    reason[reason_bytes] = '\0';
    snprintf(object, sizeof object, "{\"seq\":%llu,\"attempts\":%llu,\"reason\":\"%s\"}",
             (unsigned long long)seq, (unsigned long long)seq % 7, reason);
    subscriber_kept_add(&kept, str_of(object));
    while (kept.is_busy)
        loop_run(loop);
    assert_int_equal(kept.op.op.status, 0);
}

static size_t count(uint64_t *out_first, uint64_t *out_last)
{
    struct str rest = STR_NONE;
    struct parked_facts facts;
    size_t found = 0;

    *out_first = *out_last = 0;
    for (; subscriber_kept_next(&kept, &rest, &facts); found++) {
        *out_first = found == 0 ? facts.seq : *out_first;
        assert_true(found == 0 || facts.seq == *out_last + 1);
        assert_int_equal(facts.attempts, facts.seq % 7);
        *out_last = facts.seq;
    }
    return found;
}

static void keeps_the_last_hundred(void **state)
{
    uint64_t first;
    uint64_t last;

    (void)state;
    assert_int_equal(count(&first, &last), 0);
    assert_int_equal(subscriber_kept_array(&kept).len, 0);
    for (uint64_t seq = 1; seq <= 130; seq++)
        add(seq, 10);
    assert_int_equal(count(&first, &last), SUBSCRIBER_PARKED_MAX);
    assert_int_equal(first, 31);
    assert_int_equal(last, 130);
}

static void keeps_no_more_than_the_store_takes(void **state)
{
    uint64_t first;
    uint64_t last;

    (void)state;
    for (uint64_t seq = 1; seq <= 60; seq++)
        add(seq, REASON_BYTES); /* each write is one that the store takes */
    assert_in_range(count(&first, &last), 25, 32);
    assert_int_equal(last, 60);
}

static void drops_one_and_keeps_the_rest(void **state)
{
    struct parked_facts facts;

    (void)state;
    for (uint64_t seq = 1; seq <= 3; seq++)
        add(seq, 1);
    assert_false(subscriber_kept_drop(&kept, 9));
    assert_false(subscriber_kept_drop(&kept, 0));
    assert_true(subscriber_kept_find(&kept, 2, &facts));
    assert_true(subscriber_kept_drop(&kept, 2));
    assert_false(subscriber_kept_find(&kept, 2, &facts));
    assert_true(subscriber_kept_find(&kept, 1, &facts) && subscriber_kept_find(&kept, 3, &facts));
    assert_true(subscriber_kept_drop(&kept, 1));
    assert_true(subscriber_kept_drop(&kept, 3));
    assert_int_equal(subscriber_kept_array(&kept).len, 0); /* "none" is not shown as a list */
    add(4, 1);
    assert_true(subscriber_kept_find(&kept, 4, &facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_last_hundred, start, stop),
        cmocka_unit_test_setup_teardown(keeps_no_more_than_the_store_takes, start, stop),
        cmocka_unit_test_setup_teardown(drops_one_and_keeps_the_rest, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

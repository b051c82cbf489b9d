/* SPDX-License-Identifier: Apache-2.0
 * The contract of store.h where a version waits behind an older one that is in flight: what becomes
 * of it when that ends in this way or that. Every backend. */
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

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

/* Version 1 of `id` is in flight, version 2 waits behind it for `walk`. Gives version 1. */
static struct store_claimed before_a_newer(struct fixture *f, const char *id, enum store_walk walk)
{
    put(f, id, "1");
    struct store_claimed first = take_one(f, WALK_UNSUBMITTED, id, 1);
    put(f, id, "2");
    take_none(f, walk);
    assert_int_equal(ask_submission(f, first.submission + 1).row.state, SUBMISSION_PENDING);
    return first;
}

/* What is met while the first delivery is under way is met as what comes behind it. */
static void test_an_update_in_flight_is_not_delivered_twice(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = before_a_newer(f, "a", WALK_UNSUBMITTED);
    uint64_t second = first.submission + 1;

    tell_event(f, &first, EVENT_ACCEPTED, 0);
    assert_int_equal(f->next_due_ms, 0);
    take_none(f, WALK_UNSUBMITTED);
    struct kept_row row = ask_submission(f, second);
    assert_int_equal(row.row.state, SUBMISSION_SKIPPED);
    assert_string_equal(
        row.reason, "version 1 was delivered, and selector = unsubmitted delivers an entity once");
    put(f, "a", "3");
    take_none(f, WALK_UNSUBMITTED); /* the skipped one does not hide the delivery */
    put(f, "a", "4");
    struct store_claimed fourth = take_one(f, WALK_CHANGED, "a", 4);
    tell_event(f, &fourth, EVENT_ACCEPTED, 0);
}

static void test_an_update_goes_when_the_first_delivery_fails(void **state)
{
    static const enum submission_event ends[] = {EVENT_REJECTED, EVENT_SKIPPED, EVENT_OUT_OF_TRIES,
                                                 EVENT_RETRY,    EVENT_UNSURE,  EVENT_RELEASED};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const char id[] = {(char)('a' + i), '\0'};
        struct store_claimed first = before_a_newer(f, id, WALK_UNSUBMITTED);
        tell_event(f, &first, ends[i], NOW_MS);
        struct store_claimed second = take_one(f, WALK_UNSUBMITTED, id, 2);
        tell_event(f, &second, EVENT_RETRY, NOW_MS);
        second = take_one(f, WALK_UNSUBMITTED, id, 2);
        tell_event(f, &second, EVENT_ACCEPTED, 0);
    }
    struct store_claimed lost = before_a_newer(f, "z", WALK_UNSUBMITTED);
    assert_int_equal(recover(f), 1);
    (void)take_one(f, WALK_UNSUBMITTED, "z", 2);
    tell_event(f, &lost, EVENT_ACCEPTED, 0); /* too late */
    assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 1);
}

/* Whoever asks means the update: before the first delivery ends or after, for this version or for
 * one that came in its place, or by another selector. */
static void test_an_update_that_was_asked_for_goes(void **state)
{
    struct fixture *f = *state;
    uint64_t count;
    struct store_claimed first = before_a_newer(f, "a", WALK_UNSUBMITTED);

    assert_int_equal(enqueue(f, "a", 0, &count), 0);
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    (void)take_one(f, WALK_UNSUBMITTED, "a", 2);
    first = before_a_newer(f, "b", WALK_UNSUBMITTED);
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    assert_int_equal(enqueue(f, "b", 0, &count), 0);
    (void)take_one(f, WALK_UNSUBMITTED, "b", 2);
    first = before_a_newer(f, "c", WALK_UNSUBMITTED);
    assert_int_equal(enqueue(f, "c", 0, &count), 0);
    put(f, "c", "3");
    take_none(f, WALK_UNSUBMITTED);
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    (void)take_one(f, WALK_UNSUBMITTED, "c", 3);
    first = before_a_newer(f, "d", WALK_CHANGED);
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    (void)take_one(f, WALK_UNSUBMITTED, "d", 2);
    first = before_a_newer(f, "e", WALK_UNSUBMITTED);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_CHANGED, &count), 0);
    take_none(f, WALK_UNSUBMITTED);
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    (void)take_one(f, WALK_UNSUBMITTED, "e", 2);
}

/* What was discarded while it stood behind is blocked again by a walk that was set back. */
static void test_a_walk_by_hand_means_the_update(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = before_a_newer(f, "a", WALK_UNSUBMITTED);
    uint64_t second = first.submission + 1;
    uint64_t count;
    struct store_move discard = {.op.done = fixture_stop,
                                 .submissions = &second,
                                 .count = 1,
                                 .action = MOVE_DISCARD,
                                 .reason = "discarded by hand"};

    store_move(f->store, &discard);
    fixture_wait(f, &discard.op);
    assert_int_equal(discard.moved, 1);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_CHANGED, &count), 0);
    take_none(f, WALK_UNSUBMITTED);
    assert_int_equal(ask_submission(f, second).row.state, SUBMISSION_PENDING);
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    assert_int_equal(take_one(f, WALK_UNSUBMITTED, "a", 2).submission, second);
}

/* Its version `data` of entity `id`, refused by the other side. Gives the submission. */
static uint64_t failed(struct fixture *f, const char *id, const char *data)
{
    struct store_put_result stored = put(f, id, data);
    struct store_claimed record = take_one(f, WALK_CHANGED, id, stored.version);

    tell_event(f, &record, EVENT_REJECTED, 0);
    return record.submission;
}

/* The walk goes before what was asked for, which is met while a newer version is in flight. */
static void take_by_walk(struct fixture *f, const char *id, struct store_claimed *out)
{
    struct store_claim claim = {.op.done = fixture_stop,
                                .integration = f->integration,
                                .walk = WALK_CHANGED,
                                .max = 1,
                                .new_first = true,
                                .lease_until_ms = NOW_MS + LEASE_MS};

    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.op.status, 0);
    assert_int_equal(claim.count, 1);
    assert_true(str_is(claim.records[0].id, id));
    *out = claim.records[0];
    out->id = out->type = out->data = STR_NONE;
    store_claim_finish(&claim);
}

/* Two versions failed, and a third is stored. Asked for by number or all at once, only the last
 * that failed is taken up: the one below it would be due while the third is in flight, and the
 * fourth go beside it. */
static void test_one_is_in_flight_whichever_failed_are_asked_for(void **state)
{
    struct fixture *f = *state;

    for (int way = 0; way < 2; way++) {
        char id[] = {(char)('a' + way), '\0'};
        struct store_claimed third;
        uint64_t count;
        const uint64_t both[] = {failed(f, id, "1"), failed(f, id, "2")};
        struct store_move retry = {
            .op.done = fixture_stop, .submissions = both, .count = 2, .action = MOVE_RETRY};
        put(f, id, "3");
        if (way == 0) {
            store_move(f->store, &retry);
            fixture_wait(f, &retry.op);
        } else {
            assert_int_equal(enqueue(f, NULL, ENQUEUE_FAILED, &count), 0);
        }
        take_by_walk(f, id, &third);
        put(f, id, "4");
        take_none(f, WALK_NONE);
        assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 1);
        assert_true(way == 0 ? retry.moved == 1 && retry.refused[REFUSAL_SUPERSEDED] == 1
                             : count == 1);
        assert_int_equal(ask_submission(f, both[0]).row.state, SUBMISSION_FAILED);
        assert_int_equal(ask_submission(f, both[1]).row.state, SUBMISSION_SUPERSEDED);
        tell_event(f, &third, EVENT_ACCEPTED, 0);
        struct store_claimed fourth = take_one(f, WALK_CHANGED, id, 4);
        tell_event(f, &fourth, EVENT_ACCEPTED, 0);
        drop(f, id); /* what failed is not for the next turn */
    }
}

/* sqlite: as a former version left it, where the older of two that failed was asked for first. The
 * newest version waits for its turn, whether the walk or what was asked for met it first; asking
 * again changes nothing. */
static void test_what_waits_out_of_sight_goes_in_turn(void **state)
{
    struct fixture *f = *state;

    for (int way = 0; way < 2; way++) {
        char id[] = {(char)('a' + way), '\0'};
        char sql[256];
        uint64_t first = failed(f, id, "1");
        (void)failed(f, id, "2");
        snprintf(sql, sizeof(sql),
                 "UPDATE submissions SET state = 0, due_ms = %d WHERE num = %d;"
                 "UPDATE counts SET count = count - 1 WHERE state = 4;"
                 "INSERT OR REPLACE INTO counts SELECT integration, 0, 1 FROM submissions",
                 NOW_MS + 500, (int)first);
        fixture_sql(f->path, sql);
        fixture_reopen(f);
        put(f, id, "3");
        struct store_claimed third = take_one(f, WALK_CHANGED, id, 3);
        put(f, id, "4");
        if (way == 0)
            take_none(f, WALK_CHANGED);
        struct store_move retry = {
            .op.done = fixture_stop, .submissions = &first, .count = 1, .action = MOVE_RETRY};
        store_move(f->store, &retry);
        fixture_wait(f, &retry.op);
        assert_int_equal(retry.refused[REFUSAL_SUPERSEDED], 1);
        fixture_at(NOW_MS + 500);
        take_none(f, WALK_NONE);
        assert_int_equal(f->next_due_ms, NOW_MS + LEASE_MS); /* it is not met again and again */
        assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 1);
        assert_int_equal(count_of(f, SUBMISSION_PENDING), 1);
        assert_int_equal(ask_submission(f, first).row.state, SUBMISSION_SUPERSEDED);
        tell_event(f, &third, EVENT_ACCEPTED, 0);
        struct store_claimed fourth = take_one(f, WALK_NONE, id, 4);
        tell_event(f, &fourth, EVENT_ACCEPTED, 0);
        take_none(f, WALK_CHANGED);
        fixture_at(NOW_MS);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nothing_waits_behind_a_lost_one_of_a_deleted),
        CASE(test_an_update_in_flight_is_not_delivered_twice),
        CASE(test_an_update_goes_when_the_first_delivery_fails),
        CASE(test_an_update_that_was_asked_for_goes),
        CASE(test_a_walk_by_hand_means_the_update),
        CASE(test_one_is_in_flight_whichever_failed_are_asked_for),
    };
    const struct CMUnitTest of_former_versions[] = {
        CASE(test_what_waits_out_of_sight_goes_in_turn),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    failures += cmocka_run_group_tests_name("sqlite, former", of_former_versions, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

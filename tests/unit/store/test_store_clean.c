/* SPDX-License-Identifier: Apache-2.0
 * The contract of retention: what of age goes, and that nothing is delivered otherwise because of
 * it. Every backend. */
#include "store_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { DAY_MS = 86400000 };

/* Everything that ended is kept for a day. */
static const struct store_retention a_day = {
    .keep_ms = {[SUBMISSION_SUCCEEDED] = DAY_MS,
                [SUBMISSION_FAILED] = DAY_MS,
                [SUBMISSION_SKIPPED] = DAY_MS,
                [SUBMISSION_SUPERSEDED] = DAY_MS},
    .signals_ms = DAY_MS,
};

static size_t attempts_of(struct fixture *f, uint64_t submission)
{
    return ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = submission}, NULL);
}

static size_t submissions(struct fixture *f)
{
    return ask(f, (struct store_query){.query = QUERY_SUBMISSIONS}, NULL);
}

static struct store_claimed deliver(struct fixture *f, const char *id, uint64_t version,
                                    enum submission_event event)
{
    struct store_claimed record = take_one(f, WALK_CHANGED, id, version);

    tell_event(f, &record, event, 0);
    return record;
}

static void test_of_a_delivered_one_the_knowledge_stays(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed record = take_one(f, WALK_UNSUBMITTED, "a", 1);
    const struct store_outcome outcome = {
        .submission = record.submission,
        .attempt = 1,
        .event = EVENT_ACCEPTED,
        .is_attempt = true,
        .started_ms = NOW_MS,
        .http_status = 200,
        .external_id = STR("there-7"),
    };
    assert_int_equal(tell(f, &outcome, 1), 0);
    fixture_at(NOW_MS + DAY_MS - 1);
    struct store_compact early = compact(f, &a_day);
    assert_int_equal(early.removed + early.trimmed, 0);
    assert_int_equal(attempts_of(f, record.submission), 1);
    assert_false(ask_submission(f, record.submission).row.is_trimmed);

    fixture_at(NOW_MS + DAY_MS);
    struct store_compact due = compact(f, &a_day);
    assert_int_equal(due.removed, 0);
    assert_int_equal(due.trimmed, 1);
    assert_int_equal(attempts_of(f, record.submission), 0);
    struct kept_row row = ask_submission(f, record.submission);
    assert_true(row.row.is_trimmed);
    assert_int_equal(row.row.state, SUBMISSION_SUCCEEDED);
    assert_int_equal(row.row.updated_ms, NOW_MS);
    assert_string_equal(row.external_id, "there-7");
    assert_int_equal(row.row.http_status, 0);
    assert_int_equal(compact(f, &a_day).trimmed, 0); /* once is enough */

    take_none(f, WALK_UNSUBMITTED);
    take_none(f, WALK_CHANGED);
    uint64_t count;
    assert_int_equal(enqueue(f, "", ENQUEUE_UNSUBMITTED, &count), 0);
    take_none(f, WALK_CHANGED);
    assert_int_equal(enqueue(f, "", ENQUEUE_CHANGED, &count), 0);
    take_none(f, WALK_CHANGED);
    assert_int_equal(enqueue(f, "", ENQUEUE_ALL, &count), 0);
    struct store_claimed again = take_one(f, WALK_CHANGED, "a", 1);
    assert_int_equal(again.submission, record.submission);
    assert_string_equal(again.key, record.key);
    assert_int_equal(again.attempt, 2);
    assert_int_equal(again.tries, 1);
}

static void test_older_ones_go_whole(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = deliver(f, "a", 1, EVENT_ACCEPTED);
    put(f, "a", "2");
    struct store_claimed second = deliver(f, "a", 2, EVENT_REJECTED);
    fixture_at(NOW_MS + DAY_MS);
    struct store_compact done = compact(f, &a_day);
    assert_int_equal(done.removed, 1);
    assert_int_equal(done.trimmed, 1);
    assert_int_equal(submissions(f), 1);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_SUBMISSION, .number = first.submission}, NULL),
        0);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 0);
    assert_int_equal(count_of(f, SUBMISSION_FAILED), 1);

    put(f, "a", "3");
    take_none(f, WALK_UNSUBMITTED); /* some version of it was delivered */
    uint64_t count;
    put(f, "b", "1"); /* the cursor has passed a's third: only by hand now */
    struct store_claimed b = take_one(f, WALK_UNSUBMITTED, "b", 1);
    tell_event(f, &b, EVENT_ACCEPTED, 0);
    assert_int_equal(enqueue(f, "", ENQUEUE_CHANGED, &count), 0);
    struct store_claimed third = take_one(f, WALK_CHANGED, "a", 3);
    assert_int_not_equal(third.submission, second.submission);
}

static void test_a_failed_one_can_still_be_replayed(void **state)
{
    struct fixture *f = *state;
    uint64_t count;

    put(f, "a", "1");
    struct store_claimed record = deliver(f, "a", 1, EVENT_REJECTED);
    fixture_at(NOW_MS + DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 1);
    assert_string_equal(ask_submission(f, record.submission).reason, "");
    take_none(f, WALK_CHANGED);
    assert_int_equal(enqueue(f, "", ENQUEUE_FAILED, &count), 0);
    assert_int_equal(count, 1);
    struct store_claimed again = take_one(f, WALK_CHANGED, "a", 1);
    assert_string_equal(again.key, record.key);
    tell_event(f, &again, EVENT_ACCEPTED, 0);
    assert_true(ask_submission(f, record.submission).row.is_trimmed);
    assert_int_equal(attempts_of(f, record.submission), 1);

    fixture_at(NOW_MS + 2 * DAY_MS - 1); /* it ended anew, and ages anew */
    assert_int_equal(compact(f, &a_day).trimmed, 0);
    assert_int_equal(attempts_of(f, record.submission), 1);
    fixture_at(NOW_MS + 2 * DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 1);
    assert_int_equal(attempts_of(f, record.submission), 0);
}

static void test_what_is_not_over_stays(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    put(f, "b", "1");
    put(f, "c", "1");
    struct store_claimed waits = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &waits, EVENT_RETRY, NOW_MS + 3 * DAY_MS);
    struct store_claimed done = deliver(f, "b", 1, EVENT_ACCEPTED);
    struct store_claimed held = take_one(f, WALK_CHANGED, "c", 1);
    fixture_at(NOW_MS + DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 1);
    assert_int_equal(attempts_of(f, waits.submission), 1);
    assert_int_equal(attempts_of(f, done.submission), 0);
    assert_int_equal(ask_submission(f, waits.submission).row.state, SUBMISSION_RETRYING);

    tell_event(f, &held, EVENT_ACCEPTED, 0); /* behind where retention has been */
    fixture_at(NOW_MS + 2 * DAY_MS - 1);
    assert_int_equal(compact(f, &a_day).trimmed, 0);
    fixture_at(NOW_MS + 2 * DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 1);
    assert_int_equal(attempts_of(f, held.submission), 0);
    fixture_at(NOW_MS + 3 * DAY_MS);
    waits = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &waits, EVENT_ACCEPTED, 0);
    fixture_at(NOW_MS + 4 * DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 1);
    assert_int_equal(attempts_of(f, waits.submission), 0);
}

static void test_each_outcome_has_its_age(void **state)
{
    struct fixture *f = *state;
    const struct store_retention mixed = {
        .keep_ms = {[SUBMISSION_SUCCEEDED] = DAY_MS, [SUBMISSION_SKIPPED] = 2 * DAY_MS}};

    put(f, "a", "1");
    put(f, "b", "1");
    put(f, "c", "1");
    struct store_claimed skipped = deliver(f, "a", 1, EVENT_SKIPPED);
    struct store_claimed failed = deliver(f, "b", 1, EVENT_REJECTED);
    struct store_claimed done = deliver(f, "c", 1, EVENT_ACCEPTED);
    fixture_at(NOW_MS + DAY_MS);
    assert_int_equal(compact(f, &mixed).trimmed, 1);
    assert_int_equal(attempts_of(f, done.submission), 0);
    fixture_at(NOW_MS + 2 * DAY_MS);
    assert_int_equal(compact(f, &mixed).trimmed, 1);
    assert_int_equal(attempts_of(f, skipped.submission), 0);
    fixture_at(NOW_MS + 1000 * (int64_t)DAY_MS);
    assert_int_equal(compact(f, &mixed).trimmed, 0);
    assert_int_equal(attempts_of(f, failed.submission), 1);
    assert_string_equal(ask_submission(f, failed.submission).reason, "because");
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SIGNALS}, NULL), 3);
}

static void test_superseded_ones_go(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &first, EVENT_RETRY, NOW_MS + 10);
    put(f, "a", "2");
    struct store_claimed second = deliver(f, "a", 2, EVENT_ACCEPTED);
    assert_int_equal(count_of(f, SUBMISSION_SUPERSEDED), 1);
    fixture_at(NOW_MS + DAY_MS);
    struct store_compact done = compact(f, &a_day);
    assert_int_equal(done.removed, 1);
    assert_int_equal(done.trimmed, 1);
    assert_int_equal(count_of(f, SUBMISSION_SUPERSEDED), 0);
    assert_int_equal(ask_submission(f, second.submission).row.version, 2);
    take_none(f, WALK_CHANGED);
}

static void test_a_trimmed_one_goes_with_its_successor(void **state)
{
    struct fixture *f = *state;

    for (int version = 1; version <= 5; version++) {
        char data[16];
        snprintf(data, sizeof(data), "%d", version);
        fixture_at(NOW_MS + 2 * version * (int64_t)DAY_MS);
        put(f, "a", data);
        deliver(f, "a", (uint64_t)version, EVENT_ACCEPTED);
        fixture_at(NOW_MS + (2 * version + 1) * (int64_t)DAY_MS);
        compact(f, &a_day);
        assert_int_equal(submissions(f), 1);
    }
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 1);
}

static void test_order_per_entity_holds(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    deliver(f, "a", 1, EVENT_ACCEPTED);
    put(f, "a", "2");
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    put(f, "a", "3");
    take_none(f, WALK_CHANGED); /* blocked behind the second */
    fixture_at(NOW_MS + 2 * (int64_t)DAY_MS);
    f->integration = add_integration(f, "other");
    put(f, "b", "1");
    compact(f, &a_day);
    f->integration = 1;
    assert_int_equal(ask_submission(f, second.submission).row.state, SUBMISSION_IN_FLIGHT);
    tell_event(f, &second, EVENT_ACCEPTED, 0);
    struct store_claimed third = take_one(f, WALK_CHANGED, "a", 3);
    tell_event(f, &third, EVENT_ACCEPTED, 0);
    take_one(f, WALK_CHANGED, "b", 1);
}

static void test_signals_of_age_go(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;

    put(f, "a", "1");
    put(f, "b", "1");
    fixture_at(NOW_MS + 1000);
    put(f, "c", "1");
    fixture_at(NOW_MS + DAY_MS);
    compact(f, &a_day);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SIGNALS}, &rows), 1);
    assert_string_equal(rows[0].id, "c");
    assert_int_equal(rows[0].row.seq, 3);
    struct store_claim claim; /* what they told of is delivered all the same */
    take(f, WALK_UNSUBMITTED, 10, &claim);
    assert_int_equal(claim.count, 3);
    store_claim_finish(&claim);
}

static const struct store_retention entities_too = {
    .keep_ms = {[SUBMISSION_SUCCEEDED] = DAY_MS, [SUBMISSION_FAILED] = 3 * (int64_t)DAY_MS},
    .entities_ms = DAY_MS,
};

static size_t entities(struct fixture *f)
{
    return ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL);
}

static uint64_t forgotten(struct fixture *f)
{
    struct store_figures figures;

    store_figures(f->store, &figures);
    return figures.entities;
}

static void test_settled_entities_of_age_go(void **state)
{
    struct fixture *f = *state;

    compact(f, &entities_too); /* from here on it counts how long integrations are off */
    put(f, "a", "1");
    put(f, "b", "1");
    put(f, "c", "1");
    struct store_claimed a = deliver(f, "a", 1, EVENT_ACCEPTED);
    struct store_claimed b = deliver(f, "b", 1, EVENT_REJECTED);
    struct store_claimed c = take_one(f, WALK_CHANGED, "c", 1);
    tell_event(f, &c, EVENT_RETRY, NOW_MS + 10 * (int64_t)DAY_MS);
    fixture_at(NOW_MS + DAY_MS - 1);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 0);
    fixture_at(NOW_MS + DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 1); /* the failed one and the one that waits are kept */
    assert_int_equal(entities(f), 2);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("a")}, NULL), 0);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_SUBMISSION, .number = a.submission}, NULL), 0);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 0);
    fixture_at(NOW_MS + 3 * (int64_t)DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 2);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_SUBMISSION, .number = b.submission}, NULL), 0);
    take_none(f, WALK_CHANGED);

    struct store_put_result again = put(f, "a", "other");
    assert_int_equal(again.outcome, PUT_CREATED);
    assert_int_equal(again.version, 2); /* a key is never used for two contents */
    struct store_claimed anew = take_one(f, WALK_CHANGED, "a", 2);
    assert_string_not_equal(anew.key, a.key);
    assert_int_equal(put(f, "b", "1").version, 2);
    assert_int_equal(entities(f), 3);
}

static void test_entities_that_somebody_needs_stay(void **state)
{
    struct fixture *f = *state;
    uint32_t hook = f->integration;
    uint32_t slow = add_integration(f, "slow");

    compact(f, &entities_too);
    put(f, "a", "1");
    put(f, "b", "1");
    put(f, "gone", "1");
    struct store_relate relate = {
        .op.done = fixture_stop, .from = STR("a"), .type = STR("near"), .to = STR("b")};
    store_relate(f->store, &relate);
    fixture_wait(f, &relate.op);
    deliver(f, "a", 1, EVENT_ACCEPTED);
    deliver(f, "b", 1, EVENT_ACCEPTED);
    deliver(f, "gone", 1, EVENT_ACCEPTED);
    take_none(f, WALK_CHANGED);
    fixture_at(NOW_MS + DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 0); /* the slow one has walked past none of them */

    f->integration = slow;
    struct store_claim claim;
    take(f, WALK_CHANGED, 10, &claim);
    assert_int_equal(claim.count, 3);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 0); /* it has them in hand */
    for (size_t i = 0; i < claim.count; i++)
        tell_event(f, &claim.records[i], EVENT_ACCEPTED, 0);
    store_claim_finish(&claim);
    take_none(f, WALK_CHANGED);
    f->integration = hook;
    fixture_at(NOW_MS + 2 * (int64_t)DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 1); /* two are related to each other */
    assert_int_equal(entities(f), 2);
}

static void test_an_integration_that_takes_by_hand_alone_holds_nothing(void **state)
{
    struct fixture *f = *state;

    compact(f, &entities_too);
    put(f, "a", "1");
    take_none(f, WALK_NONE);
    fixture_at(NOW_MS + DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 1);
    assert_int_equal(entities(f), 0);
    put(f, "a", "1");
    drop(f, "a");
    fixture_at(NOW_MS + 2 * (int64_t)DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 2); /* tombstones, too */
    assert_int_equal(put(f, "a", "1").version, 4);
}

static void put_numbered(struct fixture *f, int count)
{
    static char ids[2000][16];
    static struct store_entity entities[2000];
    static struct store_put_result results[2000];

    for (int i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "n-%d", i);
        entities[i] =
            (struct store_entity){str_of(ids[i]), STR("event"), STR("{}"), false, 0, STR_NONE, 0};
    }
    assert_int_equal(put_many(f, entities, (size_t)count, results), 0);
}

/* More than retention looks at in one go; twice as many as that, to the last. */
enum { AHEAD = 600, AHEAD_TO_THE_LAST = 512 };

/* Puts and delivers so many entities, by a clock that is `days` ahead and is put right then; gives
 * the number of the first submission. */
static uint64_t deliver_ahead(struct fixture *f, uint32_t count, int days)
{
    static struct store_outcome outcomes[AHEAD];
    struct store_claim claim;

    fixture_at(NOW_MS + days * (int64_t)DAY_MS);
    put_numbered(f, (int)count);
    take(f, WALK_CHANGED, count, &claim);
    assert_int_equal(claim.count, count);
    for (size_t i = 0; i < claim.count; i++)
        outcomes[i] = (struct store_outcome){.submission = claim.records[i].submission,
                                             .attempt = 1,
                                             .is_attempt = true,
                                             .event = EVENT_ACCEPTED};
    assert_int_equal(tell(f, outcomes, claim.count), 0);
    store_claim_finish(&claim);
    fixture_at(NOW_MS);
    return outcomes[0].submission;
}

static size_t signals(struct fixture *f)
{
    return ask(f, (struct store_query){.query = QUERY_SIGNALS}, NULL);
}

static void test_behind_a_clock_that_was_ahead_all_goes_on(void **state)
{
    struct fixture *f = *state;
    struct store_figures figures;
    uint64_t first = deliver_ahead(f, AHEAD, 3650);

    put(f, "b", "1");
    deliver(f, "b", 1, EVENT_ACCEPTED);
    put(f, "b", "2");
    deliver(f, "b", 2, EVENT_ACCEPTED);
    fixture_at(NOW_MS + DAY_MS - 1);
    put(f, "c", "1");
    compact(f, &a_day);
    assert_int_equal(submissions(f), AHEAD + 2);
    assert_int_equal(signals(f), AHEAD + 3);
    fixture_at(NOW_MS + DAY_MS);
    struct store_compact done = compact(f, &a_day);
    assert_int_equal(done.removed, 1);
    assert_int_equal(done.trimmed, 1);
    assert_int_equal(submissions(f), AHEAD + 1);
    assert_int_equal(signals(f), 1); /* those of the wrong time were there before b's */
    store_figures(f->store, &figures);
    assert_int_equal(figures.signals, AHEAD + 2);

    assert_int_equal(attempts_of(f, first), 1);
    fixture_at(NOW_MS + 3650 * (int64_t)DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 0);
    fixture_at(NOW_MS + 3651 * (int64_t)DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, AHEAD);
    assert_int_equal(attempts_of(f, first), 0);
    assert_int_equal(signals(f), 0);
}

static void test_signals_of_a_clock_that_was_ahead_wait_for_nobody(void **state)
{
    struct fixture *f = *state;

    (void)deliver_ahead(f, AHEAD_TO_THE_LAST, 10);
    compact(f, &a_day);
    assert_int_equal(signals(f), AHEAD_TO_THE_LAST);
    fixture_at(NOW_MS + 11 * (int64_t)DAY_MS - 1);
    compact(f, &a_day);
    assert_int_equal(signals(f), AHEAD_TO_THE_LAST);
    fixture_at(NOW_MS + 11 * (int64_t)DAY_MS);
    compact(f, &a_day);
    assert_int_equal(signals(f), 0);
}

static void test_entities_of_a_clock_that_was_ahead_hold_no_others(void **state)
{
    struct fixture *f = *state;
    int64_t ahead_ms = NOW_MS + 3650 * (int64_t)DAY_MS;

    fixture_at(ahead_ms);
    compact(f, &entities_too);
    (void)deliver_ahead(f, AHEAD, 3650);
    put(f, "b", "1");
    deliver(f, "b", 1, EVENT_ACCEPTED);
    clock_freeze(NOW_MS + DAY_MS, (ahead_ms + DAY_MS) * 1000); /* the other one never steps */
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 1);
    assert_int_equal(entities(f), AHEAD);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("b")}, NULL), 0);
}

/* What an integration has not walked past is kept for it, for as long as it is known to be used. */
static void test_an_integration_seen_by_a_clock_that_was_ahead_counts_from_now(void **state)
{
    struct fixture *f = *state;

    fixture_at(NOW_MS + 3650 * (int64_t)DAY_MS);
    (void)add_integration(f, "left");
    fixture_at(NOW_MS);
    fixture_reopen(f);
    compact(f, &entities_too);
    put(f, "a", "1");
    deliver(f, "a", 1, EVENT_ACCEPTED);
    fixture_at(NOW_MS + DAY_MS - 1);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 0);
    fixture_at(NOW_MS + DAY_MS);
    compact(f, &entities_too);
    assert_int_equal(forgotten(f), 1);
}

static void test_many_go_in_slices(void **state)
{
    struct fixture *f = *state;
    static struct store_outcome outcomes[2000];
    struct store_claim claim;
    struct store_figures figures;

    put_numbered(f, 2000);
    take(f, WALK_CHANGED, 2000, &claim);
    assert_int_equal(claim.count, 2000);
    for (size_t i = 0; i < claim.count; i++)
        outcomes[i] = (struct store_outcome){
            .submission = claim.records[i].submission,
            .attempt = 1,
            .is_attempt = true,
            .event = i % 5 == 0 ? EVENT_REJECTED : EVENT_ACCEPTED,
            .reason = STR("because"),
        };
    assert_int_equal(tell(f, outcomes, claim.count), 0);
    fixture_at(NOW_MS + DAY_MS);
    assert_int_equal(compact(f, &a_day).trimmed, 2000);
    assert_int_equal(attempts_of(f, claim.records[0].submission), 0);
    assert_int_equal(attempts_of(f, claim.records[1999].submission), 0);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 1600);
    assert_int_equal(count_of(f, SUBMISSION_FAILED), 400);
    store_figures(f->store, &figures);
    assert_int_equal(figures.trimmed, 2000);
    assert_int_equal(figures.signals, 2000);
    store_claim_finish(&claim);
    take_none(f, WALK_CHANGED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_of_a_delivered_one_the_knowledge_stays),
        CASE(test_older_ones_go_whole),
        CASE(test_a_failed_one_can_still_be_replayed),
        CASE(test_what_is_not_over_stays),
        CASE(test_each_outcome_has_its_age),
        CASE(test_superseded_ones_go),
        CASE(test_a_trimmed_one_goes_with_its_successor),
        CASE(test_order_per_entity_holds),
        CASE(test_signals_of_age_go),
        CASE(test_settled_entities_of_age_go),
        CASE(test_entities_that_somebody_needs_stay),
        CASE(test_an_integration_that_takes_by_hand_alone_holds_nothing),
        CASE(test_behind_a_clock_that_was_ahead_all_goes_on),
        CASE(test_signals_of_a_clock_that_was_ahead_wait_for_nobody),
        CASE(test_entities_of_a_clock_that_was_ahead_hold_no_others),
        CASE(test_many_go_in_slices),
    };
    const struct CMUnitTest of_a_file[] = {
        CASE(test_an_integration_seen_by_a_clock_that_was_ahead_counts_from_now),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    failures += cmocka_run_group_tests_name("sqlite alone", of_a_file, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

/* SPDX-License-Identifier: Apache-2.0
 * The contract of store.h where records are delivered: claims, verdicts, replays. Every backend. */
#include "store_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_claim_hands_out_and_record_ends(void **state)
{
    struct fixture *f = *state;
    struct store_claim claim;

    put(f, "a", "{\"n\":1}");
    put(f, "b", "{\"n\":2}");
    put(f, "c", "{\"n\":3}");
    take(f, WALK_UNSUBMITTED, 2, &claim);
    assert_int_equal(claim.count, 2);
    assert_true(claim.has_more);
    assert_true(str_is(claim.records[0].id, "a"));
    assert_true(str_is(claim.records[0].type, "event"));
    assert_true(str_is(claim.records[1].data, "{\"n\":2}"));
    assert_int_equal(claim.records[0].attempt, 1);
    assert_int_equal(claim.records[0].tries, 1);
    assert_int_equal(claim.records[0].created_ms, NOW_MS);
    assert_false(claim.records[0].was_unknown);
    assert_int_equal(strlen(claim.records[0].key), 32);
    assert_string_not_equal(claim.records[0].key, claim.records[1].key);
    assert_int_equal(claim.next_due_ms, NOW_MS + LEASE_MS);
    assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 2);

    struct store_outcome outcomes[2] = {
        {.submission = claim.records[0].submission,
         .attempt = 1,
         .event = EVENT_ACCEPTED,
         .is_attempt = true,
         .started_ms = NOW_MS + 1,
         .duration_us = 1234,
         .http_status = 201,
         .request = STR("POST /x"),
         .answer = STR("made"),
         .external_id = STR("ext-1")},
        {.submission = claim.records[1].submission,
         .attempt = 1,
         .event = EVENT_SKIPPED,
         .reason = STR("type 'event' is not wanted")},
    };
    assert_int_equal(tell(f, outcomes, 2), 0);
    assert_int_equal(f->next_due_ms, 0);
    struct kept_row row = ask_submission(f, claim.records[0].submission);
    assert_int_equal(row.row.state, SUBMISSION_SUCCEEDED);
    assert_int_equal(row.row.attempts, 1);
    assert_int_equal(row.row.http_status, 201);
    assert_string_equal(row.external_id, "ext-1");
    assert_string_equal(row.name, "hook");
    assert_string_equal(row.key, claim.records[0].key);
    row = ask_submission(f, claim.records[1].submission);
    assert_int_equal(row.row.state, SUBMISSION_SKIPPED);
    assert_string_equal(row.reason, "type 'event' is not wanted");
    const struct kept_row *rows;
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = claim.records[0].submission},
            &rows),
        1);
    assert_int_equal(rows[0].row.attempt, 1);
    assert_int_equal(rows[0].row.duration_us, 1234);
    assert_int_equal(rows[0].row.started_ms, NOW_MS + 1);
    assert_string_equal(rows[0].request, "POST /x");
    assert_string_equal(rows[0].answer, "made");
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = claim.records[1].submission},
            NULL),
        0);
    store_claim_finish(&claim);
    struct store_claimed third = take_one(f, WALK_UNSUBMITTED, "c", 1);
    tell_event(f, &third, EVENT_ACCEPTED, 0);
    take_none(f, WALK_UNSUBMITTED);
    assert_false(f->has_more);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 2);
    assert_int_equal(count_of(f, SUBMISSION_SKIPPED), 1);
    assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 0);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_INTEGRATIONS}, &rows), 1);
    assert_int_equal(rows[0].row.cursor, 3);
    assert_int_equal(rows[0].row.count, 0);
}

static void test_claim_keeps_to_types_and_bytes(void **state)
{
    struct fixture *f = *state;
    static const char *const types[] = {"talk", "unheard-of"};
    struct store_put_result results[3];
    const struct store_entity entities[] = {
        {STR("t1"), STR("talk"), STR("{\"a\":1}"), false, 0, STR_NONE, 0},
        {STR("e1"), STR("event"), STR("{}"), false, 0, STR_NONE, 0},
        {STR("t2"), STR("talk"), STR("{}"), false, 0, STR_NONE, 0},
    };
    struct store_claim claim = {.op.done = fixture_stop,
                                .integration = f->integration,
                                .walk = WALK_UNSUBMITTED,
                                .types = types,
                                .type_count = 2,
                                .max = 10,
                                .max_bytes = 5,
                                .lease_until_ms = NOW_MS + LEASE_MS};

    assert_int_equal(put_many(f, entities, 3, results), 0);
    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.count, 1); /* the first fills the bytes */
    assert_true(claim.has_more);
    assert_true(str_is(claim.records[0].id, "t1"));
    store_claim_finish(&claim);
    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.count, 1);
    assert_true(str_is(claim.records[0].id, "t2"));
    store_claim_finish(&claim);
}

static void test_walk_is_bounded_and_goes_on(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 25000, GROUP = 1000 };
    static struct store_entity entities[GROUP];
    static struct store_put_result results[GROUP];
    static char ids[GROUP][12];
    static const char *const types[] = {"event"};
    struct store_claim claim = {.op.done = fixture_stop,
                                .integration = f->integration,
                                .walk = WALK_UNSUBMITTED,
                                .types = types,
                                .type_count = 1,
                                .max = 10,
                                .lease_until_ms = NOW_MS + LEASE_MS};

    for (int at = 0; at < MANY; at += GROUP) {
        for (int i = 0; i < GROUP; i++) {
            snprintf(ids[i], sizeof(ids[i]), "n%d", at + i);
            entities[i] = (struct store_entity){
                str_of(ids[i]), STR("noise"), STR("{}"), false, 0, STR_NONE, 0};
        }
        assert_int_equal(put_many(f, entities, GROUP, results), 0);
    }
    put(f, "wanted", "{}");
    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.count, 0);
    assert_true(claim.has_more);
    store_claim_finish(&claim);
    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.count, 1);
    assert_false(claim.has_more);
    store_claim_finish(&claim);
}

static void test_walks_pick_as_named(void **state)
{
    struct fixture *f = *state;
    struct store_claimed record;

    put(f, "a", "1");
    put(f, "gone", "1");
    drop(f, "gone");
    take_none(f, WALK_NONE);
    record = take_one(f, WALK_UNSUBMITTED, "a", 1);
    tell_event(f, &record, EVENT_ACCEPTED, 0);
    put(f, "a", "2");
    take_none(f, WALK_UNSUBMITTED); /* delivered once is delivered */
    put(f, "a", "3");
    record = take_one(f, WALK_CHANGED, "a", 3);
    tell_event(f, &record, EVENT_REJECTED, 0);
    take_none(f, WALK_CHANGED); /* a version that failed is not taken up again by itself */
    put(f, "a", "4");
    take_none(f,
              WALK_UNSUBMITTED); /* the failure of a later version does not make it undelivered */
    put(f, "a", "5");
    record = take_one(f, WALK_ALL, "a", 5);
    tell_event(f, &record, EVENT_ACCEPTED, 0);
    take_none(f, WALK_ALL);
}

static void test_retry_waits_for_its_time(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_UNSUBMITTED, "a", 1);
    tell_event(f, &first, EVENT_RETRY, NOW_MS + 500);
    assert_int_equal(f->next_due_ms, NOW_MS + 500);
    take_none(f, WALK_UNSUBMITTED);
    assert_int_equal(f->next_due_ms, NOW_MS + 500);
    assert_string_equal(ask_submission(f, first.submission).reason, "because");
    assert_int_equal(count_of(f, SUBMISSION_RETRYING), 1);
    fixture_at(NOW_MS + 500);
    struct store_claimed second = take_one(f, WALK_NONE, "a", 1);
    assert_int_equal(second.submission, first.submission);
    assert_int_equal(second.attempt, 2);
    assert_int_equal(second.tries, 2);
    assert_string_equal(second.key, first.key);
    assert_false(second.was_unknown);
    assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 1);
    tell_event(f, &second, EVENT_UNSURE, NOW_MS + 600);
    fixture_at(NOW_MS + 600);
    struct store_claimed third = take_one(f, WALK_NONE, "a", 1);
    assert_true(third.was_unknown);
    tell_event(f, &third, EVENT_ACCEPTED, 0);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = first.submission}, NULL), 3);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 1);
}

static void test_what_is_new_goes_first_when_asked(void **state)
{
    struct fixture *f = *state;
    struct store_claim claim;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_UNSUBMITTED, "a", 1);
    tell_event(f, &first, EVENT_RETRY, NOW_MS);
    put(f, "b", "1");
    for (int i = 0; i < 2; i++) { /* the new one, then what is due all the same */
        claim = (struct store_claim){.op.done = fixture_stop,
                                     .integration = f->integration,
                                     .walk = WALK_UNSUBMITTED,
                                     .max = 1,
                                     .max_bytes = 1 << 20,
                                     .lease_until_ms = NOW_MS + LEASE_MS,
                                     .new_first = true};
        store_claim(f->store, &claim);
        fixture_wait(f, &claim.op);
        assert_int_equal(claim.op.status, 0);
        assert_int_equal(claim.count, 1);
        assert_true(str_is(claim.records[0].id, i == 0 ? "b" : "a"));
        if (i == 0)
            assert_true(claim.has_more);
        store_claim_finish(&claim);
    }
    take_none(f, WALK_UNSUBMITTED);
}

static void test_an_uncounted_attempt_is_no_try(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed taken = take_one(f, WALK_UNSUBMITTED, "a", 1);
    const struct store_outcome unreached = {.submission = taken.submission,
                                            .attempt = taken.attempt,
                                            .event = EVENT_RETRY,
                                            .due_ms = NOW_MS,
                                            .is_attempt = true,
                                            .is_uncounted = true};
    assert_int_equal(tell(f, &unreached, 1), 0);
    taken = take_one(f, WALK_UNSUBMITTED, "a", 1);
    assert_int_equal(taken.attempt, 2);
    assert_int_equal(taken.tries, 1);
}

static void test_release_counts_no_try(void **state)
{
    struct fixture *f = *state;
    const struct store_outcome none = {0};

    put(f, "a", "1");
    struct store_claimed record = take_one(f, WALK_UNSUBMITTED, "a", 1);
    struct store_outcome back = none;
    back.submission = record.submission;
    back.attempt = record.attempt;
    back.event = EVENT_RELEASED;
    assert_int_equal(tell(f, &back, 1), 0);
    assert_int_equal(ask_submission(f, record.submission).row.state, SUBMISSION_PENDING);
    assert_int_equal(f->next_due_ms, NOW_MS);
    record = take_one(f, WALK_NONE, "a", 1);
    assert_int_equal(record.attempt, 1);
    assert_int_equal(record.tries, 1);
    tell_event(f, &record, EVENT_ACCEPTED, 0);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = record.submission}, NULL),
        1);
}

static void test_lease_runs_out(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_UNSUBMITTED, "a", 1);
    fixture_at(NOW_MS + LEASE_MS - 1);
    take_none(f, WALK_UNSUBMITTED);
    fixture_at(NOW_MS + LEASE_MS);
    struct store_claimed second = take_one(f, WALK_UNSUBMITTED, "a", 1);
    assert_int_equal(second.submission, first.submission);
    assert_int_equal(second.attempt, 2);
    assert_true(second.was_unknown);
    tell_event(f, &first, EVENT_REJECTED, 0); /* too late: it is another's now */
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_IN_FLIGHT);
    fixture_at(NOW_MS + 2 * LEASE_MS); /* a second attempt's lease runs out as well */
    struct store_claimed third = take_one(f, WALK_UNSUBMITTED, "a", 1);
    assert_int_equal(third.attempt, 3);
    tell_event(f, &third, EVENT_ACCEPTED, 0);
    tell_event(f, &third, EVENT_REJECTED, 0); /* told twice */
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_SUCCEEDED);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = first.submission}, &rows),
        3);
    assert_string_equal(rows[0].reason, "sent, answer never seen: the lease ran out");
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 1);
    assert_int_equal(count_of(f, SUBMISSION_IN_FLIGHT), 0);
    assert_int_equal(count_of(f, SUBMISSION_UNKNOWN), 0);
}

static void test_newer_version_waits_for_the_older(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    put(f, "a", "2");
    take_none(f, WALK_CHANGED);
    assert_int_equal(count_of(f, SUBMISSION_PENDING), 1);
    put(f, "a", "3");
    take_none(f, WALK_CHANGED);
    assert_int_equal(count_of(f, SUBMISSION_PENDING), 1);
    assert_int_equal(count_of(f, SUBMISSION_SUPERSEDED), 1);
    assert_int_equal(f->next_due_ms,
                     NOW_MS + LEASE_MS); /* the blocked one has no time of its own */
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    assert_int_equal(f->next_due_ms, NOW_MS);
    struct store_claimed third = take_one(f, WALK_CHANGED, "a", 3);
    assert_int_equal(third.attempt, 1);
    assert_string_not_equal(third.key, first.key);
    tell_event(f, &third, EVENT_ACCEPTED, 0);
    take_none(f, WALK_CHANGED);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 2);
}

static void test_newer_goes_in_place_of_a_retry(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    put(f, "a", "2");
    take_none(f, WALK_CHANGED);
    tell_event(f, &first, EVENT_RETRY, NOW_MS + 100);
    struct kept_row row = ask_submission(f, first.submission);
    assert_int_equal(row.row.state, SUBMISSION_SUPERSEDED);
    assert_string_equal(row.reason, "version 2 goes instead");
    take_none(f, WALK_CHANGED);
    assert_int_equal(f->next_due_ms, NOW_MS + 100);
    fixture_at(NOW_MS + 100);
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    tell_event(f, &second, EVENT_RETRY, NOW_MS + 200);
    put(f, "a", "3"); /* met by the walk while the older waits */
    struct store_claimed third = take_one(f, WALK_CHANGED, "a", 3);
    assert_string_equal(ask_submission(f, second.submission).reason, "version 3 goes instead");
    tell_event(f, &third, EVENT_RETRY, NOW_MS + 300);
    put(f, "a", "4");
    fixture_at(NOW_MS +
               300); /* met first as one that is due, whose version is not the present one */
    struct store_claimed fourth = take_one(f, WALK_CHANGED, "a", 4);
    tell_event(f, &fourth, EVENT_ACCEPTED, 0);
    take_none(f, WALK_CHANGED);
    assert_int_equal(count_of(f, SUBMISSION_SUPERSEDED), 3);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 1);
    assert_int_equal(f->next_due_ms, 0);
}

static void test_newer_goes_when_the_older_is_lost(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    put(f, "a", "2");
    take_none(f, WALK_CHANGED);
    fixture_at(NOW_MS + LEASE_MS);
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_SUPERSEDED);
    tell_event(f, &second, EVENT_ACCEPTED, 0);
    take_none(f, WALK_CHANGED);
    assert_int_equal(count_of(f, SUBMISSION_PENDING), 0);
}

static enum submission_state attempt_state(struct fixture *f, uint64_t submission, size_t index)
{
    const struct kept_row *rows;
    size_t count =
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = submission}, &rows);

    assert_true(index < count);
    return rows[index].row.state;
}

static void test_attempts_keep_their_verdict(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &first, EVENT_RETRY, NOW_MS);
    first = take_one(f, WALK_CHANGED, "a", 1);
    fixture_at(NOW_MS + LEASE_MS); /* the second is lost */
    first = take_one(f, WALK_CHANGED, "a", 1);
    put(f, "a", "2");
    take_none(f, WALK_CHANGED);
    tell_event(f, &first, EVENT_RETRY, NOW_MS + LEASE_MS);
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_SUPERSEDED);
    assert_int_equal(attempt_state(f, first.submission, 0), SUBMISSION_RETRYING);
    assert_int_equal(attempt_state(f, first.submission, 1), SUBMISSION_UNKNOWN);
    assert_int_equal(attempt_state(f, first.submission, 2), SUBMISSION_RETRYING);
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    tell_event(f, &second, EVENT_ACCEPTED, 0);
    assert_int_equal(attempt_state(f, second.submission, 0), SUBMISSION_SUCCEEDED);
}

static int64_t changed_ms(struct fixture *f, uint64_t submission)
{
    const struct kept_row *rows;
    int64_t one = ask_submission(f, submission).row.updated_ms;

    assert_true(ask(f, (struct store_query){.query = QUERY_SUBMISSIONS, .id = STR("a")}, &rows) >=
                1);
    while (rows->row.submission != submission)
        rows++;
    assert_int_equal(rows->row.updated_ms, one);
    return one;
}

static void test_submissions_tell_when_they_changed(void **state)
{
    struct fixture *f = *state;
    uint64_t count;

    put(f, "a", "1");
    fixture_at(NOW_MS + 1);
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    assert_int_equal(changed_ms(f, first.submission), NOW_MS + 1);
    fixture_at(NOW_MS + 2);
    tell_event(f, &first, EVENT_RETRY, NOW_MS + 3);
    assert_int_equal(changed_ms(f, first.submission), NOW_MS + 2);
    fixture_at(NOW_MS + 3);
    first = take_one(f, WALK_CHANGED, "a", 1);
    assert_int_equal(changed_ms(f, first.submission), NOW_MS + 3);
    fixture_at(NOW_MS + 4);
    assert_int_equal(recover(f), 1);
    assert_int_equal(changed_ms(f, first.submission), NOW_MS + 4);
    fixture_at(NOW_MS + 5);
    put(f, "a", "2");
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    assert_int_equal(changed_ms(f, first.submission), NOW_MS + 5); /* superseded */
    fixture_at(NOW_MS + 6);
    tell_event(f, &second, EVENT_ACCEPTED, 0);
    assert_int_equal(changed_ms(f, second.submission), NOW_MS + 6);
    fixture_at(NOW_MS + 7);
    assert_int_equal(enqueue(f, "a", ENQUEUE_UNSUBMITTED, &count), 0);
    assert_int_equal(changed_ms(f, second.submission), NOW_MS + 7);
    assert_int_equal(changed_ms(f, first.submission), NOW_MS + 5);
}

static void test_entity_tells_the_key_to_come(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_query query = {.query = QUERY_ENTITY, .id = STR("a")};

    put(f, "a", "1");
    put(f, "a", "2");
    assert_int_equal(ask(f, query, &rows), 1);
    assert_string_equal(rows[0].key, "");
    query.integration = 99;
    assert_int_equal(ask(f, query, &rows), 1);
    assert_string_equal(rows[0].key, "");
    query.integration = f->integration;
    assert_int_equal(ask(f, query, &rows), 1);
    char foreseen[40];
    memcpy(foreseen, rows[0].key, sizeof(foreseen));
    struct store_claimed record = take_one(f, WALK_CHANGED, "a", 2);
    assert_string_equal(foreseen, record.key);
    query.integration = add_integration(f, "other");
    assert_int_equal(ask(f, query, &rows), 1);
    assert_string_not_equal(rows[0].key, record.key);
}

static void test_waiting_one_of_a_deleted_entity_is_skipped(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &first, EVENT_RETRY, NOW_MS);
    drop(f, "a");
    take_none(f, WALK_CHANGED);
    struct kept_row row = ask_submission(f, first.submission);
    assert_int_equal(row.row.state, SUBMISSION_SKIPPED);
    assert_string_equal(row.reason, "the entity was deleted");
}

static void test_enqueue_one_entity(void **state)
{
    struct fixture *f = *state;
    uint64_t count;

    assert_int_equal(enqueue(f, "a", ENQUEUE_ALL, &count), E_NOT_FOUND);
    put(f, "a", "1");
    assert_int_equal(enqueue(f, "a", ENQUEUE_ALL, &count), 0);
    assert_int_equal(count, 1);
    struct store_claimed first = take_one(f, WALK_NONE, "a", 1);
    assert_int_equal(enqueue(f, "a", ENQUEUE_ALL, &count), 0);
    assert_int_equal(count, 0); /* it is on its way */
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    take_none(f, WALK_ALL); /* the walk meets a version that has its submission */
    assert_int_equal(enqueue(f, "a", ENQUEUE_ALL, &count), 0);
    struct store_claimed again = take_one(f, WALK_NONE, "a", 1);
    assert_int_equal(again.submission, first.submission);
    assert_int_equal(again.attempt, 2);
    assert_int_equal(again.tries, 1);
    assert_string_equal(again.key, first.key);
    put(f, "a", "2");
    assert_int_equal(enqueue(f, "a", ENQUEUE_ALL, &count), 0);
    take_none(f, WALK_NONE); /* one version at a time, also by hand */
    tell_event(f, &again, EVENT_REJECTED, 0);
    struct store_claimed newer = take_one(f, WALK_NONE, "a", 2);
    tell_event(f, &newer, EVENT_ACCEPTED, 0);
    assert_int_equal(count_of(f, SUBMISSION_FAILED), 1);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 1);
}

static void test_enqueue_failed_ones(void **state)
{
    struct fixture *f = *state;
    uint64_t count;

    put(f, "a", "1");
    put(f, "b", "1");
    struct store_claimed a = take_one(f, WALK_CHANGED, "a", 1);
    struct store_claimed b = take_one(f, WALK_CHANGED, "b", 1);
    tell_event(f, &a, EVENT_REJECTED, 0);
    tell_event(f, &b, EVENT_REJECTED, 0);
    put(f, "b", "2");
    struct store_claimed b2 = take_one(f, WALK_CHANGED, "b", 2);
    tell_event(f, &b2, EVENT_ACCEPTED, 0);
    assert_int_equal(count_of(f, SUBMISSION_FAILED), 2);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_FAILED, &count), 0);
    assert_int_equal(count, 1); /* b's failure is history: version 2 was delivered */
    struct store_claimed again = take_one(f, WALK_CHANGED, "a", 1);
    assert_int_equal(again.submission, a.submission);
    assert_int_equal(again.attempt, 2);
    assert_int_equal(again.tries, 1);
    assert_string_equal(again.key, a.key);
    tell_event(f, &again, EVENT_ACCEPTED, 0);
    take_none(f, WALK_CHANGED);
}

static void test_enqueue_rewinds(void **state)
{
    struct fixture *f = *state;
    struct store_claim claim;
    uint64_t count;

    put(f, "done", "1");
    put(f, "skipped", "1");
    struct store_claimed done = take_one(f, WALK_UNSUBMITTED, "done", 1);
    struct store_claimed skipped = take_one(f, WALK_UNSUBMITTED, "skipped", 1);
    tell_event(f, &done, EVENT_ACCEPTED, 0);
    tell_event(f, &skipped, EVENT_SKIPPED, 0);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_UNSUBMITTED, &count), 0);
    skipped =
        take_one(f, WALK_NONE, "skipped", 1); /* asked for by hand, so it is looked at again */
    assert_int_equal(skipped.tries, 1);
    tell_event(f, &skipped, EVENT_SKIPPED, 0);
    take_none(f, WALK_UNSUBMITTED);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_ALL, &count), 0);
    take(f, WALK_UNSUBMITTED, 1, &claim);
    assert_int_equal(claim.count, 1);
    assert_int_equal(claim.records[0].submission, done.submission);
    assert_string_equal(claim.records[0].key, done.key);
    assert_true(claim.has_more);
    done.attempt = claim.records[0].attempt;
    store_claim_finish(&claim);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_UNSUBMITTED, &count),
                     0); /* less than what is under way: no start anew */
    tell_event(f, &done, EVENT_ACCEPTED, 0);
    skipped = take_one(f, WALK_UNSUBMITTED, "skipped", 1);
    tell_event(f, &skipped, EVENT_ACCEPTED, 0);
    take_none(f, WALK_UNSUBMITTED);
    put(f, "done",
        "2"); /* behind the end of the walk by hand the integration's own selector holds again */
    take_none(f, WALK_UNSUBMITTED);
    assert_int_equal(enqueue(f, NULL, ENQUEUE_CHANGED, &count), 0);
    done = take_one(f, WALK_UNSUBMITTED, "done", 2);
    tell_event(f, &done, EVENT_ACCEPTED, 0);
    take_none(f, WALK_UNSUBMITTED);
}

static void test_recover_makes_unknown(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;

    put(f, "a", "1");
    put(f, "b", "1");
    struct store_claimed a = take_one(f, WALK_UNSUBMITTED, "a", 1);
    struct store_claimed b = take_one(f, WALK_UNSUBMITTED, "b", 1);
    tell_event(f, &b, EVENT_RETRY, NOW_MS);
    b = take_one(f, WALK_UNSUBMITTED, "b", 1);
    if (strcmp(fixture_scheme, "sqlite") == 0)
        fixture_reopen(f);
    assert_int_equal(recover(f), 2);
    assert_int_equal(recover(f), 0);
    assert_int_equal(count_of(f, SUBMISSION_UNKNOWN), 2);
    assert_int_equal(
        ask(f, (struct store_query){.query = QUERY_ATTEMPTS, .number = b.submission}, &rows), 2);
    assert_int_equal(rows[1].row.attempt, 2);
    assert_string_equal(rows[1].reason, "sent, answer never seen: the daemon stopped");
    struct store_claim claim;
    take(f, WALK_UNSUBMITTED, 10, &claim);
    assert_int_equal(claim.count, 2);
    assert_true(claim.records[0].was_unknown && claim.records[1].was_unknown);
    assert_int_equal(claim.records[0].attempt + claim.records[1].attempt, 2 + 3);
    for (size_t i = 0; i < 2; i++)
        if (claim.records[i].submission == a.submission)
            assert_string_equal(claim.records[i].key, a.key);
    store_claim_finish(&claim);
}

static void test_integrations_do_not_share(void **state)
{
    struct fixture *f = *state;
    uint32_t hook = f->integration;
    uint32_t other = add_integration(f, "other");

    assert_int_not_equal(hook, other);
    assert_int_equal(add_integration(f, "other"), other);
    put(f, "a", "1");
    struct store_claimed first = take_one(f, WALK_UNSUBMITTED, "a", 1);
    f->integration = other;
    struct store_claimed second = take_one(f, WALK_UNSUBMITTED, "a", 1);
    assert_string_not_equal(first.key, second.key);
    tell_event(f, &first, EVENT_REJECTED, 0); /* not this one's: ignored */
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_IN_FLIGHT);
    tell_event(f, &second, EVENT_ACCEPTED, 0);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SUBMISSIONS, .id = STR("a")}, NULL),
                     2);
    f->integration = 99;
    struct store_claim claim = {.op.done = fixture_stop, .integration = 99, .max = 1};
    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.op.status, E_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_claim_hands_out_and_record_ends),
        CASE(test_claim_keeps_to_types_and_bytes),
        CASE(test_walk_is_bounded_and_goes_on),
        CASE(test_walks_pick_as_named),
        CASE(test_retry_waits_for_its_time),
        CASE(test_what_is_new_goes_first_when_asked),
        CASE(test_an_uncounted_attempt_is_no_try),
        CASE(test_release_counts_no_try),
        CASE(test_lease_runs_out),
        CASE(test_newer_version_waits_for_the_older),
        CASE(test_newer_goes_in_place_of_a_retry),
        CASE(test_newer_goes_when_the_older_is_lost),
        CASE(test_attempts_keep_their_verdict),
        CASE(test_submissions_tell_when_they_changed),
        CASE(test_entity_tells_the_key_to_come),
        CASE(test_waiting_one_of_a_deleted_entity_is_skipped),
        CASE(test_enqueue_one_entity),
        CASE(test_enqueue_failed_ones),
        CASE(test_enqueue_rewinds),
        CASE(test_recover_makes_unknown),
        CASE(test_integrations_do_not_share),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

/* SPDX-License-Identifier: Apache-2.0
 * The contract of store.h where people look for submissions and move them by hand. Every backend.
 */
#include "store_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <tenon/tenon.h>

/* A new entity's submission, told this. */
static struct store_claimed made(struct fixture *f, const char *id, enum submission_state state,
                                 int error_class)
{
    static const enum submission_event verdicts[SUBMISSION_STATES] = {
        [SUBMISSION_SUCCEEDED] = EVENT_ACCEPTED, [SUBMISSION_RETRYING] = EVENT_RETRY,
        [SUBMISSION_FAILED] = EVENT_REJECTED,    [SUBMISSION_UNKNOWN] = EVENT_UNSURE,
        [SUBMISSION_SKIPPED] = EVENT_SKIPPED,
    };

    put(f, id, "{\"n\":1}");
    struct store_claimed record = take_one(f, WALK_CHANGED, id, 1);
    const struct store_outcome outcome = {
        .submission = record.submission,
        .attempt = record.attempt,
        .event = verdicts[state],
        .due_ms = clock_wall_ms() + 1000,
        .is_attempt = true,
        .started_ms = clock_wall_ms(),
        .error_class = error_class,
        .reason = STR("because"),
    };

    if (state != SUBMISSION_IN_FLIGHT)
        assert_int_equal(tell(f, &outcome, 1), 0);
    return record;
}

static struct store_move move(struct fixture *f, int action, bool new_key,
                              const uint64_t *submissions, size_t count)
{
    struct store_move move = {
        .op.done = fixture_stop,
        .submissions = submissions,
        .count = count,
        .new_key = new_key,
        .reason = "discarded by hand",
    };

    move.action = action;
    store_move(f->store, &move);
    fixture_wait(f, &move.op);
    assert_int_equal(move.op.status, 0);
    return move;
}

static void test_failed_ones_are_asked_for_in_pieces(void **state)
{
    struct fixture *f = *state;
    enum { MANY = STORE_ASK_MAX + 10 };
    static struct store_entity entities[MANY];
    static struct store_put_result results[MANY];
    static struct store_outcome outcomes[MANY];
    static char ids[MANY][12];
    struct store_claim claim;
    struct store_enqueue asked = {.op.done = fixture_stop, .integration = f->integration};

    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof(ids[i]), "n%d", i);
        entities[i] =
            (struct store_entity){str_of(ids[i]), STR("event"), STR("{}"), false, 0, STR_NONE, 0};
    }
    assert_int_equal(put_many(f, entities, MANY, results), 0);
    take(f, WALK_CHANGED, MANY, &claim);
    assert_int_equal(claim.count, MANY);
    for (int i = 0; i < MANY; i++)
        outcomes[i] = (struct store_outcome){.submission = claim.records[i].submission,
                                             .attempt = 1,
                                             .is_attempt = true,
                                             .event = EVENT_REJECTED};
    assert_int_equal(tell(f, outcomes, MANY), 0);
    store_claim_finish(&claim);
    asked.selector = ENQUEUE_FAILED;
    store_enqueue(f->store, &asked);
    fixture_wait(f, &asked.op);
    assert_int_equal(asked.count, STORE_ASK_MAX);
    assert_int_not_equal(asked.after, 0);
    assert_int_equal(count_of(f, SUBMISSION_FAILED), 10);
    store_enqueue(f->store, &asked);
    fixture_wait(f, &asked.op);
    assert_int_equal(asked.count, 10);
    assert_int_equal(asked.after, 0);
    assert_int_equal(count_of(f, SUBMISSION_FAILED), 0);
}

static void test_dry_run_only_counts(void **state)
{
    struct fixture *f = *state;
    uint64_t both[] = {made(f, "a", SUBMISSION_FAILED, 0).submission,
                       made(f, "b", SUBMISSION_IN_FLIGHT, 0).submission};
    struct store_move dry = {.op.done = fixture_stop,
                             .submissions = both,
                             .count = 2,
                             .new_key = true,
                             .is_dry_run = true};

    store_move(f->store, &dry);
    fixture_wait(f, &dry.op);
    assert_int_equal(dry.op.status, 0);
    assert_int_equal(dry.moved, 1);
    assert_int_equal(dry.refused[REFUSAL_IN_FLIGHT], 1);
    assert_int_equal(ask_submission(f, both[0]).row.state, SUBMISSION_FAILED);
}

static void assert_refused(const struct store_move *move, enum store_refusal refusal)
{
    assert_int_equal(move->moved, 0);
    for (int i = 0; i < REFUSALS; i++)
        assert_int_equal(move->refused[i], i == (int)refusal);
}

static void assert_list(struct fixture *f, struct store_query query, size_t count,
                        const uint64_t *numbers)
{
    const struct kept_row *rows;

    query.query = QUERY_SUBMISSIONS;
    assert_int_equal(ask(f, query, &rows), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].row.submission, numbers[i]);
}

/* Lanes take turns, each with a few rows at a time. */
static void test_lists_of_one_integration_among_others(void **state)
{
    struct fixture *f = *state;
    uint32_t both[2] = {f->integration, add_integration(f, "other")};
    uint64_t mine[40];
    size_t count = 0;

    for (int i = 0; i < 40; i++) {
        char id[8];
        snprintf(id, sizeof(id), "e-%d", i);
        fixture_at(NOW_MS + i);
        put(f, id, "1");
        for (int lane = 0; lane < 2; lane++) {
            if (lane == 0 && i % 3 == 0)
                continue;
            struct store_claim claim;
            f->integration = both[lane];
            take(f, WALK_CHANGED, 2, &claim);
            for (size_t at = 0; lane == 0 && at < claim.count; at++)
                mine[count++] = claim.records[at].submission;
            for (size_t at = 0; at < claim.count; at++)
                tell_event(f, &claim.records[at], EVENT_ACCEPTED, 0);
            store_claim_finish(&claim);
        }
    }
    f->integration = both[0];
    assert_true(count > 30);
    for (size_t i = 0; i < count / 2; i++) {
        uint64_t swapped = mine[i];
        mine[i] = mine[count - 1 - i];
        mine[count - 1 - i] = swapped;
    }
    assert_list(f, (struct store_query){.integration = both[0]}, count, mine);
    assert_list(f, (struct store_query){.integration = both[0], .after = mine[9]}, count - 10,
                mine + 10);
    assert_int_equal(ask(f,
                         (struct store_query){.query = QUERY_SUBMISSIONS,
                                              .integration = both[1],
                                              .filter.until_ms = NOW_MS + 20},
                         NULL),
                     20);
    if (strcmp(fixture_scheme, "sqlite") == 0) {
        fixture_reopen(f);
        assert_list(f, (struct store_query){.integration = both[0]}, count, mine);
    }
}

static void test_filters_pick(void **state)
{
    struct fixture *f = *state;
    uint64_t hook[6];
    uint32_t first = f->integration;

    hook[0] = made(f, "ok", SUBMISSION_SUCCEEDED, 0).submission;
    hook[1] = made(f, "bad", SUBMISSION_FAILED, TENON_E_VALIDATION).submission;
    fixture_at(NOW_MS + 100);
    hook[2] = made(f, "lost", SUBMISSION_UNKNOWN, TENON_E_UNKNOWN).submission;
    hook[3] = made(f, "worse", SUBMISSION_FAILED, TENON_E_SERVER).submission;
    hook[4] = made(f, "away", SUBMISSION_IN_FLIGHT, 0).submission;
    hook[5] = made(f, "later", SUBMISSION_RETRYING, TENON_E_SERVER).submission;
    f->integration = add_integration(f, "other");
    struct store_claim all;
    take(f, WALK_CHANGED, 10, &all);
    assert_int_equal(all.count, 6);
    tell_event(f, &all.records[1], EVENT_REJECTED, 0); /* bad */
    uint64_t other = all.records[1].submission;
    store_claim_finish(&all);

    uint32_t failed = submission_state_bit(SUBMISSION_FAILED);
    uint32_t unknown = submission_state_bit(SUBMISSION_UNKNOWN);
    assert_list(f, (struct store_query){.filter.states = failed}, 3,
                (uint64_t[]){other, hook[3], hook[1]});
    assert_list(f, (struct store_query){.filter.states = failed, .integration = first}, 2,
                (uint64_t[]){hook[3], hook[1]});
    assert_list(f, (struct store_query){.filter.states = failed | unknown, .integration = first}, 3,
                (uint64_t[]){hook[3], hook[2], hook[1]});
    uint32_t in_flight = submission_state_bit(SUBMISSION_IN_FLIGHT);
    assert_list(f, (struct store_query){.filter.states = failed | in_flight, .integration = first},
                3, (uint64_t[]){hook[4], hook[3], hook[1]});
    assert_list(f, (struct store_query){.filter.states = in_flight, .integration = first}, 1,
                (uint64_t[]){hook[4]});
    uint32_t succeeded = submission_state_bit(SUBMISSION_SUCCEEDED);
    assert_list(f, (struct store_query){.filter.states = failed | succeeded, .integration = first},
                3, (uint64_t[]){hook[3], hook[1], hook[0]});
    assert_list(f, (struct store_query){.filter.states = failed, .id = STR("bad")}, 2,
                (uint64_t[]){other, hook[1]});
    assert_list(f, (struct store_query){.filter.states = succeeded, .id = STR("bad")}, 0, NULL);
    assert_list(f, (struct store_query){.filter.error_class = TENON_E_SERVER, .integration = first},
                2, (uint64_t[]){hook[5], hook[3]});
    assert_list(f,
                (struct store_query){.filter = {.states = failed, .since_ms = NOW_MS + 100},
                                     .integration = first},
                1, (uint64_t[]){hook[3]});
    assert_list(f,
                (struct store_query){.filter = {.states = failed, .until_ms = NOW_MS + 100},
                                     .integration = first},
                1, (uint64_t[]){hook[1]});
    assert_list(f, (struct store_query){.filter.states = failed, .after = hook[3]}, 1,
                (uint64_t[]){hook[1]});
    assert_list(f, (struct store_query){.filter.states = failed, .limit = 2}, 2,
                (uint64_t[]){other, hook[3]});
}

static void test_list_brings_the_data_when_asked(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_query query = {.query = QUERY_SUBMISSIONS};

    made(f, "a", SUBMISSION_FAILED, 0);
    assert_int_equal(ask(f, query, &rows), 1);
    assert_string_equal(rows[0].data, "");
    query.with_data = true;
    assert_int_equal(ask(f, query, &rows), 1);
    assert_string_equal(rows[0].data, "{\"n\":1}");
}

static uint64_t seen_last;
static size_t seen_count;

static bool see(struct store_query *query, const struct store_row *row)
{
    (void)query;
    seen_last = row->submission;
    seen_count++;
    return true;
}

/* One page after the other; how many pages it took. */
static int page_through(struct fixture *f, struct store_query query)
{
    int pages = 0;

    seen_count = 0;
    do {
        query.query = QUERY_SUBMISSIONS;
        query.op.done = fixture_stop;
        query.row = see;
        store_query(f->store, &query);
        fixture_wait(f, &query.op);
        assert_int_equal(query.op.status, 0);
        assert_true(query.next == 0 || query.after == 0 || query.next < query.after);
        query.after = query.next;
        pages++;
    } while (query.next != 0);
    return pages;
}

static void test_list_is_bounded_and_goes_on(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 2 * STORE_LOOK_MAX + 10, GROUP = 1000 };
    static struct store_entity entities[GROUP];
    static struct store_put_result results[GROUP];
    static char ids[GROUP][12];
    struct store_claim claim;
    uint64_t bad = made(f, "bad", SUBMISSION_FAILED, TENON_E_SERVER).submission;

    for (int at = 0; at < MANY; at += GROUP) {
        for (int i = 0; i < GROUP; i++) {
            snprintf(ids[i], sizeof(ids[i]), "n%d", at + i);
            entities[i] = (struct store_entity){
                str_of(ids[i]), STR("event"), STR("{}"), false, 0, STR_NONE, 0};
        }
        assert_int_equal(put_many(f, entities, GROUP, results), 0);
        take(f, WALK_CHANGED, GROUP, &claim);
        assert_int_equal(claim.count, GROUP);
        struct store_outcome outcomes[GROUP];
        for (int i = 0; i < GROUP; i++)
            outcomes[i] = (struct store_outcome){.submission = claim.records[i].submission,
                                                 .attempt = 1,
                                                 .is_attempt = true,
                                                 .error_class = TENON_E_VALIDATION,
                                                 .event = EVENT_REJECTED};
        assert_int_equal(tell(f, outcomes, GROUP), 0);
        store_claim_finish(&claim);
    }
    assert_true(page_through(f, (struct store_query){.filter.error_class = TENON_E_SERVER}) >= 3);
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen_last, bad);
    struct store_filter failed = {.states = submission_state_bit(SUBMISSION_FAILED),
                                  .error_class = TENON_E_SERVER};
    assert_true(page_through(f, (struct store_query){.filter = failed}) >= 3);
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen_last, bad);
    failed.error_class = 0;
    page_through(f, (struct store_query){.filter = failed, .limit = 700});
    assert_int_equal(seen_count,
                     1 + (MANY + GROUP - 1) / GROUP * GROUP); /* none twice, none left out */
}

static void test_retry_takes_up_what_ended(void **state)
{
    static const enum submission_state ended[] = {SUBMISSION_FAILED, SUBMISSION_SUCCEEDED,
                                                  SUBMISSION_SKIPPED, SUBMISSION_UNKNOWN,
                                                  SUBMISSION_RETRYING};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
        struct store_claimed first = made(f, submission_state_name(ended[i]), ended[i], 0);
        struct store_move done = move(f, MOVE_RETRY, false, &first.submission, 1);
        assert_int_equal(done.moved, 1);
        struct kept_row row = ask_submission(f, first.submission);
        assert_int_equal(row.row.state, SUBMISSION_PENDING);
        struct store_claimed again = take_one(f, WALK_NONE, submission_state_name(ended[i]), 1);
        assert_int_equal(again.submission, first.submission);
        assert_int_equal(again.attempt, 2);
        bool was_over = ended[i] != SUBMISSION_UNKNOWN && ended[i] != SUBMISSION_RETRYING;
        assert_int_equal(again.tries, was_over ? 1 : 2);
        assert_string_equal(again.key, first.key);
        assert_int_equal(again.was_unknown, ended[i] == SUBMISSION_UNKNOWN);
        tell_event(f, &again, EVENT_ACCEPTED, 0);
    }
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 5);
}

static void test_a_new_key_is_kept(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = made(f, "a", SUBMISSION_SUCCEEDED, 0);
    const struct kept_row *rows;

    assert_int_equal(move(f, MOVE_RETRY, true, &first.submission, 1).moved, 1);
    if (strcmp(fixture_scheme, "sqlite") == 0)
        fixture_reopen(f);
    struct store_claimed again = take_one(f, WALK_NONE, "a", 1);
    assert_string_not_equal(again.key, first.key);
    assert_string_equal(ask_submission(f, first.submission).key, again.key);
    assert_int_equal(ask(f,
                         (struct store_query){
                             .query = QUERY_ENTITY, .id = STR("a"), .integration = f->integration},
                         &rows),
                     1);
    assert_string_equal(rows[0].key, again.key);
    tell_event(f, &again, EVENT_REJECTED, 0);
    assert_int_equal(move(f, MOVE_RETRY, false, &first.submission, 1).moved, 1);
    struct store_claimed third = take_one(f, WALK_NONE, "a", 1);
    assert_string_equal(third.key, again.key); /* the last one asked for stays */
    tell_event(f, &third, EVENT_REJECTED, 0);
    assert_int_equal(move(f, MOVE_RETRY, true, &first.submission, 1).moved, 1);
    assert_string_not_equal(take_one(f, WALK_NONE, "a", 1).key, again.key);
}

static void test_discard_ends_what_waits_or_failed(void **state)
{
    static const enum submission_state waiting[] = {SUBMISSION_FAILED, SUBMISSION_UNKNOWN,
                                                    SUBMISSION_RETRYING};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
        struct store_claimed one = made(f, submission_state_name(waiting[i]), waiting[i], 0);
        assert_int_equal(move(f, MOVE_DISCARD, false, &one.submission, 1).moved, 1);
        struct kept_row row = ask_submission(f, one.submission);
        assert_int_equal(row.row.state, SUBMISSION_SKIPPED);
        assert_string_equal(row.reason, "discarded by hand");
    }
    fixture_at(NOW_MS + 5000);
    take_none(f, WALK_CHANGED);
    assert_int_equal(f->next_due_ms, 0);
}

static void test_moves_refuse(void **state)
{
    struct fixture *f = *state;
    uint64_t nobody = 4711;
    struct store_move done = move(f, MOVE_RETRY, false, &nobody, 1);

    assert_refused(&done, REFUSAL_NOT_FOUND);
    struct store_claimed away = made(f, "a", SUBMISSION_IN_FLIGHT, 0);
    done = move(f, MOVE_RETRY, false, &away.submission, 1);
    assert_refused(&done, REFUSAL_IN_FLIGHT);
    done = move(f, MOVE_DISCARD, false, &away.submission, 1);
    assert_refused(&done, REFUSAL_IN_FLIGHT);
    tell_event(f, &away, EVENT_ACCEPTED, 0);
    done = move(f, MOVE_DISCARD, false, &away.submission, 1);
    assert_refused(&done, REFUSAL_OVER);
    put(f, "a", "2");
    struct store_claimed newer = take_one(f, WALK_CHANGED, "a", 2);
    tell_event(f, &newer, EVENT_RETRY, NOW_MS + 50);
    done = move(f, MOVE_RETRY, false, &away.submission, 1);
    assert_refused(&done, REFUSAL_SUPERSEDED);
    put(f, "a", "3");
    struct store_claimed newest = take_one(f, WALK_CHANGED, "a", 3);
    done = move(f, MOVE_RETRY, false, &newer.submission, 1);
    assert_refused(&done, REFUSAL_SUPERSEDED);
    done = move(f, MOVE_DISCARD, false, &newer.submission, 1);
    assert_refused(&done, REFUSAL_SUPERSEDED);
    tell_event(f, &newest, EVENT_REJECTED, 0);
    drop(f, "a");
    done = move(f, MOVE_RETRY, false, &newest.submission, 1);
    assert_refused(&done, REFUSAL_DELETED);
    uint64_t both[] = {newest.submission, nobody};
    done = move(f, MOVE_DISCARD, false, both, 2);
    assert_int_equal(done.moved, 1);
    assert_int_equal(done.refused[REFUSAL_NOT_FOUND], 1);
}

/* The row of "a" that waits; there is one. */
static struct kept_row the_pending(struct fixture *f)
{
    const struct kept_row *rows;

    assert_int_equal(
        ask(f,
            (struct store_query){.query = QUERY_SUBMISSIONS,
                                 .filter.states = submission_state_bit(SUBMISSION_PENDING)},
            &rows),
        1);
    return rows[0];
}

/* What waits behind an older version goes when that one ends, by hand or not. */
static void test_retry_leaves_the_blocked_alone(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = made(f, "a", SUBMISSION_IN_FLIGHT, 0);

    put(f, "a", "2");
    take_none(f, WALK_CHANGED);
    uint64_t blocked = the_pending(f).row.submission;
    struct store_move done = move(f, MOVE_RETRY, false, &blocked, 1);
    assert_refused(&done, REFUSAL_IN_FLIGHT);
    assert_int_equal(move(f, MOVE_DISCARD, false, &blocked, 1).moved, 1);
    put(f, "a", "3");
    take_none(f, WALK_CHANGED); /* the discarded one does not hide the one in flight below it */
    tell_event(f, &first, EVENT_ACCEPTED, 0);
    struct store_claimed third = take_one(f, WALK_CHANGED, "a", 3);
    tell_event(f, &third, EVENT_ACCEPTED, 0);
    take_none(f, WALK_CHANGED);
}

/* Version 1 is lost with the daemon while version 2 stands behind it. */
static struct store_claimed lost_before_a_newer(struct fixture *f)
{
    struct store_claimed first = made(f, "a", SUBMISSION_IN_FLIGHT, 0);

    put(f, "a", "2");
    take_none(f, WALK_CHANGED);
    assert_int_equal(the_pending(f).row.due_ms, 0);
    assert_int_equal(recover(f), 1);
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_UNKNOWN);
    assert_int_equal(the_pending(f).row.due_ms, NOW_MS);
    return first;
}

static void test_discard_of_a_lost_one_lets_the_newer_go(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = lost_before_a_newer(f);

    assert_int_equal(move(f, MOVE_DISCARD, false, &first.submission, 1).moved, 1);
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    tell_event(f, &second, EVENT_ACCEPTED, 0);
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_SKIPPED);
    take_none(f, WALK_CHANGED);
    assert_int_equal(f->next_due_ms, 0);
}

/* Nothing is in flight, so there is nothing to wait for. */
static void test_what_stood_behind_a_lost_one_may_be_retried(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = lost_before_a_newer(f);
    uint64_t number = the_pending(f).row.submission;

    fixture_at(NOW_MS + 1);
    assert_int_equal(move(f, MOVE_RETRY, false, &number, 1).moved, 1);
    struct store_claimed second = take_one(f, WALK_CHANGED, "a", 2);
    assert_int_equal(second.submission, number);
    assert_int_equal(ask_submission(f, first.submission).row.state, SUBMISSION_SUPERSEDED);
    take_none(f, WALK_CHANGED);
}

/* The walk goes first, and sees the lost one below what was discarded above it. */
static void test_a_discarded_one_hides_no_lost_one(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = lost_before_a_newer(f);
    uint64_t number = the_pending(f).row.submission;
    struct store_claim claim = {.op.done = fixture_stop,
                                .integration = f->integration,
                                .walk = WALK_CHANGED,
                                .max = 1,
                                .lease_until_ms = NOW_MS + LEASE_MS,
                                .new_first = true};

    assert_int_equal(move(f, MOVE_DISCARD, false, &number, 1).moved, 1);
    put(f, "a", "3");
    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.count, 1);
    assert_int_equal(claim.records[0].version, 3);
    store_claim_finish(&claim);
    assert_string_equal(ask_submission(f, first.submission).reason, "version 3 goes instead");
}

/* The data of an older version is gone, so the present one goes in its place. */
static void test_retry_of_an_older_last_word_sends_the_present(void **state)
{
    struct fixture *f = *state;
    struct store_claimed first = made(f, "a", SUBMISSION_SUCCEEDED, 0);

    put(f, "a", "2");
    assert_int_equal(move(f, MOVE_RETRY, false, &first.submission, 1).moved, 1);
    struct store_claimed second = take_one(f, WALK_NONE, "a", 2);
    tell_event(f, &second, EVENT_REJECTED, 0);
    put(f, "a", "3");
    take_none(f, WALK_UNSUBMITTED); /* version 1 had been delivered: that stays true */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_filters_pick),
        CASE(test_lists_of_one_integration_among_others),
        CASE(test_list_brings_the_data_when_asked),
        CASE(test_list_is_bounded_and_goes_on),
        CASE(test_retry_takes_up_what_ended),
        CASE(test_a_new_key_is_kept),
        CASE(test_discard_ends_what_waits_or_failed),
        CASE(test_moves_refuse),
        CASE(test_dry_run_only_counts),
        CASE(test_failed_ones_are_asked_for_in_pieces),
        CASE(test_retry_leaves_the_blocked_alone),
        CASE(test_discard_of_a_lost_one_lets_the_newer_go),
        CASE(test_what_stood_behind_a_lost_one_may_be_retried),
        CASE(test_a_discarded_one_hides_no_lost_one),
        CASE(test_retry_of_an_older_last_word_sends_the_present),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}

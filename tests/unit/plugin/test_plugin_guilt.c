/* SPDX-License-Identifier: Apache-2.0
 * Two integrations in one worker, each on a thread of its own. What one of them does to the worker
 * is its own doing: the other's calls are done by the next worker, or say who took the worker down.
 */
#include "plugin_fixture.h"

enum { DELIVER = PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PREPARE };

struct pair {
    struct fixture *fixture;
    struct plugin_instance *good, *bad;
    struct answer good_answer, bad_answer;
    struct plugin_record slow, evil;
};

/* `good_at` is where the good one is slow. */
static void open_pair(struct pair *pair, struct fixture *fixture, const char *good_at)
{
    *pair = (struct pair){.fixture = fixture};
    pair->good = fixture_open(fixture, "hostile_per", "good", good_at, &pair->good_answer);
    pair->bad = fixture_open(fixture, "hostile_per", "bad", "beside", &pair->bad_answer);
    assert_int_equal(pair->good_answer.status, PLUGIN_OK);
    assert_int_equal(pair->bad_answer.status, PLUGIN_OK);
    assert_ptr_equal(pair->good->worker, pair->bad->worker);
    fixture_records(fixture, "slow");
    pair->slow = fixture->records[0];
    pair->good_answer.count = 0;
}

/* The bad one's record waits in its callback for a neighbour at a slow record. */
static void start_bad(struct pair *pair, const char *type)
{
    pair->evil = pair->slow;
    pair->evil.id = STR("evil-1");
    pair->evil.type = str_of(type);
    fixture_deliver_start(pair->bad, &pair->evil, 1, DELIVER, &pair->bad_answer);
}

static void wait_for_both(struct pair *pair)
{
    fixture_wait(pair->fixture, &pair->bad_answer.count, 1);
    fixture_wait(pair->fixture, &pair->good_answer.count, 1);
}

static void close_pair(struct pair *pair)
{
    fixture_release(&pair->good_answer);
    fixture_release(&pair->bad_answer);
    plugin_instance_close(pair->good);
    plugin_instance_close(pair->bad);
}

static const struct {
    const char *type, *words;
} deaths[] = {
    {"null", "signal 11 (SIGSEGV) in transform, integration bad, record evil-1"},
    {"overflow", "signal 11 (SIGSEGV) in transform, integration bad, record evil-1"},
    {"abort", "signal 6 (SIGABRT) in transform, integration bad, record evil-1"},
    {"trap", "signal 5 (SIGTRAP) in transform, integration bad, record evil-1"},
    {"exit", "exited with status 0 in transform, integration bad, record evil-1"},
};

static void a_neighbours_batch_is_done_by_the_next_worker(void **state)
{
    struct fixture *fixture = *state;

    fixture->host->settings.quarantine_after = 100;
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        struct plugin_health health;
        struct pair pair;

        open_pair(&pair, fixture, "transform");
        start_bad(&pair, deaths[i].type);
        fixture_deliver_start(pair.good, &pair.slow, 1, DELIVER, &pair.good_answer);
        fixture_wait(fixture, &pair.bad_answer.count, 1);
        assert_int_equal(pair.good_answer.count, 0); /* it was in hand */
        wait_for_both(&pair);
        assert_contains(pair.bad_answer.words, deaths[i].words);
        assert_int_equal(pair.bad_answer.status, PLUGIN_DIED);
        assert_int_equal(pair.bad_answer.reply->culprit, 0);
        if (pair.good_answer.status != PLUGIN_OK)
            fail_msg("%s: %s", deaths[i].type, pair.good_answer.words);
        assert_int_equal(pair.good_answer.reply->request_count, 1);
        plugin_instance_health(pair.good, &health);
        assert_contains(health.last_crash, deaths[i].words);
        close_pair(&pair);
    }
}

/* The hang is the bad one's, and the good one is at a slow record when the worker is killed. */
static void a_neighbours_hang_costs_it_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct plugin_record slows[6];
    struct pair pair;

    open_pair(&pair, fixture, "transform");
    pair.bad->call_timeout_ms = 600;
    for (size_t i = 0; i < sizeof slows / sizeof *slows; i++)
        slows[i] = pair.slow;
    start_bad(&pair, "loop");
    fixture_deliver_start(pair.good, slows, sizeof slows / sizeof *slows, DELIVER,
                          &pair.good_answer);
    fixture_wait(fixture, &pair.bad_answer.count, 1);
    assert_int_equal(pair.bad_answer.status, PLUGIN_TIMED_OUT);
    assert_int_equal(pair.good_answer.count, 0);
    wait_for_both(&pair);
    assert_int_equal(pair.good_answer.status, PLUGIN_OK);
    assert_int_equal(pair.good_answer.reply->request_count, sizeof slows / sizeof *slows);
    close_pair(&pair);
}

static void a_neighbours_judge_and_test_are_asked_again(void **state)
{
    struct pair pair;

    open_pair(&pair, *state, "slow_judge");
    struct plugin_judge judge = {
        .records = &pair.slow, .count = 1, .status = 200, .headers = STR(""), .body = STR("ok")};
    start_bad(&pair, "null");
    plugin_judge(pair.good, &judge, fixture_on_reply, &pair.good_answer);
    wait_for_both(&pair);
    assert_int_equal(pair.bad_answer.status, PLUGIN_DIED);
    assert_int_equal(pair.good_answer.status, PLUGIN_OK);
    assert_int_equal(pair.good_answer.reply->outcomes[0].kind, OUTCOME_ACCEPTED);
    close_pair(&pair);

    open_pair(&pair, *state, "slow_test");
    start_bad(&pair, "null");
    plugin_test(pair.good, fixture_on_reply, &pair.good_answer);
    wait_for_both(&pair);
    assert_int_equal(pair.bad_answer.status, PLUGIN_DIED);
    assert_int_equal(pair.good_answer.status, PLUGIN_OK);
    close_pair(&pair);
}

/* Nobody knows what a submit had sent, so it is not simply done again. */
static void a_neighbours_submit_is_told_whose_doing_it_was(void **state)
{
    struct pair pair;

    open_pair(&pair, *state, "submit");
    start_bad(&pair, "null");
    fixture_deliver_start(pair.good, &pair.slow, 1, PLUGIN_STEP_SUBMIT, &pair.good_answer);
    wait_for_both(&pair);
    assert_int_equal(pair.bad_answer.status, PLUGIN_DIED);
    assert_int_equal(pair.good_answer.status, PLUGIN_DIED);
    assert_int_equal(pair.good_answer.reply->culprit, -1);
    assert_contains(pair.good_answer.words,
                    "integration bad took down the worker that had this batch in hand: worker "
                    "died: signal 11 (SIGSEGV) in transform, integration bad");
    close_pair(&pair);
}

/* _exit leaves no word: then each is told of its own call. */
static void what_leaves_no_word_is_everybodys(void **state)
{
    struct pair pair;

    open_pair(&pair, *state, "transform");
    start_bad(&pair, "leave");
    fixture_deliver_start(pair.good, &pair.slow, 1, DELIVER, &pair.good_answer);
    wait_for_both(&pair);
    assert_int_equal(pair.bad_answer.status, PLUGIN_DIED);
    assert_contains(pair.bad_answer.words, "exited with status 3 in transform, integration bad");
    assert_int_equal(pair.good_answer.status, PLUGIN_DIED);
    assert_contains(pair.good_answer.words, "exited with status 3 in transform, integration good");
    close_pair(&pair);
}

/* A word that names no call in hand is none. */
static void a_lie_about_the_guilty_is_no_word(void **state)
{
    struct pair pair;

    open_pair(&pair, *state, "transform");
    __atomic_store_n(&pair.good->worker->process.page->guilty, UINT64_MAX, __ATOMIC_RELAXED);
    start_bad(&pair, "null");
    fixture_deliver_start(pair.good, &pair.slow, 1, DELIVER, &pair.good_answer);
    wait_for_both(&pair);
    assert_contains(pair.bad_answer.words,
                    "(SIGSEGV) in transform, integration bad, record evil-1");
    assert_int_equal(pair.good_answer.status, PLUGIN_DIED);
    close_pair(&pair);
}

/* Whoever was closed meanwhile has taken its records back. */
static void what_was_closed_is_not_done_again(void **state)
{
    struct fixture *fixture = *state;
    struct answer second = {.fixture = fixture};
    struct pair pair;

    open_pair(&pair, fixture, "transform");
    start_bad(&pair, "null");
    fixture_deliver_start(pair.good, &pair.slow, 1, DELIVER, &pair.good_answer);
    fixture_deliver_start(pair.good, &pair.slow, 1, DELIVER, &second);
    plugin_instance_close(pair.good);
    assert_int_equal(pair.good_answer.status, PLUGIN_STOPPED);
    assert_int_equal(second.status, PLUGIN_STOPPED);
    fixture_release(&second);
    fixture_wait(fixture, &pair.bad_answer.count, 1);
    assert_int_equal(pair.bad_answer.status, PLUGIN_DIED);
    pair.good = NULL;
    fixture_release(&pair.bad_answer);
    fixture_deliver(pair.bad, "fine", DELIVER, &pair.bad_answer);
    assert_int_equal(pair.bad_answer.status, PLUGIN_OK);
    close_pair(&pair);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_neighbours_batch_is_done_by_the_next_worker),
        CASE(a_neighbours_hang_costs_it_nothing),
        CASE(a_neighbours_judge_and_test_are_asked_again),
        CASE(a_neighbours_submit_is_told_whose_doing_it_was),
        CASE(what_leaves_no_word_is_everybodys),
        CASE(a_lie_about_the_guilty_is_no_word),
        CASE(what_was_closed_is_not_done_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * An honest plugin in a worker, and in this process: what goes in comes out. */
#include "plugin_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DELIVER = PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PREPARE };

static void opens_and_tells_what_it_has(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "none", &answer);

    assert_int_equal(answer.status, PLUGIN_OK);
    const struct plugin_facts *facts = plugin_instance_facts(instance);
    assert_true(facts->has_transformer && facts->has_prepare && facts->has_judge &&
                facts->has_submit);
    assert_true(facts->has_test && !facts->has_submitter);
    assert_int_equal(facts->selector_count, 1);
    assert_string_equal(facts->selectors[0], "even");
    struct plugin_health health;
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "active");
    assert_int_equal(health.starts, 1);
    plugin_instance_close(instance);
}

static void delivers_through_transform_and_prepare(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "none", &answer);
    struct plugin_reply *reply =
        fixture_deliver(instance, "fine skip fine bad odd_status", DELIVER, &answer);

    assert_int_equal(reply->status, PLUGIN_OK);
    assert_int_equal(reply->outcome_count, 5);
    assert_int_equal(reply->outcomes[0].kind, OUTCOME_GOES_ON);
    assert_int_equal(reply->outcomes[1].kind, OUTCOME_SKIPPED);
    assert_true(str_is(reply->outcomes[1].message, "nothing to send"));
    assert_string_equal(reply->outcomes[1].step, "transformer");
    assert_int_equal(reply->outcomes[3].kind, OUTCOME_REJECTED);
    assert_int_equal(reply->outcomes[3].error_class, TENON_E_VALIDATION);
    assert_true(str_is(reply->outcomes[3].message, "no venue"));
    assert_int_equal(reply->outcomes[4].kind, OUTCOME_REJECTED);
    assert_contains(reply->outcomes[4].message.ptr, "77");
    /* Two requests, their indexes translated past the skipped record. */
    assert_int_equal(reply->request_count, 2);
    assert_int_equal(reply->requests[0].records[0], 0);
    assert_int_equal(reply->requests[1].records[0], 2);
    assert_int_equal(reply->requests[1].body_kind, TENON_BODY_RECORD);
    assert_true(str_is(reply->payloads[2], "{\"title\":\"Concert\"}"));
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void gives_payloads_back_without_sending(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "none", &answer);
    struct plugin_reply *reply = fixture_deliver(
        instance, "fine fine", PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PAYLOADS, &answer);

    assert_int_equal(reply->status, PLUGIN_OK);
    assert_int_equal(reply->request_count, 0);
    assert_true(str_is(reply->outcomes[1].payload, "{\"title\":\"Concert\"}"));
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void selects_and_says_why_not(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "none", &answer);
    struct plugin_reply *reply =
        fixture_deliver(instance, "fine fine", PLUGIN_STEP_SELECT | DELIVER, &answer);

    assert_int_equal(reply->outcomes[0].kind, OUTCOME_SKIPPED);
    assert_string_equal(reply->outcomes[0].step, "selector");
    assert_true(str_is(reply->outcomes[0].message, "the version is odd"));
    assert_int_equal(reply->requests[0].records[0], 1);
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void refuses_what_the_plugin_may_not_send(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "none", &answer);
    struct plugin_reply *reply =
        fixture_deliver(instance, "fine forgotten header huge", DELIVER, &answer);

    assert_int_equal(reply->request_count, 1);
    assert_int_equal(reply->outcomes[1].kind, OUTCOME_REJECTED);
    assert_int_equal(reply->outcomes[2].kind, OUTCOME_REJECTED);
    assert_int_equal(reply->outcomes[3].kind, OUTCOME_REJECTED);
    assert_contains(reply->outcomes[3].message.ptr, "16 MiB");
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void judges(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "a", "none", &answer);
    size_t count = fixture_records(fixture, "fine fine");
    struct plugin_judge judge = {fixture->records,        count,       503,
                                 STR("retry-after: 3\n"), STR("busy"), false};

    answer.count = 0;
    plugin_judge(instance, &judge, fixture_on_reply, &answer);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_OK);
    assert_int_equal(answer.reply->outcomes[1].kind, OUTCOME_RETRY);
    assert_true(str_is(answer.reply->outcomes[1].message, "busy"));
    assert_true(str_is(answer.reply->outcomes[1].external_id, "x-1"));
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void test_says_how_it_went(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "a", "test_fails", &answer);

    answer.count = 0;
    plugin_test(instance, fixture_on_reply, &answer);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_int_equal(answer.reply->error_class, TENON_E_AUTH);
    assert_string_equal(answer.words, "who are you");
    fixture_release(&answer);
    plugin_instance_close(instance);
}

/* Submitted at once, from another thread later, and from inside submit: each record accepted, once.
 */
static void submits(void **state)
{
    static const char *const ways[] = {"none", "pending", "within"};
    struct answer answer;

    for (size_t i = 0; i < 3; i++) {
        struct plugin_instance *instance =
            fixture_open(*state, "hostile", ways[i], ways[i], &answer);
        for (int round = 0; round < 3; round++) {
            struct plugin_reply *reply =
                fixture_deliver(instance, "fine fine", PLUGIN_STEP_SUBMIT, &answer);
            assert_int_equal(reply->status, PLUGIN_OK);
            assert_int_equal(reply->outcomes[0].kind, OUTCOME_ACCEPTED);
            assert_int_equal(reply->outcomes[1].kind, OUTCOME_ACCEPTED);
            fixture_release(&answer);
        }
        plugin_instance_close(instance);
    }
}

static void wrong_verdict_indexes_leave_records_unsure(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "wrong_index", &answer);
    struct plugin_reply *reply =
        fixture_deliver(instance, "fine fine", PLUGIN_STEP_SUBMIT, &answer);

    assert_int_equal(reply->outcomes[0].kind, OUTCOME_UNSURE);
    assert_int_equal(reply->outcomes[1].kind, OUTCOME_UNSURE);
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void a_job_never_completed_is_given_up_and_the_worker_lives(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_health before, after;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "a", "never", &answer);

    plugin_instance_health(instance, &before);
    size_t count = fixture_records(fixture, "fine");
    struct plugin_batch batch = {.records = fixture->records,
                                 .count = count,
                                 .steps = PLUGIN_STEP_SUBMIT,
                                 .deadline_ms = 30};
    answer.count = 0;
    plugin_deliver(instance, &batch, fixture_on_reply, &answer);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_TIMED_OUT);
    fixture_release(&answer);
    struct plugin_reply *reply = fixture_deliver(instance, "fine", DELIVER, &answer);
    assert_int_equal(reply->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_health(instance, &after);
    assert_int_equal(before.pid, after.pid);
    plugin_instance_close(instance);
}

/* The job is completed in test(), which runs when submit() has left it pending. */
static void a_job_completed_without_a_verdict_leaves_records_unsure(void **state)
{
    static const char *const ways[] = {"wordless", "stunted"};
    struct fixture *fixture = *state;
    struct plugin_health before, after;

    for (size_t i = 0; i < 2; i++) {
        struct answer answer;
        struct plugin_instance *instance =
            fixture_open(fixture, "hostile", ways[i], ways[i], &answer);
        struct answer tested = {.fixture = fixture};
        plugin_instance_health(instance, &before);
        size_t count = fixture_records(fixture, "fine fine");
        fixture_deliver_start(instance, fixture->records, count, PLUGIN_STEP_SUBMIT, &answer);
        plugin_test(instance, fixture_on_reply, &tested);
        fixture_wait(fixture, &answer.count, 1);
        fixture_wait(fixture, &tested.count, 1);
        if (answer.status != PLUGIN_OK || tested.status != PLUGIN_OK)
            fail_msg("%s: %s, %s", ways[i], answer.words, tested.words);
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(answer.reply->outcomes[j].kind, OUTCOME_UNSURE);
            assert_true(str_is(answer.reply->outcomes[j].message, "completed without a verdict"));
        }
        fixture_release(&answer);
        fixture_release(&tested);
        plugin_instance_health(instance, &after);
        assert_int_equal(before.pid, after.pid);
        plugin_instance_close(instance);
    }
}

static void a_completion_after_destroy_is_nobodys(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer, other;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "a", "late", &answer);
    struct plugin_instance *neighbour = fixture_open(fixture, "hostile", "b", "none", &other);

    fixture_records(fixture, "fine");
    fixture_deliver_start(instance, fixture->records, 1, PLUGIN_STEP_SUBMIT, &answer);
    assert_int_equal(fixture_deliver(neighbour, "fine", DELIVER, &other)->status, PLUGIN_OK);
    fixture_release(&other);
    plugin_instance_close(instance);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_STOPPED);
    fixture_release(&answer);
    fixture_wait_text(fixture, fixture->logs, "still here");
    assert_int_equal(fixture_deliver(neighbour, "fine", DELIVER, &other)->status, PLUGIN_OK);
    fixture_release(&other);
    plugin_instance_close(neighbour);
}

static void logs_are_passed_on(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "a", "log", &answer);

    fixture_deliver(instance, "fine", DELIVER, &answer);
    fixture_release(&answer);
    assert_contains(fixture->logs, "1 a: seen {\"n\":1}\n");
    plugin_instance_close(instance);
}

static void a_failed_open_says_which_callback(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "a", "refused", &answer);

    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_string_equal(answer.words, "validate: at: 'refused' is not wanted here");
    plugin_instance_close(instance);
    instance = fixture_open(*state, "hostile", "a", "activate_fails", &answer);
    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_string_equal(answer.words, "activate: nobody there");
    struct plugin_health health;
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "failed");
    plugin_instance_close(instance);
}

static void a_table_that_is_not_its_note_is_refused(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "liar", "a", "none", &answer);

    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_contains(answer.words, "note says liar 1.0, its table says liar 6.6");
    plugin_instance_close(instance);
    instance = fixture_open(*state, "demanding", "a", "none", &answer);
    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_contains(answer.words, "flags 0x10000000000");
    plugin_instance_close(instance);
}

static void instances_share_a_worker_and_end_it_with_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_health first, second;
    struct plugin_instance *a = fixture_open(fixture, "hostile", "a", "none", &answer);
    struct plugin_instance *b = fixture_open(fixture, "hostile", "b", "none", &answer);

    plugin_instance_health(a, &first);
    plugin_instance_health(b, &second);
    assert_int_equal(first.pid, second.pid);
    plugin_instance_close(a);
    assert_int_equal(fixture_deliver(b, "fine", DELIVER, &answer)->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_close(b);
    while (fixture->host->workers != NULL)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
}

static void per_integration_calls_run_beside_each_other(void **state)
{
    struct fixture *fixture = *state;
    struct answer slow, quick;

    fixture->timeout_ms = fixture->is_inprocess ? 20000 : 400;
    struct plugin_instance *a = fixture_open(fixture, "hostile_per", "a", "pending", &slow);
    struct plugin_instance *b = fixture_open(fixture, "hostile_per", "b", "none", &quick);
    if (!fixture->is_inprocess) { /* a loops until its deadline; b is served meanwhile */
        plugin_instance_close(a);
        a = fixture_open(fixture, "hostile_per", "a", "transform", &slow);
        fixture_records(fixture, "loop");
        static struct plugin_record looping;
        looping = fixture->records[0];
        fixture_deliver_start(a, &looping, 1, DELIVER, &slow);
        assert_int_equal(fixture_deliver(b, "fine fine", DELIVER, &quick)->status, PLUGIN_OK);
        fixture_release(&quick);
        assert_int_equal(slow.count, 0);
        fixture_wait(fixture, &slow.count, 1);
        assert_int_equal(slow.status, PLUGIN_TIMED_OUT);
        assert_contains(slow.words, "transform, integration a, record evt-1 (1 of 1)");
        fixture_release(&slow);
    }
    assert_int_equal(fixture_deliver(b, "fine fine", DELIVER, &quick)->status, PLUGIN_OK);
    fixture_release(&quick);
    plugin_instance_close(a);
    plugin_instance_close(b);
}

static void a_pin_runs_a_sealed_copy(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct catalog_entry entry;

    fixture_entry("hostile", &entry);
    fixture->pin = "0000000000000000000000000000000000000000000000000000000000000000";
    assert_null(fixture_open_entry(fixture, &entry, "a", "none", &answer));
    assert_contains(answer.words, "but the integration pins 0000");
    fixture->pin = entry.sha256;
    struct plugin_instance *instance = fixture_open_entry(fixture, &entry, "a", "none", &answer);
    assert_int_equal(answer.status, PLUGIN_OK);
    assert_int_equal(fixture_deliver(instance, "fine", DELIVER, &answer)->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_close(instance);
    fixture_entry_finish(&entry);
}

static void many_batches_at_once_are_answered_in_order(void **state)
{
    enum { BATCHES = 50 };
    struct fixture *fixture = *state;
    static struct answer answers[BATCHES];
    struct answer opened;
    struct plugin_instance *instance = fixture_open(fixture, "plain", "a", "none", &opened);
    size_t count = fixture_records(fixture, "x x x x x x x x");

    for (size_t i = 0; i < BATCHES; i++) {
        answers[i].fixture = fixture;
        fixture_deliver_start(instance, fixture->records, count, DELIVER, &answers[i]);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        fixture_wait(fixture, &answers[i].count, 1);
        assert_int_equal(answers[i].reply->request_count, count);
        fixture_release(&answers[i]);
    }
    plugin_instance_close(instance);
}

static int setup_inprocess(void **state)
{
    int status = fixture_setup(state);

    ((struct fixture *)*state)->is_inprocess = true;
    return status;
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown),                        \
    {                                                                                              \
#test " in process", test, setup_inprocess, fixture_teardown, NULL                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(opens_and_tells_what_it_has),
        BOTH(delivers_through_transform_and_prepare),
        BOTH(gives_payloads_back_without_sending),
        BOTH(selects_and_says_why_not),
        BOTH(refuses_what_the_plugin_may_not_send),
        BOTH(judges),
        BOTH(test_says_how_it_went),
        BOTH(submits),
        BOTH(wrong_verdict_indexes_leave_records_unsure),
        BOTH(a_job_never_completed_is_given_up_and_the_worker_lives),
        BOTH(a_job_completed_without_a_verdict_leaves_records_unsure),
        BOTH(a_completion_after_destroy_is_nobodys),
        BOTH(logs_are_passed_on),
        BOTH(a_failed_open_says_which_callback),
        BOTH(a_table_that_is_not_its_note_is_refused),
        BOTH(instances_share_a_worker_and_end_it_with_the_last),
        BOTH(per_integration_calls_run_beside_each_other),
        BOTH(many_batches_at_once_are_answered_in_order),
        cmocka_unit_test_setup_teardown(a_pin_runs_a_sealed_copy, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

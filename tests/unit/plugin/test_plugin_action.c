/* SPDX-License-Identifier: Apache-2.0
 * Actions: what is declared, what arguments are refused before the plugin sees them, what comes
 * back, and whose fault it is when nothing does. */
#include "plugin_fixture.h"

#include <signal.h>

static struct plugin_reply *act(struct plugin_instance *instance, const char *name,
                                const char *arguments, struct answer *out)
{
    out->count = 0;
    out->reply = NULL;
    plugin_action(instance, str_of(name), str_of(arguments), fixture_on_reply, out);
    fixture_wait(out->fixture, &out->count, 1);
    return out->reply;
}

static void check_result(struct plugin_instance *instance, struct answer *answer)
{
    struct plugin_reply *reply =
        act(instance, "gather", "{\"a\":-5,\"b\":2,\"c\":true,\"d\":\"x\\u00e9\",\"e\":{\"y\":[]}}",
            answer);

    assert_int_equal(reply->status, PLUGIN_OK);
    assert_true(str_is(reply->result, "[-5,2,true,\"x\xc3\xa9\",{\"y\":[]}]"));
    fixture_release(answer);
    reply = act(instance, "look", "{\"what\":\"fine\"}", answer);
    assert_true(str_is(reply->result, "null"));
    fixture_release(answer);
}

static void a_result_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    for (int i = 0; i < 2; i++) {
        fixture->is_inprocess = i == 1;
        struct plugin_instance *instance =
            fixture_open(fixture, i == 0 ? "hostile" : "hostile_per", "x", "none", &answer);
        size_t count;
        const struct plugin_action *actions = plugin_instance_actions(instance, &count);
        assert_int_equal(count, 4);
        assert_true(actions[0].is_read_only && !actions[1].is_read_only);
        assert_true(actions[0].parameters[0].is_required);
        assert_string_equal(actions[0].parameters[4].type, "json");
        check_result(instance, &answer);
        plugin_instance_close(instance);
    }
}

/* An empty text is a text: it is there. */
static void check_empty_text(struct plugin_instance *instance, struct answer *answer)
{
    assert_int_equal(act(instance, "look", "{\"what\":\"\"}", answer)->status, PLUGIN_OK);
    fixture_release(answer);
}

static void arguments_are_held_against_the_declaration(void **state)
{
    static const char *const cases[][2] = {
        {"{\"a\":6,\"b\":1,\"c\":true,\"d\":\"\",\"e\":1}", "parameter 'a': '6' is out of range"},
        {"{\"a\":1e0,\"b\":1,\"c\":true,\"d\":\"\",\"e\":1}", "expected integer (-5..5), came"},
        {"{\"a\":1,\"b\":\"1\",\"c\":true,\"d\":\"\",\"e\":1}", "'b': expected number, came text"},
        {"{\"a\":1,\"b\":1e999,\"c\":true,\"d\":\"\",\"e\":1}", "'b': '1e999' is out of range"},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":\"\",\"e\":1}", "'c': expected boolean, came number 1"},
        {"{\"a\":1,\"b\":1,\"c\":true,\"d\":[],\"e\":1}", "'d': expected text, came an array"},
        {"{\"a\":1,\"b\":1,\"c\":true,\"d\":\"\"}", "parameter 'e' is missing; expected json"},
        {"{\"z\":1}", "there is no parameter 'z'; gather takes a, b, c, d, e"},
        {"", "parameter 'a' is missing; expected integer (-5..5): A number"},
        {"[]", "expected the arguments as a JSON object"},
        {"{\"a\":", "the arguments are no JSON"},
    };
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "x", "none", &answer);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plugin_reply *reply = act(instance, "gather", cases[i][0], &answer);
        assert_int_equal(reply->status, PLUGIN_FAILED);
        assert_int_equal(reply->error_class, TENON_E_VALIDATION);
        assert_contains(reply->words, cases[i][1]);
        fixture_release(&answer);
    }
    struct plugin_health health;
    plugin_instance_health(instance, &health);
    assert_int_equal(health.calls, 0); /* the plugin has seen none of it */
    check_empty_text(instance, &answer);
    assert_int_equal(act(instance, "nobody", "{}", &answer)->error_class, TENON_E_UNSUPPORTED);
    fixture_release(&answer);
    struct plugin_reply *reply = act(instance, "do", "{\"what\":\"fail\"}", &answer);
    assert_int_equal(reply->status, PLUGIN_FAILED);
    assert_int_equal(reply->error_class, TENON_E_RATE_LIMITED);
    assert_int_equal(reply->retry_after_ms, 70);
    assert_string_equal(reply->words, "too fast");
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void a_crash_names_the_action_and_its_class_says_what_is_known(void **state)
{
    static const struct {
        const char *action, *what;
        enum plugin_status status;
        int error_class;
        const char *words;
    } cases[] = {
        {"do", "{\"what\":\"null\"}", PLUGIN_DIED, TENON_E_UNKNOWN,
         "signal 11 (SIGSEGV) in action do, integration x"},
        {"look", "{\"what\":\"abort\"}", PLUGIN_DIED, TENON_E_CONNECTION,
         "signal 6 (SIGABRT) in action look, integration x"},
        {"do", "{\"what\":\"loop\"}", PLUGIN_TIMED_OUT, TENON_E_UNKNOWN,
         "no answer within 400 ms in action do, integration x"},
        {"do", "{\"what\":\"garbage\"}", PLUGIN_GARBLED, TENON_E_UNKNOWN,
         "bytes that are not the worker protocol"},
    };
    struct fixture *fixture = *state;
    struct answer answer;

    fixture->timeout_ms = 400;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plugin_instance *instance = fixture_open(fixture, "hostile", "x", "none", &answer);
        struct plugin_reply *reply = act(instance, cases[i].action, cases[i].what, &answer);
        assert_contains(reply->words, cases[i].words);
        assert_int_equal(reply->status, cases[i].status);
        assert_int_equal(reply->error_class, cases[i].error_class);
        fixture_release(&answer);
        plugin_instance_close(instance);
    }
}

/* Two integrations in one worker: the neighbour's crash finds one action running that may be begun
 * again, and one that may not. */
static void what_a_neighbour_took_down_is_done_again_only_if_it_reads(void **state)
{
    static const char *const names[] = {"look", "do"};
    struct fixture *fixture = *state;
    struct answer answer;
    struct answer bystander;

    for (size_t i = 0; i < 2; i++) {
        struct plugin_instance *good =
            fixture_open(fixture, "hostile_per", "good", "none", &bystander);
        struct plugin_instance *bad =
            fixture_open(fixture, "hostile_per", "bad", "beside", &answer);
        bystander.count = 0;
        bystander.reply = NULL;
        plugin_action(good, str_of(names[i]), STR("{\"what\":\"slow\"}"), fixture_on_reply,
                      &bystander);
        struct plugin_reply *reply =
            fixture_deliver(bad, "null", PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PREPARE, &answer);
        assert_int_equal(reply->status, PLUGIN_DIED);
        fixture_wait(fixture, &bystander.count, 1);
        assert_int_equal(bystander.status, i == 0 ? PLUGIN_OK : PLUGIN_DIED);
        if (i == 1) {
            assert_int_equal(bystander.reply->error_class, TENON_E_UNKNOWN);
            assert_contains(bystander.words,
                            "integration bad took down the worker that had this call in hand");
        }
        fixture_release(&answer);
        fixture_release(&bystander);
        plugin_instance_close(good);
        plugin_instance_close(bad);
    }
}

/* Two in the pipe: the one behind the crash had not begun, and is. When nobody can say which of
 * them ran, neither is begun again. */
static void what_may_have_begun_is_not_begun_again(void **state)
{
    struct fixture *fixture = *state;
    struct answer opened;
    struct answer first = {.fixture = fixture};
    struct answer second = {.fixture = fixture};
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "x", "none", &opened);
    struct str slow = STR("{\"what\":\"slow\"}");

    plugin_action(instance, STR("do"), STR("{\"what\":\"null\"}"), fixture_on_reply, &first);
    plugin_action(instance, STR("do"), slow, fixture_on_reply, &second);
    fixture_wait(fixture, &second.count, 1);
    assert_int_equal(first.status, PLUGIN_DIED);
    assert_int_equal(second.status, PLUGIN_OK);
    fixture_release(&first);
    fixture_release(&second);

    first.count = second.count = 0;
    plugin_action(instance, STR("do"), slow, fixture_on_reply, &first);
    plugin_action(instance, STR("do"), slow, fixture_on_reply, &second);
    struct plugin_health health;
    plugin_instance_health(instance, &health);
    assert_int_equal(kill(health.pid, SIGKILL), 0);
    fixture_wait(fixture, &second.count, 1);
    assert_int_equal(first.reply->error_class, TENON_E_UNKNOWN);
    assert_int_equal(second.status, PLUGIN_DIED);
    assert_int_equal(second.reply->error_class, TENON_E_UNKNOWN);
    fixture_release(&first);
    fixture_release(&second);
    plugin_instance_close(instance);
}

/* Two go to the worker, the third waits here, and is never begun when nobody wants it any more. */
static void what_has_not_begun_is_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct answer opened;
    struct answer answers[3];
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "x", "none", &opened);
    struct plugin_health health;

    for (size_t i = 0; i < 3; i++) {
        answers[i] = (struct answer){.fixture = fixture};
        plugin_action(instance, STR("do"), STR("{\"what\":\"slow\"}"), fixture_on_reply,
                      &answers[i]);
    }
    for (size_t i = 1; i < 3; i++)
        plugin_action_cancel(instance, fixture_on_reply, &answers[i]);
    for (size_t i = 0; i < 3; i++)
        fixture_wait(fixture, &answers[i].count, 1);
    assert_int_equal(answers[0].status, PLUGIN_OK);
    assert_int_equal(answers[1].status, PLUGIN_OK); /* it had gone */
    assert_int_equal(answers[2].status, PLUGIN_FAILED);
    assert_int_equal(answers[2].reply->error_class, TENON_E_CANCELLED);
    for (size_t i = 0; i < 3; i++)
        fixture_release(&answers[i]);
    plugin_instance_health(instance, &health);
    assert_int_equal(health.crashes, 0);
    plugin_instance_close(instance);
}

static void a_close_does_not_say_that_nothing_happened(void **state)
{
    static const struct {
        const char *action;
        int error_class;
    } cases[] = {{"look", TENON_E_CANCELLED}, {"do", TENON_E_UNKNOWN}};
    struct fixture *fixture = *state;
    struct answer answer;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plugin_instance *instance = fixture_open(fixture, "hostile", "x", "none", &answer);
        answer.count = 0;
        plugin_action(instance, str_of(cases[i].action), STR("{\"what\":\"slow\"}"),
                      fixture_on_reply, &answer);
        plugin_instance_close(instance);
        fixture_wait(fixture, &answer.count, 1);
        assert_int_equal(answer.status, PLUGIN_STOPPED);
        assert_int_equal(answer.reply->error_class, cases[i].error_class);
        fixture_release(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_result_comes_back, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(arguments_are_held_against_the_declaration, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_crash_names_the_action_and_its_class_says_what_is_known,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_a_neighbour_took_down_is_done_again_only_if_it_reads,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_may_have_begun_is_not_begun_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_has_not_begun_is_cancelled, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_close_does_not_say_that_nothing_happened, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

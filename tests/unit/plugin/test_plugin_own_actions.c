/* SPDX-License-Identifier: Apache-2.0
 * Actions that one integration has because of its settings: told, called, told anew after a crash,
 * and declarations that make no sense. */
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

static void check_result(struct plugin_instance *instance, const char *name, const char *arguments,
                         const char *result, struct answer *answer)
{
    struct plugin_reply *reply = act(instance, name, arguments, answer);

    assert_string_equal(reply->words, "");
    assert_int_equal(reply->status, PLUGIN_OK);
    assert_true(str_is(reply->result, result));
    fixture_release(answer);
}

static void each_integration_has_what_it_declared(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct answer other;
    size_t count;

    for (int i = 0; i < 2; i++) {
        fixture->is_inprocess = i == 1;
        struct plugin_instance *two = fixture_open(fixture, "own", "x", "two", &answer);
        struct plugin_instance *none = fixture_open(fixture, "own", "y", "none", &other);
        const struct plugin_action *actions = plugin_instance_actions(two, &count);
        assert_int_equal(count, 3);
        assert_true(str_is(actions[0].name, "shared") && str_is(actions[1].name, "gather"));
        assert_int_equal(actions[1].parameter_count, 4);
        assert_false(actions[1].is_read_only || actions[1].parameters[3].is_required);
        check_result(two, "gather", "{\"a\":-7,\"b\":0.5,\"c\":true}", "[-7,0.5,1,\"none\"]",
                     &answer);
        check_result(two, "twice", "{\"number\":21}", "42", &answer);
        check_result(two, "shared", "", "\"two\"", &answer);
        (void)plugin_instance_actions(none, &count);
        assert_int_equal(count, 1);
        check_result(none, "shared", "", "\"none\"", &other);
        assert_int_equal(act(none, "twice", "{\"number\":1}", &other)->error_class,
                         TENON_E_UNSUPPORTED);
        fixture_release(&other);
        plugin_instance_close(two);
        plugin_instance_close(none);
    }
}

static void after_a_restart_they_are_there_again(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "own", "x", "two", &answer);
    struct plugin_health health;

    plugin_instance_health(instance, &health);
    assert_int_equal(kill(health.pid, SIGKILL), 0);
    /* One call may still go to the dead; its answer is the news of the death. */
    (void)act(instance, "twice", "{\"number\":4}", &answer);
    fixture_release(&answer);
    check_result(instance, "twice", "{\"number\":4}", "8", &answer);
    plugin_instance_health(instance, &health);
    assert_int_equal(health.starts, 2);
    plugin_instance_close(instance);
}

static void declarations_that_make_no_sense_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"fails", "declare: the description cannot be had"},
        {"signature", "declare: action 'gather' has a signature that this host cannot call"},
        {"many", "is one too many: an integration may have 64"},
        {"row", "declare: action 1 of 2 ('gather'): its row 'e' is of no parameter"},
        {"again", "declare: action 2 of 3 ('gather'): it stands there twice"},
        {"known", "declare: action 'shared': the plugin has one of this name already"},
    };
    struct fixture *fixture = *state;
    struct answer answer;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plugin_instance *instance = fixture_open(fixture, "own", "x", cases[i][0], &answer);
        assert_int_equal(answer.status, PLUGIN_FAILED);
        assert_contains(answer.words, cases[i][1]);
        plugin_instance_close(instance);
    }
}

static void a_crash_in_declare_is_named(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "own", "x", "crash", &answer);

    assert_int_equal(answer.status, PLUGIN_DIED);
    assert_contains(answer.words, "in declare, integration x");
    plugin_instance_close(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_integration_has_what_it_declared, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(after_a_restart_they_are_there_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(declarations_that_make_no_sense_are_refused, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_crash_in_declare_is_named, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

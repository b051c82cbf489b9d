/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/judge.h"
#include "rules/retry.h"
#include "rules/names.h"

#include <tenon/tenon.h>

static void usual_status_codes_are_read_as_documented(void **state)
{
    (void)state;
    static const struct {
        int status, verdict, error_class;
    } rows[] = {
        {200, TENON_ACCEPTED, TENON_OK},           {204, TENON_ACCEPTED, TENON_OK},
        {301, TENON_REJECTED, TENON_E_PERMANENT},  {400, TENON_REJECTED, TENON_E_VALIDATION},
        {401, TENON_RETRY, TENON_E_AUTH},          {403, TENON_RETRY, TENON_E_AUTH},
        {404, TENON_REJECTED, TENON_E_PERMANENT},  {408, TENON_RETRY, TENON_E_SERVER},
        {422, TENON_REJECTED, TENON_E_VALIDATION}, {425, TENON_RETRY, TENON_E_SERVER},
        {429, TENON_RETRY, TENON_E_RATE_LIMITED},  {500, TENON_RETRY, TENON_E_SERVER},
        {599, TENON_RETRY, TENON_E_SERVER},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct judgement got = judge_status(rows[i].status);
        assert_int_equal(got.verdict, rows[i].verdict);
        assert_int_equal(got.error_class, rows[i].error_class);
    }
    static const struct {
        int status, verdict, error_class;
    } lookups[] = {
        {200, TENON_ACCEPTED, TENON_OK},        {404, TENON_NOT_THERE, TENON_OK},
        {410, TENON_NOT_THERE, TENON_OK},       {401, TENON_UNSURE, TENON_E_AUTH},
        {405, TENON_UNSURE, TENON_E_PERMANENT}, {429, TENON_UNSURE, TENON_E_RATE_LIMITED},
        {503, TENON_UNSURE, TENON_E_SERVER},
    };

    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
        struct judgement got = judge_lookup(lookups[i].status);
        assert_int_equal(got.verdict, lookups[i].verdict);
        assert_int_equal(got.error_class, lookups[i].error_class);
    }
    assert_string_equal(judge_class_name(TENON_E_RATE_LIMITED), "rate-limited");
    assert_string_equal(judge_class_name(-99), "unknown");
    assert_string_equal(judge_class_name(7), "unknown");
}

static void backoff_doubles_up_to_its_ceiling_with_full_jitter(void **state)
{
    (void)state;
    const struct retry_policy policy = {12, 1000, 60000, 3600000};

    for (uint64_t random = 0; random < 200000; random += 77) {
        assert_in_range(retry_delay_ms(&policy, 1, 0, random), 1, 1000);
        assert_in_range(retry_delay_ms(&policy, 3, 0, random), 1, 4000);
        assert_in_range(retry_delay_ms(&policy, 40, -1, random), 1, 60000);
    }
    assert_int_equal(retry_delay_ms(&policy, 3, 0, 3999), 4000);
}

static void retry_after_is_honoured_and_clamped(void **state)
{
    (void)state;
    const struct retry_policy policy = {12, 1000, 60000, 120000};

    assert_in_range(retry_delay_ms(&policy, 1, 30000, 12345), 30000, 31000);
    assert_in_range(retry_delay_ms(&policy, 1, INT64_MAX, 12345), 120000, 121000);
}

static void tries_end_at_max_attempts(void **state)
{
    (void)state;
    const struct retry_policy policy = {3, 1000, 60000, 0};

    assert_false(retry_is_exhausted(&policy, 2));
    assert_true(retry_is_exhausted(&policy, 3));
}

static void a_list_of_names_wants_its_members_and_an_empty_one_all(void **state)
{
    (void)state;
    struct names names;

    assert_true(names_init(&names, " event , big talk,,x", ","));
    assert_int_equal(names.count, 3);
    assert_true(names_want(&names, STR("big talk")));
    assert_false(names_want(&names, STR("big tal")));
    names_finish(&names);
    assert_true(names_init(&names, "/a /b,\n /c ", ", \t\n"));
    assert_int_equal(names.count, 3);
    assert_string_equal(names.names[0], "/a");
    assert_string_equal(names.names[2], "/c");
    names_finish(&names);
    assert_true(names_init(&names, " , ", ","));
    assert_int_equal(names.count, 0);
    names_finish(&names);
    assert_true(names_init(&names, "", ","));
    assert_true(names_want(&names, STR("anything")));
    names_finish(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_status_codes_are_read_as_documented),
        cmocka_unit_test(backoff_doubles_up_to_its_ceiling_with_full_jitter),
        cmocka_unit_test(retry_after_is_honoured_and_clamped),
        cmocka_unit_test(tries_end_at_max_attempts),
        cmocka_unit_test(a_list_of_names_wants_its_members_and_an_empty_one_all),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}

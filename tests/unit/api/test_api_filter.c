/* SPDX-License-Identifier: Apache-2.0
 * Which submissions a request's body speaks of: every member, and that nothing is taken silently
 * for something else. */
#include "api/api_filter.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <tenon/tenon.h>

enum { NOW_MS = 100000000 };

static struct api_filter *read_good(const char *body)
{
    struct api_filter *filter = calloc(1, sizeof(*filter));
    struct err err = {0};

    assert_non_null(filter);
    if (api_filter_read(filter, str_of(body), &err) != 0)
        fail_msg("%s: %s", body, err.text);
    return filter;
}

static void takes_every_member(void **state)
{
    struct api_filter *filter = read_good(
        "{\"integration\":\"hooks\",\"entity\":\"e-1\",\"state\":\"failed, unknown\","
        "\"since\":\"1970-01-02T00:00:00Z\",\"until\":\"1h\",\"class\":\"validation\","
        "\"where\":\".price > \\\"10\\\"\",\"new_key\":true,\"dry_run\":true,\"all\":false,"
        "\"limit\":7,\"after\":9}");
    const struct by_query *query = &filter->query;

    (void)state;
    assert_string_equal(filter->integration.ptr, "hooks");
    assert_true(str_is(query->entity, "e-1"));
    assert_int_equal(query->filter.states, submission_state_bit(SUBMISSION_FAILED) |
                                               submission_state_bit(SUBMISSION_UNKNOWN));
    assert_int_equal(query->filter.since_ms, 86400000);
    assert_int_equal(query->filter.until_ms, NOW_MS - 3600000);
    assert_int_equal(query->filter.error_class, TENON_E_VALIDATION);
    assert_true(str_is(query->where, ".price > \"10\""));
    assert_true(query->new_key && query->is_dry_run && filter->is_narrow && !filter->is_all);
    assert_int_equal(query->limit, 7);
    assert_int_equal(query->after, 9);
    api_filter_destroy(filter);
}

static void takes_numbers(void **state)
{
    struct api_filter *filter = read_good(" {\"numbers\":[3,1,2]} ");

    (void)state;
    assert_int_equal(filter->query.number_count, 3);
    assert_int_equal(filter->query.numbers[2], 2);
    assert_false(filter->is_narrow);
    api_filter_destroy(filter);
}

static void nothing_said_is_nothing_narrowed(void **state)
{
    static const char *const bodies[] = {"", "  ", "{}", "{\"state\":null,\"where\":null}",
                                         "{\"dry_run\":true,\"limit\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct api_filter *filter = read_good(bodies[i]);
        assert_false(filter->is_narrow || filter->is_all);
        assert_int_equal(filter->query.number_count, 0);
        assert_true(filter->query.limit > 0);
        api_filter_destroy(filter);
    }
}

static void refuses_what_it_does_not_know(void **state)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"{\"stat\":\"failed\"}", "'stat' is no member"},
        {"{\"all\":\"yes\"}", "'all' is no member of this request, or not of this type"},
        {"{\"state\":7}", "'state'"},
        {"{\"state\":\"failed,gone\"}", "'gone' is none of pending, in_flight"},
        {"{\"class\":\"worse\"}", "'worse' is none of connection"},
        {"{\"since\":\"soon\"}", "neither a time"},
        {"{\"numbers\":[]}", "1 to 1000"},
        {"{\"numbers\":[1,\"2\"]}", "element 2"},
        {"{\"numbers\":[0]}", "element 1"},
        {"{\"limit\":0}", "limit: a number from 1 to 10000"},
        {"{\"limit\":10001}", "limit"},
        {"{\"after\":-1}", "after"},
        {"{\"limit\":1.5}", "'limit'"},
        {"{\"all\":true,\"all\":false}", "no JSON"}, /* which of the two? */
        {"[1]", "no JSON object"},
        {"{", "line 1"},
        {"{} {}", "no JSON"},
        {"{\"where\":\"\\u0000\"}", "no JSON"},
        {"{\"integration\":\"w\",\"entity\":\"\"}", "entity: it is empty"}, /* of all? */
        {"{\"integration\":\"\"}", "integration: it is empty"},
        {"{\"state\":\"\"}", "state: it is empty"},
        {"{\"since\":\"\"}", "since: it is empty"},
        {"{\"until\":\"\"}", "until: it is empty"},
        {"{\"class\":\"\"}", "class: it is empty"},
        {"{\"where\":\"\"}", "where: it is empty"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_filter *filter = calloc(1, sizeof(*filter));
        struct err err = {0};
        assert_true(api_filter_read(filter, str_of(cases[i].body), &err) < 0);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("%s: %s", cases[i].body, err.text);
        api_filter_destroy(filter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_member),
        cmocka_unit_test(takes_numbers),
        cmocka_unit_test(nothing_said_is_nothing_narrowed),
        cmocka_unit_test(refuses_what_it_does_not_know),
    };

    clock_freeze(NOW_MS, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

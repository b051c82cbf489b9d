/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/rate_headers.h"

static const int64_t now_ms = 1800000000000; /* 2027-01-15 08:00:00 UTC */

static void every_form_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        int64_t limit, remaining, reset_ms;
    } rows[] = {
        {"RateLimit: \"default\";r=50;t=30\nRateLimit-Policy: \"default\";q=100;w=60\n", -1, 50,
         30000},
        {"ratelimit: \"a, b; c\";r=50;t=30 , \"hour\";r=0;t=1800\n", -1, 0, 1800000},
        {"ratelimit: \"a\";r=5;t=3, \"b\";r=5;t=9\n", -1, 5, 9000},
        {"RateLimit: limit=100, remaining=50, reset=30\n", 100, 50, 30000},
        {"RateLimit-Limit: 100, 100;w=60\nRateLimit-Remaining: 50\nRateLimit-Reset: 30.5\n", 100,
         50, 30000},
        {"x-ratelimit-limit: 60\nX-RateLimit-Remaining: 0\nX-RATELIMIT-RESET: 7\n", 60, 0, 7000},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1800000060\n", -1, 0, 60000},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1800000060500\n", -1, 0, 60500},
        {"X-RateLimit-Remaining: 1\nX-RateLimit-Reset: 2027-01-15T08:00:09Z\n", -1, 1, 9000},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1700000000\n", -1, 0, 0},
        {"X-RateLimit-Remaining: 3\n", -1, 3, -1},
        {"server: x\nX-RateLimit-Remaining: 3\nRateLimit-Remaining: 2\n", -1, 2, -1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rate_headers found;

        assert_true(rate_headers_read(str_of(rows[i].lines), now_ms, &found));
        assert_int_equal(found.limit, rows[i].limit);
        assert_int_equal(found.remaining, rows[i].remaining);
        assert_int_equal(found.reset_ms, rows[i].reset_ms);
    }
}

static void nonsense_is_passed_over_and_numbers_are_clamped(void **state)
{
    (void)state;
    static const char *const nothing[] = {
        "",
        "RateLimit\n",
        "RateLimit:\n",
        "RateLimit: \"unending;r=1\n",
        "X-RateLimit-Remaining: many\n",
        "X-RateLimit-Remaining: -1\n",
        "X-RateLimit-Limit: 100\n",
        "RateLimit-Policy: 100;w=60\n",
    };
    struct rate_headers found = {1, 2, 3};

    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        assert_false(rate_headers_read(str_of(nothing[i]), now_ms, &found));
    assert_int_equal(found.remaining, 2);
    assert_true(rate_headers_read(STR("X-RateLimit-Remaining: 99999999999999999999999\n"
                                      "X-RateLimit-Reset: 99999999999999999999999\n"),
                                  now_ms, &found));
    assert_int_equal(found.remaining, 1000000000);
    assert_int_equal(found.reset_ms, RATE_HEADERS_RESET_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(nonsense_is_passed_over_and_numbers_are_clamped),
    };
    return cmocka_run_group_tests_name("rate_headers", tests, NULL, NULL);
}

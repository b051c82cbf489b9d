/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "check.h"

#include <errno.h>
#include <time.h>

static void format_and_parse_agree(void **state)
{
    char text[25];
    int64_t back;

    (void)state;
    clock_format(INT64_C(1795238640000), text);
    assert_string_equal(text, "2026-11-21T05:24:00.000Z");
    clock_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    /* A step that is no multiple of a day, through leap years and the turns of centuries; gmtime as
     * the judge. */
    for (int64_t ms = -INT64_C(62135596800000); ms < INT64_C(253402300800000);
         ms += INT64_C(7654321987)) {
        clock_format(ms, text);
        assert_int_equal(clock_parse(str_of(text), &back), 0);
        assert_true(back == ms);
        time_t seconds = (time_t)((ms - ((ms % 1000) + 1000) % 1000) / 1000);
        struct tm tm;
        char judged[25];
        assert_non_null(gmtime_r(&seconds, &tm));
        assert_int_equal(snprintf(judged, sizeof(judged), "%04d-%02d-%02dT%02d:%02d:%02d",
                                  tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                  tm.tm_min, tm.tm_sec),
                         19);
        assert_memory_equal(text, judged, 19);
    }
}

static void format_stays_in_its_25_bytes(void **state)
{
    char text[25];

    (void)state;
    clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void assert_time(int (*parse)(struct str, int64_t *), const char *text, int64_t wanted)
{
    int64_t got = 0;

    if (parse(str_of(text), &got) != 0 || got != wanted)
        fail_msg("\"%s\" reads as %lld", text, (long long)got);
}

static void assert_refused(int (*parse)(struct str, int64_t *), const char *text)
{
    int64_t got = 77;

    if (parse(str_of(text), &got) != -EINVAL || got != 77)
        fail_msg("\"%s\" is not refused", text);
}

static void rfc3339(void **state)
{
    (void)state;
    assert_time(clock_parse, "1970-01-01", 0);
    assert_time(clock_parse, "1970-01-01T00:00:00Z", 0);
    assert_time(clock_parse, "1970-01-01t00:00:01.5z", 1500);
    assert_time(clock_parse, "1970-01-01 00:00:00.123999Z", 123);
    assert_time(clock_parse, "1970-01-01T02:00:00+02:00", 0);
    assert_time(clock_parse, "1969-12-31T18:30:00-05:30", 0);
    assert_time(clock_parse, "2024-02-29", INT64_C(1709164800000));
    assert_time(clock_parse, "1990-12-31T23:59:60Z", INT64_C(662688000000));
    static const char *const wrong[] = {"",
                                        "2026",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-29",
                                        "2026-11-21T05:24:00",
                                        "2026-11-21T24:00:00Z",
                                        "2026-11-21T05:60:00Z",
                                        "2026-11-21T05:24:61Z",
                                        "2026-11-21T05:24:00.Z",
                                        "2026-11-21T05:24:00Zx",
                                        "2026-11-21T05:24Z",
                                        "2026-11-21T05:24:00+0100",
                                        "2026-11-21T05:24:00+24:00",
                                        "26-11-21",
                                        "+026-11-21"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused(clock_parse, wrong[i]);
}

static void http_dates_in_all_three_forms(void **state)
{
    int64_t wanted = INT64_C(784111777000);

    (void)state;
    clock_freeze(INT64_C(1795238640000), 0);
    assert_time(clock_parse_http, "Sun, 06 Nov 1994 08:49:37 GMT", wanted);
    assert_time(clock_parse_http, "Sunday, 06-Nov-94 08:49:37 GMT", wanted);
    assert_time(clock_parse_http, "Sun Nov  6 08:49:37 1994", wanted);
    assert_time(clock_parse_http, "Monday, 06-Nov-28 00:00:00 GMT", INT64_C(1857081600000));
    clock_freeze(-1, -1);
    static const char *const wrong[] = {"",
                                        "Sun",
                                        "06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 08:49:37",
                                        "Sun, 06 Nov 1994 08:49:37 CET",
                                        "Sun, 6 Nov 1994 08:49:37 GMT",
                                        "Sun, 31 Feb 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 08:49:37 GMT x",
                                        "Sun Nov 6 08:49:37 1994",
                                        "120"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused(clock_parse_http, wrong[i]);
}

static void durations(void **state)
{
    (void)state;
    assert_time(clock_parse_duration, "500ms", 500);
    assert_time(clock_parse_duration, "30s", 30000);
    assert_time(clock_parse_duration, "5m", 300000);
    assert_time(clock_parse_duration, "2 h", 7200000);
    assert_time(clock_parse_duration, " 7d ", 604800000);
    assert_time(clock_parse_duration, "42", 42);
    static const char *const wrong[] = {
        "", "s", "-5s", "1.5s", "5w", "5 min", "9223372036854775807d", "1h30m"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused(clock_parse_duration, wrong[i]);
}

static void times_and_how_long_ago(void **state)
{
    (void)state;
    clock_freeze(INT64_C(1000000000000), 0);
    assert_time(clock_parse_past, "2h", INT64_C(999992800000));
    assert_time(clock_parse_past, "0", INT64_C(1000000000000));
    assert_time(clock_parse_past, "1970-01-01T00:00:01Z", 1000);
    assert_time(clock_parse_past, "2026-11-21", INT64_C(1795219200000)); /* later is a time, too */
    assert_time(clock_parse_past, "9223372036854775807",
                INT64_C(1000000000000) - INT64_MAX); /* before there was time */
    assert_refused(clock_parse_past, "");
    assert_refused(clock_parse_past, "-2h");
    assert_refused(clock_parse_past, "yesterday");
    assert_time(clock_parse_coming, "2h", INT64_C(1000007200000));
    assert_time(clock_parse_coming, "2026-11-21", INT64_C(1795219200000));
    assert_time(clock_parse_coming, "106751991167d", INT64_C(253402300799999));
    assert_time(clock_parse_coming, "9223372036854775807", INT64_C(253402300799999));
    assert_refused(clock_parse_coming, "");
    assert_refused(clock_parse_coming, "-2h");
    clock_freeze(-1, -1);
}

static void assert_rate(const char *text, int64_t wanted_amount, int64_t wanted_per_ms)
{
    int64_t amount = 0;
    int64_t per_ms = 0;

    assert_int_equal(clock_parse_rate(str_of(text), &amount, &per_ms), 0);
    assert_int_equal(amount, wanted_amount);
    assert_int_equal(per_ms, wanted_per_ms);
}

static void rates(void **state)
{
    (void)state;
    assert_rate("100/s", 100, 1000);
    assert_rate(" 6000 / m ", 6000, 60000);
    assert_rate("5/10s", 5, 10000);
    assert_rate("1/d", 1, 86400000);
    assert_rate("50/500ms", 50, 500);
    static const char *const wrong[] = {"",
                                        "100",
                                        "/s",
                                        "0/s",
                                        "-1/s",
                                        "1/",
                                        "1/week",
                                        "1.5/s",
                                        "1/400d",
                                        "5/10",
                                        "1//s",
                                        "1/0s",
                                        "9223372036854775807/s",
                                        "1/longer_than_any"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t amount;
        int64_t per_ms;
        assert_int_equal(clock_parse_rate(str_of(wrong[i]), &amount, &per_ms), -EINVAL);
    }
}

static void clocks_run_and_freeze(void **state)
{
    (void)state;
    int64_t before = clock_mono_us();
    while (clock_mono_us() == before)
        ;
    assert_true(clock_mono_us() > before);
    assert_true(clock_wall_ms() / 1000 - time(NULL) <= 1);
    clock_freeze(1234, 5678);
    assert_int_equal(clock_wall_ms(), 1234);
    assert_int_equal(clock_mono_us(), 5678);
    clock_freeze(-1, -1);
    assert_true(clock_wall_ms() > INT64_C(1600000000000));
}

static void the_due_clock_goes_forward_alone(void **state)
{
    (void)state;
    int64_t before = clock_due_ms();
    assert_true(before - clock_wall_ms() < 1000 && clock_wall_ms() - before < 1000);
    clock_due_from(before - 100000);
    assert_true(clock_due_ms() - before < 10000);
    clock_due_from(before + 3600000);
    int64_t ahead = clock_due_ms();
    assert_true(ahead >= before + 3600000 && ahead < before + 3610000);
    /* To be shown, it is a time on the wall again. */
    int64_t shown = clock_due_to_wall(ahead + 5000);
    assert_true(shown > before && shown < before + 15000);
    while (clock_due_ms() == ahead)
        ;
    assert_true(clock_due_ms() > ahead);
    clock_freeze(1234, 5678);
    assert_int_equal(clock_due_ms(), 1234);
    clock_freeze(-1, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_and_parse_agree),
        cmocka_unit_test(format_stays_in_its_25_bytes),
        cmocka_unit_test(rfc3339),
        cmocka_unit_test(http_dates_in_all_three_forms),
        cmocka_unit_test(durations),
        cmocka_unit_test(times_and_how_long_ago),
        cmocka_unit_test(rates),
        cmocka_unit_test(clocks_run_and_freeze),
        cmocka_unit_test(the_due_clock_goes_forward_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The daemon's answers: whatever numbers a record holds, they can be read and are given out as they
 * were written. */
#include "cli/cli_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static void assert_shown(const char *json, const char *expected)
{
    struct json_t *parsed = cli_json_parse(str_of(json));
    _buf_ struct buf out = {0};

    assert_non_null(parsed);
    cli_json_put(&out, parsed, 0);
    cli_json_release(parsed);
    assert_false(out.failed);
    assert_string_equal(buf_str(&out).ptr, expected);
}

static void assert_unchanged(const char *json)
{
    assert_shown(json, json);
}

static void numbers_are_shown_as_they_were_written(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "7",
        "-7",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "19.99",
        "0.615",
        "-0.0",
        "1.10",
        "1E5",
        "1e400",
        "-1e-400",
        "3.14159265358979323846264338327950288",
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_unchanged(numbers[i]);
        (void)snprintf(text, sizeof(text), "{\"a\":[%s,%s,{\"b\":%s}],\"c\":%s}", numbers[i],
                       numbers[i], numbers[i], numbers[i]); /* fits */
        assert_unchanged(text);
    }
}

static void numbers_in_texts_are_texts(void **state)
{
    (void)state;
    assert_unchanged("{\"1e400\":\"1e400\"}");
    assert_unchanged("[\"\\\"1e5\\\"\",\"\\\\\",1e5,\"a\\\\u00001.5\"]");
    assert_unchanged("[\"\\\"\\\\u00001.5\\\"\"]");
    assert_unchanged("\"\"");
}

/* The daemon sends none; whoever does cannot make it pass for a number. */
static void a_nul_of_its_own_is_no_number(void **state)
{
    (void)state;
    assert_shown("\"\\u00001.5\"", "\"\xef\xbf\xbd"
                                   "1.5\"");
    assert_shown("\"a\\\"\\u0000b\"", "\"a\\\"\xef\xbf\xbd"
                                      "b\"");
}

static void members_keep_their_order(void **state)
{
    (void)state;
    assert_shown(" { \"z\" : 1.0 , \"a\" : 2 , \"m\" : [ ] , \"\" : null } ",
                 "{\"z\":1.0,\"a\":2,\"m\":[],\"\":null}");
}

static void numbers_are_read(void **state)
{
    struct json_t *json = cli_json_parse(
        STR("{\"real\":19.5,\"whole\":12,\"large\":1e400,\"text\":\"19.5\",\"none\":null}"));

    (void)state;
    assert_true(cli_json_real(json, "real") == 19.5);
    assert_true(cli_json_real(json, "whole") == 12.0);
    assert_true(cli_json_real(json, "text") == 0.0);
    assert_true(cli_json_real(json, "gone") == 0.0);
    assert_int_equal(cli_json_number(json, "whole"), 12);
    assert_int_equal(cli_json_number(json, "large"), 0);
    assert_true(cli_json_has_number(json, "whole"));
    assert_false(cli_json_has_number(json, "large"));
    assert_string_equal(cli_json_text(json, "large"), "");
    assert_string_equal(cli_json_text(json, "real"), "");
    assert_string_equal(cli_json_text(json, "text"), "19.5");
    cli_json_release(json);
}

static void what_is_no_json_stays_none(void **state)
{
    static const char *const bad[] = {
        "",      " ",     "01",    "1.",   "1.e5",    ".5",         "+1.5",
        "1.5.5", "1e5e5", "--1.5", "-",    "1.5 2.5", "{1.5:2}",    "[1.5",
        "\"",    "\"1.5", "\"\\",  "1.5x", "nul1.5",  "[\"a\"1.5]", "<html>19.99</html>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(cli_json_parse(str_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_shown_as_they_were_written),
        cmocka_unit_test(numbers_in_texts_are_texts),
        cmocka_unit_test(a_nul_of_its_own_is_no_number),
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(what_is_no_json_stays_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

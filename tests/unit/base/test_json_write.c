/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "check.h"

static void assert_unquoted(const char *value, const char *wanted)
{
    _buf_ struct buf out = {0};

    assert_int_equal(json_check(str_of(value), NULL), 0);
    json_unquote(str_of(value), &out);
    assert_str(buf_str(&out), wanted);
}

static void unquote_reads_every_escape(void **state)
{
    (void)state;
    assert_unquoted("\"\"", "");
    assert_unquoted("\"plain\"", "plain");
    assert_unquoted("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    assert_unquoted("\"a\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\"",
                    "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    assert_unquoted("\"\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff\\udbff\\udfff\"",
                    "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf");
}

static void unquote_leaves_others_alone(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    json_unquote(STR("12"), &out);
    json_unquote(STR_NONE, &out);
    assert_int_equal(out.len, 0);
}

static void assert_quoted(struct str text, const char *wanted)
{
    _buf_ struct buf out = {0};

    json_put_string(&out, text);
    assert_str(buf_str(&out), wanted);
    assert_int_equal(json_check(buf_str(&out), NULL), 0);
}

static void put_string_is_always_json(void **state)
{
    (void)state;
    assert_quoted(STR_NONE, "\"\"");
    assert_quoted(STR("plain and \xc3\xa9\xf0\x9f\x98\x80"),
                  "\"plain and \xc3\xa9\xf0\x9f\x98\x80\"");
    assert_quoted(STR("\"\\/\b\f\n\r\t\x01\x1f\x7f"),
                  "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    assert_quoted((struct str){"a\0b", 3}, "\"a\xef\xbf\xbd"
                                           "b\"");
    assert_quoted(STR("\xff\xc3(\xed\xa0\x80"),
                  "\"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_quoted(STR("cut \xe2\x82"), "\"cut \xef\xbf\xbd\xef\xbf\xbd\"");
}

static void every_byte_survives_or_is_replaced(void **state)
{
    (void)state;
    for (unsigned lead = 0; lead < 256; lead++) {
        for (unsigned next = 0; next < 256; next++) {
            char text[] = {'x', (char)lead, (char)next, 'y'};
            struct str whole = {text, sizeof(text)};
            _buf_ struct buf quoted = {0};
            _buf_ struct buf back = {0};
            json_put_string(&quoted, whole);
            assert_int_equal(json_check(buf_str(&quoted), NULL), 0);
            json_unquote(buf_str(&quoted), &back);
            assert_int_equal(str_equals(buf_str(&back), whole), str_is_utf8(whole));
        }
    }
}

static void members_get_their_commas(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    buf_putc(&out, '{');
    json_put_member(&out, "name", STR("a \"b\""));
    json_put_int(&out, "count", INT64_MIN);
    json_put_raw(&out, "list", STR("[1]"));
    buf_puts(&out, ",\"inner\":{");
    json_put_int(&out, "x", 1);
    buf_puts(&out, "}}");
    assert_str(buf_str(&out),
               "{\"name\":\"a "
               "\\\"b\\\"\",\"count\":-9223372036854775808,\"list\":[1],\"inner\":{\"x\":1}}");
    assert_int_equal(json_check(buf_str(&out), NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unquote_reads_every_escape),
        cmocka_unit_test(unquote_leaves_others_alone),
        cmocka_unit_test(put_string_is_always_json),
        cmocka_unit_test(every_byte_survives_or_is_replaced),
        cmocka_unit_test(members_get_their_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

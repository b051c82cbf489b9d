/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "check.h"

static void assert_good(const char *text)
{
    struct err err;

    if (json_check(str_of(text), &err) != 0)
        fail_msg("%s is refused: %s", text, err.text);
}

static void assert_bad(const char *text, const char *wanted)
{
    struct err err = {0};

    if (json_check(str_of(text), &err) != E_SYNTAX)
        fail_msg("%s is not refused", text);
    if (strcmp(err.text, wanted) != 0)
        fail_msg("%s is refused with\n  \"%s\", not\n  \"%s\"", text, err.text, wanted);
    assert_int_equal(json_check(str_of(text), NULL), E_SYNTAX);
}

static void good_values(void **state)
{
    static const char *const good[] = {"null",
                                       "true",
                                       " false\n",
                                       "0",
                                       "-0",
                                       "10",
                                       "-1.5",
                                       "1e5",
                                       "1E+05",
                                       "1.25e-7",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       "[ ]",
                                       "{ }",
                                       "\t[1,\r\n2 , [3]]",
                                       "{\"a\":{\"b\":[null,true]},\"a\":2}",
                                       "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
                                       "\"\\ud83d\\uDE00\"",
                                       "\"plain text longer than eight bytes\"",
                                       "\"\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 x\"",
                                       "[123456789012345678901234567890,0.1]",
                                       "{\"\":\"\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_good(good[i]);
}

static void faults_are_placed_and_explained(void **state)
{
    (void)state;
    assert_bad("", "line 1, column 1: expected a value, got the end of the text");
    assert_bad("{\n  \"a\": 1,\n  \"title\": \"T\" x}",
               "line 3, column 16: expected ',' or '}' after a member, got 'x'");
    assert_bad("[1 2]", "line 1, column 4: expected ',' or ']' after an element, got '2'");
    assert_bad("[1,]", "line 1, column 4: expected a value, got ']'");
    assert_bad("{\"a\":1,}",
               "line 1, column 8: expected a member's name in quotes after ',', got '}'");
    assert_bad("{a:1}", "line 1, column 2: expected '}' or a member's name in quotes, got 'a'");
    assert_bad("{\"a\" 1}", "line 1, column 6: expected ':' after a member's name, got '1'");
    assert_bad("{\"a\":}", "line 1, column 6: expected a value, got '}'");
    assert_bad("[", "line 1, column 2: expected a value, got the end of the text");
    assert_bad("{} {}", "line 1, column 4: expected nothing more behind the value, got '{'");
    assert_bad("\"\xc3\xa9\xc3\xa9\" x",
               "line 1, column 6: expected nothing more behind the value, got 'x'");
    assert_bad("tru", "line 1, column 1: expected a value, got 't'");
    assert_bad("'a'", "line 1, column 1: expected a value, got '''");
    assert_bad("NaN", "line 1, column 1: expected a value, got 'N'");
    assert_bad("\xef\xbb\xbf{}", "line 1, column 1: expected a value, got byte 0xef");
}

static void numbers_are_strict(void **state)
{
    (void)state;
    assert_bad("01", "line 1, column 2: expected no more digits after a leading 0, got '1'");
    assert_bad("-", "line 1, column 2: expected a digit, got the end of the text");
    assert_bad("-01", "line 1, column 3: expected no more digits after a leading 0, got '1'");
    assert_bad("+1", "line 1, column 1: expected a value, got '+'");
    assert_bad(".5", "line 1, column 1: expected a value, got '.'");
    assert_bad(
        "1.",
        "line 1, column 3: expected a digit after the decimal point, got the end of the text");
    assert_bad("[1.e5]", "line 1, column 4: expected a digit after the decimal point, got 'e'");
    assert_bad("1e", "line 1, column 3: expected a digit in the exponent, got the end of the text");
    assert_bad("1e+",
               "line 1, column 4: expected a digit in the exponent, got the end of the text");
    assert_bad("0x10", "line 1, column 2: expected nothing more behind the value, got 'x'");
}

static void strings_are_strict(void **state)
{
    (void)state;
    assert_bad("\"abc",
               "line 1, column 5: expected '\"' at the end of a string, got the end of the text");
    assert_bad(
        "\"a\nb\"",
        "line 1, column 3: expected control characters in a string to be escaped, got byte 0x0a");
    assert_bad("\"\\x\"",
               "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, got 'x'");
    assert_bad("\"\\", "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, "
                       "got the end of the text");
    assert_bad("\"\\u12g4\"",
               "line 1, column 6: expected four hexadecimal digits after \\u, got 'g'");
    assert_bad(
        "\"\\u12",
        "line 1, column 6: expected four hexadecimal digits after \\u, got the end of the text");
    assert_bad("\"\\u0000\"", "line 1, column 4: expected a character other than \\u0000, got '0'");
    assert_bad("\"\\ud800x\"", "line 1, column 8: expected the second half of a surrogate pair "
                               "(\\uDC00 to \\uDFFF), got 'x'");
    assert_bad("\"\\ud800\\u0041\"", "line 1, column 10: expected the second half of a surrogate "
                                     "pair (\\uDC00 to \\uDFFF), got '0'");
    assert_bad("\"\\udc00\"", "line 1, column 4: expected the first half of a surrogate pair "
                              "before the second (\\uDC00 to \\uDFFF), got 'd'");
    assert_bad("\"12345678\xff\"", "line 1, column 10: expected UTF-8 in a string, got byte 0xff");
    assert_bad("\"\xed\xa0\x80\"", "line 1, column 2: expected UTF-8 in a string, got byte 0xed");
    assert_bad("\"\xe2\x82\"", "line 1, column 2: expected UTF-8 in a string, got byte 0xe2");

    struct err err;
    assert_int_equal(json_check((struct str){"\"a\0b\"", 5}, &err), E_SYNTAX);
    assert_string_equal(
        err.text,
        "line 1, column 3: expected control characters in a string to be escaped, got byte 0x00");
    assert_int_equal(json_check((struct str){"{}\0", 3}, &err), E_SYNTAX);
    assert_int_equal(json_check(STR_NONE, &err), E_SYNTAX);
}

/* Every special byte at every place of the eight that are looked at together. */
static void strings_find_special_bytes_anywhere(void **state)
{
    static const unsigned char special[] = {0, 1, 0x1f, '"', '\\', 0x80, 0xc2, 0xff};

    (void)state;
    for (size_t len = 1; len < 40; len++) {
        char text[64];
        memset(text, 0x7f, sizeof(text));
        text[0] = '"';
        text[len + 1] = '"';
        assert_int_equal(json_check((struct str){text, len + 2}, NULL), 0);
        for (size_t at = 1; at <= len; at++) {
            for (size_t i = 0; i < sizeof(special); i++) {
                text[at] = (char)special[i];
                assert_int_equal(json_check((struct str){text, len + 2}, NULL), E_SYNTAX);
            }
            text[at] = at % 2 ? ' ' : '!'; /* the neighbours of 0x1f and '"' */
            assert_int_equal(json_check((struct str){text, len + 2}, NULL), 0);
        }
    }
}

static void depth_is_bounded(void **state)
{
    _buf_ struct buf text = {0};
    struct err err;

    (void)state;
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buf_puts(&text, i % 2 ? "[" : "{\"a\":");
    buf_puts(&text, "1");
    for (int i = JSON_DEPTH_MAX - 1; i >= 0; i--)
        buf_puts(&text, i % 2 ? "]" : "}");
    assert_int_equal(json_check(buf_str(&text), &err), 0);

    buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        buf_putc(&text, '[');
    assert_int_equal(json_check(buf_str(&text), &err), E_SYNTAX);
    assert_string_equal(
        err.text,
        "line 1, column 65: expected at most 64 arrays and objects inside each other, got '['");
}

static void values_one_behind_the_other(void **state)
{
    struct str rest = STR(" {\"a\":1}\n[2] \"x\"3 ");
    struct str value;
    struct err err;
    static const char *const wanted[] = {"{\"a\":1}", "[2]", "\"x\"", "3"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(json_next_value(&rest, &value, &err), 1);
        assert_str(value, wanted[i]);
    }
    assert_int_equal(json_next_value(&rest, &value, &err), 0);
    assert_int_equal(rest.len, 0);
    rest = STR("1 x");
    assert_int_equal(json_next_value(&rest, &value, &err), 1);
    assert_int_equal(json_next_value(&rest, &value, &err), E_SYNTAX);
    assert_str(rest, " x");
    rest = STR_NONE;
    assert_int_equal(json_next_value(&rest, &value, &err), 0);
}

static void picks_top_level_members(void **state)
{
    static const char *const names[] = {"id", "data", "missing", "", "caf\xc3\xa9"};
    struct str values[5] = {STR("old"), STR("old"), STR("old"), STR("old"), STR("old")};
    struct str text =
        STR("{\"id\" : 1, \"idx\":2, \"i\":3, \"data\":{\"id\":4,\"missing\":5} ,\"caf\\u00e9\":6,"
            "\"\":[ ], \"\\u0069d\":\"last\" }\n");

    (void)state;
    assert_int_equal(json_pick(text, names, 5, values), 0);
    assert_str(values[0], "\"last\"");
    assert_str(values[1], "{\"id\":4,\"missing\":5}");
    assert_null(values[2].ptr);
    assert_str(values[3], "[ ]");
    assert_str(values[4], "6");
    assert_int_equal(json_pick(STR("{}"), NULL, 0, NULL), 0);
    assert_int_equal(json_pick(STR("[]"), names, 5, values), E_SYNTAX);
    assert_int_equal(json_pick(STR("{} x"), names, 5, values), E_SYNTAX);
    assert_int_equal(json_pick(STR_NONE, names, 5, values), E_SYNTAX);
}

static void next_and_pick_in_one(void **state)
{
    static const char *const names[] = {"id"};
    struct str rest = STR("{\"id\":\"a\"} {} 5");
    struct str value;
    struct str id;
    struct err err;

    (void)state;
    assert_int_equal(json_next_picked(&rest, names, 1, &value, &id, &err), 1);
    assert_str(value, "{\"id\":\"a\"}");
    assert_str(id, "\"a\"");
    assert_int_equal(json_next_picked(&rest, names, 1, &value, &id, &err), 1);
    assert_null(id.ptr);
    assert_int_equal(json_next_picked(&rest, names, 1, &value, &id, &err), E_SYNTAX);
    assert_string_equal(err.text, "line 1, column 2: expected an object ('{'), got '5'");
    rest = STR("  ");
    assert_int_equal(json_next_picked(&rest, names, 1, &value, &id, &err), 0);
}

static void kinds(void **state)
{
    (void)state;
    assert_int_equal(json_kind_of(STR("null")), JSON_NULL);
    assert_int_equal(json_kind_of(STR("false")), JSON_FALSE);
    assert_int_equal(json_kind_of(STR("true")), JSON_TRUE);
    assert_int_equal(json_kind_of(STR("-1")), JSON_NUMBER);
    assert_int_equal(json_kind_of(STR("0")), JSON_NUMBER);
    assert_int_equal(json_kind_of(STR("\"x\"")), JSON_STRING);
    assert_int_equal(json_kind_of(STR("[]")), JSON_ARRAY);
    assert_int_equal(json_kind_of(STR("{}")), JSON_OBJECT);
    assert_int_equal(json_kind_of(STR_NONE), JSON_NULL);
}

static void members_come_in_order(void **state)
{
    struct str rest = STR(" { \"a\" : [1, {\"x\": 2}] ,\"b\":{\"a\":3},\"\":\"t, u\" , \"d\":[]} ");
    static const char *const expected[][2] = {
        {"a", "[1, {\"x\": 2}]"}, {"b", "{\"a\":3}"}, {"", "\"t, u\""}, {"d", "[]"}};
    struct str name;
    struct str value;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(json_next_member(&rest, &name, &value));
        assert_true(str_is(name, expected[i][0]));
        assert_true(str_is(value, expected[i][1]));
    }
    assert_false(json_next_member(&rest, &name, &value));
    rest = STR("{}");
    assert_false(json_next_member(&rest, &name, &value));
}

static void elements_come_in_order(void **state)
{
    static const char *const expected[] = {"[[1 ],2]", "{\"a\":[3,4]}", "\"],[\"", "-5e1", "null"};
    static const char *const none[] = {"[]", " [ \n] ", "{}", "{\"a\":[1]}", "7", "\"[1]\"", ""};
    struct str rest = STR(" [ [[1 ],2] ,{\"a\":[3,4]}\t, \"],[\",-5e1\n,null ] ");
    struct str element;

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(json_next_element(&rest, &element));
        assert_str(element, expected[i]);
    }
    assert_false(json_next_element(&rest, &element));
    assert_false(json_next_element(&rest, &element)); /* and stays so */
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        rest = str_of(none[i]);
        if (json_next_element(&rest, &element))
            fail_msg("'%s' has an element", none[i]);
    }
    rest = STR_NONE;
    assert_false(json_next_element(&rest, &element));
}

static void finds_one_member(void **state)
{
    (void)state;
    assert_str(json_find(STR(" {\"a\":1,\"b\":{\"a\":2},\"c\":\"\"} "), "a"), "1");
    assert_str(json_find(STR("{\"a\":1,\"b\":{\"a\":2}}"), "b"), "{\"a\":2}");
    assert_str(json_find(STR("{\"a\":1,\"a\":2}"), "a"), "2"); /* as json_pick has it */
    assert_str(json_find(STR("{\"c\":\"\"}"), "c"), "\"\"");
    assert_null(json_find(STR("{\"b\":{\"a\":2}}"), "a").ptr);
    assert_null(json_find(STR("{}"), "a").ptr);
    assert_null(json_find(STR("[\"a\",1]"), "a").ptr);
    assert_null(json_find(STR("{\"a\":1"), "a").ptr); /* half of it is none of it */
    assert_null(json_find(STR("\"a\""), "a").ptr);
    assert_null(json_find(STR_NONE, "a").ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values),
        cmocka_unit_test(faults_are_placed_and_explained),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(strings_are_strict),
        cmocka_unit_test(strings_find_special_bytes_anywhere),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(values_one_behind_the_other),
        cmocka_unit_test(picks_top_level_members),
        cmocka_unit_test(next_and_pick_in_one),
        cmocka_unit_test(kinds),
        cmocka_unit_test(members_come_in_order),
        cmocka_unit_test(elements_come_in_order),
        cmocka_unit_test(finds_one_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

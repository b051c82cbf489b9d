/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>

static void equality_and_prefix(void **state)
{
    (void)state;
    assert_true(str_equals(STR_NONE, STR("")));
    assert_true(str_is(STR("ab"), "ab"));
    assert_false(str_is(STR("ab"), "abc"));
    assert_true(str_starts_with(STR("Bearer x"), "Bearer "));
    assert_false(str_starts_with(STR("Be"), "Bearer "));
    assert_true(str_starts_with(STR_NONE, ""));
}

static void trim_takes_white_space_off(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t\r\na b\v\f ")), "a b");
    assert_str(str_trim(STR("  \n ")), "");
    assert_str(str_trim(STR_NONE), "");
}

static void dup_ends_with_nul(void **state)
{
    (void)state;
    char *copy = str_dup((struct str){"abcdef", 3});
    assert_string_equal(copy, "abc");
    free(copy);
    copy = str_dup(STR_NONE);
    assert_string_equal(copy, "");
    free(copy);
}

static void next_cuts_pieces(void **state)
{
    struct str rest = STR("a,,bc");
    struct str piece;

    (void)state;
    assert_true(str_next(&rest, ',', &piece));
    assert_str(piece, "a");
    assert_true(str_next(&rest, ',', &piece));
    assert_str(piece, "");
    assert_true(str_next(&rest, ',', &piece));
    assert_str(piece, "bc");
    assert_false(str_next(&rest, ',', &piece));
    rest = STR("a,");
    assert_true(str_next(&rest, ',', &piece));
    assert_false(str_next(&rest, ',', &piece));
    rest = STR_NONE;
    assert_false(str_next(&rest, ',', &piece));
}

static void words_are_what_stands_between(void **state)
{
    struct str rest = STR(", a\tb,,c\n d-e ,");
    static const char *const wanted[] = {"a", "b", "c", "d-e"};
    struct str word = STR("before");

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_next_word(&rest, ", \t\n", &word));
        assert_str(word, wanted[i]);
    }
    assert_false(str_next_word(&rest, ", \t\n", &word));
    assert_false(str_next_word(&rest, ", \t\n", &word)); /* and stays so */
    assert_str(word, "d-e");
    rest = STR_NONE;
    assert_false(str_next_word(&rest, " ", &word));
    rest = STR(" \t ");
    assert_false(str_next_word(&rest, " \t", &word));
    rest = STR("all of it");
    assert_true(str_next_word(&rest, "", &word)); /* nothing stands between */
    assert_str(word, "all of it");
    rest = (struct str){"a\0b c", 5};
    assert_true(str_next_word(&rest, " ", &word)); /* a NUL is a byte like others */
    assert_int_equal(word.len, 3);
    rest = (struct str){"ab cd", 4};
    assert_true(str_next_word(&rest, " ", &word));
    assert_true(str_next_word(&rest, " ", &word));
    assert_str(word, "c"); /* no byte beyond it */
}

static void a_list_has_its_pieces_to_the_letter(void **state)
{
    (void)state;
    assert_true(str_list_has(STR("ab"), ',', STR("ab")));
    assert_true(str_list_has(STR("x,ab,y"), ',', STR("ab")));
    assert_true(str_list_has(STR("x,ab"), ',', STR("ab")));
    assert_false(str_list_has(STR("x,abc,yab"), ',', STR("ab")));
    assert_false(str_list_has(STR("x, ab"), ',', STR("ab")));
    assert_false(str_list_has(STR("AB"), ',', STR("ab")));
    assert_false(str_list_has(STR("a,b"), ',', STR("a,b")));
    assert_false(str_list_has(STR_NONE, ',', STR("")));
    assert_true(str_list_has(STR("a,,b"), ',', STR("")));
}

static void whole_numbers(void **state)
{
    int64_t n = 77;

    (void)state;
    assert_int_equal(str_to_i64(STR("-9223372036854775808"), &n), 0);
    assert_true(n == INT64_MIN);
    assert_int_equal(str_to_i64(STR("9223372036854775807"), &n), 0);
    assert_true(n == INT64_MAX);
    assert_int_equal(str_to_i64(STR("+12"), &n), 0);
    assert_int_equal(n, 12);
    assert_int_equal(str_to_i64(STR("9223372036854775808"), &n), -ERANGE);
    assert_int_equal(str_to_i64(STR("-9223372036854775809"), &n), -ERANGE);
    assert_int_equal(str_to_i64(STR("99999999999999999999999"), &n), -ERANGE);
    static const char *const wrong[] = {
        "", "-", "+", "1x", " 1", "1 ", "--1", "0x10", "99999999999999999999x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(str_to_i64(str_of(wrong[i]), &n), -EINVAL);
    assert_int_equal(n, 12);
}

static void real_numbers(void **state)
{
    double value = 0;

    (void)state;
    assert_int_equal(str_to_double(STR("-1.5e3"), &value), 0);
    assert_true(value == -1500.0);
    assert_int_equal(str_to_double((struct str){"2.55", 3}, &value), 0);
    assert_true(value == 2.5);
    assert_int_equal(str_to_double(STR("1e999"), &value), -ERANGE);
    static const char *const wrong[] = {"", ".", "e", "1.5x", " 1", "nan", "inf", "0x1p3", "1e"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(str_to_double(str_of(wrong[i]), &value), -EINVAL);
    assert_true(value == 2.5);
}

static void nearest_is_a_fair_guess(void **state)
{
    static const char *const keys[] = {"max_attempts", "base_url", "timeout", "get", "set"};

    (void)state;
    assert_string_equal(str_nearest("max_atempts", keys, 5), "max_attempts");
    assert_string_equal(str_nearest("base-url", keys, 5), "base_url");
    assert_string_equal(str_nearest("timeuot", keys, 5), "timeout");
    assert_string_equal(str_nearest("egt", keys, 5), "get");
    assert_string_equal(str_nearest("timeout", keys, 5), "timeout");
    assert_null(str_nearest("colour", keys, 5));
    assert_null(str_nearest("x", keys, 5));
    assert_null(str_nearest("", keys, 5));
    assert_null(str_nearest("timeout", keys, 0));
    char word[200];
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(str_nearest(word, keys, 5));
}

static void utf8_by_the_letter(void **state)
{
    static const char *const good[] = {"",
                                       "plain",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xc2",     "\xc2x",
        "\xe0\x9f\xbf", "\xe1\x80",         "\xed\xa0\x80",     "\xef\xbf", "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(str_is_utf8(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(str_is_utf8(str_of(bad[i])));
    assert_false(str_is_utf8((struct str){"a\0b", 3}));
    assert_true(str_is_utf8(STR_NONE));
}

static void numbers_are_put_as_printf_would(void **state)
{
    static const int64_t numbers[] = {0, 7, -1, 10, 99, 1234567890123, INT64_MAX, INT64_MIN};
    char expected[32];

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        _buf_ struct buf buf = {0};

        buf_put_int(&buf, numbers[i]);
        snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
        assert_str(buf_str(&buf), expected);
    }
}

static void buf_grows_and_ends_with_nul(void **state)
{
    _buf_ struct buf buf = {0};

    (void)state;
    assert_str(buf_str(&buf), "");
    for (int i = 0; i < 500; i++)
        buf_printf(&buf, "%d,", i);
    assert_int_equal(buf.len, 10 * 2 + 90 * 3 + 400 * 4);
    assert_int_equal(buf.ptr[buf.len], '\0');
    assert_true(str_starts_with(buf_str(&buf), "0,1,2,3,"));
    buf_clear(&buf);
    buf_puts(&buf, "ab");
    buf_putc(&buf, 'c');
    buf_add_str(&buf, STR("de"));
    buf_add_str(&buf, STR_NONE);
    buf_add(&buf, "f\0g", 3);
    assert_memory_equal(buf.ptr, "abcdef\0g", 9);
    assert_int_equal(buf.len, 8);
}

static void buf_printf_longer_than_the_room(void **state)
{
    _buf_ struct buf buf = {0};
    char word[5000];

    (void)state;
    memset(word, 'w', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    buf_printf(&buf, "<%s>", word);
    assert_int_equal(buf.len, sizeof(word) + 1);
    assert_int_equal(buf.ptr[buf.len - 1], '>');
}

static void buf_failure_stays(void **state)
{
    struct buf buf = {0};

    (void)state;
    buf_puts(&buf, "kept");
    assert_false(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    buf_puts(&buf, " not added");
    assert_str(buf_str(&buf), "kept");
    assert_null(buf_take(&buf));
    assert_null(buf.ptr);
    assert_false(buf.failed);
}

static void buf_take_hands_over(void **state)
{
    struct buf buf = {0};

    (void)state;
    char *text = buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
    buf_puts(&buf, "text");
    text = buf_take(&buf);
    assert_string_equal(text, "text");
    assert_null(buf.ptr);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_and_prefix),
        cmocka_unit_test(trim_takes_white_space_off),
        cmocka_unit_test(dup_ends_with_nul),
        cmocka_unit_test(next_cuts_pieces),
        cmocka_unit_test(words_are_what_stands_between),
        cmocka_unit_test(a_list_has_its_pieces_to_the_letter),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(real_numbers),
        cmocka_unit_test(nearest_is_a_fair_guess),
        cmocka_unit_test(utf8_by_the_letter),
        cmocka_unit_test(numbers_are_put_as_printf_would),
        cmocka_unit_test(buf_grows_and_ends_with_nul),
        cmocka_unit_test(buf_printf_longer_than_the_room),
        cmocka_unit_test(buf_failure_stays),
        cmocka_unit_test(buf_take_hands_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

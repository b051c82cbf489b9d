/* SPDX-License-Identifier: Apache-2.0
 * Words for times, sizes and numbers; columns of text. */
#include "cli/cli_text.h"

#include "base/clock.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void says_when(void **state)
{
    static const struct {
        int64_t offset_ms;
        const char *words;
    } cases[] = {{0, "now"},
                 {-250, "250 ms ago"},
                 {12000, "in 12 s"},
                 {-90000, "90 s ago"},
                 {-5400000, "90 min ago"},
                 {3 * 3600000, "in 3 h"},
                 {-50 * 3600000LL, "2 d ago"}};
    const int64_t now_ms = 1790000000000;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char time[25];
        struct buf out = {0};
        clock_format(now_ms + cases[i].offset_ms, time);
        cli_text_put_when(&out, time, now_ms);
        assert_string_equal(out.ptr, cases[i].words);
        buf_finish(&out);
    }
}

static void groups_digits(void **state)
{
    static const struct {
        int64_t number;
        const char *words;
    } cases[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {-1234567, "-1,234,567"}, {-100, "-100"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = {0};
        cli_text_put_count(&out, cases[i].number);
        assert_string_equal(out.ptr, cases[i].words);
        buf_finish(&out);
    }
}

static void counts_one_and_many(void **state)
{
    struct buf out = {0};

    (void)state;
    for (int64_t number = 0; number < 3; number++)
        cli_text_put_counted(&out, number, "crash;", "crashes;");
    cli_text_put_counted(&out, 1234, "crash", "crashes");
    assert_string_equal(out.ptr, "0 crashes;1 crash;2 crashes;1,234 crashes");
    buf_clear(&out);
    cli_text_put_lost(&out, 1);
    assert_string_equal(out.ptr, "1 line lost: it came faster than it was read");
    buf_finish(&out);
}

static void cuts_at_columns_not_bytes(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_int_equal(cli_text_columns(STR("héé")), 3);
    assert_int_equal(cli_text_columns(STR("日本")), 4);
    cli_text_put_cut(&out, STR("日本語"), 4);
    assert_string_equal(out.ptr, "日…");
    buf_clear(&out);
    cli_text_put_cut(&out, STR("abc"), 3);
    assert_string_equal(out.ptr, "abc");
    buf_finish(&out);
}

static void replaces_broken_bytes(void **state)
{
    struct buf out = {0};

    (void)state;
    cli_text_put(&out, (struct str){"a\xff\0b\xc3", 5});
    assert_string_equal(out.ptr, "a??b?");
    buf_finish(&out);
}

static void assert_wrapped(struct str text, size_t indent, size_t width, const char *wanted)
{
    struct buf out = {0};

    cli_text_put_wrapped(&out, text, indent, width);
    assert_string_equal(out.ptr, wanted);
    buf_finish(&out);
}

static void wraps_at_spaces(void **state)
{
    (void)state;
    assert_wrapped(STR("one two three four"), 2, 0, "one two three four\n");
    assert_wrapped(STR("one two three four"), 2, 9, "one two\n  three\n  four\n");
    assert_wrapped(STR("  one two"), 4, 9, "  one two\n");
    assert_wrapped(STR("  one two"), 4, 8, "  one\n    two\n");
    assert_wrapped(STR(""), 2, 9, "\n");
    assert_wrapped(STR("< abcdefghij"), 2, 8, "< abcdef\n  ghij\n"); /* longer than a line */
    assert_wrapped(STR("日本 語"), 0, 4, "日本\n語\n");
    assert_wrapped(STR("\033[31mred\033[0m one"), 2, 7, "\033[31mred\033[0m one\n");
    assert_wrapped(STR("\033[31mred\033[0m more"), 2, 7, "\033[31mred\033[0m\n  more\n");
}

static void wraps_within_any_width(void **state)
{
    struct str text =
        STR("  a few words, https://example.com/a/very/long/path?with=much, 日本語 and more");

    (void)state;
    for (size_t width = 8; width < 90; width++)
        for (size_t indent = 0; indent < 20; indent++) {
            struct buf out = {0};
            struct str line;
            cli_text_put_wrapped(&out, text, indent, width);
            struct str rest = buf_str(&out);
            while (str_next(&rest, '\n', &line))
                assert_true(cli_text_columns(str_trim(line)) <= width);
            buf_finish(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_when),
        cmocka_unit_test(groups_digits),
        cmocka_unit_test(counts_one_and_many),
        cmocka_unit_test(cuts_at_columns_not_bytes),
        cmocka_unit_test(replaces_broken_bytes),
        cmocka_unit_test(wraps_at_spaces),
        cmocka_unit_test(wraps_within_any_width),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* as tenon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

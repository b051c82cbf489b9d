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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_when),
        cmocka_unit_test(groups_digits),
        cmocka_unit_test(cuts_at_columns_not_bytes),
        cmocka_unit_test(replaces_broken_bytes),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* as tenon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

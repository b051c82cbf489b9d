/* SPDX-License-Identifier: Apache-2.0
 * Tables: width, alignment, cutting. */
#include "cli/cli_table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct cli_column columns[] = {
    {"NAME", false, false}, {"COUNT", true, false}, {"NOTE", false, true}, {NULL, false, false}};

static struct cli_table *sample(void)
{
    struct cli_table *table = cli_table_create(columns);

    cli_table_add_text(table, "hook");
    cli_table_add_number(table, 1234567);
    cli_table_add(table, STR("a note that is rather long"), COLOR_BAD);
    cli_table_add_text(table, "crm");
    cli_table_add_number(table, 0);
    cli_table_add_text(table, "");
    return table;
}

static void shows_whole_cells_without_a_limit(void **state)
{
    struct cli_table *table = sample();
    struct buf out = {0};

    (void)state;
    assert_true(cli_table_render(table, 0, false, &out));
    assert_string_equal(out.ptr, "NAME      COUNT  NOTE\n"
                                 "hook  1,234,567  a note that is rather long\n"
                                 "crm           0  \n");
    buf_finish(&out);
    cli_table_destroy(table);
}

static void cuts_what_gives_way_first(void **state)
{
    struct cli_table *table = sample();
    struct buf out = {0};

    (void)state;
    assert_true(cli_table_render(table, 30, false, &out));
    assert_string_equal(out.ptr, "NAME      COUNT  NOTE\n"
                                 "hook  1,234,567  a note that …\n"
                                 "crm           0  \n");
    buf_finish(&out);
    cli_table_destroy(table);
}

static void never_exceeds_the_width(void **state)
{
    (void)state;
    for (size_t width = 22; width < 60; width++) {
        struct cli_table *table = sample();
        struct buf out = {0};
        struct str line;
        assert_true(cli_table_render(table, width, false, &out));
        struct str rest = buf_str(&out);
        while (str_next(&rest, '\n', &line))
            assert_true(cli_text_columns(line) <= width);
        buf_finish(&out);
        cli_table_destroy(table);
    }
}

static const struct cli_column many[] = {{"N", true, false},
                                         {"INTEGRATION", false, false},
                                         {"ENTITY", false, false},
                                         {"VERSION", true, CLI_LEFT_OUT},
                                         {"STATE", false, false},
                                         {"TRIES", true, CLI_LEFT_OUT},
                                         {"CHANGED", false, CLI_LEFT_OUT},
                                         {"NEXT", false, CLI_LEFT_OUT},
                                         {"REASON", false, true},
                                         {NULL, false, false}};

static void leaves_columns_out_rather_than_run_over(void **state)
{
    (void)state;
    for (size_t width = 13; width <= 120; width++) {
        struct cli_table *table = cli_table_create(many);
        struct buf out = {0};
        struct str line;
        for (int i = 0; i < 9; i++)
            cli_table_add_text(table, i == 8 ? "the destination did not like it at all"
                                             : "a-middling-cell");
        assert_true(cli_table_render(table, width, false, &out));
        struct str rest = buf_str(&out);
        while (str_next(&rest, '\n', &line))
            assert_true(cli_text_columns(line) <= width);
        assert_int_equal(strstr(out.ptr, "NEXT") != NULL, width >= 88);
        assert_int_equal(strstr(out.ptr, "VERS") != NULL, width >= 58);
        assert_non_null(strchr(out.ptr, 'N'));
        buf_finish(&out);
        cli_table_destroy(table);
    }
}

static void colours_only_when_asked(void **state)
{
    struct cli_table *table = sample();
    struct buf out = {0};

    (void)state;
    assert_true(cli_table_render(table, 0, true, &out));
    assert_non_null(strstr(out.ptr, "\033[31ma note"));
    buf_finish(&out);
    cli_table_destroy(table);
}

static void keeps_control_characters_out(void **state)
{
    struct cli_table *table = cli_table_create(columns);
    struct buf out = {0};

    (void)state;
    cli_table_add_text(table, "a\033]0;x\007b");
    cli_table_add_text(table, "\xc2\x9b"
                              "2J");
    cli_table_add_text(table, "two\nlines");
    assert_true(cli_table_render(table, 0, false, &out));
    assert_null(strchr(out.ptr, '\033'));
    assert_null(strstr(out.ptr, "\xc2\x9b"));
    assert_non_null(strstr(out.ptr, "two lines"));
    buf_finish(&out);
    cli_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_whole_cells_without_a_limit),
        cmocka_unit_test(cuts_what_gives_way_first),
        cmocka_unit_test(never_exceeds_the_width),
        cmocka_unit_test(leaves_columns_out_rather_than_run_over),
        cmocka_unit_test(colours_only_when_asked),
        cmocka_unit_test(keeps_control_characters_out),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* as tenon does; widths of wide characters hang on it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Tables: width, alignment, cutting. */
#include "base/cleanup.h"
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

static const struct cli_column telling[] = {{"CHANGE", false, false},
                                            {"FILE", false, CLI_PATH},
                                            {"NOTE", false, CLI_WRAPS},
                                            {NULL, false, false}};

static struct cli_table *telling_sample(void)
{
    struct cli_table *table = cli_table_create(telling);

    cli_table_add_text(table, "refused");
    cli_table_add_text(table, "/etc/tenon/conf.d/chat.ini");
    cli_table_add(table, STR("many is not a number (1 to 100)"), COLOR_NONE);
    cli_table_add_text(table, "added");
    cli_table_add_text(table, "/etc/tenon/conf.d/x.ini");
    cli_table_add_text(table, "");
    return table;
}

static void breaks_what_must_be_read_whole(void **state)
{
    struct cli_table *table = telling_sample();
    struct buf out = {0};

    (void)state;
    assert_true(cli_table_render(table, 0, false, &out));
    assert_non_null(strstr(out.ptr, "chat.ini  many is not a number (1 to 100)\n"));
    buf_clear(&out);
    assert_true(cli_table_render(table, 56, false, &out));
    assert_string_equal(out.ptr, "CHANGE   FILE                        NOTE\n"
                                 "refused  /etc/tenon/conf.d/chat.ini  many is not a\n"
                                 "    number (1 to 100)\n"
                                 "added    /etc/tenon/conf.d/x.ini     \n");
    buf_clear(&out);
    assert_true(cli_table_render(table, 40, false, &out));
    assert_string_equal(out.ptr, "CHANGE   FILE            NOTE\n"
                                 "refused  …nf.d/chat.ini  many is not a\n"
                                 "    number (1 to 100)\n"
                                 "added    …/conf.d/x.ini  \n");
    table = (cli_table_destroy(table), cli_table_create(telling + 1));
    cli_table_add_text(table, "/etc/tenon/conf.d/chat.ini");
    cli_table_add_text(table, "many is not a number (1 to 100) and more");
    buf_clear(&out);
    assert_true(cli_table_render(table, 56, false, &out));
    assert_string_equal(out.ptr, "FILE                        NOTE\n"
                                 "/etc/tenon/conf.d/chat.ini  many is not a number (1 to\n"
                                 "                            100) and more\n");
    buf_finish(&out);
    cli_table_destroy(table);
}

static void breaks_within_any_width(void **state)
{
    (void)state;
    for (size_t width = 24; width < 90; width++) {
        struct cli_table *table = telling_sample();
        struct buf out = {0};
        struct str line;
        assert_true(cli_table_render(table, width, true, &out));
        struct str rest = buf_str(&out);
        while (str_next(&rest, '\n', &line)) {
            _buf_ struct buf plain = {0};
            for (size_t i = 0; i < line.len; i++) {
                if (line.ptr[i] == '\033')
                    while (line.ptr[i] != 'm')
                        i++;
                else
                    buf_putc(&plain, line.ptr[i]);
            }
            assert_true(cli_text_columns(str_trim(buf_str(&plain))) <= width);
        }
        assert_non_null(strstr(out.ptr, ".ini"));
        assert_non_null(strstr(out.ptr, "100)"));
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
        cmocka_unit_test(breaks_what_must_be_read_whole),
        cmocka_unit_test(breaks_within_any_width),
        cmocka_unit_test(colours_only_when_asked),
        cmocka_unit_test(keeps_control_characters_out),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* as tenon does; widths of wide characters hang on it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

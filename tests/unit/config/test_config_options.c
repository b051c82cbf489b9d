/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_options.h"

#include "check.h"

#include <errno.h>
#include <tenon/tenon.h>

static struct option row(const char *text)
{
    struct str rest = str_of(text);
    struct option option = {0};
    struct err err = {0};

    if (option_next(&rest, &option, &err) != 1)
        fail_msg("%s", err.text);
    return option;
}

static void expect(const char *rows, const char *value, int status, const char *words)
{
    struct option option = row(rows);
    struct err err = {0};

    int got = option_check(&option, str_of(value), &err);
    if (got != status || (words != NULL && strcmp(err.text, words) != 0))
        fail_msg("'%s': %d '%s', expected %d '%s'", value, got, err.text, status,
                 words != NULL ? words : "");
}

static void rows_are_read(void **state)
{
    static const char rows[] = TENON_OPTION("a", "text", "", "x y", "", "First.")
        TENON_OPTION("b-2", "integer", "1..9", "", "required,secret", "");
    struct str rest = str_of(rows);
    struct option option;
    struct err err = {0};

    (void)state;
    assert_int_equal(option_next(&rest, &option, &err), 1);
    assert_true(str_is(option.name, "a"));
    assert_true(str_is(option.fallback, "x y"));
    assert_true(str_is(option.help, "First."));
    assert_false(option.is_required || option.is_secret);
    assert_int_equal(option_next(&rest, &option, &err), 1);
    assert_true(str_is(option.name, "b-2"));
    assert_true(option.is_required && option.is_secret);
    assert_int_equal(option.type, OPTION_INTEGER);
    assert_int_equal(option_next(&rest, &option, &err), 0);
    assert_int_equal(option_rows_check(str_of(rows), &err), 0);
    assert_true(option_find(str_of(rows), STR("b-2"), &option));
    assert_false(option_find(str_of(rows), STR("b"), &option));
}

static void bad_rows_are_named(void **state)
{
    static const struct {
        const char *row, *words;
    } bad[] = {
        {"a\ttext\n",
         "expected 6 columns separated by tabs (name, type, range, default, flags, help), 2 came"},
        {"A\ttext\t\t\t\t\n", "name 'A' is not 1 to 48 of a-z 0-9 _ - with a letter first"},
        {"a\ttxet\t\t\t\t\n",
         "option 'a': type 'txet' is not text, integer, number, boolean, choice, duration, "
         "size, url or path"},
        {"a\ttext\t1..2\t\t\t\n", "option 'a': type text takes no range, '1..2' came"},
        {"a\tinteger\t9..1\t\t\t\n", "option 'a': range '9..1' is not LOW..HIGH of type integer"},
        {"a\tinteger\t1-9\t\t\t\n", "option 'a': range '1-9' is not LOW..HIGH of type integer"},
        {"a\tinteger\t1..9\t12\t\t\n", "option 'a': the default: '12' is out of range (1 to 9)"},
        {"a\tchoice\t\t\t\t\n",
         "option 'a': a choice needs 1 to 32 words in its range, separated by commas"},
        {"a\ttext\t\t\thidden\t\n", "option 'a': flag 'hidden' is not 'required' or 'secret'"},
        {"a\ttext\t\t\t\t", "the last option row does not end with a newline"},
        {"a\ttext\t\t\t\t\xff\n", "not valid UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct str rest = str_of(bad[i].row);
        struct option option;
        struct err err = {0};
        assert_int_equal(option_next(&rest, &option, &err), E_SYNTAX);
        assert_string_equal(err.text, bad[i].words);
        assert_int_equal(rest.len, 0);
        rest = str_of(bad[i].row);
        assert_int_equal(option_next(&rest, &option, NULL), E_SYNTAX);
    }
}

static void tables_have_limits(void **state)
{
    _buf_ struct buf rows = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(option_rows_check(STR("a\ttext\t\t\t\t\na\ttext\t\t\t\t\n"), &err), E_SYNTAX);
    assert_string_equal(err.text, "option 'a' stands there twice");
    for (int i = 0; i < OPTION_ROWS_MAX; i++)
        buf_printf(&rows, "k%d\ttext\t\t\t\t\n", i);
    assert_int_equal(option_rows_check(buf_str(&rows), &err), 0);
    buf_puts(&rows, "more\ttext\t\t\t\t\n");
    assert_int_equal(option_rows_check(buf_str(&rows), &err), E_SYNTAX);
    assert_string_equal(err.text, "more than 256 options");
}

static void numbers(void **state)
{
    (void)state;
    expect("n\tinteger\t1..100\t\t\t\n", "100", 0, NULL);
    expect("n\tinteger\t1..100\t\t\t\n", "three", -EINVAL, "'three' is not a number (1 to 100)");
    expect("n\tinteger\t1..100\t\t\t\n", "0", -ERANGE, "'0' is out of range (1 to 100)");
    expect("n\tinteger\t1..\t\t\t\n", "0", -ERANGE, "'0' is out of range (at least 1)");
    expect("n\tinteger\t\t\t\t\n", "1.5", -EINVAL, "'1.5' is not a whole number");
    expect("n\tinteger\t\t\t\t\n", "99999999999999999999", -ERANGE, NULL);
    expect("n\tinteger\t\t\t\t\n", "", -EINVAL, "no value; expected integer");
    expect("n\tnumber\t0..1\t\t\t\n", "0.25", 0, NULL);
    expect("n\tnumber\t0..1\t\t\t\n", "1.01", -ERANGE, "'1.01' is out of range (0 to 1)");
    struct option option = row("n\tnumber\t\t\t\t\n");
    assert_true(option_check(&option, STR("nan"), NULL) < 0);
    assert_true(option_check(&option, STR("inf"), NULL) < 0);
}

static void durations_and_sizes(void **state)
{
    struct option duration = row("d\tduration\t100ms..1h\t\t\t\n");
    struct option size = row("s\tsize\t1KB..1GB\t\t\t\n");
    struct option_value value;

    (void)state;
    assert_int_equal(option_parse(&duration, STR("30s"), &value, NULL), 0);
    assert_int_equal(value.integer, 30000);
    expect("d\tduration\t100ms..1h\t\t\t\n", "30", -ERANGE, "'30' is out of range (100ms to 1h)");
    expect("d\tduration\t100ms..1h\t\t\t\n", "soon", -EINVAL,
           "'soon' is not a duration such as 500ms, 30s, 5m, 2h (100ms to 1h)");
    assert_int_equal(option_parse(&size, STR("16MB"), &value, NULL), 0);
    assert_int_equal(value.integer, 16 << 20);
    assert_int_equal(option_parse(&size, STR("64 KiB"), &value, NULL), 0);
    assert_int_equal(value.integer, 65536);
    assert_int_equal(option_parse(&size, STR("9223372036854775807T"), &value, NULL), -ERANGE);
    expect("s\tsize\t\t\t\t\n", "10 MBit", -EINVAL,
           "'10 MBit' is not a size such as 512, 64KB, 16MB");
}

static void words(void **state)
{
    (void)state;
    expect("c\tchoice\tfull,normal\t\t\t\n", "full", 0, NULL);
    expect("c\tchoice\tfull,normal\t\t\t\n", "norml", -EINVAL,
           "'norml' is not one of full,normal; did you mean 'normal'?");
    expect("b\tboolean\t\t\t\t\n", "on", 0, NULL);
    expect("b\tboolean\t\t\t\t\n", "maybe", -EINVAL, "'maybe' is not yes or no");
    expect("p\tpath\t\t\t\t\n", "/etc/x", 0, NULL);
    expect("p\tpath\t\t\t\t\n", "x", -EINVAL,
           "'x' is not an absolute path (it begins with '/', below 4096 characters)");
    expect("t\ttext\t\t\t\t\n", "", 0, NULL);
    expect("t\ttext\t\t\trequired\t\n", "", -EINVAL, "no value; expected text");
}

static void urls(void **state)
{
    (void)state;
    expect("u\turl\t\t\t\t\n", "https://example.com/a?b=c@d", 0, NULL);
    expect("u\turl\t\t\t\t\n", "http://127.0.0.1:8080", 0, NULL);
    expect("u\turl\t\t\t\t\n", "ftp://example.com", -EINVAL,
           "'ftp://example.com' is not a URL that begins with http:// or https://");
    expect("u\turl\t\t\t\t\n", "http://:80/", -EINVAL,
           "'http://:80/' names no host behind its scheme");
    expect("u\turl\t\t\t\t\n", "http://a b/", -EINVAL,
           "'http://a b/' has white space or control characters in it");
    expect("u\turl\t\t\t\t\n", "https://me:hunter2@example.com", -EINVAL,
           "a URL must not carry a user or password (name:password@host): put them into [auth]");
}

static void secrets_are_not_quoted(void **state)
{
    static const char *const rows[] = {"s\tinteger\t1..9\t\tsecret\t\n", "s\turl\t\t\tsecret\t\n",
                                       "s\tchoice\ta,b\t\tsecret\t\n", "s\tboolean\t\t\tsecret\t\n",
                                       "s\tpath\t\t\tsecret\t\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct option option = row(rows[i]);
        struct err err = {0};
        assert_int_equal(option_check(&option, STR("hunter2 is it"), &err), -EINVAL);
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void long_values_are_cut(void **state)
{
    char text[300];
    struct option option = row("n\tinteger\t\t\t\t\n");
    struct err err = {0};

    (void)state;
    memset(text, 'x', sizeof text);
    text[59] = '\xc3'; /* a letter of two bytes across the cut */
    text[60] = '\xa4';
    assert_int_equal(option_check(&option, (struct str){text, sizeof text}, &err), -EINVAL);
    assert_true(strlen(err.text) < 120);
    assert_true(str_is_utf8(str_of(err.text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(bad_rows_are_named),
        cmocka_unit_test(tables_have_limits),
        cmocka_unit_test(numbers),
        cmocka_unit_test(durations_and_sizes),
        cmocka_unit_test(words),
        cmocka_unit_test(urls),
        cmocka_unit_test(secrets_are_not_quoted),
        cmocka_unit_test(long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

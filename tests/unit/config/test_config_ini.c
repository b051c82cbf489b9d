/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_ini.h"

#include "check.h"

static void on_section(void *user, const char *name, int line)
{
    buf_printf(user, "%d [%s]\n", line, name);
}

static void on_value(void *user, const char *section, const char *key, struct str value, int line)
{
    buf_printf(user, "%d %s.%s=<%.*s>\n", line, section, key, STR_ARG(value));
}

static void on_bad(void *user, int line, enum config_code code, const char *words)
{
    (void)words;
    buf_printf(user, "%d %s\n", line, config_code_name(code));
}

static void expect_str(struct str text, const char *wanted)
{
    _buf_ struct buf seen = {0};
    const struct ini_events events = {&seen, on_section, on_value, on_bad};

    buf_puts(&seen, "");
    assert_int_equal(ini_read(text, &events), 0);
    assert_string_equal(seen.ptr, wanted);
}

static void expect(const char *text, const char *wanted)
{
    expect_str(str_of(text), wanted);
}

static void sections_and_keys(void **state)
{
    (void)state;
    expect("", "");
    expect("[a]\nk = v\nm: w\n\n[b]\nk=\n", "1 [a]\n2 a.k=<v>\n3 a.m=<w>\n5 [b]\n6 b.k=<>\n");
    expect("\xef\xbb\xbf[a]\r\nk = v\r\n", "1 [a]\n2 a.k=<v>\n");
    expect("k = v", "1 .k=<v>\n");
    expect("[a] ; why\n", "1 [a]\n");
    expect("[ a ]\nk = [1]\n", "1 [a]\n2 a.k=<[1]>\n");
    expect("[a]\nk = x = y : z\n", "1 [a]\n2 a.k=<x = y : z>\n");
    expect("[a]\nX-Y: b\n", "1 [a]\n2 a.X-Y=<b>\n");
}

static void comments(void **state)
{
    (void)state;
    expect("; a\n# b\n  ; c\n[a]\nk = v ; d\n", "4 [a]\n5 a.k=<v>\n");
    expect("[a]\nk = v;w\n", "1 [a]\n2 a.k=<v;w>\n");
    expect("[a]\nk = v # w\n", "1 [a]\n2 a.k=<v # w>\n");
    expect("[a]\nk = ; nothing\n", "1 [a]\n2 a.k=<>\n");
    expect("[a]\nk = \"b ; c\" ; d\n", "1 [a]\n2 a.k=<\"b ; c\">\n");
    expect("[a]\nk = \"b \\\" ; c\" ; d\n", "1 [a]\n2 a.k=<\"b \\\" ; c\">\n");
    expect("[a]\nk = 5\" wide ; d\n", "1 [a]\n2 a.k=<5\" wide>\n");
    expect("[a]\nk = test(\"a b\"; \"c ; d\")\n", "1 [a]\n2 a.k=<test(\"a b\"; \"c ; d\")>\n");
    expect("[a]\n\"b ; c\" = d\n", "1 [a]\n2 a.\"b ; c\"=<d>\n");
}

static void further_lines(void **state)
{
    (void)state;
    expect("[a]\nk = {\n  x: 1, ; one\n\n  # no\n  [y]\n  }\nm = n\n",
           "1 [a]\n2 a.k=<{\nx: 1,\n[y]\n}>\n8 a.m=<n>\n");
    /* A key set in by as much as the one before is a key. */
    expect("[a]\n  k = 1\n  m = 2\n    3\n", "1 [a]\n2 a.k=<1>\n3 a.m=<2\n3>\n");
    expect("[a]\n  k = 1\n  [b]\n", "1 [a]\n2 a.k=<1>\n3 [b]\n");
}

static void bad_lines_are_all_told(void **state)
{
    (void)state;
    expect("[a]\nfoo\n= x\n[b\nlost = 1\n[c] d\n[d e]\n[e]\nk = v\n",
           "1 [a]\n2 C006\n3 C006\n4 C006\n6 C006\n7 C006\n8 [e]\n9 e.k=<v>\n");
    expect_str(STR("[a]\nk = \0v\nm = \xff\nn = \x01\n"), "2 C004\n3 C004\n4 C004\n");
}

static void long_lines_stay_whole(void **state)
{
    _buf_ struct buf text = {0};
    _buf_ struct buf wanted = {0};

    (void)state;
    buf_puts(&text, "[a]\nk = ");
    buf_puts(&wanted, "1 [a]\n2 a.k=<");
    for (int i = 0; i < 3000; i++) {
        buf_puts(&text, "x  ;y# ");
        buf_puts(&wanted, "x  ;y# ");
    }
    expect(text.ptr, "1 [a]\n2 a.k=<x>\n");
    buf_clear(&text);
    buf_clear(&wanted);
    buf_puts(&text, "[a]\nk = \"");
    buf_puts(&wanted, "1 [a]\n2 a.k=<\"");
    for (int i = 0; i < 3000; i++) {
        buf_puts(&text, "x  ;y# \t");
        buf_puts(&wanted, "x  ;y# \t");
    }
    buf_puts(&text, "\"\n  and ; a comment\n");
    buf_puts(&wanted, "\"\nand>\n");
    expect(text.ptr, wanted.ptr);
}

/* Around inih's own limits, where a piece ends. */
static void every_length_comes_back(void **state)
{
    (void)state;
    for (size_t length = 150; length < 620; length++) {
        _buf_ struct buf text = {0};
        _buf_ struct buf wanted = {0};
        buf_puts(&text,
                 "[a]\nkey-of-some-length-that-inih-cuts-at-fifty-characters-but-we-do-not = ");
        buf_puts(
            &wanted,
            "1 [a]\n2 a.key-of-some-length-that-inih-cuts-at-fifty-characters-but-we-do-not=<");
        for (size_t i = 0; i < length; i++) {
            buf_putc(&text, i % 7 == 6 ? ' ' : (char)('a' + i % 26));
            buf_putc(&wanted, i % 7 == 6 ? ' ' : (char)('a' + i % 26));
        }
        buf_puts(&text, "z\n");
        buf_puts(&wanted, "z>\n");
        expect(text.ptr, wanted.ptr);
    }
}

static void too_long_is_told(void **state)
{
    _buf_ struct buf text = {0};

    (void)state;
    buf_puts(&text, "[a]\nk = ");
    for (int i = 0; i < CONFIG_LINE_MAX; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "\nm = 1\n");
    expect(text.ptr, "1 [a]\n2 C007\n3 a.m=<1>\n");
    buf_clear(&text);
    for (int i = 0; i <= CONFIG_KEY_MAX; i++)
        buf_putc(&text, 'k');
    buf_puts(
        &text,
        " = 1\n[ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss]\nlost = 1\n");
    expect(text.ptr, "1 C007\n2 C007\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_and_keys),     cmocka_unit_test(comments),
        cmocka_unit_test(further_lines),         cmocka_unit_test(bad_lines_are_all_told),
        cmocka_unit_test(long_lines_stay_whole), cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(too_long_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

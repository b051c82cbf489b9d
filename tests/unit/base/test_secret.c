/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include "base/digest.h"
#include "base/json.h"
#include "check.h"

static int forget(void **state)
{
    (void)state;
    secret_forget_all();
    return 0;
}

static void assert_masked_by(void (*mask)(struct str text, struct buf *out), struct str text,
                             const char *wanted)
{
    _buf_ struct buf out = {0};

    buf_putc(&out, '>');
    mask(text, &out);
    struct str masked = {out.ptr + 1, out.len - 1};
    assert_str(masked, wanted);
}

static void assert_masked(struct str text, const char *wanted)
{
    assert_masked_by(secret_mask, text, wanted);
}

static void values_are_masked_wherever_they_stand(void **state)
{
    (void)state;
    assert_masked(STR("hunter2hunter2"), "hunter2hunter2");
    secret_register(STR("hunter2"));
    secret_register(STR("hunter2"));
    assert_masked(STR("hunter2"), "********");
    assert_masked(STR("a hunter2, b hunter2."), "a ********, b ********.");
    assert_masked(STR("hunter"), "hunter");
    assert_masked(STR("hun"), "hun");
    assert_masked(STR_NONE, "");
    secret_forget_all();
    assert_masked(STR("hunter2"), "hunter2");
}

static void short_values_are_left_out(void **state)
{
    (void)state;
    secret_register(STR("abc"));
    secret_register(STR(""));
    secret_register(STR_NONE);
    assert_masked(STR("abcabc"), "abcabc");
    secret_register(STR("abcd"));
    assert_masked(STR("abcabcd"), "abc********");
}

static void overlapping_values_leave_no_rest(void **state)
{
    (void)state;
    secret_register(STR("abcdef"));
    secret_register(STR("defghi"));
    secret_register(STR("abcd"));
    secret_register(STR("aaaa"));
    assert_masked(STR("x abcdefghi y"), "x ******** y");
    assert_masked(STR("abcde"), "********e");
    assert_masked(STR("aaaaaa"), "********");
}

static void assert_hidden(struct str text, const char *what)
{
    _buf_ struct buf out = {0};

    secret_mask(text, &out);
    if (strstr(out.ptr, "********") == NULL)
        fail_msg("%s passes: %.*s", what, STR_ARG(text));
}

/* The forms in which a secret leaves: a Basic header, a JWT part, a URL, a JSON
 * body. */
static void encoded_forms_are_masked(void **state)
{
    static const char value[] = "p\xff>?ss w/rd\n\"long\"";
    _buf_ struct buf quoted = {0};

    (void)state;
    secret_register(str_of(value));
    for (size_t before = 0; before < 4; before++) {
        _buf_ struct buf plain = {0};
        _buf_ struct buf letters = {0};
        buf_add(&plain, "usr:", before);
        buf_puts(&plain, value);
        buf_puts(&plain, "tail");
        base64_encode(buf_str(&plain), &letters);
        assert_hidden(buf_str(&letters), "base64");
        for (size_t i = 0; i < letters.len; i++)
            letters.ptr[i] = letters.ptr[i] == '+'   ? '-'
                             : letters.ptr[i] == '/' ? '_'
                                                     : letters.ptr[i];
        assert_hidden(buf_str(&letters), "base64url");
    }
    assert_masked(STR("k=p%FF%3E%3Fss%20w%2Frd%0A%22long%22&x=1"), "k=********&x=1");
    secret_forget_all();
    secret_register(STR("\\\\srv"));
    assert_masked(STR("at=%5C%5Csrv"), "at=********");
    secret_forget_all();
    secret_register(STR("-----BEGIN KEY-----\nMIIB\n"));
    json_put_string(&quoted, STR("-----BEGIN KEY-----\nMIIB\n"));
    assert_masked(buf_str(&quoted), "\"********\"");
}

/* As destinations repeat what they got. */
static void escaped_values_are_masked(void **state)
{
    static const char *const echoes[] = {
        "Ab3/c +et&<kEy>'98\"76\\zZ",
        "Ab3\\/c +et&<kEy>'98\\\"76\\\\zZ",                 /* PHP */
        "Ab3/c +et\\u0026\\u003ckEy\\u003e'98\\\"76\\\\zZ", /* Go */
        "Ab3/c +et&amp;&lt;kEy&gt;&#39;98&#34;76\\zZ",      /* HTML */
        "Ab3/c +et&amp;&lt;kEy&gt;&#x27;98&quot;76\\zZ",
        "Ab3/c +et&amp;amp;&amp;lt;kEy&amp;gt;&amp;#39;98&amp;quot;76\\zZ",
        "Ab3%2fc%20%2bet%26%3ckEy%3e%2798%2276%5czZ", /* URLs */
        "Ab3/c+%2Bet%26%3CkEy%3E'98%2276%5CzZ",
        "Ab3%252Fc%2520%252Bet%2526%253CkEy%253E%252798%252276%255CzZ",
        "Ab3\\/c +et&<kEy>'98\\\\\\\"76\\\\\\\\zZ", /* JSON within JSON */
        "Ab3\\\\/c +et\\\\u0026\\\\u003CkEy\\\\u003E\\\\u002798\\\\\\\"76\\\\\\\\zZ",
    };

    (void)state;
    secret_register(str_of(echoes[0]));
    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
        _buf_ struct buf text = {0};
        buf_printf(&text, "\"got\": \"%s\" & more", echoes[i]);
        assert_masked(buf_str(&text), "\"got\": \"********\" & more");
        _buf_ struct buf again = {0};
        buf_printf(&again, "%s%s", echoes[i], echoes[i]);
        assert_masked(buf_str(&again), "****************");
    }
    assert_masked(STR("Ab3\\/c +et&<kEx>'98\\\"76"), "Ab3\\/c +et&<kEx>'98\\\"76");
}

/* A Basic header's base64, repeated by who escapes each '/'. */
static void escaped_base64_is_masked(void **state)
{
    (void)state;
    secret_register(STR("n?o?>>~~secret??"));
    assert_masked(STR("\"bj9vPz4+fn5zZWNyZXQ\\/Pw==\""), "\"********\"");
    assert_masked(STR("bj9vPz4%2bfn5zZWNyZXQ%2fPw%3d%3d&x=1"), "********&x=1");
}

static void every_character_may_be_escaped(void **state)
{
    (void)state;
    secret_register(STR("caf\xc3\xa9 \xf0\x9f\x94\x91!"));
    assert_masked(STR("\"caf\\u00e9 \\ud83d\\udd11!\""), "\"********\"");
    assert_masked(STR("\"caf\\\\u00e9 \\\\uD83D\\\\uDD11!\""), "\"********\"");
    assert_masked(STR("caf%C3%A9+%f0%9f%94%91%21"), "********");
    assert_masked(STR("caf&#233; &#x1F511;!"), "********");
    secret_forget_all();
    secret_register(STR("-----BEGIN KEY-----\r\nMIIB\n"));
    assert_masked(STR("\"-----BEGIN KEY-----\\r\\nMIIB\\n\""), "\"********\"");
    assert_masked(STR("\"-----BEGIN KEY-----\\\\r\\\\nMIIB\\\\n\""), "\"********\"");
}

/* What looks like an escape may be the value itself. */
static void signs_of_escapes_are_plain_letters_too(void **state)
{
    static const char *const values[] = {
        "%2Fab&amp;%25", "a\\u0026/b", "\\\\\\\\", "x+y z", "abc\\n\\", "a\"b%2524&amp;amp;",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        _buf_ struct buf quoted = {0};
        secret_register(str_of(values[i]));
        assert_masked(str_of(values[i]), "********");
        json_put_string(&quoted, str_of(values[i]));
        assert_masked(buf_str(&quoted), "\"********\"");
        secret_forget_all();
    }
    secret_register(STR("%2F/b&amp;"));
    assert_masked(STR("%252F%2Fb%26amp%3B"), "********");
    assert_masked(STR("%2F\\/b&amp;amp;"), "********");
}

/* Text of signs alone is read in a time that grows with its length, not with
 * the square of it. */
static void long_rows_of_signs_take_no_long(void **state)
{
    static char row[1 << 20];

    (void)state;
    secret_register(STR("/a b&c"));
    secret_register(STR("%5c/%25"));
    memset(row, '\\', sizeof(row));
    assert_false(secret_mask_in_place(row, sizeof(row)));
    for (size_t i = 0; i < sizeof(row); i++)
        row[i] = "%25"[i % 3];
    assert_false(secret_mask_in_place(row, sizeof(row)));
    for (size_t i = 0; i < sizeof(row); i++)
        row[i] = "%5c"[i % 3];
    assert_false(secret_mask_in_place(row, sizeof(row)));
    for (size_t i = 0; i < sizeof(row); i++)
        row[i] = "&amp;"[i % 5 == 0 && i > 0 ? 1 : i % 5];
    (void)secret_mask_in_place(row, sizeof(row)); /* it ends */
}

static void assert_cut_masked(struct str text, const char *wanted)
{
    assert_masked_by(secret_mask_cut, text, wanted);
}

/* Text that ends in the middle of a value, wherever it does. */
static void what_a_cut_leaves_of_a_value_is_masked(void **state)
{
    static const char value[] = "hunter22/and&more";
    static const char escaped[] = "hunter22%2fand&amp;more";
    struct str start = STR("k=hunt");
    char text[] = "k=hunter2";

    (void)state;
    secret_register(str_of(value));
    for (size_t len = 4; len <= strlen(value); len++) {
        _buf_ struct buf letters = {0};
        assert_cut_masked((struct str){value, len}, "********");
        base64_encode((struct str){value, len}, &letters);
        assert_cut_masked((struct str){letters.ptr, len}, "********");
    }
    for (size_t len = 4; len <= strlen(escaped); len++)
        assert_cut_masked((struct str){escaped, len}, "********");
    assert_masked(start, "k=hunt");
    assert_cut_masked(start, "k=********");
    assert_cut_masked(STR("k=hun"), "k=hun");
    assert_cut_masked(STR("hunt for it: hunt"), "hunt for it: ********");
    assert_cut_masked(STR("hunter22/and&more and more"), "******** and more");
    assert_true(secret_mask_cut_in_place(text, sizeof(text) - 1));
    assert_string_equal(text, "k=*******");
    secret_register(STR("k=hunter2!"));
    assert_cut_masked(STR("k=hunter2"), "********");
}

static void copies_are_masked_before_they_are_cut(void **state)
{
    char text[12];

    (void)state;
    secret_register(STR("hunter22hunter22"));
    secret_copy(text, sizeof(text), STR("a hunter22hunter22"));
    assert_string_equal(text, "a ********");
    secret_copy(text, sizeof(text), STR("abcd hunter22hunter22"));
    assert_string_equal(text, "abcd ******");
    secret_copy(text, sizeof(text), STR("abcdefghij\xc3\xa9"));
    assert_string_equal(text, "abcdefghij");
    secret_copy(text, sizeof(text), STR_NONE);
    assert_string_equal(text, "");
}

static void in_place_keeps_the_length(void **state)
{
    char text[] = "key=hunter2 and more";

    (void)state;
    assert_false(secret_mask_in_place(text, sizeof(text) - 1));
    secret_register(STR("hunter2"));
    assert_true(secret_mask_in_place(text, sizeof(text) - 1));
    assert_string_equal(text, "key=******* and more");
    assert_false(secret_mask_in_place(text, sizeof(text) - 1));
}

static void many_values(void **state)
{
    char value[32];

    (void)state;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(value, sizeof(value), "value-%d-%d", i, i * 7919);
        secret_register(str_of(value));
    }
    for (int i = 0; i < 300; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "<value-%d-%d>", i, i * 7919);
        assert_masked(str_of(text), "<********>");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(values_are_masked_wherever_they_stand, forget),
        cmocka_unit_test_teardown(short_values_are_left_out, forget),
        cmocka_unit_test_teardown(overlapping_values_leave_no_rest, forget),
        cmocka_unit_test_teardown(encoded_forms_are_masked, forget),
        cmocka_unit_test_teardown(escaped_values_are_masked, forget),
        cmocka_unit_test_teardown(escaped_base64_is_masked, forget),
        cmocka_unit_test_teardown(every_character_may_be_escaped, forget),
        cmocka_unit_test_teardown(signs_of_escapes_are_plain_letters_too, forget),
        cmocka_unit_test_teardown(long_rows_of_signs_take_no_long, forget),
        cmocka_unit_test_teardown(what_a_cut_leaves_of_a_value_is_masked, forget),
        cmocka_unit_test_teardown(copies_are_masked_before_they_are_cut, forget),
        cmocka_unit_test_teardown(in_place_keeps_the_length, forget),
        cmocka_unit_test_teardown(many_values, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static void assert_masked(struct str text, const char *wanted)
{
    _buf_ struct buf out = {0};

    buf_putc(&out, '>');
    secret_mask(text, &out);
    struct str masked = {out.ptr + 1, out.len - 1};
    assert_str(masked, wanted);
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

/* The forms in which a secret leaves: a Basic header, a JWT part, a URL, a JSON body. */
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
    secret_register(STR("-----BEGIN KEY-----\nMIIB\n"));
    json_put_string(&quoted, STR("-----BEGIN KEY-----\nMIIB\n"));
    assert_masked(buf_str(&quoted), "\"********\"");
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
        cmocka_unit_test_teardown(in_place_keeps_the_length, forget),
        cmocka_unit_test_teardown(many_values, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/secret.h"
#include "check.h"

#include <errno.h>

static void set_fills_and_returns_the_code(void **state)
{
    struct err err = {0};

    (void)state;
    errno = ENOENT;
    assert_int_equal(err_set(&err, -EINVAL, "port '%s' is not a number", "x"), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.text, "port 'x' is not a number");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(err_set(NULL, E_SYNTAX, "nobody reads this"), E_SYNTAX);
}

static void prefix_stands_in_front(void **state)
{
    struct err err = {0};

    (void)state;
    (void)err_set(&err, E_SYNTAX, "line 3");
    assert_int_equal(err_prefix(&err, "%s: ", "conf.d/x.ini"), E_SYNTAX);
    assert_string_equal(err.text, "conf.d/x.ini: line 3");
    assert_int_equal(err_prefix(NULL, "x"), 0);
}

static void own_text_may_be_an_argument(void **state)
{
    struct err err = {0};

    (void)state;
    (void)err_set(&err, -EIO, "disk");
    (void)err_set(&err, -EIO, "store: %s, again %s", err.text, err.text);
    assert_string_equal(err.text, "store: disk, again disk");
}

static void long_text_is_cut_between_characters(void **state)
{
    struct err err = {0};
    char text[1200];

    (void)state;
    for (size_t lead = 0; lead < 2; lead++) {
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (i - lead) % 2 == 0 ? '\xc3' : '\xa9';
        text[0] = lead == 1 ? 'x' : text[0];
        text[sizeof(text) - 1] = '\0';
        (void)err_set(&err, -EIO, "%s", text);
        size_t len = strlen(err.text);
        assert_true(len >= sizeof(err.text) - 3);
        assert_string_equal(err.text + len - 3, "...");
        assert_true(str_is_utf8(str_of(err.text)));
    }
    memset(text, 'p', 700);
    text[700] = '\0';
    (void)err_set(&err, -EIO, "%s", text);
    (void)err_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void a_secret_is_masked_before_the_cut(void **state)
{
    struct err err = {0};
    char text[sizeof(err.text)];

    (void)state;
    secret_register(STR("hunter22hunter22"));
    memset(text, 'p', sizeof(text));
    text[sizeof(text) - 16] = '\0';
    (void)err_set(&err, -EIO, "%s%s", text, "hunter22hunter22 and more");
    assert_null(strstr(err.text, "hunt"));
    assert_non_null(strstr(err.text, "p********"));
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    secret_forget_all();
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(err_name(0), "success");
    assert_string_equal(err_name(-ENOSPC), "ENOSPC");
    assert_string_equal(err_name(E_NOT_FOUND), "not found");
    for (int code = E_USAGE; code >= E_STOPPED; code--)
        assert_string_not_equal(err_name(code), "unknown status");
    assert_string_equal(err_name(-999), "unknown status");
    assert_string_equal(err_name(7), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_and_returns_the_code),
        cmocka_unit_test(prefix_stands_in_front),
        cmocka_unit_test(own_text_may_be_an_argument),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(a_secret_is_masked_before_the_cut),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * A command's output in its pieces: the same in whatever portions it comes, and nothing that is not
 * one is taken for one. */
#include "cli/cli_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

struct seen {
    struct buf out, err, others;
    int left; /* pieces wanted yet; 0: all */
};

static bool see(void *user, const char *kind, struct str bytes)
{
    struct seen *seen = user;

    if (strcmp(kind, "out") == 0)
        buf_add_str(&seen->out, bytes);
    else if (strcmp(kind, "err") == 0)
        buf_add_str(&seen->err, bytes);
    else
        buf_printf(&seen->others, "%s=%.*s;", kind, STR_ARG(bytes));
    return seen->left == 0 || --seen->left > 0;
}

static int take(const char *text, size_t portion, struct seen *seen)
{
    struct cli_output output = {.fn = see, .user = seen};
    size_t len = strlen(text);
    int status = 1;

    for (size_t at = 0; at < len && status == 1; at += portion)
        status = cli_output_take(&output,
                                 (struct str){text + at, len - at < portion ? len - at : portion});
    buf_finish(&output.whole);
    return status;
}

static void finish(struct seen *seen)
{
    buf_finish(&seen->out);
    buf_finish(&seen->err);
    buf_finish(&seen->others);
}

static void pieces_are_the_same_in_any_portions(void **state)
{
    static const char text[] =
        "run 3\nabcout 6\none\n\nxerr 2\n!!want 0\nout 0\nend 10\n{\"code\":0}";

    (void)state;
    for (size_t portion = 1; portion <= sizeof(text); portion++) {
        struct seen seen = {0};
        assert_int_equal(take(text, portion, &seen), 1);
        assert_string_equal(seen.out.ptr, "one\n\nx");
        assert_string_equal(seen.err.ptr, "!!");
        assert_string_equal(seen.others.ptr, "run=abc;want=;end={\"code\":0};");
        finish(&seen);
    }
}

static void enough_is_enough(void **state)
{
    struct seen seen = {.left = 1};

    (void)state;
    assert_int_equal(take("out 1\naout 1\nb", 100, &seen), 0);
    assert_string_equal(seen.out.ptr, "a");
    finish(&seen);
}

static void what_is_no_piece_is_refused(void **state)
{
    static const char *const bad[] = {
        "out\n",    "out x\n",        "out -1\n",
        "out \n",   "nix 1\na",       "out 99999999\n",
        "OUT 1\na", "out 1 1\na",     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\n",       "<html></html>\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct seen seen = {0};
        assert_int_equal(take(bad[i], 3, &seen), -EBADMSG);
        assert_int_equal(seen.out.len, 0);
        finish(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_the_same_in_any_portions),
        cmocka_unit_test(enough_is_enough),
        cmocka_unit_test(what_is_no_piece_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/percent.h"

#include "check.h"

#include <errno.h>

static void encodes_all_but_what_is_plain(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    percent_encode(STR("aZ09-._~"), "", &out);
    assert_str(buf_str(&out), "aZ09-._~");
    buf_clear(&out);
    percent_encode(STR("a b/c?d&e=f+g%h:@"), ":@", &out);
    assert_str(buf_str(&out), "a%20b%2Fc%3Fd%26e%3Df%2Bg%25h:@");
    buf_clear(&out);
    percent_encode((struct str){"\0\n\x7f\xc3\xa9", 5}, "", &out);
    assert_str(buf_str(&out), "%00%0A%7F%C3%A9");
    buf_clear(&out);
    percent_encode(STR_NONE, "", &out);
    assert_int_equal(out.len, 0);
}

static void decodes(struct str text, unsigned how, int status, const char *wanted, int line)
{
    _buf_ struct buf out = {0};

    buf_puts(&out, "kept ");
    if (percent_decode(text, how, &out) != status || out.len < 5 ||
        !str_is((struct str){out.ptr + 5, out.len - 5}, wanted))
        fail_msg("line %d: '%.*s' gives '%s'", line, STR_ARG(text), out.ptr);
}
#define assert_decodes(text, how, status, wanted) decodes(STR(text), how, status, wanted, __LINE__)

static void decodes_escapes_of_either_case(void **state)
{
    (void)state;
    assert_decodes("", 0, 0, "");
    assert_decodes("a%20b%2f%2F%41", 0, 0, "a b//A");
    assert_decodes("%2541", 0, 0, "%41"); /* once, not again */
    assert_decodes("a+b", 0, 0, "a+b");
    assert_decodes("a+b%2Bc", PERCENT_PLUS, 0, "a b+c");
    decodes(STR_NONE, 0, 0, "", __LINE__);
}

static void refuses_bad_escapes_or_keeps_them(void **state)
{
    (void)state;
    assert_decodes("a%", 0, -EINVAL, "a");
    assert_decodes("a%4", 0, -EINVAL, "a");
    assert_decodes("a%4g", 0, -EINVAL, "a");
    assert_decodes("a%g4", PERCENT_PLUS, -EINVAL, "a");
    assert_decodes("a%%41", 0, -EINVAL, "a");
    assert_decodes("100%", PERCENT_LENIENT, 0, "100%");
    assert_decodes("%4", PERCENT_LENIENT, 0, "%4");
    assert_decodes("%%41%zz+", PERCENT_LENIENT, 0, "%A%zz+");
    assert_decodes("%+", PERCENT_LENIENT | PERCENT_PLUS, 0, "% ");
    decodes((struct str){"%41", 2}, 0, -EINVAL, "", __LINE__); /* what stands behind is not ours */
}

/* Each byte, whatever stays plain, comes back. */
static void both_ways(void **state)
{
    _buf_ struct buf there = {0};
    _buf_ struct buf back = {0};
    char all[256];

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    percent_encode((struct str){all, sizeof(all)}, "/:@!", &there);
    assert_int_equal(percent_decode(buf_str(&there), PERCENT_PLUS, &back), 0);
    assert_int_equal(back.len, sizeof(all));
    assert_memory_equal(back.ptr, all, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_all_but_what_is_plain),
        cmocka_unit_test(decodes_escapes_of_either_case),
        cmocka_unit_test(refuses_bad_escapes_or_keeps_them),
        cmocka_unit_test(both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

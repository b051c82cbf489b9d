/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trace.h"

#include "check.h"

static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static void accept_into(const char *parent, const char *state, struct buf *out)
{
    buf_clear(out);
    trace_accept(str_of(parent), str_of(state), out);
}

static void a_good_one_is_kept(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    accept_into(good, NULL, &out);
    assert_str(buf_str(&out), good);
    accept_into(good, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", &out);
    assert_str(trace_id(buf_str(&out)), "0af7651916cd43dd8448eb211c80319c");
    assert_str(trace_span(buf_str(&out)), "b7ad6b7169203331");
    assert_str(trace_state(buf_str(&out)), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    accept_into(good, " a@b/c=1 ,, d=2\t", &out);
    assert_str(trace_state(buf_str(&out)), "a@b/c=1 ,, d=2");
    assert_int_equal(trace_id(STR_NONE).len + trace_span(STR_NONE).len, 0);
    assert_int_equal(trace_state(STR_NONE).len, 0);
}

static void a_later_version_may_be_longer(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    accept_into("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-what-comes", NULL, &out);
    assert_str(buf_str(&out), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
    accept_into("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", NULL, &out);
    assert_str(buf_str(&out), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
}

static void what_is_not_well_formed_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    };
    _buf_ struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        accept_into(bad[i], "a=1", &out);
        if (out.len > 0)
            fail_msg("'%s' was taken as '%s'", bad[i], out.ptr);
    }
}

static void a_bad_state_is_left_behind(void **state)
{
    static const char *const bad[] = {"a",      "=1",         "a=",         "A=1", "a=b=c", "a=1,b",
                                      "a=\x7f", "a=1,\n b=2", "a=\xc3\xa9", ",",   "_a=1"};
    _buf_ struct buf out = {0};
    _buf_ struct buf many = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        accept_into(good, bad[i], &out);
        assert_str(buf_str(&out), good);
    }
    for (int i = 0; i < TRACE_STATE_MEMBERS_MAX; i++)
        buf_printf(&many, "k%d=1,", i);
    accept_into(good, many.ptr, &out);
    assert_true(trace_state(buf_str(&out)).len > 0);
    buf_puts(&many, "one-more=1");
    accept_into(good, many.ptr, &out);
    assert_str(buf_str(&out), good);
    buf_clear(&many);
    buf_puts(&many, "a=");
    while (many.len <= TRACE_STATE_BYTES_MAX)
        buf_puts(&many, "1,a=");
    accept_into(good, many.ptr, &out);
    assert_str(buf_str(&out), good);
}

static void a_child_has_its_own_span(void **state)
{
    static const uint8_t span[8] = {0, 0x1f, 0xff, 3, 4, 5, 6, 7};
    _buf_ struct buf out = {0};
    _buf_ struct buf kept = {0};

    (void)state;
    accept_into(good, "a=1", &kept);
    trace_put_child(buf_str(&kept), span, &out);
    assert_str(buf_str(&out), "00-0af7651916cd43dd8448eb211c80319c-001fff0304050607-01");
    assert_true(trace_is_same(buf_str(&kept), buf_str(&out)));
    assert_true(trace_is_same(STR_NONE, STR_NONE));
    assert_false(trace_is_same(buf_str(&kept), STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_kept),
        cmocka_unit_test(a_later_version_may_be_longer),
        cmocka_unit_test(what_is_not_well_formed_is_none),
        cmocka_unit_test(a_bad_state_is_left_behind),
        cmocka_unit_test(a_child_has_its_own_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

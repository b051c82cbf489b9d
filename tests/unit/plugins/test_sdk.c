/* SPDX-License-Identifier: Apache-2.0
 * The helpers of the SDK: every answer of <tenon/json.h> and of the inline functions in
 * <tenon/tenon.h>. */
#include "fake_host.h"

#include <tenon/json.h>

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>

#include "rules/judge.h"

static tenon_str find(const char *object, const char *name)
{
    return tenon_json_find(tenon_text(object), name);
}

static void assert_found(const char *object, const char *name, const char *expected)
{
    tenon_str value = find(object, name);

    assert_int_equal(value.len, strlen(expected));
    assert_memory_equal(value.ptr, expected, value.len);
}

static void finds_fields_at_the_top(void **state)
{
    (void)state;
    assert_found("{\"a\":1,\"b\":2}", "b", "2");
    assert_found(" { \"x\" : { \"a\" : [1,{\"a\":2}] } , \"a\" : \"} \\\" ,\" } ", "a",
                 "\"} \\\" ,\"");
    assert_found("{\"a\":[1,[2],{\"b\":\"]\"}],\"b\":null}", "a", "[1,[2],{\"b\":\"]\"}]");
    assert_found("{\"a\":[1,[2],{\"b\":\"]\"}],\"b\":null}", "b", "null");
    assert_found("{\"a\\u0062\":true}", "ab", "true");
    assert_found("{\"a\":1,\"a\":2}", "a", "1");
    assert_found("{\"ab\":1}", "a", "");
    assert_found("{}", "a", "");
    assert_found("[\"a\"]", "a", "");
    assert_found("{\"\":5}", "", "5");
}

/* Cut at every place, from a block of exactly that size: nothing is read past the end (the
 * sanitizer looks). */
static void cut_json_is_never_read_past_its_end(void **state)
{
    static const char whole[] =
        "{\"a\\u00e9\":\"\\ud83d\\ude00\\n\",\"b\":[{\"c\":\"\\\\\"}],\"d\":-1.5e3,\"e\":true}";
    static const char *const names[] = {"a\xc3\xa9", "b", "d", "e", "zz"};

    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        char *bytes = malloc(len + (len == 0));
        tenon_str object = {bytes, len};
        memcpy(bytes, whole, len);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            char text[64];
            tenon_json_text(tenon_json_find(object, names[i]), text, sizeof text);
        }
        free(bytes);
    }
}

static void decodes_texts(void **state)
{
    char text[16];

    (void)state;
    assert_int_equal(
        tenon_json_text(tenon_text("\"a\\n\\u00fc\\ud83d\\ude00\""), text, sizeof text), 8);
    assert_string_equal(text, "a\n\xc3\xbc\xf0\x9f\x98\x80");
    assert_int_equal(tenon_json_text(tenon_text("\"\\ud83dx\""), text, sizeof text), 4);
    assert_string_equal(text, "\xef\xbf\xbdx");
    assert_int_equal(tenon_json_text(tenon_text("\"0123456789abcdef\""), text, sizeof text), -1);
    assert_int_equal(tenon_json_text(tenon_text("\"0123456789abcde\""), text, sizeof text), 15);
    assert_int_equal(tenon_json_text(tenon_text("\"a\\u0000\""), text, sizeof text), -1);
    assert_int_equal(tenon_json_text(tenon_text("12.5"), text, sizeof text), 4);
    assert_string_equal(text, "12.5");
}

static void reads_settings(void **state)
{
    tenon_str settings =
        tenon_text("{\"t\":\"x\",\"n\":-9007199254740993,\"y\":true,\"f\":false,\"e\":\"\"}");
    char text[8] = "old";

    (void)state;
    assert_int_equal(tenon_setting_text(settings, "t", text, sizeof text), 0);
    assert_string_equal(text, "x");
    assert_int_equal(tenon_setting_text(settings, "e", text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(tenon_setting_text(settings, "n", text, sizeof text), -1);
    assert_string_equal(text, "");
    assert_true(tenon_setting_integer(settings, "n") == -9007199254740993);
    assert_int_equal(tenon_setting_integer(settings, "missing"), 0);
    assert_true(tenon_setting_is(settings, "y"));
    assert_false(tenon_setting_is(settings, "f"));
}

static void writes_texts(void **state)
{
    struct fake_text out;

    (void)state;
    fake_text_init(&out);
    assert_int_equal(tenon_json_write_text(&out.sink, tenon_text("a\"b\\c\n\x1f\xc3\xbc")),
                     TENON_OK);
    assert_string_equal(out.bytes, "\"a\\\"b\\\\c\\u000a\\u001f\xc3\xbc\"");
    fake_text_finish(&out);
    fake_text_init(&out);
    out.fail_after = 2;
    assert_int_equal(tenon_json_write_text(&out.sink, tenon_text("abc")), TENON_E_NO_MEMORY);
    fake_text_finish(&out);
}

static void fills_errors(void **state)
{
    tenon_err err = fake_err();
    char longer[600];

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(tenon_fail(&err, TENON_E_AUTH, longer), TENON_E_AUTH);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(tenon_failf(&err, TENON_E_VALIDATION, "%s is %d", "n", 4), TENON_E_VALIDATION);
    assert_string_equal(err.message, "n is 4");
}

static void reads_statuses_and_headers(void **state)
{
    static const struct {
        uint32_t status;
        int32_t verdict, error_class;
    } cases[] = {
        {200, TENON_ACCEPTED, TENON_OK},          {204, TENON_ACCEPTED, TENON_OK},
        {301, TENON_REJECTED, TENON_E_PERMANENT}, {404, TENON_REJECTED, TENON_E_PERMANENT},
        {401, TENON_RETRY, TENON_E_AUTH},         {403, TENON_RETRY, TENON_E_AUTH},
        {408, TENON_RETRY, TENON_E_SERVER},       {425, TENON_RETRY, TENON_E_SERVER},
        {429, TENON_RETRY, TENON_E_RATE_LIMITED}, {500, TENON_RETRY, TENON_E_SERVER},
    };
    tenon_exchange exchange = {sizeof exchange, 429, NULL,
                               tenon_text("a: b\nretry-after:  999999999999\nc: d"),
                               tenon_text("")};

    (void)state;
    assert_true(tenon_verdict_of_status(&exchange, 0).retry_after_ms == 4000000000u);
    assert_true(tenon_equals(tenon_header(&exchange, "c"), "d"));
    assert_int_equal(tenon_header(&exchange, "retry").len, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tenon_verdict verdict;
        exchange.status = cases[i].status;
        verdict = tenon_verdict_of_status(&exchange, 3);
        assert_int_equal(verdict.index, 3);
        assert_int_equal(verdict.verdict, cases[i].verdict);
        assert_int_equal(verdict.error_class, cases[i].error_class);
        assert_int_equal(verdict.http_status, cases[i].status);
    }
}

/* Plugins cannot link the host's reading, so there are two of them; they agree on every status. */
static void reads_statuses_as_the_host_does(void **state)
{
    tenon_exchange exchange = {sizeof exchange, 0, NULL, tenon_text(""), tenon_text("")};

    (void)state;
    for (exchange.status = 100; exchange.status < 1000; exchange.status++) {
        struct judgement host = judge_status((int)exchange.status);
        tenon_verdict plugin = tenon_verdict_of_status(&exchange, 0);
        if (plugin.verdict != host.verdict || plugin.error_class != host.error_class)
            fail_msg("status %u: %d, %d in the header, %d, %d in the host", exchange.status,
                     plugin.verdict, plugin.error_class, host.verdict, host.error_class);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_fields_at_the_top),
        cmocka_unit_test(cut_json_is_never_read_past_its_end),
        cmocka_unit_test(decodes_texts),
        cmocka_unit_test(reads_settings),
        cmocka_unit_test(writes_texts),
        cmocka_unit_test(fills_errors),
        cmocka_unit_test(reads_statuses_and_headers),
        cmocka_unit_test(reads_statuses_as_the_host_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

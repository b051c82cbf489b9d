/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/json_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const char *target, const char *patch, const char *merged)
{
    _buf_ struct buf out = {0};

    json_merge(str_of(target), str_of(patch), &out);
    assert_false(out.failed);
    assert_int_equal(json_check(buf_str(&out), NULL), 0);
    assert_string_equal(out.ptr, merged);
}

/* The examples of RFC 7396, appendix A; those with an array as the target are ours too, as what is
 * no object is replaced. */
static void test_the_examples_of_the_rfc(void **state)
{
    (void)state;
    expect("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    expect("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    expect("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    expect("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    expect("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    expect("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    expect("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
    expect("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    expect("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    expect("{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]");
    expect("{\"a\":\"foo\"}", "null", "null");
    expect("{\"a\":\"foo\"}", "\"bar\"", "\"bar\"");
    expect("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    expect("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    expect("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

static void test_what_is_not_named_stays_as_written(void **state)
{
    (void)state;
    expect("{ \"n\" : 1.10, \"big\":123456789012345678901234567890, \"s\":\"\\u00fc\" }",
           "{\"x\":2.50}",
           "{\"n\":1.10,\"big\":123456789012345678901234567890,\"s\":\"\\u00fc\",\"x\":2.50}");
}

static void test_names_are_what_they_read(void **state)
{
    (void)state;
    expect("{\"caf\\u00e9\":1}", "{\"café\":2}", "{\"caf\\u00e9\":2}");
    expect("{\"a\\\"b\":1,\"\":3}", "{\"a\\u0022b\":null,\"\":4}", "{\"\":4}");
    expect("{\"a\":1,\"b\":2,\"a\":3}", "{}", "{\"b\":2,\"a\":3}");
    expect("{\"a\":1}", "{\"a\":null,\"a\":2}", "{\"a\":2}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_rfc),
        cmocka_unit_test(test_what_is_not_named_stays_as_written),
        cmocka_unit_test(test_names_are_what_they_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

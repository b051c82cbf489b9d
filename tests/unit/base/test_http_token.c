/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_token.h"

#include "check.h"

/* The two lists of RFC 9110, 5.6.2: what is no delimiter and no control character. */
static void a_token_has_all_but_delimiters(void **state)
{
    static const char delimiters[] = "\"(),/:;<=>?@[\\]{}";

    (void)state;
    for (int c = -128; c < 128; c++) {
        bool is_one = c > ' ' && c < 0x7f && strchr(delimiters, c) == NULL;
        if (http_token_has((char)c) != is_one)
            fail_msg("byte %d is taken for %s", c, is_one ? "none" : "one");
    }
}

static void a_token_is_never_empty(void **state)
{
    (void)state;
    assert_true(http_token_is(STR("X-Hub-Signature-256")));
    assert_true(http_token_is(STR("~")));
    assert_false(http_token_is(STR("")));
    assert_false(http_token_is(STR_NONE));
    assert_false(http_token_is(STR("Content-Length ")));
    assert_false(http_token_is(STR(" Host")));
    assert_false(http_token_is(STR("Host:")));
    assert_false(http_token_is((struct str){"a\0b", 3}));
    assert_true(http_token_is((struct str){"ab:", 2}));
}

static void a_header_is_known_by_its_whole_name(void **state)
{
    (void)state;
    assert_true(http_token_leads("Content-Type: text/plain", "content-type"));
    assert_true(http_token_leads("te:", "te"));
    assert_false(http_token_leads("test: 1", "te"));
    assert_false(http_token_leads("te", "te"));
    assert_false(http_token_leads("", "te"));
    assert_false(http_token_leads("Host: x", "te"));
    assert_false(http_token_leads("content-type : x", "content-type"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_has_all_but_delimiters),
        cmocka_unit_test(a_token_is_never_empty),
        cmocka_unit_test(a_header_is_known_by_its_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

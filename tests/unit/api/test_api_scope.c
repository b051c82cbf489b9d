/* SPDX-License-Identifier: Apache-2.0
 * What scopes allow, and which texts are scopes. */
#include "api/api_scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void allows_what_it_says_and_no_more(void **state)
{
    static const struct {
        const char *scopes;
        enum api_scope wanted;
        const char *integration; /* NULL: the host */
        bool is_allowed;
    } cases[] = {
        {"read", API_READ, NULL, true},
        {"read", API_READ, "a", true},
        {"read", API_SUBMIT, "a", false},
        {"submit", API_SUBMIT, NULL, true},
        {"submit", API_READ, NULL, false},
        {"manage", API_READ, "a", true},
        {"manage", API_SUBMIT, NULL, true},
        {"manage", API_MANAGE, NULL, true},
        {"read:a", API_READ, "a", true},
        {"read:a", API_READ, NULL, false},
        {"read:a", API_READ, "ab", false},
        {"read:ab", API_READ, "a", false},
        {"read:a,b", API_READ, "b", true},
        {"read:a submit:b", API_SUBMIT, "a", false},
        {"read:a submit:b", API_SUBMIT, "b", true},
        {"read manage:b", API_MANAGE, "b", true},
        {"read manage:b", API_SUBMIT, "b", true},
        {"read manage:b", API_MANAGE, NULL, false},
        {"read:a", API_ANY, NULL, true},
        {"", API_ANY, NULL, false},
        {"", API_READ, "a", false},
        {"", API_OPEN, NULL, true},
        {"any", API_READ, NULL, false},
        {"open", API_READ, NULL, false},
        {"read:a", API_READ, "", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(api_scope_allows(str_of(cases[i].scopes), cases[i].wanted,
                                          str_of(cases[i].integration)),
                         cases[i].is_allowed);
    assert_false(api_scope_allows(STR_NONE, API_ANY, STR_NONE));
}

static void knows_a_text_of_scopes(void **state)
{
    static const char *const good[] = {"read",        "submit:stripe-eu", "read submit:a,b",
                                       " read  read", "manage:x.y",       "read:a manage:a"};
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "no scope is given"},         {"  ", "no scope is given"},
        {"write", "'write' is not read"},  {"open", "'open' is not read"},
        {"any", "'any' is not read"},      {"Read", "'Read' is not read"},
        {"read:", "names no integration"}, {"read:a,", "names no integration"},
        {"read:,a", "'' is not the name"}, {"read:a/b", "'a/b' is not the name"},
        {"read:a\nb", "is not the name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(api_scope_check(str_of(good[i]), NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = {0};
        assert_true(api_scope_check(str_of(bad[i].text), &err) < 0);
        assert_non_null(strstr(err.text, bad[i].words));
    }
}

static void takes_no_endless_text(void **state)
{
    struct buf text = {0};

    (void)state;
    while (text.len <= API_SCOPE_TEXT_MAX)
        buf_puts(&text, "read ");
    assert_true(api_scope_check(buf_str(&text), NULL) < 0);
    buf_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_what_it_says_and_no_more),
        cmocka_unit_test(knows_a_text_of_scopes),
        cmocka_unit_test(takes_no_endless_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

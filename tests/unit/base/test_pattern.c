/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pattern.h"

#include "check.h"

#include <errno.h>

static void names_are_words_with_dots(void **state)
{
    static const char *const bad[] = {"",    ".",    "a.",   ".a",    "a..b", "a b",
                                      "a.*", "a.**", "\xc3", "a/b.c", "a\n",  "a.b:c"};
    struct err err = {0};

    (void)state;
    assert_int_equal(pattern_check_name(STR("entity.created"), "the type", &err), 0);
    assert_int_equal(pattern_check_name(STR("A-1._b"), "the type", &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pattern_check_name(str_of(bad[i]), "the type", &err), -EINVAL);
    assert_int_equal(pattern_check_name((struct str){"a\0b", 3}, "the type", &err), -EINVAL);
    (void)pattern_check_name(STR("a.b:c"), "the type", &err);
    assert_string_equal(err.text,
                        "the type 'a.b:c': 'b:c' is not a word of letters, digits, _ and -");
}

static void sizes_are_limited(void **state)
{
    char text[PATTERN_BYTES_MAX + 1];
    struct err err = {0};

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(pattern_check_name((struct str){text, PATTERN_BYTES_MAX}, "it", &err), 0);
    assert_int_equal(pattern_check_name((struct str){text, sizeof(text)}, "it", &err), -EINVAL);
    for (size_t i = 1; i < sizeof(text); i += 2)
        text[i] = '.';
    assert_int_equal(pattern_check((struct str){text, 2 * PATTERN_WORDS_MAX - 1}, &err), 0);
    assert_int_equal(pattern_check((struct str){text, 2 * PATTERN_WORDS_MAX + 1}, &err), -EINVAL);
}

static void patterns_are_checked(void **state)
{
    static const char *const good[] = {"*", "**", "a.*", "*.b", "a.**", "*.*.c", "event.type.*"};
    static const char *const bad[] = {"", "a.**.b", "**.a", "a*", "***", "a.", "a.>", "#"};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(pattern_check(str_of(good[i]), &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pattern_check(str_of(bad[i]), &err), -EINVAL);
}

static void stars_stand_for_words(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"entity.created", "entity.created", true},
        {"entity.created", "entity.create", false},
        {"entity.created", "entity.created.x", false},
        {"entity.*", "entity.created", true},
        {"entity.*", "entity", false},
        {"entity.*", "entity.created.x", false},
        {"*", "entity", true},
        {"*", "entity.created", false},
        {"*.created", "relationship.created", true},
        {"event.type.*", "event.type.concert", true},
        {"event.type.*", "event.kind.concert", false},
        {"**", "entity", true},
        {"**", "entity.created.x", true},
        {"entity.**", "entity", false},
        {"entity.**", "entity.created", true},
        {"entity.**", "entity.created.x", true},
        {"*.*.**", "a.b", false},
        {"*.*.**", "a.b.c.d", true},
        {"", "a", false},
        {"a", "", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(pattern_matches(str_of(cases[i].pattern), str_of(cases[i].name)),
                         cases[i].matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_words_with_dots),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(patterns_are_checked),
        cmocka_unit_test(stars_stand_for_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

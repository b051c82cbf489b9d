/* SPDX-License-Identifier: Apache-2.0
 * What could come next on an unfinished line, as far as the table alone says it. */
#include "cli/cli_completion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* `line` is split at blanks; one at its end begins a new word. Words come back in `out`, the help
 * left out. */
static void find(const char *line, struct buf *out)
{
    const char *words[WORDS_MAX];
    char copy[256];
    size_t count = 0;
    struct cli cli = {0};
    _buf_ struct buf lines = {0};
    struct str rest;
    struct str one;

    (void)snprintf(copy, sizeof(copy), "%s", line);
    words[count++] = copy;
    for (char *at = copy; *at != '\0'; at++) {
        if (*at != ' ')
            continue;
        *at = '\0';
        words[count++] = at + 1;
    }
    cli_completion_find(&cli, words, count, &lines);
    buf_clear(out);
    rest = buf_str(&lines);
    while (str_next(&rest, '\n', &one)) {
        struct str word = one;
        (void)str_next(&one, '\t', &word);
        buf_printf(out, "%s%.*s", out->len > 0 ? " " : "", STR_ARG(word));
    }
}

static void finds_what_the_table_says(void **state)
{
    static const struct {
        const char *line, *found;
    } cases[] = {
        {"subm", "submit submission"},
        {"submission ", "list show retry discard"},
        {"submission list --sta", "--state"},
        {"submission list --state f", "failed"},
        {"submission list --state=sk", "--state=skipped"},
        {"submission list --state failed --sta", ""},
        {"entity search --field a=1 --fie", "--field"},
        {"token create t --scope rea", "read"},
        {"entity import ", ":files"},
        {"entity import --conf ", ":directories"},
        {"--socket /s completion ", "words bash zsh"},
        {"completion -- b", "bash"},
        {"config check --js", "--json"},
        {"xyzzy ", ""},
        {"status now and then", ""},
    };
    _buf_ struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        find(cases[i].line, &out);
        assert_string_equal(buf_str(&out).ptr, cases[i].found);
    }
}

/* A name that somebody else chose must not make a second line. */
static void keeps_help_on_its_line(void **state)
{
    _buf_ struct buf out = {0};
    struct cli_completion completion = {.prefix = STR("a"), .out = &out};

    (void)state;
    cli_completion_put(&completion, STR("abc"), "one\ntwo\tthree");
    cli_completion_put(&completion, STR("bcd"), "not this");
    assert_string_equal(out.ptr, "abc\tone two three\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_the_table_says),
        cmocka_unit_test(keeps_help_on_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

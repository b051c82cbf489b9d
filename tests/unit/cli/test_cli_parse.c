/* SPDX-License-Identifier: Apache-2.0
 * From words to a command: matching, options, counts, suggestions, and that each row of the table
 * is whole. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { WORDS_MAX = 48 };

/* Splits at blanks and parses. */
static int parse(const char *line, struct cli *out, struct err *err)
{
    static char copy[1024];
    char *words[WORDS_MAX];
    int count = 0;

    *out = (struct cli){0};
    *err = (struct err){0};
    (void)strncpy(copy, line, sizeof(copy) - 1); /* the tests' lines are short */
    for (char *at = strtok(copy, " "); at != NULL && count < WORDS_MAX; at = strtok(NULL, " "))
        words[count++] = at;
    return cli_parse(count, words, out, err);
}

static void finds_commands_and_arguments(void **state)
{
    struct cli cli;
    struct err err;

    (void)state;
    assert_int_equal(parse("status", &cli, &err), 0);
    assert_string_equal(cli.command->words, "status");
    assert_int_equal(parse("entity relate a near b --data {}", &cli, &err), 0);
    assert_string_equal(cli.command->words, "entity relate");
    assert_int_equal(cli.argument_count, 3);
    assert_string_equal(cli_argument(&cli, 1), "near");
    assert_null(cli_argument(&cli, 3));
    assert_string_equal(cli_option_text(&cli, "data"), "{}");
    assert_int_equal(parse("import -", &cli, &err), 0);
    assert_string_equal(cli_argument(&cli, 0), "-");
}

static void takes_options_anywhere(void **state)
{
    struct cli cli;
    struct err err;

    (void)state;
    assert_int_equal(parse("--socket /s --json entity get --conf=/c e-1", &cli, &err), 0);
    assert_string_equal(cli.command->words, "entity get");
    assert_string_equal(cli_option_text(&cli, "socket"), "/s");
    assert_string_equal(cli_option_text(&cli, "conf"), "/c");
    assert_true(cli.is_json);
    assert_string_equal(cli_argument(&cli, 0), "e-1");
    assert_int_equal(parse("entity get -- --odd", &cli, &err), 0);
    assert_string_equal(cli_argument(&cli, 0), "--odd");
    assert_int_equal(parse("submission list --limit=2 --json --json", &cli, &err), 0);
    assert_string_equal(cli_option_text(&cli, "limit"), "2");
    assert_int_equal(parse("entity search --field a=1 --field a=2", &cli, &err), 0);
    assert_int_equal(cli.given_count, 2);
}

static void refuses_with_a_sentence(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"statsu", "perhaps 'tenon status' was meant"},
        {"entity ad x", "perhaps 'tenon entity add' was meant"},
        {"entity frobnicate", "'tenon entity --help'"},
        {"entit get x", "perhaps 'tenon entity get' was meant"},
        {"entit frobnicate", "perhaps 'tenon entity' was meant"},
        {"xyzzy", "'tenon --help'"},
        {"entity get", "tenon entity get ID"},
        {"status now", "'now' is too much"},
        {"submission list --limt 3", "perhaps --limit was meant"},
        {"status --json=yes", "--json takes no value"},
        {"submission list --limit", "--limit N"},
        {"status --limit 3", "there is no option --limit"},
        {"submission list --limit 1 --limit=2", "--limit is given twice, '1' and '2'"},
        {"submission list -n 1 --limit 1", "--limit is given twice"},
        {"submit w --entity a --entity b", "--entity is given twice"},
        {"--socket /a status --socket /b", "--socket is given twice"},
    };
    struct cli cli;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].line, &cli, &err), E_USAGE);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("%s: '%s' does not say %s", cases[i].line, err.text, cases[i].words);
    }
}

/* What a script writes whose variable is not set. */
static void refuses_what_is_empty(void **state)
{
    static const struct {
        const char *words[6];
        const char *says; /* NULL: taken */
    } cases[] = {
        {{"submit", "w", "--entity", ""}, "--entity is empty"},
        {{"submission", "discard", "--integration", "w", "--where="},
         "--where JQ, or leave it out"},
        {{"--url", "", "status"}, "--url is empty"},
        {{"entity", "get", ""}, "ID is empty: tenon entity get ID"},
        {{"entity", "relate", "a", "", "b"}, "TYPE is empty"},
        {{"entity", "relations", ""}, "ID is empty: give it, or leave it out"},
        {{"why", "e-1", ""}, "INTEGRATION is empty"},
        {{"integration", "run", "w", "talk", ""}, NULL},     /* as the plugin's command has it */
        {{"completion", "words", "--", "entity", ""}, NULL}, /* the word that is to come */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli cli = {0};
        struct err err = {0};
        char words[6][32];
        char *given[6];
        int count = 0;
        for (; count < 6 && cases[i].words[count] != NULL; count++) {
            (void)snprintf(words[count], sizeof(words[count]), "%s", cases[i].words[count]);
            given[count] = words[count];
        }
        assert_int_equal(cli_parse(count, given, &cli, &err), cases[i].says != NULL ? E_USAGE : 0);
        if (cases[i].says != NULL && strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: '%s' does not say %s", i, err.text, cases[i].says);
    }
}

static void names_of_arguments_stand_once(void **state)
{
    struct cli cli;
    struct err err;

    (void)state;
    assert_int_equal(parse("integration set w retry.max=1m retry.max=2m", &cli, &err), 0);
    assert_int_equal(cli_arguments_once(&cli, 1), E_USAGE);
    assert_int_equal(parse("integration set w retry.max=1m retry.ma=2m x x", &cli, &err), 0);
    assert_int_equal(cli_arguments_once(&cli, 1), 0);
    assert_int_equal(parse("integration set a=1 a=1", &cli, &err), 0);
    assert_int_equal(cli_arguments_once(&cli, 1), 0);
}

/* Each option that has a value, of each command. An option that is a list says so. */
static void no_option_takes_an_empty_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        for (const struct cli_option *option = cli_commands[i].options;
             option != NULL && option->name != NULL; option++) {
            char line[128];
            struct cli cli;
            struct err err;
            if (option->value == NULL)
                continue;
            assert_int_equal(cli_option_is_list(option),
                             strstr(option->help, "may be given again") != NULL);
            (void)snprintf(line, sizeof(line), "%s --%s=", cli_commands[i].words, option->name);
            assert_int_equal(parse(line, &cli, &err), E_USAGE);
            assert_non_null(strstr(err.text, "is empty"));
        }
    }
}

static void survives_too_many_of_everything(void **state)
{
    static char option[] = "--json";
    static char help[] = "help";
    static char import[] = "import";
    char *words[200];
    struct cli cli = {0};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < 200; i++)
        words[i] = option;
    assert_int_equal(cli_parse(200, words, &cli, &err), E_USAGE);
    words[CLI_OPTIONS_MAX] = help;
    cli = (struct cli){0};
    assert_int_equal(cli_parse(CLI_OPTIONS_MAX + 1, words, &cli, &err), E_USAGE);
    for (size_t i = 0; i < 200; i++)
        words[i] = import;
    cli = (struct cli){0};
    assert_int_equal(cli_parse(200, words, &cli, &err), E_USAGE);
}

static void asks_for_help(void **state)
{
    struct cli cli;
    struct err err;

    (void)state;
    assert_int_equal(parse("entity get --help", &cli, &err), 0);
    assert_string_equal(cli.command->words, "entity get");
    assert_true(cli_option_is_set(&cli, "help"));
    assert_int_equal(parse("entity --help", &cli, &err), 0);
    assert_null(cli.command);
    assert_string_equal(cli_argument(&cli, 0), "entity");
    assert_int_equal(parse("help entity add", &cli, &err), 0);
    assert_int_equal(cli.argument_count, 2);
}

static void reads_argument_counts(void **state)
{
    static const struct {
        const char *text;
        size_t min, max;
    } cases[] = {{"", 0, 0},         {"ID", 1, 1},
                 {"A TYPE B", 3, 3}, {"ID [FILE|-|JSON]", 1, 2},
                 {"[TEXT]", 0, 1},   {"ID...", 1, CLI_ARGUMENTS_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t min;
        size_t max;
        cli_argument_range(cases[i].text, &min, &max);
        assert_int_equal(min, cases[i].min);
        assert_int_equal(max, cases[i].max);
    }
}

/* House rule: whatever can be called can be read about, and options do not fight with the common
 * ones. */
static void every_command_has_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        struct buf help = {0};
        struct buf all = {0};
        assert_non_null(command->run);
        assert_true(strlen(command->help) > 10);
        assert_int_not_equal(command->help[strlen(command->help) - 1], '.');
        cli_help(command->words, &help);
        assert_non_null(strstr(help.ptr, command->help));
        cli_help("", &all);
        assert_non_null(strstr(all.ptr, command->words));
        for (const struct cli_option *option = command->options; option != NULL && option->name;
             option++) {
            assert_non_null(strstr(help.ptr, option->name));
            assert_true(strlen(option->help) > 5);
            for (const struct cli_option *common = cli_common_options; common->name != NULL;
                 common++)
                assert_string_not_equal(option->name, common->name);
        }
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(cli_commands[j].words, command->words);
        buf_finish(&help);
        buf_finish(&all);
    }
}

static void help_lines_stay_short(void **state)
{
    struct buf all = {0};
    struct str rest;
    struct str line;

    (void)state;
    cli_help("", &all);
    rest = buf_str(&all);
    while (str_next(&rest, '\n', &line))
        if (line.len > 120)
            fail_msg("too long: %.*s", STR_ARG(line));
    buf_finish(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_commands_and_arguments),
        cmocka_unit_test(takes_options_anywhere),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(refuses_what_is_empty),
        cmocka_unit_test(names_of_arguments_stand_once),
        cmocka_unit_test(no_option_takes_an_empty_value),
        cmocka_unit_test(survives_too_many_of_everything),
        cmocka_unit_test(asks_for_help),
        cmocka_unit_test(reads_argument_counts),
        cmocka_unit_test(every_command_has_help),
        cmocka_unit_test(help_lines_stay_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

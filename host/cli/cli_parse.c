/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/cleanup.h"

#include <string.h>

/* "ID [FILE|-]" is 1 to 2; "ID..." has no end. */
void cli_argument_range(const char *arguments, size_t *out_min, size_t *out_max)
{
    struct str rest = str_of(arguments);
    struct str word;

    *out_min = 0;
    *out_max = 0;
    while (str_next(&rest, ' ', &word)) {
        if (word.len == 0)
            continue;
        *out_min += word.ptr[0] != '[';
        *out_max += 1;
    }
    if (strstr(arguments, "...") != NULL)
        *out_max = CLI_ARGUMENTS_MAX;
}

static size_t words_in(const char *words, char *const *given, size_t count)
{
    struct str rest = str_of(words);
    struct str word;
    size_t used = 0;

    while (str_next(&rest, ' ', &word)) {
        if (used == count || !str_is(word, given[used]))
            return 0;
        used++;
    }
    return used;
}

const struct cli_command *cli_find(char *const *words, size_t count, size_t *out_used)
{
    const struct cli_command *best = NULL;

    *out_used = 0;
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t used = words_in(cli_commands[i].words, words, count);
        if (used > *out_used) {
            *out_used = used;
            best = &cli_commands[i];
        }
    }
    return best;
}

const char *cli_argument(const struct cli *cli, size_t index)
{
    return index < cli->argument_count ? cli->arguments[index] : NULL;
}

const char *cli_option_text(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, name) == 0)
            return cli->given[i].value;
    return NULL;
}

bool cli_option_is_list(const struct cli_option *option)
{
    return option->value != NULL && strstr(option->value, "...") != NULL;
}

bool cli_option_is_set(const struct cli *cli, const char *name)
{
    return cli_option_text(cli, name) != NULL;
}

int cli_arguments_once(const struct cli *cli, size_t first)
{
    for (size_t i = first; i < cli->argument_count; i++) {
        const char *equals = strchr(cli->arguments[i], '=');
        size_t len = equals != NULL ? (size_t)(equals + 1 - cli->arguments[i]) : 0;

        for (size_t at = first; at < i && len > 0; at++) {
            if (strncmp(cli->arguments[at], cli->arguments[i], len) != 0)
                continue;
            /* Not the values: one may be a secret. */
            (void)cli_fail(CLI_USAGE, "'%.*s' is given twice: which of the values?", (int)len - 1,
                           cli->arguments[i]);
            return E_USAGE;
        }
    }
    return 0;
}

int cli_option_number(const struct cli *cli, const char *name, int64_t min, int64_t max,
                      int64_t fallback, int64_t *out)
{
    const char *text = cli_option_text(cli, name);

    *out = fallback;
    if (text == NULL)
        return 0;
    if (str_to_i64(str_of(text), out) < 0 || *out < min || *out > max) {
        (void)cli_fail(CLI_USAGE, "--%s: '%s' is not a whole number from %lld to %lld", name, text,
                       (long long)min, (long long)max);
        return E_USAGE;
    }
    return 0;
}

static const struct cli_option *option_in(const struct cli_option *options, struct str name)
{
    for (; options != NULL && options->name != NULL; options++)
        if (str_is(name, options->name))
            return options;
    return NULL;
}

static int unknown_option(const struct cli *cli, struct str name, struct err *err)
{
    const char *names[CLI_OPTIONS_MAX * 2];
    size_t count = 0;
    _free_ char *word = str_dup(name);
    const struct cli_option *const lists[] = {cli->command != NULL ? cli->command->options : NULL,
                                              cli_common_options};

    for (size_t i = 0; i < 2; i++)
        for (const struct cli_option *at = lists[i];
             at != NULL && at->name != NULL && count < CLI_OPTIONS_MAX; at++)
            names[count++] = at->name;
    const char *near = word != NULL ? str_nearest(word, names, count) : NULL;
    const char *where = cli->command != NULL ? cli->command->words : "tenon";
    if (near != NULL)
        return err_set(err, E_USAGE, "%s: there is no option --%.*s; perhaps --%s was meant", where,
                       STR_ARG(name), near);
    return err_set(err, E_USAGE, "%s: there is no option --%.*s; see --help", where, STR_ARG(name));
}

/* `text` is "--name" or "--name=value"; `next` the word behind it. *out_took_next when that was its
 * value. */
static int take_option(struct cli *cli, const char *text, const char *next, bool *out_took_next,
                       struct err *err)
{
    const char *equals = strchr(text, '=');
    struct str name = {text + 2, equals != NULL ? (size_t)(equals - text - 2) : strlen(text) - 2};

    *out_took_next = false;
    if (strcmp(text, "-h") == 0)
        name = STR("help");
    if (strcmp(text, "-n") == 0)
        name = STR("limit");
    const struct cli_option *option = option_in(cli_common_options, name);
    if (option == NULL && cli->command != NULL)
        option = option_in(cli->command->options, name);
    if (option == NULL)
        return unknown_option(cli, name, err);
    if (option->value == NULL && equals != NULL)
        return err_set(err, E_USAGE, "--%s takes no value", option->name);
    if (option->value != NULL && equals == NULL && next == NULL)
        return err_set(err, E_USAGE, "--%s wants a value: --%s %s", option->name, option->name,
                       option->value);
    if (cli->given_count == CLI_OPTIONS_MAX)
        return err_set(err, E_USAGE, "more than %d options", CLI_OPTIONS_MAX);
    const char *value = option->value == NULL ? "" : equals != NULL ? equals + 1 : next;
    if (option->value != NULL && value[0] == '\0')
        return err_set(err, E_USAGE, "--%s is empty: give it a value, --%s %s, or leave it out",
                       option->name, option->name, option->value);
    const char *former = cli_option_text(cli, option->name);
    if (former != NULL && option->value != NULL && !cli_option_is_list(option))
        return err_set(err, E_USAGE, "--%s is given twice, '%s' and '%s': only one can count",
                       option->name, former, value);
    cli->given[cli->given_count].name = option->name;
    cli->given[cli->given_count++].value = value;
    *out_took_next = option->value != NULL && equals == NULL;
    return 0;
}

/* A lone "-" is a file name, and a negative number or JSON never starts with two dashes. */
static bool is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-n") == 0;
}

/* "entity" for "entit": the first word of a command. */
static const char *nearest_group(const char *word, struct buf *out)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        struct str rest = str_of(cli_commands[i].words);
        struct str first;
        (void)str_next(&rest, ' ', &first); /* no command is without words */
        buf_clear(out);
        buf_add_str(out, first);
        const char *candidate = out->ptr;
        if (!out->failed && str_nearest(word, &candidate, 1) != NULL)
            return out->ptr;
    }
    return NULL;
}

static int unknown_command(char *const *words, size_t count, struct err *err)
{
    _buf_ struct buf given = {0};
    _buf_ struct buf group = {0};
    const char *names[128];
    size_t known = 0;

    for (size_t i = 0; i < count && i < 2; i++)
        if (!is_option(words[i]))
            buf_printf(&given, "%s%s", i > 0 ? " " : "", words[i]);
    for (size_t i = 0; i < cli_command_count && known < 128; i++)
        names[known++] = cli_commands[i].words;
    const char *near = given.failed ? NULL : str_nearest(given.ptr, names, known);
    if (near == NULL && !cli_help_has(words[0]))
        near = nearest_group(words[0], &group);
    if (cli_help_has(words[0]))
        near = near != NULL && strncmp(near, words[0], strlen(words[0])) == 0 ? near : NULL;
    if (near != NULL)
        return err_set(err, E_USAGE, "there is no command '%s'; perhaps 'tenon %s' was meant",
                       given.ptr, near);
    if (cli_help_has(words[0]))
        return err_set(err, E_USAGE,
                       "there is no command '%s'; 'tenon %s --help' lists those of %s", given.ptr,
                       words[0], words[0]);
    return err_set(err, E_USAGE, "there is no command '%s'; 'tenon --help' lists them", given.ptr);
}

/* An empty one is what a script writes whose variable is not set. Taken as none it would mean
 * more than was meant: all of them. A list ("...") has its own words for that, or wants it. */
static int check_filled(const struct cli *cli, struct err *err)
{
    const struct cli_command *command = cli->command;
    const char *list = strstr(command->arguments, "...");
    struct str rest = str_of(command->arguments);
    struct str name;

    for (size_t i = 0; i < cli->argument_count && str_next(&rest, ' ', &name); i++) {
        if (list != NULL && name.ptr + name.len > list)
            return 0;
        if (cli->arguments[i][0] != '\0')
            continue;
        if (name.ptr[0] == '[')
            return err_set(err, E_USAGE, "%.*s is empty: give it, or leave it out: tenon %s %s",
                           (int)name.len - 2, name.ptr + 1, command->words, command->arguments);
        return err_set(err, E_USAGE, "%.*s is empty: tenon %s %s", STR_ARG(name), command->words,
                       command->arguments);
    }
    return 0;
}

static int check_arguments(const struct cli *cli, struct err *err)
{
    size_t min;
    size_t max;
    const struct cli_command *command = cli->command;

    cli_argument_range(command->arguments, &min, &max);
    if (cli->argument_count < min)
        return err_set(err, E_USAGE, "something is missing: tenon %s %s", command->words,
                       command->arguments);
    if (cli->argument_count > max)
        return err_set(err, E_USAGE, "'%s' is too much: tenon %s%s%s", cli->arguments[max],
                       command->words, command->arguments[0] != '\0' ? " " : "",
                       command->arguments);
    return check_filled(cli, err);
}

/* How many arguments stand before "[...]", which takes all that follows as it is; without one, more
 * than there can be. */
static size_t count_before_rest(const struct cli_command *command)
{
    size_t min;
    size_t max;

    if (command == NULL || strstr(command->arguments, " [...]") == NULL)
        return SIZE_MAX;
    cli_argument_range(command->arguments, &min, &max);
    return min;
}

static int take_words(struct cli *cli, int argc, char **argv, int at, struct err *err)
{
    bool options_end = false;
    size_t before_rest = count_before_rest(cli->command);

    while (at < argc) {
        options_end |= cli->argument_count >= before_rest;
        bool took_next = false;
        const char *word = argv[at];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && is_option(word)) {
            int status =
                take_option(cli, word, at + 1 < argc ? argv[at + 1] : NULL, &took_next, err);
            if (status < 0)
                return status;
        } else if (cli->argument_count == CLI_ARGUMENTS_MAX) {
            return err_set(err, E_USAGE, "more than %d arguments", CLI_ARGUMENTS_MAX);
        } else {
            cli->arguments[cli->argument_count++] = word;
        }
        at += took_next ? 2 : 1;
    }
    return 0;
}

int cli_parse(int argc, char **argv, struct cli *out, struct err *err)
{
    int at = 0;
    size_t used = 0;

    while (at < argc && is_option(argv[at])) { /* common options may stand in front */
        bool took_next;
        int status =
            take_option(out, argv[at], at + 1 < argc ? argv[at + 1] : NULL, &took_next, err);
        if (status < 0)
            return status;
        at += took_next ? 2 : 1;
    }
    out->is_json = cli_option_is_set(out, "json"); /* also where a plugin's command follows */
    if (at < argc && strcmp(argv[at], "help") == 0) {
        bool took_next;
        int status = take_option(out, "--help", NULL, &took_next, err);
        return status < 0 ? status : take_words(out, argc, argv, at + 1, err);
    }
    if (at == argc)
        return 0;
    out->command = cli_find(argv + at, (size_t)(argc - at), &used);
    if (out->command == NULL) {
        bool is_group = cli_help_has(argv[at]);
        if (is_group && (at + 1 == argc || is_option(argv[at + 1])))
            return take_words(out, argc, argv, at, err);
        if (!is_group) { /* perhaps an integration's name; a command of ours goes before it */
            out->foreign = (const char *const *)argv + at;
            out->foreign_count = (size_t)(argc - at);
        }
        return unknown_command(argv + at, (size_t)(argc - at), err);
    }
    int status = take_words(out, argc, argv, at + (int)used, err);
    if (status < 0)
        return status;
    out->is_json = cli_option_is_set(out, "json");
    return cli_option_is_set(out, "help") ? 0 : check_arguments(out, err);
}

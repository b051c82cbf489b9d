/* SPDX-License-Identifier: Apache-2.0
 * From the words of an unfinished line to what could come next, by the rows of cli_commands.c. */
#include "cli/cli_completion.h"

#include <string.h>

/* The whole words, sorted. */
struct line {
    const char *plain[CLI_ARGUMENTS_MAX]; /* command and arguments */
    size_t plain_count;
    const struct cli_command *command;
    size_t used;                     /* of the plain words, by the command */
    const struct cli_option *wanted; /* its value comes next; NULL: none */
    bool is_plain_only;              /* behind "--" */
};

void cli_completion_put(struct cli_completion *completion, struct str word, const char *help)
{
    struct str prefix = completion->prefix;

    if (word.len < prefix.len || memcmp(word.ptr, prefix.ptr, prefix.len) != 0)
        return;
    buf_add_str(completion->out, word);
    buf_putc(completion->out, '\t');
    for (; help != NULL && *help != '\0'; help++) /* one line each */
        buf_putc(completion->out, (unsigned char)*help < 0x20 ? ' ' : *help);
    buf_putc(completion->out, '\n');
}

void cli_completion_ask(struct cli_completion *completion, const char *what)
{
    buf_printf(completion->out, ":%s\n", what);
}

static const struct cli_option *option_of(const struct cli_option *options, const char *word)
{
    size_t len = strcspn(word + 2, "=");

    for (; options != NULL && options->name != NULL; options++)
        if (strlen(options->name) == len && memcmp(options->name, word + 2, len) == 0)
            return options;
    return NULL;
}

static const struct cli_option *find_option(const struct line *line, const char *word)
{
    const struct cli_option *option = option_of(cli_common_options, word);

    return option != NULL || line->command == NULL ? option
                                                   : option_of(line->command->options, word);
}

static void find_command(struct line *line)
{
    line->command = cli_find((char *const *)(uintptr_t)line->plain, line->plain_count, &line->used);
}

/* An option that says where the daemon is counts for us too. */
static void take_option(struct cli *cli, struct line *line, const char *word, const char *next)
{
    const struct cli_option *option = find_option(line, word);
    const char *equals = strchr(word, '=');

    if (option == NULL || option->value == NULL)
        return;
    const char *value = equals != NULL ? equals + 1 : next;
    if (value == NULL)
        line->wanted = option;
    else if (option_of(cli_common_options, word) != NULL && cli->given_count < CLI_OPTIONS_MAX) {
        cli->given[cli->given_count].name = option->name;
        cli->given[cli->given_count++].value = value;
    }
}

static void sort_words(struct cli *cli, const char *const *words, size_t count, struct line *line)
{
    for (size_t i = 0; i < count; i++) {
        bool is_option = !line->is_plain_only && strncmp(words[i], "--", 2) == 0;

        if (is_option && words[i][2] == '\0') {
            line->is_plain_only = true;
        } else if (is_option) {
            const struct cli_option *option = find_option(line, words[i]);
            take_option(cli, line, words[i], i + 1 < count ? words[i + 1] : NULL);
            i += option != NULL && option->value != NULL && strchr(words[i], '=') == NULL;
        } else if (line->plain_count < CLI_ARGUMENTS_MAX) {
            line->plain[line->plain_count++] = words[i];
            find_command(line);
        }
    }
}

static bool has_option(const char *const *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(words[i], "--", 2) == 0 && strlen(name) == strcspn(words[i] + 2, "=") &&
            strncmp(words[i] + 2, name, strlen(name)) == 0)
            return true;
    return false;
}

/* "--state" and "--state=": the latter's value is completed in place. */
static void put_options(struct cli_completion *completion, const struct cli_option *options,
                        const char *const *words, size_t count)
{
    for (; options != NULL && options->name != NULL; options++) {
        _buf_ struct buf word = {0};
        buf_printf(&word, "--%s", options->name);
        if (!word.failed &&
            (cli_option_is_list(options) || !has_option(words, count, options->name)))
            cli_completion_put(completion, buf_str(&word), options->help);
    }
}

/* A word that begins several commands, with the next words of all of them. */
static void put_group(struct cli_completion *completion, struct str word, struct str begin)
{
    _buf_ struct buf names = {0};

    for (size_t i = 0; i < cli_command_count; i++) {
        const char *words = cli_commands[i].words;
        if (strncmp(words, begin.ptr, begin.len) == 0 && words[begin.len] == ' ')
            buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", words + begin.len + 1);
    }
    cli_completion_put(completion, word, buf_str(&names).ptr);
}

/* The words that continue those of the line, once each. */
static void put_next_words(struct cli_completion *completion, const struct line *line)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        struct str rest = str_of(cli_commands[i].words);
        struct str word = STR_NONE;
        size_t at = 0;
        bool is_new = true;

        while (at < line->plain_count && str_next(&rest, ' ', &word) &&
               str_is(word, line->plain[at]))
            at++;
        if (at < line->plain_count || !str_next(&rest, ' ', &word))
            continue;
        size_t len = (size_t)(word.ptr - cli_commands[i].words) + word.len;
        for (size_t before = 0; before < i && is_new; before++)
            is_new =
                strncmp(cli_commands[before].words, cli_commands[i].words, len) != 0 ||
                (cli_commands[before].words[len] != ' ' && cli_commands[before].words[len] != 0);
        if (is_new && rest.len == 0)
            cli_completion_put(completion, word, cli_commands[i].help);
        else if (is_new)
            put_group(completion, word, (struct str){cli_commands[i].words, len});
    }
}

/* "A [FILE|-|JSON] [N...]": the argument at `index`; one with "..." stands for all behind it. */
static struct str argument_at(const char *arguments, size_t index)
{
    struct str rest = str_of(arguments);
    struct str word = STR_NONE;

    for (size_t i = 0; str_next(&rest, ' ', &word); i++) {
        bool goes_on = word.len > 3 && memmem(word.ptr, word.len, "...", 3) != NULL;
        if (i == index || goes_on)
            return word;
    }
    return STR_NONE;
}

static void put_argument(struct cli_completion *completion, struct str argument)
{
    struct str one;

    if (argument.len > 2 && argument.ptr[0] == '[')
        argument = (struct str){argument.ptr + 1, argument.len - 2};
    if (argument.len > 3 && memcmp(argument.ptr + argument.len - 3, "...", 3) == 0)
        argument.len -= 3;
    while (str_next(&argument, '|', &one)) {
        bool is_literal = one.len > 0 && one.ptr[0] >= 'a' && one.ptr[0] <= 'z';
        if (is_literal)
            cli_completion_put(completion, one, NULL);
        else
            cli_completion_values(completion, one);
    }
}

/* The name that cli_completion_values knows a value by: its own where the value's says too little.
 */
static struct str value_name(const struct cli_option *option)
{
    static const char *const own[] = {"selector", "level", "stage", "class"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(own[i], option->name) == 0)
            return str_of(own[i]);
    struct str name = str_of(option->value);
    const char *list = strstr(option->value, "...");

    if (list != NULL)
        name.len = (size_t)(list - option->value);
    return name;
}

static void put_options_of_all(struct cli_completion *completion, const struct line *line,
                               const char *const *words, size_t count)
{
    put_options(completion, line->command != NULL ? line->command->options : NULL, words, count);
    put_options(completion, cli_common_options, words, count);
}

void cli_completion_find(struct cli *cli, const char *const *words, size_t count, struct buf *out)
{
    const char *last = count > 0 ? words[count - 1] : "";
    size_t whole = count > 0 ? count - 1 : 0;
    struct line line = {0};
    struct cli_completion completion = {.cli = cli, .prefix = str_of(last), .out = out};

    sort_words(cli, words, whole, &line);
    const struct cli_option *option =
        strncmp(last, "--", 2) == 0 && strchr(last, '=') != NULL && !line.is_plain_only
            ? find_option(&line, last)
            : NULL;
    if (line.plain_count > line.used)
        completion.first = line.plain[line.used];
    if (line.wanted != NULL) {
        cli_completion_values(&completion, value_name(line.wanted));
    } else if (option != NULL && option->value != NULL) {
        /* The scripts put the whole word: values are found without what stands before them. */
        _buf_ struct buf values = {0};
        struct cli_completion inner = completion;
        struct str rest;
        struct str value;
        inner.prefix = str_of(strchr(last, '=') + 1);
        inner.out = &values;
        cli_completion_values(&inner, value_name(option));
        rest = buf_str(&values);
        while (str_next(&rest, '\n', &value))
            buf_printf(out, "%.*s%.*s\n",
                       value.len > 0 && value.ptr[0] == ':' ? 0 : (int)(inner.prefix.ptr - last),
                       last, STR_ARG(value));
    } else if (!line.is_plain_only && last[0] == '-' && last[1] != '\0') {
        put_options_of_all(&completion, &line, words, whole);
    } else {
        put_next_words(&completion, &line);
        if (line.plain_count == 0)
            cli_completion_commands(&completion, NULL);
        else if (line.command == NULL && line.plain_count == 1 && !cli_help_has(line.plain[0]))
            cli_completion_commands(&completion, line.plain[0]);
        if (line.command != NULL)
            put_argument(&completion,
                         argument_at(line.command->arguments, line.plain_count - line.used));
    }
}

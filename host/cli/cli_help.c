/* SPDX-License-Identifier: Apache-2.0
 * Help is the rows, printed. */
#include "cli/cli.h"
#include "cli/cli_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct cli_option cli_common_options[] = {
    {"json", NULL, "print JSON, for programs; of a refusal its problem, on standard error"},
    {"socket", "PATH", "the daemon's socket; else TENON_SOCKET, else [api] socket of tenon.ini"},
    {"url", "URL", "a daemon elsewhere: https://HOST:PORT; else TENON_URL"},
    {"token-file", "FILE", "the token for it; else TENON_TOKEN, else TENON_TOKEN_FILE"},
    {"ca-file", "FILE", "trust the certificates of these authorities; else TENON_CA_FILE"},
    {"conf", "DIR", "the configuration; else TENON_CONF, else the installed one"},
    {"help", NULL, "print this"},
    {"version", NULL, "print the version"},
    {NULL, NULL, NULL},
};

static bool is_in(const char *words, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(words, prefix, len) == 0 &&
           (len == 0 || words[len] == '\0' || words[len] == ' ');
}

bool cli_help_has(const char *prefix)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (is_in(cli_commands[i].words, prefix))
            return true;
    return false;
}

static void put_options(struct buf *out, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s%s%s", options->name,
                       options->value != NULL ? " " : "",
                       options->value != NULL ? options->value
                                              : ""); /* a long one is cut, it is our own text */
        buf_printf(out, "  %-22s %s\n", left, options->help);
    }
}

static void put_command(struct buf *out, const struct cli_command *command)
{
    buf_printf(out, "tenon %s%s%s\n\n%s.\n", command->words,
               command->arguments[0] != '\0' ? " " : "", command->arguments, command->help);
    if (command->more != NULL)
        buf_printf(out, "%s\n", command->more);
    buf_puts(out, "\nOptions:\n");
    put_options(out, command->options);
    put_options(out, cli_common_options);
    if (command->needs == CLI_OFFLINE)
        buf_puts(out, "\nNeeds no running daemon.\n");
}

static void put_list(struct buf *out, const char *prefix)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        char left[96];
        if (!is_in(command->words, prefix))
            continue;
        (void)snprintf(left, sizeof(left), "%s %s", command->words,
                       command->arguments); /* our own texts */
        buf_printf(out, strlen(left) > 34 ? "  %s\n  %34s %s\n" : "  %-34s%s %s\n", left, "",
                   command->help);
    }
}

void cli_help(const char *prefix, struct buf *out)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (prefix[0] != '\0' && strcmp(cli_commands[i].words, prefix) == 0) {
            put_command(out, &cli_commands[i]);
            return;
        }
    }
    if (prefix[0] == '\0')
        buf_puts(out, "tenon talks to tenond, the integration host.\n\n");
    buf_puts(out, "Commands:\n");
    put_list(out, prefix);
    buf_puts(out, "\nOptions of all:\n");
    put_options(out, cli_common_options);
    if (prefix[0] == '\0')
        buf_puts(out,
                 "\n'tenon INTEGRATION COMMAND ...' runs a command of an integration's plugin, "
                 "'tenon INTEGRATION' lists them.\n");
    buf_puts(out, "\n'tenon COMMAND --help' tells more. Exit codes: 0 done, 1 refused or failed, 2 "
                  "usage, 3 daemon not "
                  "reachable.\n");
}

void cli_help_fit(struct str help, size_t width, struct buf *out)
{
    struct str line;

    while (str_next(&help, '\n', &line)) {
        size_t indent = 0; /* where its last column begins */
        for (size_t i = 0; i + 1 < line.len; i++)
            if (line.ptr[i] == ' ' && line.ptr[i + 1] == ' ')
                indent = i + 2;
        cli_text_put_wrapped(out, line, indent, width);
    }
}

int cli_fail(enum cli_exit code, const char *format, ...)
{
    _buf_ struct buf text = {0};
    va_list args;

    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    for (size_t i = 0; i < text.len; i++) /* what others wrote must not drive the terminal */
        if ((unsigned char)text.ptr[i] < 0x20 && text.ptr[i] != '\n')
            text.ptr[i] = ' ';
    (void)fprintf(stderr, "tenon: %s\n",
                  text.len > 0 ? text.ptr : "out of memory"); /* stderr gone: nobody to tell */
    return code;
}

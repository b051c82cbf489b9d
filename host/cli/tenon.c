/* SPDX-License-Identifier: Apache-2.0
 * The command line client. */
#include "cli/cli_run.h"
#include "cli/cli_write.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* COLUMNS counts also for a pipe; without it a pipe gets whole lines. */
static size_t terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    int64_t width;

    if (columns != NULL && str_to_i64(str_of(columns), &width) == 0 && width > 0)
        return (size_t)width;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        return size.ws_col;
    return 0;
}

static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

/* The command's words, or what stands behind `tenon help`. */
static int print_help(const struct cli *cli)
{
    _buf_ struct buf prefix = {0};
    _buf_ struct buf help = {0};
    _buf_ struct buf out = {0};

    if (cli->command != NULL)
        buf_puts(&prefix, cli->command->words);
    for (size_t i = 0; cli->command == NULL && i < cli->argument_count; i++)
        buf_printf(&prefix, "%s%s", i > 0 ? " " : "", cli->arguments[i]);
    const char *words = prefix.len > 0 ? prefix.ptr : "";
    if (!cli_help_has(words))
        return cli_fail(CLI_USAGE, "there is no command '%s'; 'tenon --help' lists them", words);
    cli_help(words, &help);
    cli_help_fit(buf_str(&help), cli->width, &out);
    return cli_write(buf_str(&out));
}

/* A group alone: what it has, on stderr, since nothing was done. */
static int incomplete(const struct cli *cli)
{
    _buf_ struct buf help = {0};
    _buf_ struct buf out = {0};

    cli_help(cli->argument_count > 0 ? cli->arguments[0] : "", &help);
    cli_help_fit(buf_str(&help), cli->width, &out);
    (void)fputs(buf_str(&out).ptr, stderr); /* nobody else to tell */
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    struct err err = {0};

    /* A reader that has seen enough ends us quietly, whatever our parent ignored. */
    (void)signal(SIGPIPE, SIG_DFL); /* cannot fail for this signal */
    (void)setlocale(LC_CTYPE,
                    "C.UTF-8"); /* column widths; without it every character counts as one */
    int status = cli_parse(argc - 1, argv + 1, &cli, &err);
    cli.width = terminal_width();
    cli.is_coloured = wants_colour();
    if (status < 0 && cli.foreign_count > 0) {
        int code = cli_run_words(&cli, cli.foreign, cli.foreign_count, err.text);
        buf_finish(&cli.socket);
        return code;
    }
    if (status < 0)
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (cli_option_is_set(&cli, "version"))
        return cli_write(STR("tenon " TENON_VERSION "\n"));
    if (cli_option_is_set(&cli, "help"))
        return print_help(&cli);
    if (cli.command == NULL)
        return incomplete(&cli);
    int code = cli.command->run(&cli);
    buf_finish(&cli.socket);
    if (cli.token.len > 0)
        explicit_bzero(cli.token.ptr, cli.token.len);
    buf_finish(&cli.token);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 * The command line client: what a command's function gets, and the rows that commands and options
 * are. A new command is a function and a row in cli_commands.c; parsing and help come from the row.
 * One thread. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_exit { CLI_DONE = 0, CLI_REFUSED = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };
enum { CLI_ARGUMENTS_MAX = 64, CLI_OPTIONS_MAX = 32 };

struct cli_option {
    const char *name;  /* without the dashes; NULL ends a list */
    const char *value; /* what its value is called, "N"; "N...": it may be given again; NULL: a
                          flag. An empty value is refused, with every option: a script's unset
                          variable must not mean "all" */
    const char *help;
};

struct cli;

struct cli_command {
    const char *words;     /* "entity add" */
    const char *arguments; /* "ID [FILE]": how many there must and may be is read from this; "..."
                              for any number */
    const struct cli_option *options;                   /* NULL: the common ones alone */
    enum { CLI_ONLINE, CLI_OFFLINE, CLI_EITHER } needs; /* of the daemon */
    int (*run)(struct cli *cli);                        /* an enum cli_exit */
    const char *help;                                   /* one line */
    const char *more;                                   /* paragraphs for --help, or NULL */
};

struct cli {
    const struct cli_command *command;
    const char *arguments[CLI_ARGUMENTS_MAX];
    size_t argument_count;
    struct {
        const char *name, *value; /* value "" for a flag */
    } given[CLI_OPTIONS_MAX];
    size_t given_count;
    bool is_json;      /* --json */
    bool is_coloured;  /* standard output is a terminal that wants colour */
    size_t width;      /* of the terminal; 0: no limit */
    struct buf socket; /* where the daemon is, a path or a URL: found out at the first call */
    bool is_url;       /* of socket */
    struct buf token;  /* for a URL */
    const char *const *foreign; /* words that are no command of ours, when cli_parse says so */
    size_t foreign_count;
    int64_t timeout_ms; /* of one exchange; 0: as long as a large import may take */
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;
extern const struct cli_option cli_common_options[];

/* Parses what stands behind the program's name: command, arguments, options. 0, or E_USAGE with the
 * sentence. out->command stays NULL when help was asked for of no command. */
int cli_parse(int argc, char **argv, struct cli *out, struct err *err);
/* The row with the most words at the front of `words`; *out_used of them. NULL: none. */
const struct cli_command *cli_find(char *const *words, size_t count, size_t *out_used);
void cli_argument_range(const char *arguments, size_t *out_min, size_t *out_max);

const char *cli_argument(const struct cli *cli, size_t index); /* NULL past the end */
/* 0, or E_USAGE with the sentence printed: two of the arguments from `first` on are NAME=VALUE with
 * the same name, and only one of them could count. */
int cli_arguments_once(const struct cli *cli, size_t first);
const char *cli_option_text(const struct cli *cli, const char *name); /* NULL: not given */
bool cli_option_is_set(const struct cli *cli, const char *name);
bool cli_option_is_list(const struct cli_option *option); /* may be given again */
/* 0, or E_USAGE with the sentence printed. */
int cli_option_number(const struct cli *cli, const char *name, int64_t min, int64_t max,
                      int64_t fallback, int64_t *out);

/* Help, from the rows. `prefix` "" is everything, "entity" the group, a whole command's words all
 * about it. */
void cli_help(const char *prefix, struct buf *out);
/* The same broken where it would pass the terminal's width (0: no limit). */
void cli_help_fit(struct str help, size_t width, struct buf *out);
bool cli_help_has(const char *prefix);

/* What every command says: one sentence on stderr behind "tenon: ", and the exit code. */
int cli_fail(enum cli_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

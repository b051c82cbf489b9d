/* SPDX-License-Identifier: Apache-2.0
 * What a shell may put where the cursor stands. Found in the table of commands; names come from the
 * daemon when it answers at once, else from the files. Inside this room only. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli/cli.h"

/* Lines for the scripts of cli_completion.c: "WORD\tHELP\n", or a line that begins with ':', which
 * asks the shell for something: ":files", ":directories", ":nospace" (no blank behind the word). */
struct cli_completion {
    struct cli *cli;
    struct str prefix; /* what of the word is there; others are left out */
    const char *first; /* the command's first argument; NULL: none yet */
    struct buf *out;
};

void cli_completion_put(struct cli_completion *completion, struct str word, const char *help);
void cli_completion_ask(struct cli_completion *completion, const char *what);

/* cli_completion_words.c: `words` are those behind the program's name, the last one unfinished. */
void cli_completion_find(struct cli *cli, const char *const *words, size_t count, struct buf *out);

/* cli_completion_names.c: what an argument, or an option's value, of this name may be. */
/* The commands of this integration; NULL: the integrations that have any. */
void cli_completion_commands(struct cli_completion *completion, const char *integration);
void cli_completion_values(struct cli_completion *completion, struct str name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A table that fits the terminal: the widest columns give way first and show "…" where they were
 * cut; on a narrow one some are left out. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli_text.h"

/* How a column makes room, besides true and false. */
enum {
    CLI_LEFT_OUT = 2, /* not shown when the terminal is narrow, the last such column first */
    CLI_PATH,         /* as true, and cut at its front: the end of a path tells most */
    CLI_WRAPS,        /* the last column: goes on in the next line, nothing of it is lost */
};

struct cli_column {
    const char *head; /* NULL ends a list */
    bool is_right;    /* numbers */
    int gives_way;    /* true: long texts, cut before the others; or CLI_... */
};

enum { CLI_COLUMNS_MAX = 16 };

struct cli_table;
struct cli_table *
cli_table_create(const struct cli_column *columns); /* borrowed; NULL: no memory */
void cli_table_destroy(struct cli_table *table);
/* Cells from left to right, row by row. Cheap text in, safe text kept. */
void cli_table_add(struct cli_table *table, struct str text, enum cli_color color);
void cli_table_add_text(struct cli_table *table, const char *text);
void cli_table_add_number(struct cli_table *table, int64_t number);
/* width 0: no limit. False when memory ran out somewhere. */
bool cli_table_render(const struct cli_table *table, size_t width, bool is_coloured,
                      struct buf *out);

#endif

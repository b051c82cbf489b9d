/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_table.h"

#include "base/cleanup.h"

enum {
    GAP = 2,
    LEAST = 6,
    READABLE = 8, /* columns are left out before others are narrower than this */
    WRAPPED = 16, /* as narrow a column gets that goes on in the next line */
    INDENT = 4,   /* where it does so when it begins in the right half */
};

struct cell {
    char *text;
    size_t columns;
    enum cli_color color;
};

struct cli_table {
    const struct cli_column *columns;
    size_t column_count;
    struct cell *cells;
    size_t count, room;
    bool is_out_of_memory;
};

struct cli_table *cli_table_create(const struct cli_column *columns)
{
    struct cli_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return NULL;
    table->columns = columns;
    while (columns[table->column_count].head != NULL && table->column_count < CLI_COLUMNS_MAX)
        table->column_count++;
    return table;
}

void cli_table_destroy(struct cli_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}

void cli_table_add(struct cli_table *table, struct str text, enum cli_color color)
{
    _buf_ struct buf safe = {0};

    if (table == NULL)
        return;
    cli_text_put(&safe, text);
    if (table->count == table->room) {
        size_t room = table->room > 0 ? table->room * 2 : 64;
        struct cell *cells = realloc(table->cells, room * sizeof(*cells));
        if (cells == NULL) {
            table->is_out_of_memory = true;
            return;
        }
        table->cells = cells;
        table->room = room;
    }
    struct cell *cell = &table->cells[table->count++];
    cell->columns = cli_text_columns(buf_str(&safe));
    cell->color = color;
    cell->text = safe.len > 0 ? buf_take(&safe) : str_dup(STR(""));
    table->is_out_of_memory |= cell->text == NULL;
}

void cli_table_add_text(struct cli_table *table, const char *text)
{
    cli_table_add(table, str_of(text), COLOR_NONE);
}

void cli_table_add_number(struct cli_table *table, int64_t number)
{
    _buf_ struct buf text = {0};

    cli_text_put_count(&text, number);
    cli_table_add(table, buf_str(&text), COLOR_NONE);
}

static void natural_widths(const struct cli_table *table, size_t *widths)
{
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = cli_text_columns(str_of(table->columns[i].head));
    for (size_t i = 0; i < table->count; i++)
        if (table->cells[i].columns > widths[i % table->column_count])
            widths[i % table->column_count] = table->cells[i].columns;
}

/* The width of the gaps and the columns that are shown, none wider than `most`. */
static size_t total_of(const struct cli_table *table, const size_t *widths, size_t most)
{
    size_t total = 0;

    for (size_t i = 0; i < table->column_count; i++)
        if (widths[i] > 0)
            total += GAP + (widths[i] < most ? widths[i] : most);
    return total > 0 ? total - GAP : 0;
}

/* The widest column above `least` that may still give way, or column_count. */
static size_t widest(const struct cli_table *table, const size_t *widths, size_t least,
                     bool only_willing)
{
    size_t best = table->column_count;

    for (size_t i = 0; i < table->column_count; i++) {
        bool is_willing =
            table->columns[i].gives_way != false && table->columns[i].gives_way != CLI_LEFT_OUT;
        bool may = widths[i] > least && (!only_willing || is_willing);
        if (may && (best == table->column_count || widths[i] > widths[best]))
            best = i;
    }
    return best;
}

/* A width of 0 is a column left out. */
static void leave_out(const struct cli_table *table, size_t *widths, size_t width)
{
    for (size_t i = table->column_count; i > 0; i--)
        if (table->columns[i - 1].gives_way == CLI_LEFT_OUT &&
            total_of(table, widths, READABLE) > width)
            widths[i - 1] = 0;
}

static void fit(const struct cli_table *table, size_t *widths, size_t width)
{
    leave_out(table, widths, width);
    for (size_t total = total_of(table, widths, SIZE_MAX); total > width; total--) {
        size_t column = table->column_count - 1;
        if (table->columns[column].gives_way != CLI_WRAPS || widths[column] <= WRAPPED)
            column = widest(table, widths, LEAST, true);
        if (column == table->column_count)
            column = widest(table, widths, LEAST, false);
        if (column == table->column_count)
            column = widest(table, widths, 1, false);
        if (column == table->column_count)
            return;
        widths[column]--;
    }
}

static void put_cell(const struct cli_table *table, size_t column, size_t width, struct str text,
                     size_t columns, enum cli_color color, struct buf *out)
{
    if (width == 0)
        return;
    bool is_last = column + 1 == table->column_count;
    size_t pad = columns < width ? width - columns : 0;

    if (table->columns[column].is_right)
        buf_printf(out, "%*s", (int)pad, "");
    cli_color_start(out, color);
    if (table->columns[column].gives_way == CLI_PATH)
        cli_text_put_end(out, text, width);
    else if (table->columns[column].gives_way == CLI_WRAPS)
        buf_add_str(out, text);
    else
        cli_text_put_cut(out, text, width);
    cli_color_end(out, color);
    if (!table->columns[column].is_right && !is_last)
        buf_printf(out, "%*s", (int)pad, "");
    buf_puts(out, is_last ? "\n" : "  ");
}

/* A whole row, which may hold more than fits when its last column wraps. */
static void put_row(const struct cli_table *table, const size_t *widths, size_t width,
                    struct buf *row, struct buf *out)
{
    size_t last = table->column_count - 1;
    size_t start = total_of(table, widths, SIZE_MAX) - widths[last];
    struct str line = buf_str(row);

    if (width > 0 && table->columns[last].gives_way == CLI_WRAPS) {
        line.len--; /* its end comes with the wrapping */
        cli_text_put_wrapped(out, line, start <= width / 2 ? start : INDENT, width);
    } else {
        buf_add_str(out, line);
    }
    out->failed |= row->failed;
    buf_clear(row);
}

bool cli_table_render(const struct cli_table *table, size_t width, bool is_coloured,
                      struct buf *out)
{
    size_t widths[CLI_COLUMNS_MAX];
    _buf_ struct buf row = {0};

    if (table == NULL || table->is_out_of_memory)
        return false;
    natural_widths(table, widths);
    if (width > 0)
        fit(table, widths, width);
    for (size_t i = 0; i < table->column_count; i++) {
        struct str head = str_of(table->columns[i].head);
        put_cell(table, i, widths[i], head, cli_text_columns(head),
                 is_coloured ? COLOR_BOLD : COLOR_NONE, &row);
    }
    put_row(table, widths, width, &row, out);
    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &table->cells[i];
        size_t column = i % table->column_count;
        put_cell(table, column, widths[column], str_of(cell->text), cell->columns,
                 is_coloured ? cell->color : COLOR_NONE, &row);
        if (column + 1 == table->column_count)
            put_row(table, widths, width, &row, out);
    }
    return !out->failed;
}

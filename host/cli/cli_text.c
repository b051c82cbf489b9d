/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_text.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* The character at `at`: its bytes, or 0 when it is not fit to be printed. */
static size_t printable(const char *at, const char *end)
{
    unsigned char first = (unsigned char)*at;

    if (first < 0x80)
        return first >= 0x20 && first != 0x7f;
    if (first == 0xc2 && at + 1 < end && (unsigned char)at[1] < 0xa0) /* C1 controls */
        return 0;
    return utf8_len(at, end);
}

void cli_text_put(struct buf *out, struct str text)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;

    while (at < end) {
        size_t len = printable(at, end);
        if (len > 0) {
            buf_add(out, at, len);
            at += len;
        } else {
            buf_putc(out, strchr("\n\r\t", *at) != NULL && *at != '\0' ? ' ' : '?');
            at++;
        }
    }
}

static wchar_t decode(const char *at, size_t len)
{
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    wchar_t code = (unsigned char)at[0] & first_bits[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    return code;
}

/* Columns of the character at `at`, and its bytes. */
static size_t columns_at(const char *at, const char *end, size_t *out_len)
{
    size_t len = (unsigned char)*at < 0x80 ? 1 : utf8_len(at, end);

    *out_len = len > 0 ? len : 1;
    if (len <= 1)
        return 1;
    int columns = wcwidth(decode(at, len)); /* -1 without a UTF-8 locale: count it as one */
    return columns < 0 ? 1 : (size_t)columns;
}

size_t cli_text_columns(struct str safe)
{
    size_t columns = 0;
    size_t len;

    for (const char *at = safe.ptr; at < safe.ptr + safe.len; at += len)
        columns += columns_at(at, safe.ptr + safe.len, &len);
    return columns;
}

void cli_text_put_cut(struct buf *out, struct str safe, size_t columns)
{
    size_t used = 0;
    size_t len;

    if (cli_text_columns(safe) <= columns) {
        buf_add_str(out, safe);
        return;
    }
    for (const char *at = safe.ptr; at < safe.ptr + safe.len; at += len) {
        size_t wide = columns_at(at, safe.ptr + safe.len, &len);
        if (used + wide + 1 > columns)
            break;
        buf_add(out, at, len);
        used += wide;
    }
    buf_puts(out, "…");
}

void cli_text_put_end(struct buf *out, struct str safe, size_t columns)
{
    size_t left = cli_text_columns(safe);
    size_t len;

    if (left > columns) {
        buf_puts(out, "…");
        while (safe.len > 0 && left + 1 > columns) {
            left -= columns_at(safe.ptr, safe.ptr + safe.len, &len);
            safe = (struct str){safe.ptr + len, safe.len - len};
        }
    }
    buf_add_str(out, safe);
}

/* Bytes of a colour's escape sequence at `at`; 0: there is none. Safe text has no other escapes. */
static size_t escape_len(const char *at, const char *end)
{
    size_t len = 0;

    if (*at != '\033')
        return 0;
    while (at + len < end && at[len] != 'm')
        len++;
    return at + len < end ? len + 1 : len;
}

/* The word from `at` on: its columns, and where it ends. */
static size_t word_columns(const char *at, const char *end, const char **out_end)
{
    size_t columns = 0;
    size_t len;

    while (at < end && *at != ' ') {
        size_t escape = escape_len(at, end);
        if (escape == 0)
            columns += columns_at(at, end, &len);
        at += escape > 0 ? escape : len;
    }
    *out_end = at;
    return columns;
}

struct wrapping {
    struct buf *out;
    size_t indent, width;
    size_t column;
};

static void wrap(struct wrapping *to)
{
    buf_printf(to->out, "\n%*s", (int)to->indent, "");
    to->column = to->indent;
}

static void put_word(struct wrapping *to, const char *at, const char *end)
{
    size_t len;

    while (at < end) {
        size_t escape = escape_len(at, end);
        size_t columns = escape > 0 ? 0 : columns_at(at, end, &len);
        if (columns > 0 && to->width > 0 && to->column + columns > to->width &&
            to->column > to->indent)
            wrap(to);
        buf_add(to->out, at, escape > 0 ? escape : len);
        to->column += columns;
        at += escape > 0 ? escape : len;
    }
}

void cli_text_put_wrapped(struct buf *out, struct str safe, size_t indent, size_t width)
{
    struct wrapping to = {.out = out, .width = width};
    const char *at = safe.ptr;
    const char *end = safe.ptr + safe.len;

    to.indent = width > 0 && indent > width / 2 ? width / 2 : indent;
    while (at < end) {
        const char *word_end;
        size_t spaces = 0;
        while (at + spaces < end && at[spaces] == ' ')
            spaces++;
        size_t columns = word_columns(at + spaces, end, &word_end);
        bool is_first = to.column == 0;
        bool fits = width == 0 || to.column + spaces + columns <= width;
        if (fits || is_first || columns > width - to.indent) {
            buf_printf(out, "%*s", (int)spaces, "");
            to.column += spaces;
        } else {
            wrap(&to);
        }
        put_word(&to, at + spaces, word_end);
        at = word_end;
    }
    buf_putc(out, '\n');
}

enum cli_color cli_color_of_state(const char *state)
{
    static const struct {
        const char *state;
        enum cli_color color;
    } colors[] = {
        {"succeeded", COLOR_GOOD},    {"active", COLOR_GOOD},      {"usable", COLOR_GOOD},
        {"running", COLOR_GOOD},      {"ok", COLOR_GOOD},          {"failed", COLOR_BAD},
        {"refused", COLOR_BAD},       {"quarantined", COLOR_BAD},  {"retrying", COLOR_WAIT},
        {"unknown", COLOR_WAIT},      {"pending", COLOR_WAIT},     {"in_flight", COLOR_WAIT},
        {"paused", COLOR_WAIT},       {"restarting", COLOR_WAIT},  {"starting", COLOR_WAIT},
        {"stopping", COLOR_WAIT},     {"skipped", COLOR_DIM},      {"superseded", COLOR_DIM},
        {"disabled", COLOR_DIM},      {"foreign", COLOR_DIM},      {"removed", COLOR_DIM},
        {"degraded", COLOR_WAIT},     {"breaker-open", COLOR_BAD}, {"probing", COLOR_WAIT},
        {"rate-limited", COLOR_WAIT},
    };

    for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
        if (strcmp(colors[i].state, state) == 0)
            return colors[i].color;
    return COLOR_NONE;
}

void cli_color_start(struct buf *out, enum cli_color color)
{
    static const char *const starts[] = {"",         "\033[32m", "\033[31m",
                                         "\033[33m", "\033[2m",  "\033[1m"};

    buf_puts(out, starts[color]);
}

void cli_color_end(struct buf *out, enum cli_color color)
{
    if (color != COLOR_NONE)
        buf_puts(out, "\033[0m");
}

void cli_text_put_when(struct buf *out, const char *time, int64_t now_ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    int64_t at_ms;

    if (clock_parse(str_of(time), &at_ms) < 0) {
        cli_text_put(out, str_of(time));
        return;
    }
    int64_t distance = at_ms > now_ms ? at_ms - now_ms : now_ms - at_ms;
    size_t unit = 0;
    while (unit < 4 && distance < units[unit].ms * (unit < 3 ? 2 : 1)) /* "90 min", not "1 h" */
        unit++;
    if (distance == 0)
        buf_puts(out, "now");
    else
        buf_printf(out, at_ms > now_ms ? "in %lld %s" : "%lld %s ago",
                   (long long)(distance / units[unit].ms), units[unit].unit);
}

void cli_text_put_bytes(struct buf *out, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    buf_printf(out, unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void cli_text_put_count(struct buf *out, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)number);

    for (int i = 0; i < len; i++) {
        buf_putc(out, digits[i]);
        if (digits[i] != '-' && i + 1 < len && (len - 1 - i) % 3 == 0)
            buf_putc(out, ',');
    }
}

void cli_text_put_counted(struct buf *out, int64_t number, const char *one, const char *many)
{
    cli_text_put_count(out, number);
    buf_putc(out, ' ');
    buf_puts(out, number == 1 ? one : many);
}

void cli_text_put_lost(struct buf *out, int64_t lines)
{
    cli_text_put_counted(out, lines, "line lost: it came faster than it was read",
                         "lines lost: they came faster than they were read");
}

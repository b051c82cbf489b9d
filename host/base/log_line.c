/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char cut_mark[] = "\xe2\x80\xa6";    /* … */
static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* DEL, and the C1 controls, which a terminal obeys and JSON does not escape. */
static bool is_hidden_control(const char *at, const char *end)
{
    return *at == 0x7f || (*at == '\xc2' && end - at > 1 && (unsigned char)at[1] < 0xa0);
}

static void put_visible(struct buf *out, struct str text)
{
    const char *end = text.ptr + text.len;

    for (const char *at = text.ptr; at < end; at++) {
        if (!is_hidden_control(at, end)) {
            buf_putc(out, *at);
            continue;
        }
        at += *at == 0x7f ? 0 : 1;
        buf_puts(out, replacement);
    }
}

/* Masked before it is cut and quoted: a cut or an escape in the middle would hide a secret from the
 * search. */
static void put_value(struct buf *out, struct str text)
{
    _buf_ struct buf masked = {0};

    secret_mask(text, &masked);
    if (masked.failed) {
        buf_puts(out, "(out of memory)");
        return;
    }
    size_t len = masked.len;
    if (len > LOG_VALUE_MAX) {
        len = LOG_VALUE_MAX;
        while (len > 0 && utf8_is_tail(masked.ptr[len]))
            len--;
    }
    put_visible(out, (struct str){buf_str(&masked).ptr, len});
    if (len < masked.len)
        buf_puts(out, cut_mark);
}

/* A logfmt value stands bare when no reader could take it for anything else. */
static bool is_bare(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static void put_text(struct buf *out, enum log_form form, const char *name, struct str text)
{
    if (form == LOG_JSON) {
        json_put_member(out, name, text);
        return;
    }
    if (out->len > 0)
        buf_putc(out, ' ');
    buf_puts(out, name);
    buf_putc(out, '=');
    if (is_bare(text))
        buf_add_str(out, text);
    else
        json_put_string(out, text);
}

static void put_masked(struct buf *out, enum log_form form, const char *name, struct str text)
{
    _buf_ struct buf value = {0};

    put_value(&value, text);
    put_text(out, form, name, buf_str(&value));
}

/* Digits, and whether they are a JSON number: a number may be a secret, too. */
static bool put_digits(const struct log_field *field, char digits[40])
{
    if (field->kind == LOG_FIELD_INT)
        (void)snprintf(digits, 40, "%" PRId64, field->number); /* fits */
    else
        (void)snprintf(digits, 40, "%.15g", field->real); /* fits */
    bool is_number = field->kind == LOG_FIELD_INT || isfinite(field->real);
    return !secret_mask_in_place(digits, strlen(digits)) && is_number;
}

static void put_field(struct buf *out, enum log_form form, const struct log_field *field)
{
    char digits[40];

    if (field->kind == LOG_FIELD_STR)
        put_masked(out, form, field->name, field->text);
    else if (put_digits(field, digits) && form == LOG_JSON)
        json_put_raw(out, field->name, str_of(digits));
    else
        put_text(out, form, field->name, str_of(digits));
}

void log_line_put_value(const struct log_field *field, struct buf *out)
{
    char digits[40];

    if (field->kind == LOG_FIELD_STR) {
        put_value(out, field->text);
        return;
    }
    (void)put_digits(field, digits); /* text here, number or not */
    buf_puts(out, digits);
}

static void put_fields(const struct log_line *line, enum log_form form, struct buf *out)
{
    int64_t left_out = 0;

    for (const struct log_field *field = line->fields; field->kind != LOG_FIELD_END; field++) {
        size_t before = out->len;

        if (strcmp(field->name, "integration") == 0)
            continue;
        put_field(out, form, field);
        if (out->len > LOG_LINE_MAX && !out->failed) {
            out->len = before;
            out->ptr[before] = '\0';
            left_out++;
        }
    }
    if (left_out > 0)
        put_field(out, form, &F_INT("cut", left_out));
}

void log_line_put(const struct log_line *line, enum log_form form, struct buf *out)
{
    char time[25];

    clock_format(line->time_ms, time);
    if (form == LOG_JSON)
        buf_putc(out, '{');
    put_text(out, form, "time", str_of(time));
    put_text(out, form, "level", str_of(log_level_name(line->level)));
    put_masked(out, form, "msg", line->words);
    if (line->integration.len > 0)
        put_masked(out, form, "integration", line->integration);
    put_fields(line, form, out);
    if (form == LOG_JSON)
        buf_putc(out, '}');
}

void log_line_put_members(const struct log_line *line, struct buf *out)
{
    put_masked(out, LOG_JSON, "msg", line->words);
    put_fields(line, LOG_JSON, out);
}

void log_line_put_message(const struct log_line *line, struct buf *out)
{
    put_value(out, line->words);
    put_fields(line, LOG_LOGFMT, out);
}

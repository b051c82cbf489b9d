/* SPDX-License-Identifier: Apache-2.0
 * Strings out of JSON and into it. */
#include "base/json.h"

#include "base/hex.h"
#include "base/json_scan.h"
#include "base/utf8.h"

#include <stdio.h>

/* Of checked text: four good digits. */
static unsigned hex_four(const char *at)
{
    unsigned code = 0;

    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        code = code << 4 | (unsigned)digit;
    }
    return code;
}

/* `at` is on the backslash of a checked string; gives the place behind the escape. */
static const char *unescape(const char *at, struct buf *out)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *known = strchr(from, at[1]);

    if (at[1] != 'u') {
        buf_putc(out, known ? to[known - from] : at[1]);
        return at + 2;
    }
    char bytes[4];
    unsigned code = hex_four(at + 2);
    at += 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex_four(at + 2) - 0xdc00);
        at += 6;
    }
    buf_add(out, bytes, utf8_put(code, bytes));
    return at;
}

void json_unquote(struct str value, struct buf *out)
{
    if (value.len < 2 || value.ptr[0] != '"')
        return;

    const char *at = value.ptr + 1;
    const char *end = value.ptr + value.len - 1;
    if (!buf_reserve(out, value.len))
        return;
    while (at < end) {
        const char *backslash = memchr(at, '\\', (size_t)(end - at));
        const char *stop = backslash ? backslash : end;
        buf_add(out, at, (size_t)(stop - at));
        at = backslash ? unescape(backslash, out) : end;
    }
}

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* NUL has an escape in JSON, but json_check refuses it, so it is replaced as well. */
static void put_control(struct buf *out, char c)
{
    static const char from[] = "\b\f\n\r\t";
    static const char to[] = "bfnrt";
    const char *known = strchr(from, c);
    char escape[8];

    if (c == '\0') {
        buf_puts(out, replacement);
    } else if (known != NULL) {
        buf_putc(out, '\\');
        buf_putc(out, to[known - from]);
    } else {
        (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c); /* six letters */
        buf_puts(out, escape);
    }
}

void json_put_string(struct buf *out, struct str text)
{
    const char *at = str_or_empty(text).ptr;
    const char *end = at + text.len;
    const char *stop = json_plain_run(at, end);

    if (!buf_reserve(out, text.len + 2))
        return;
    if (stop == end) { /* most texts are done here */
        char *to = out->ptr + out->len;

        *to = '"';
        memcpy(to + 1, at, text.len);
        memcpy(to + 1 + text.len, "\"", 2);
        out->len += text.len + 2;
        return;
    }
    buf_putc(out, '"');
    for (; at < end; stop = json_plain_run(at, end)) {
        buf_add(out, at, (size_t)(stop - at));
        at = stop;
        if (at == end)
            break;
        if ((unsigned char)*at >= 0x80) {
            size_t len = utf8_len(at, end);
            if (len > 0)
                buf_add(out, at, len);
            else
                buf_puts(out, replacement);
            at += len > 0 ? len : 1;
            continue;
        }
        if (*at == '"' || *at == '\\') {
            buf_add(out, (const char[]){'\\', *at}, 2);
        } else {
            put_control(out, *at);
        }
        at++;
    }
    buf_putc(out, '"');
}

static void put_name(struct buf *out, const char *name)
{
    char last = out->len > 0 ? out->ptr[out->len - 1] : '{';

    if (last != '{' && last != '[')
        buf_putc(out, ',');
    json_put_string(out, str_of(name));
    buf_putc(out, ':');
}

void json_put_member(struct buf *out, const char *name, struct str text)
{
    put_name(out, name);
    json_put_string(out, text);
}

void json_put_int(struct buf *out, const char *name, int64_t number)
{
    put_name(out, name);
    buf_put_int(out, number);
}

void json_put_raw(struct buf *out, const char *name, struct str json)
{
    put_name(out, name);
    buf_add_str(out, json);
}

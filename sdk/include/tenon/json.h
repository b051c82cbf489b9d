/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h: just enough JSON for a plugin that has no JSON library: read one's settings, look at a
 * field at the top of a record, write a text. Walks over the bytes; no tree, no allocation, linear
 * time.
 *
 * It will not validate. What comes from the host is well-formed JSON; bytes that are not give "not
 * found" or nonsense, but are never read past their end. Who looks deeper than the top takes a real
 * library.
 */
#ifndef TENON_JSON_H
#define TENON_JSON_H

#include <tenon/tenon.h>

#include <stdlib.h>

/* ---- the walk (private) ---- */

static inline const char *tenon_json_space_(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* From an opening quote to behind the closing one; `end` when there is none. */
static inline const char *tenon_json_string_end_(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && ++p >= end)
            break;
    return p < end ? p + 1 : end;
}

static inline const char *tenon_json_value_end_(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        char c = *p;
        if (c == '"') {
            p = tenon_json_string_end_(p, end);
            if (depth == 0)
                return p;
            continue;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return p;
            if (--depth == 0)
                return p + 1;
        } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            return p;
        }
        p++;
    }
    return end;
}

static inline unsigned tenon_json_hex_(const char *p, const char *end)
{
    unsigned value = 0;

    for (int i = 0; i < 4 && p + i < end; i++) {
        char c = p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 0;
        value = value * 16 + digit;
    }
    return value;
}

static inline size_t tenon_json_utf8_(unsigned code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* One character of a string's inside, decoded; moves *p on. A lone surrogate becomes U+FFFD. */
static inline size_t tenon_json_char_(const char **p, const char *end, char out[4])
{
    const char *at = *p;
    unsigned code;

    if (*at != '\\' || end - at < 2) {
        out[0] = *at;
        *p = at + 1;
        return 1;
    }
    *p = at + 2;
    switch (at[1]) {
    case 'b':
        out[0] = '\b';
        return 1;
    case 'f':
        out[0] = '\f';
        return 1;
    case 'n':
        out[0] = '\n';
        return 1;
    case 'r':
        out[0] = '\r';
        return 1;
    case 't':
        out[0] = '\t';
        return 1;
    case 'u':
        break;
    default:
        out[0] = at[1];
        return 1;
    }
    code = tenon_json_hex_(at + 2, end);
    *p = end - at < 6 ? end : at + 6;
    if (code >= 0xd800 && code < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        unsigned low = tenon_json_hex_(*p + 2, end);
        if (low >= 0xdc00 && low < 0xe000) {
            *p += 6;
            return tenon_json_utf8_(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), out);
        }
    }
    return tenon_json_utf8_(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, out);
}

/* Is the string from `p` (behind its opening quote) to `end` (its closing one) the text `name`? */
static inline int tenon_json_is_name_(const char *p, const char *end, const char *name, size_t len)
{
    char decoded[4];

    while (p < end) {
        size_t n = tenon_json_char_(&p, end, decoded);
        if (n > len || memcmp(decoded, name, n) != 0)
            return 0;
        name += n;
        len -= n;
    }
    return len == 0;
}

/* ---- reading ---- */

/* The value of field `name` at the top of a JSON object, as its own bytes (a string with its
 * quotes); len 0 when there is none. Borrows from `object`. */
static inline tenon_str tenon_json_find_n(tenon_str object, const char *name, size_t name_len)
{
    const char *end = object.ptr + object.len;
    const char *p = tenon_json_space_(object.ptr, end);
    tenon_str value = {"", 0};

    if (p == end || *p != '{')
        return value;
    for (p = tenon_json_space_(p + 1, end); p < end && *p == '"'; p = tenon_json_space_(p, end)) {
        const char *field = p + 1;
        const char *start;
        int is_it;

        p = tenon_json_string_end_(p, end);
        is_it = p - field > 0 && tenon_json_is_name_(field, p - 1, name, name_len);
        p = tenon_json_space_(p, end);
        if (p == end || *p != ':')
            break;
        start = tenon_json_space_(p + 1, end);
        p = tenon_json_value_end_(start, end);
        if (is_it) {
            value.ptr = start;
            value.len = (size_t)(p - start);
            break;
        }
        p = tenon_json_space_(p, end);
        if (p < end && *p == ',')
            p++;
    }
    return value;
}

static inline tenon_str tenon_json_find(tenon_str object, const char *name)
{
    return tenon_json_find_n(object, name, strlen(name));
}

/* A value as text: a string without quotes and escapes, anything else as it stands. Ends `out` with
 * a NUL and gives the length; -1 when `size` does not hold it or the text holds a NUL itself. */
static inline ptrdiff_t tenon_json_text(tenon_str value, char *out, size_t size)
{
    const char *p = value.ptr;
    const char *end = p + value.len;
    int is_string = value.len >= 2 && *p == '"';
    size_t len = 0;

    if (is_string) {
        p++;
        end--;
    }
    while (p < end) {
        char decoded[4] = {*p, 0, 0, 0};
        size_t n = 1;
        if (is_string)
            n = tenon_json_char_(&p, end, decoded);
        else
            p++;
        if (decoded[0] == '\0' || len + n >= size)
            return -1;
        memcpy(out + len, decoded, n);
        len += n;
    }
    if (size == 0)
        return -1;
    out[len] = '\0';
    return (ptrdiff_t)len;
}

/* A setting as text. The host has checked its type and filled in the default; 0, or -1 when `size`
 * does not hold it (then `out` is empty). */
static inline int tenon_setting_text(tenon_str settings, const char *name, char *out, size_t size)
{
    if (tenon_json_text(tenon_json_find(settings, name), out, size) >= 0)
        return 0;
    if (size > 0)
        out[0] = '\0';
    return -1;
}

/* A setting of type integer, duration (ms) or size (bytes); 0 when there is none. */
static inline int64_t tenon_setting_integer(tenon_str settings, const char *name)
{
    char digits[32];

    tenon_setting_text(settings, name, digits, sizeof digits);
    return (int64_t)strtoll(digits, NULL, 10);
}

/* A setting of type boolean. */
static inline int tenon_setting_is(tenon_str settings, const char *name)
{
    return tenon_equals(tenon_json_find(settings, name), "true");
}

/* ---- writing ---- */

/* `text` as a JSON string, quotes included. */
static inline int32_t tenon_json_write_text(tenon_sink *out, tenon_str text)
{
    static const char hex[] = "0123456789abcdef";
    const char *run = text.ptr;
    const char *end = text.ptr + text.len;
    int32_t status = out->write(out, "\"", 1);

    for (const char *p = run; p < end && status == TENON_OK; p++) {
        unsigned char c = (unsigned char)*p;
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        status = out->write(out, run, (size_t)(p - run));
        if (status == TENON_OK && c >= 0x20)
            status = out->write(out, "\\", 1);
        else if (status == TENON_OK)
            status = out->write(out, escape, sizeof escape);
        run = c >= 0x20 ? p : p + 1;
    }
    if (status == TENON_OK)
        status = out->write(out, run, (size_t)(end - run));
    return status == TENON_OK ? out->write(out, "\"", 1) : status;
}

/* A whole number. */
static inline int32_t tenon_json_write_integer(tenon_sink *out, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)number);

    return out->write(out, text, (size_t)len);
}

/* A number that reads back as the same double; JSON has no infinity and no NaN, they are null. */
static inline int32_t tenon_json_write_real(tenon_sink *out, double number)
{
    char text[32];
    int is_finite = number - number == 0.0;
    int len = is_finite ? snprintf(text, sizeof text, "%.15g", number) : 0;

    if (is_finite && strtod(text, NULL) != number)
        len = snprintf(text, sizeof text, "%.17g", number);
    return is_finite ? out->write(out, text, (size_t)len) : tenon_puts(out, "null");
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The scanner: one pass, no tree. Nesting is recursion, bounded by JSON_DEPTH_MAX. */
#include "base/json.h"

#include "base/hex.h"
#include "base/json_scan.h"
#include "base/utf8.h"

#include <stdio.h>

/* Four hexadecimal digits; -1 when they are not there. */
static int hex_four(const char *at, const char *end)
{
    int code = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* Where the four digits stop being digits, for the error's place. */
static const char *hex_fault(const char *at, const char *end)
{
    while (at < end && hex_digit(*at) >= 0)
        at++;
    return at;
}

/* `at` is behind "\u". */
static const char *scan_unicode(struct json_scan *scan, const char *at)
{
    const char *end = scan->end;
    int code = hex_four(at, end);

    if (code < 0)
        return json_scan_wrong(scan, hex_fault(at, end), "four hexadecimal digits after \\u");
    if (code == 0)
        return json_scan_wrong(scan, at, "a character other than \\u0000");
    if (code >= 0xdc00 && code <= 0xdfff)
        return json_scan_wrong(
            scan, at, "the first half of a surrogate pair before the second (\\uDC00 to \\uDFFF)");
    if (code < 0xd800 || code > 0xdbff)
        return at + 4;

    at += 4;
    static const char second_half[] = "the second half of a surrogate pair (\\uDC00 to \\uDFFF)";
    if (end - at < 2 || at[0] != '\\' || at[1] != 'u')
        return json_scan_wrong(scan, at, second_half);
    at += 2;
    code = hex_four(at, end);
    if (code < 0)
        return json_scan_wrong(scan, hex_fault(at, end), "four hexadecimal digits after \\u");
    if (code < 0xdc00 || code > 0xdfff)
        return json_scan_wrong(scan, at, second_half);
    return at + 4;
}

/* `at` is on the backslash. */
static const char *scan_escape(struct json_scan *scan, const char *at)
{
    at++;
    if (at < scan->end) {
        switch (*at) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return at + 1;
        case 'u':
            return scan_unicode(scan, at + 1);
        default:
            break;
        }
    }
    return json_scan_wrong(scan, at, "one of \" \\ / b f n r t u after a backslash");
}

/* `at` is on the opening quote; tells whether there is anything to un-escape. */
static const char *scan_string(struct json_scan *scan, const char *at, bool *out_is_escaped)
{
    const char *end = scan->end;

    *out_is_escaped = false;
    at++;
    for (;;) {
        at = json_plain_run(at, end);
        if (at == end)
            return json_scan_wrong(scan, at, "'\"' at the end of a string");
        if (*at == '"')
            return at + 1;
        if (*at == '\\') {
            *out_is_escaped = true;
            at = scan_escape(scan, at);
            if (at == NULL)
                return NULL;
            continue;
        }
        if ((unsigned char)*at < 0x20)
            return json_scan_wrong(scan, at, "control characters in a string to be escaped");
        do {
            size_t len = utf8_len(at, end);
            if (len == 0)
                return json_scan_wrong(scan, at, "UTF-8 in a string");
            at += len;
        } while (at < end && (unsigned char)*at >= 0x80);
    }
}

static inline bool is_digit_at(const char *at, const char *end)
{
    return at < end && (unsigned char)(*at - '0') < 10;
}

static const char *scan_number(struct json_scan *scan, const char *at)
{
    const char *end = scan->end;

    if (*at == '-')
        at++;
    if (!is_digit_at(at, end))
        return json_scan_wrong(scan, at, "a digit");
    if (*at == '0') {
        at++;
        if (is_digit_at(at, end))
            return json_scan_wrong(scan, at, "no more digits after a leading 0");
    }
    while (is_digit_at(at, end))
        at++;
    if (at < end && *at == '.') {
        at++;
        if (!is_digit_at(at, end))
            return json_scan_wrong(scan, at, "a digit after the decimal point");
        while (is_digit_at(at, end))
            at++;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        if (!is_digit_at(at, end))
            return json_scan_wrong(scan, at, "a digit in the exponent");
        while (is_digit_at(at, end))
            at++;
    }
    return at;
}

static const char *scan_word(struct json_scan *scan, const char *at, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(scan->end - at) >= len && memcmp(at, word, len) == 0)
        return at + len;
    return json_scan_wrong(scan, at, "a value");
}

static bool name_is(struct str raw, bool is_escaped, const char *name)
{
    if (!is_escaped)
        return (name[0] == raw.ptr[1] || raw.len == 2) && /* most are done here */
               strncmp(name, raw.ptr + 1, raw.len - 2) == 0 && name[raw.len - 2] == '\0';

    _buf_ struct buf plain = {0};
    json_unquote(raw, &plain);
    return !plain.failed && str_is(buf_str(&plain), name);
}

/* `key` is a member's name with its quotes. */
static void pick(const struct json_picks *picks, struct str key, bool is_escaped, struct str value)
{
    for (size_t i = 0; i < picks->count; i++)
        if (name_is(key, is_escaped, picks->names[i]))
            picks->values[i] = value;
}

/* `at` is behind the '{'. */
static const char *scan_members(struct json_scan *scan, const char *at, unsigned depth,
                                const struct json_picks *picks)
{
    const char *end = scan->end;

    at = json_scan_space(at, end);
    if (at < end && *at == '}')
        return at + 1;
    const char *expected = "'}' or a member's name in quotes";
    for (;;) {
        bool is_escaped;
        const char *key = json_scan_space(at, end);
        if (key == end || *key != '"')
            return json_scan_wrong(scan, key, expected);
        const char *key_end = scan_string(scan, key, &is_escaped);
        if (key_end == NULL)
            return NULL;
        at = json_scan_space(key_end, end);
        if (at == end || *at != ':')
            return json_scan_wrong(scan, at, "':' after a member's name");
        const char *value = json_scan_space(at + 1, end);
        at = json_scan_value(scan, value, depth);
        if (at == NULL)
            return NULL;
        if (picks != NULL)
            pick(picks, (struct str){key, (size_t)(key_end - key)}, is_escaped,
                 (struct str){value, (size_t)(at - value)});
        at = json_scan_space(at, end);
        if (at < end && *at == '}')
            return at + 1;
        if (at == end || *at != ',')
            return json_scan_wrong(scan, at, "',' or '}' after a member");
        at++;
        expected = "a member's name in quotes after ','";
    }
}

/* `at` is behind the '['. */
static const char *scan_elements(struct json_scan *scan, const char *at, unsigned depth)
{
    const char *end = scan->end;

    at = json_scan_space(at, end);
    if (at < end && *at == ']')
        return at + 1;
    for (;;) {
        at = json_scan_value(scan, json_scan_space(at, end), depth);
        if (at == NULL)
            return NULL;
        at = json_scan_space(at, end);
        if (at < end && *at == ']')
            return at + 1;
        if (at == end || *at != ',')
            return json_scan_wrong(scan, at, "',' or ']' after an element");
        at++;
    }
}

/* `depth` counts the arrays and objects around this value. */
const char *json_scan_value(struct json_scan *scan, const char *at, unsigned depth)
{
    bool is_escaped;

    if (at == scan->end)
        return json_scan_wrong(scan, at, "a value");
    switch (*at) {
    case '"':
        return scan_string(scan, at, &is_escaped);
    case '{':
    case '[':
        if (depth >= JSON_DEPTH_MAX)
            return json_scan_wrong(scan, at, "at most 64 arrays and objects inside each other");
        return *at == '{' ? scan_members(scan, at + 1, depth + 1, NULL)
                          : scan_elements(scan, at + 1, depth + 1);
    case 't':
        return scan_word(scan, at, "true");
    case 'f':
        return scan_word(scan, at, "false");
    case 'n':
        return scan_word(scan, at, "null");
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(scan, at);
    default:
        return json_scan_wrong(scan, at, "a value");
    }
}

const char *json_scan_object(struct json_scan *scan, const char *at, const struct json_picks *picks)
{
    for (size_t i = 0; i < picks->count; i++)
        picks->values[i] = STR_NONE;
    if (at == scan->end || *at != '{')
        return json_scan_wrong(scan, at, "an object ('{')");
    return scan_members(scan, at + 1, 1, picks);
}

int json_scan_tell(const struct json_scan *scan, struct str whole, struct err *err)
{
    size_t line = 1;
    size_t column = 1;
    char got[32] = "the end of the text";

    if (err == NULL)
        return E_SYNTAX;
    for (const char *at = whole.ptr; at < scan->wrong; at++) {
        if (*at == '\n') {
            line++;
            column = 1;
        } else if (!utf8_is_tail(*at)) {
            column++;
        }
    }
    if (scan->wrong < whole.ptr + whole.len) {
        unsigned char c = (unsigned char)*scan->wrong;
        (void)snprintf(got, sizeof(got), c > 0x20 && c < 0x7f ? "'%c'" : "byte 0x%02x",
                       c); /* both fit */
    }
    return err_set(err, E_SYNTAX, "line %zu, column %zu: expected %s, got %s", line, column,
                   scan->expected, got);
}

int json_next_value(struct str *rest, struct str *out_value, struct err *err)
{
    struct str whole = str_or_empty(*rest);
    struct json_scan scan = {.end = whole.ptr + whole.len};
    const char *start = json_scan_space(whole.ptr, scan.end);

    if (start == scan.end) {
        *rest = (struct str){start, 0};
        return 0;
    }
    const char *end = json_scan_value(&scan, start, 0);
    if (end == NULL)
        return json_scan_tell(&scan, whole, err);
    *out_value = (struct str){start, (size_t)(end - start)};
    *rest = (struct str){end, (size_t)(scan.end - end)};
    return 1;
}

int json_check(struct str text, struct err *err)
{
    struct str whole = str_or_empty(text);
    struct json_scan scan = {.end = whole.ptr + whole.len};
    const char *at = json_scan_value(&scan, json_scan_space(whole.ptr, scan.end), 0);

    if (at != NULL) {
        at = json_scan_space(at, scan.end);
        if (at < scan.end)
            at = json_scan_wrong(&scan, at, "nothing more behind the value");
    }
    return at != NULL ? 0 : json_scan_tell(&scan, whole, err);
}

int json_next_picked(struct str *rest, const char *const *names, size_t count,
                     struct str *out_value, struct str *out_values, struct err *err)
{
    struct str whole = str_or_empty(*rest);
    struct json_scan scan = {.end = whole.ptr + whole.len};
    struct json_picks picks = {names, count, out_values};
    const char *start = json_scan_space(whole.ptr, scan.end);

    if (start == scan.end) {
        *rest = (struct str){start, 0};
        return 0;
    }
    const char *end = json_scan_object(&scan, start, &picks);
    if (end == NULL)
        return json_scan_tell(&scan, whole, err);
    *out_value = (struct str){start, (size_t)(end - start)};
    *rest = (struct str){end, (size_t)(scan.end - end)};
    return 1;
}

int json_pick(struct str object, const char *const *names, size_t count, struct str *out_values)
{
    struct str whole = str_or_empty(object);
    struct json_scan scan = {.end = whole.ptr + whole.len};
    struct json_picks picks = {names, count, out_values};
    const char *end = json_scan_object(&scan, json_scan_space(whole.ptr, scan.end), &picks);

    return end != NULL && json_scan_space(end, scan.end) == scan.end ? 0 : E_SYNTAX;
}

enum json_kind json_kind_of(struct str value)
{
    switch (value.len > 0 ? value.ptr[0] : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

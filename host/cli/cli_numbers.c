/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_numbers.h"

#include "base/json.h"

#include <stdio.h>

#define NUL_ESCAPE "\\u0000"
#define MARK "\"" NUL_ESCAPE

/* The place behind a string's closing quote; `at` is behind the opening one. Its text goes out. */
static const char *put_string(const char *at, const char *end, struct buf *out)
{
    const char *from = at;

    while (at < end && *at != '"') {
        if (*at == '\\' && str_starts_with((struct str){at, (size_t)(end - at)}, NUL_ESCAPE)) {
            buf_add(out, from, (size_t)(at - from));
            buf_puts(out, "\\ufffd");
            at += strlen(NUL_ESCAPE);
            from = at;
        } else {
            at += *at == '\\' && at + 1 < end ? 2 : 1;
        }
    }
    at += at < end;
    buf_add(out, from, (size_t)(at - from));
    return at;
}

/* What is no number at all stays, for the parser to refuse. */
static bool is_changed_by_a_tree(struct str number)
{
    char space[24];
    int64_t integer;

    if (str_to_i64(number, &integer) < 0)
        return json_check(number, NULL) == 0;
    int len = snprintf(space, sizeof(space), "%lld", (long long)integer);
    return !str_equals(number, (struct str){space, (size_t)len}) && json_check(number, NULL) == 0;
}

static const char *put_number(const char *at, const char *end, struct buf *out)
{
    const char *stop = at;

    while (stop < end && *stop != '\0' && strchr("0123456789+-.eE", *stop) != NULL)
        stop++;
    struct str number = {at, (size_t)(stop - at)};
    bool is_hidden = is_changed_by_a_tree(number);
    buf_puts(out, is_hidden ? MARK : "");
    buf_add_str(out, number);
    buf_puts(out, is_hidden ? "\"" : "");
    return stop;
}

void cli_numbers_hide(struct str json, struct buf *out)
{
    const char *at = str_or_empty(json).ptr;
    const char *end = at + json.len;
    const char *from = at;

    if (!buf_reserve(out, json.len))
        return;
    while (at < end) {
        bool is_number = *at == '-' || (*at >= '0' && *at <= '9');

        if (!is_number && *at++ != '"')
            continue;
        buf_add(out, from, (size_t)(at - from));
        at = is_number ? put_number(at, end, out) : put_string(at, end, out);
        from = at;
    }
    buf_add(out, from, (size_t)(at - from));
}

/* A quote before the escape begins a string: one within a string has a backslash of its own, and
 * none but the hidden numbers has a NUL. */
void cli_numbers_show(struct str json, struct buf *out)
{
    const char *at = str_or_empty(json).ptr;
    const char *end = at + json.len;
    const char *mark;

    while ((mark = memmem(at, (size_t)(end - at), MARK, strlen(MARK))) != NULL) {
        const char *number = mark + strlen(MARK);
        const char *stop = memchr(number, '"', (size_t)(end - number));

        if (stop == NULL)
            break;
        buf_add(out, at, (size_t)(mark - at));
        buf_add(out, number, (size_t)(stop - number));
        at = stop + 1;
    }
    buf_add(out, at, (size_t)(end - at));
}

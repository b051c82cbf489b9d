/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trace.h"

#include "base/digest.h"
#include "base/hex.h"

enum {
    VERSION_AT = 0,
    ID_AT = 3,
    ID_BYTES = 32,
    SPAN_AT = 36,
    SPAN_BYTES = 16,
    FLAGS_AT = 53,
    KEY_BYTES_MAX = 256,
    VALUE_BYTES_MAX = 256,
    KNOWN_FLAGS = 0x03, /* sampled, random */
};

/* ---- reading ---- */

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
              (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(struct str digits)
{
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] != '0')
            return false;
    return true;
}

static struct str part(struct str text, size_t at, size_t len)
{
    return (struct str){text.ptr + at, len};
}

/* "00-<32 digits>-<16 digits>-<2 digits>"; a later version may be longer. */
static bool is_parent(struct str text)
{
    if (text.len < TRACE_PARENT_BYTES || text.ptr[2] != '-' || text.ptr[35] != '-' ||
        text.ptr[52] != '-')
        return false;
    struct str version = part(text, VERSION_AT, 2);
    struct str id = part(text, ID_AT, ID_BYTES);
    struct str span = part(text, SPAN_AT, SPAN_BYTES);
    if (!is_hex(version) || !is_hex(id) || !is_hex(span) || !is_hex(part(text, FLAGS_AT, 2)) ||
        str_is(version, "ff") || is_zero(id) || is_zero(span))
        return false;
    if (text.len == TRACE_PARENT_BYTES)
        return true;
    return !str_is(version, "00") && text.ptr[TRACE_PARENT_BYTES] == '-';
}

static bool is_key_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("_-*/@", c) != NULL;
}

/* key=value of the list; blank members are allowed and say nothing. */
static bool is_member(struct str member)
{
    const char *equals = memchr(member.ptr, '=', member.len);

    if (equals == NULL || equals == member.ptr)
        return false;
    struct str key = {member.ptr, (size_t)(equals - member.ptr)};
    struct str value = {equals + 1, member.len - key.len - 1};
    if (key.len > KEY_BYTES_MAX || value.len == 0 || value.len > VALUE_BYTES_MAX ||
        strchr("_-*/@", key.ptr[0]) != NULL)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] == '\0' || !is_key_letter(key.ptr[i]))
            return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < ' ' || value.ptr[i] > '~' || value.ptr[i] == '=')
            return false;
    return true;
}

static bool is_state(struct str text)
{
    struct str member;
    int count = 0;

    if (text.len > TRACE_STATE_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) /* blanks between members are blanks and tabs alone */
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] > '~')
            return false;
    while (str_next(&text, ',', &member)) {
        member = str_trim(member);
        if (member.len > 0 && (!is_member(member) || ++count > TRACE_STATE_MEMBERS_MAX))
            return false;
    }
    return count > 0;
}

void trace_accept(struct str traceparent, struct str tracestate, struct buf *out)
{
    struct str parent = str_trim(traceparent);
    struct str state = str_trim(tracestate);

    if (parent.len == 0 || !is_parent(parent))
        return;
    int flags = hex_digit(parent.ptr[FLAGS_AT]) * 16 + hex_digit(parent.ptr[FLAGS_AT + 1]);
    buf_printf(out, "00-%.*s-%.*s-%02x", ID_BYTES, parent.ptr + ID_AT, SPAN_BYTES,
               parent.ptr + SPAN_AT, (unsigned)flags & KNOWN_FLAGS);
    if (state.len == 0 || !is_state(state))
        return;
    buf_putc(out, '\n');
    buf_add_str(out, state);
}

/* ---- what was kept ---- */

struct str trace_id(struct str trace)
{
    return trace.len >= TRACE_PARENT_BYTES ? part(trace, ID_AT, ID_BYTES) : STR_NONE;
}

struct str trace_span(struct str trace)
{
    return trace.len >= TRACE_PARENT_BYTES ? part(trace, SPAN_AT, SPAN_BYTES) : STR_NONE;
}

struct str trace_state(struct str trace)
{
    if (trace.len <= TRACE_PARENT_BYTES + 1)
        return STR_NONE;
    return part(trace, TRACE_PARENT_BYTES + 1, trace.len - TRACE_PARENT_BYTES - 1);
}

bool trace_is_same(struct str trace, struct str other)
{
    return str_equals(trace_id(trace), trace_id(other));
}

void trace_put_child(struct str trace, const uint8_t span[8], struct buf *out)
{
    char digits[SPAN_BYTES + 1];

    hex_encode(span, SPAN_BYTES / 2, digits);
    buf_add(out, trace.ptr, SPAN_AT);
    buf_puts(out, digits);
    buf_add(out, trace.ptr + SPAN_AT + SPAN_BYTES, TRACE_PARENT_BYTES - SPAN_AT - SPAN_BYTES);
}

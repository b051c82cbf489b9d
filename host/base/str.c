/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool str_starts_with(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && (len == 0 || memcmp(s.ptr, prefix, len) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

char *str_dup(struct str s)
{
    char *copy = malloc(s.len + 1);

    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

bool str_next(struct str *rest, char separator, struct str *out)
{
    if (rest->ptr == NULL)
        return false;

    const char *end = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (end == NULL) {
        *out = *rest;
        *rest = STR_NONE;
        return out->len > 0;
    }
    *out = (struct str){rest->ptr, (size_t)(end - rest->ptr)};
    rest->len -= out->len + 1;
    rest->ptr = end + 1;
    return true;
}

bool str_next_word(struct str *rest, const char *between, struct str *out)
{
    size_t kinds = strlen(between);
    size_t start = 0;

    while (start < rest->len && memchr(between, rest->ptr[start], kinds) != NULL)
        start++;
    size_t end = start;
    while (end < rest->len && memchr(between, rest->ptr[end], kinds) == NULL)
        end++;
    if (end == start) {
        *rest = STR_NONE;
        return false;
    }
    *out = (struct str){rest->ptr + start, end - start};
    *rest = (struct str){rest->ptr + end, rest->len - end};
    return true;
}

bool str_list_has(struct str list, char separator, struct str wanted)
{
    struct str piece;

    while (str_next(&list, separator, &piece))
        if (str_equals(piece, wanted))
            return true;
    return false;
}

struct str str_of_u64(uint64_t number, char space[24])
{
    char *end = space + 24;
    char *at = end;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (struct str){at, (size_t)(end - at)};
}

int str_to_i64(struct str s, int64_t *out)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';
    size_t at = is_negative || (s.len > 0 && s.ptr[0] == '+') ? 1 : 0;
    int64_t value = 0;

    if (at == s.len)
        return -EINVAL;
    bool is_out_of_range = false;
    for (; at < s.len; at++) {
        if (s.ptr[at] < '0' || s.ptr[at] > '9')
            return -EINVAL;
        int digit = s.ptr[at] - '0';
        if (is_out_of_range || __builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_sub_overflow(value, (int64_t)digit, &value))
            is_out_of_range = true; /* read on: a letter further back is the better complaint */
    }
    /* The value was gathered below zero, where there is one number more. */
    if (is_out_of_range || (!is_negative && value == INT64_MIN))
        return -ERANGE;
    *out = is_negative ? value : -value;
    return 0;
}

int str_to_double(struct str s, double *out)
{
    char text[128];

    if (s.len == 0 || is_space(s.ptr[0]) || s.len >= sizeof(text))
        return -EINVAL;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    /* strtod also reads "inf", "nan" and hexadecimal, none of which is meant by anybody here. */
    if (strspn(text, "+-.0123456789eE") != s.len)
        return -EINVAL;

    int saved = errno;
    char *end;
    double value = strtod(text, &end);
    errno = saved;
    if (end != text + s.len)
        return -EINVAL;
    if (isinf(value))
        return -ERANGE;
    *out = value;
    return 0;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

enum { WORD_MAX = 64 };

/* Letters added, lost, changed or swapped with their neighbour (optimal string alignment). */
static size_t edit_distance(struct str a, struct str b)
{
    size_t rows[3][WORD_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                row[j] > two_above[j - 2] + 1)
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t count)
{
    struct str wanted = str_of(word);
    const char *nearest = NULL;
    size_t nearest_distance = wanted.len / 3 > 1 ? wanted.len / 3 : 1;

    if (wanted.len == 0 || wanted.len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct str candidate = str_of(candidates[i]);
        if (candidate.len == 0 || candidate.len > WORD_MAX)
            continue;
        size_t distance = edit_distance(wanted, candidate);
        /* A word of which nothing is left is no guess ("x" for "y"). */
        if (distance >= wanted.len || distance > nearest_distance)
            continue;
        if (nearest != NULL && distance == nearest_distance)
            continue;
        nearest = candidates[i];
        nearest_distance = distance;
    }
    return nearest;
}

bool str_is_utf8(struct str s)
{
    const char *at = str_or_empty(s).ptr;
    const char *end = at + s.len;

    while (at < end) {
        if ((unsigned char)*at < 0x80) {
            if (*at == '\0')
                return false;
            at++;
            continue;
        }
        size_t len = utf8_len(at, end);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

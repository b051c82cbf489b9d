/* SPDX-License-Identifier: Apache-2.0
 * What the three json files share; nobody else includes it. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* One walk over a text. The walkers take a place and give the place behind what they read, or NULL
 * after json_scan_wrong. */
struct json_scan {
    const char *end;
    const char *wrong;    /* where the first fault is */
    const char *expected; /* and what should have been there */
};

/* What is to be picked out of the outermost object on the way. */
struct json_picks {
    const char *const *names;
    size_t count;
    struct str *values;
};

static inline const char *json_scan_wrong(struct json_scan *scan, const char *at,
                                          const char *expected)
{
    scan->wrong = at;
    scan->expected = expected;
    return NULL;
}

static inline const char *json_scan_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

const char *json_scan_value(struct json_scan *scan, const char *at, unsigned depth);
/* An object at the outermost level; every picked value is written, a missing one as STR_NONE. */
const char *json_scan_object(struct json_scan *scan, const char *at,
                             const struct json_picks *picks);

/* "line 3, column 17: expected ..., got 'x'", counted from the start of `whole`; columns count
 * characters. */
int json_scan_tell(const struct json_scan *scan, struct str whole, struct err *err);

/* The first byte that is special inside a string: a quote, a backslash, a control character or
 * above 0x7f. Eight bytes at a time; of the flagged bytes the lowest is exact, those above it may
 * be borrows. */
static inline const char *json_plain_run(const char *at, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t quote = (word ^ ones * '"') - ones;
        uint64_t backslash = (word ^ ones * '\\') - ones;
        uint64_t control = word - ones * 0x20;
        uint64_t special = (quote | backslash | control | word) & tops;
        if (special != 0)
            return at + (__builtin_ctzll(special) >> 3);
        at += 8;
    }
#else
    (void)ones;
    (void)tops;
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    return at;
}

#endif

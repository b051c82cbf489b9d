/* SPDX-License-Identifier: Apache-2.0
 * One UTF-8 character at a time, for whoever walks text inside base/. Others ask str_is_utf8. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

static inline bool utf8_is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The bytes of the character at `at`, 2 to 4, where its first byte is 0x80 or above; 0 when it is
 * not UTF-8 by RFC 3629: too long a form, a surrogate, above U+10FFFF, or cut off by `end`. */
static inline size_t utf8_len(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)at[0];
    size_t left = (size_t)(end - at);

    if (lead < 0xc2 || lead > 0xf4 || left < 2)
        return 0;
    unsigned char second = (unsigned char)at[1];
    if (lead < 0xe0)
        return utf8_is_tail(at[1]) ? 2 : 0;
    if (lead < 0xf0) {
        unsigned char low = lead == 0xe0 ? 0xa0 : 0x80;
        unsigned char high = lead == 0xed ? 0x9f : 0xbf;
        return second >= low && second <= high && left >= 3 && utf8_is_tail(at[2]) ? 3 : 0;
    }
    unsigned char low = lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high && left >= 4 && utf8_is_tail(at[2]) &&
                   utf8_is_tail(at[3])
               ? 4
               : 0;
}

/* Writes the character, 1 to 4 bytes, and gives their number. */
static inline size_t utf8_put(unsigned code, char out[4])
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

#endif

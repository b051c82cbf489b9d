/* SPDX-License-Identifier: Apache-2.0
 * Bytes as hexadecimal digits and back. [any] */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/str.h"

/* 0 to 15, whatever the case; -1: no such digit. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void hex_encode(const uint8_t *bytes, size_t count, char *out); /* lower case; 2*count+1 bytes */
/* False when the text is not exactly 2*count digits; `out` is undefined then. */
bool hex_decode(struct str text, uint8_t *out, size_t count);

#endif

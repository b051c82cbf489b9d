/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

void hex_encode(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

bool hex_decode(struct str text, uint8_t *out, size_t count)
{
    if (text.len % 2 != 0 || text.len / 2 != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int high = hex_digit(text.ptr[2 * i]);
        int low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

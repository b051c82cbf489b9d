/* SPDX-License-Identifier: Apache-2.0 */
#include "base/percent.h"

#include "base/hex.h"

#include <errno.h>

static bool is_plain(char c, const char *plain)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && (strchr("-._~", c) != NULL || strchr(plain, c) != NULL));
}

void percent_encode(struct str text, const char *plain, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_plain(text.ptr[i], plain))
            buf_putc(out, text.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
    }
}

/* The byte that "%41" stands for; -1: these are not '%' and two digits. */
static int escaped(struct str text)
{
    if (text.len < 3 || text.ptr[0] != '%')
        return -1;
    int high = hex_digit(text.ptr[1]);
    int low = hex_digit(text.ptr[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int percent_decode(struct str text, unsigned how, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int byte = c == '%' ? escaped((struct str){text.ptr + i, text.len - i}) : -1;

        if (byte >= 0) {
            buf_putc(out, (char)byte);
            i += 2;
        } else if (c == '%' && (how & PERCENT_LENIENT) == 0) {
            return -EINVAL;
        } else {
            buf_putc(out, c == '+' && (how & PERCENT_PLUS) != 0 ? ' ' : c);
        }
    }
    return 0;
}

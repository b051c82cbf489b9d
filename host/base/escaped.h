/* SPDX-License-Identifier: Apache-2.0
 * Text that others may have escaped: in a JSON string, in a URL, in HTML, once or several times
 * over, in whatever letters they like. secret.c looks for secrets with it. It judges leniently and
 * decodes nothing for use; percent.h and json.h do that. [any] */
#ifndef BASE_ESCAPED_H
#define BASE_ESCAPED_H

#include "base/str.h"

enum { ESCAPED_READINGS = 2 };

/* Whether an escape may begin with this byte. */
static inline bool escaped_may_begin(char c)
{
    return c == '\\' || c == '%' || c == '&' || c == '+';
}

/* True when one of the escapes above may spell a byte of `value` differently. Values of letters,
 * digits, and "-._~" look the same everywhere. */
bool escaped_can_differ(struct str value);
/* The first byte that the escape at the start of `text` stands for, by the reading'th way to read
 * it; -1: it is none. */
int escaped_first(struct str text, int reading);
/* How many bytes at the start of `text` spell `value`, each byte as it is or escaped; 0: they do
 * not. Backslashes that are the value's own do not count. With `is_cut` it is enough that `text`
 * ends before the value does. */
size_t escaped_match(struct str text, struct str value, bool is_cut);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Percent-encoding, as in the paths and arguments of URLs (RFC 3986) and in forms. What the decoded
 * bytes may be is for the caller to say: NUL and broken UTF-8 pass. [any] */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/str.h"

/* Letters, digits, "-._~" and what `plain` names stay; every other byte becomes %XX, digits in
 * upper case. A '%' is one of those, so that the result decodes to the text. */
void percent_encode(struct str text, const char *plain, struct buf *out);

enum {
    PERCENT_PLUS = 1,    /* '+' is a blank, as in queries and forms */
    PERCENT_LENIENT = 2, /* a '%' without two digits behind it stays as it is */
};
/* `how`: a set of the above. 0; -EINVAL at a bad escape, what stands before it having been added;
 * memory shows in out->failed. What is added is never longer than the text. */
int percent_decode(struct str text, unsigned how, struct buf *out);

#endif

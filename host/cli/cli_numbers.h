/* SPDX-License-Identifier: Apache-2.0
 * Numbers through a tree that knows only int64 and double: what such a tree cannot give back as it
 * was written (19.99, 1E5, 18446744073709551615, 1e400) goes through it as a string that no other
 * string equals, since it begins with NUL and the daemon gives none out. cli_json.c alone uses
 * this. [any] */
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include "base/str.h"

/* Appends `json` with those numbers as such strings; what is no JSON stays none. An escaped NUL of
 * the text's own becomes U+FFFD. Too little memory shows as out->failed. */
void cli_numbers_hide(struct str json, struct buf *out);
/* Appends `json`, as jansson wrote it, with those strings as the numbers they were. */
void cli_numbers_show(struct str json, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Option rows: the text form of TENON_OPTION (sdk), and the schema tables of our own sections,
 * which are the same rows. Outside bytes when they come from a plugin's note: limits and a fuzz
 * target apply.
 *
 * What a value of each type looks like, here and in the ini:
 *   text      anything                     integer   -9223372036854775808 to 9223372036854775807
 *   number    2.5 (finite)                 boolean   yes, no, true, false, on, off, 1, 0
 *   choice    one word of the range        duration  500ms, 30s, 5m, 2h, 7d; a bare number is ms
 *   size      512, 64KB, 16MB, 1GB, 1TB (1 KB is 1024 bytes; KiB, K and B are understood as well)
 *   url       http:// or https://, no user or password in it, no white space
 *   path      absolute: begins with '/'
 * A range is "LOW..HIGH" in the type's own words (integer, number, duration, size; either end may
 * be missing), "a,b,c" for choice, and empty for the others. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum option_type {
    OPTION_TEXT,
    OPTION_INTEGER,
    OPTION_NUMBER,
    OPTION_BOOLEAN,
    OPTION_CHOICE,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_URL,
    OPTION_PATH
};

struct option {
    struct str name, range, fallback, help; /* borrowed from the rows */
    enum option_type type;
    bool is_required, is_secret;
};

enum { OPTION_ROWS_MAX = 256, OPTION_NAME_MAX = 48, OPTION_CHOICES_MAX = 32 };

/* a-z first, then a-z 0-9 _ -, at most OPTION_NAME_MAX: what an option is called, or an action. */
bool option_is_name(struct str name);
/* The next row of `*rest`: 1, 0 at the end, E_SYNTAX with what is wrong with the row. The range and
 * the fallback have been held against the type. After E_SYNTAX `*rest` stands behind the bad row.
 */
int option_next(struct str *rest, struct option *out, struct err *err);
/* All rows of a table: each good, no name twice, not more than OPTION_ROWS_MAX. 0 or E_SYNTAX. */
int option_rows_check(struct str rows, struct err *err);
/* The row of this name; false when there is none. Rows that are damaged are passed over. */
bool option_find(struct str rows, struct str name, struct option *out);

/* Holds a value against a row; the sentence says what is allowed. 0 or -EINVAL/-ERANGE. The value
 * of a secret row is never quoted. */
int option_check(const struct option *option, struct str value, struct err *err);

/* A checked value as what it means. Empty text is 0 and false. */
struct option_value {
    int64_t integer; /* integer; duration in ms; size in bytes */
    double real;     /* number; the others as a double */
    bool is_true;
};
int option_parse(const struct option *option, struct str value, struct option_value *out,
                 struct err *err);

const char *option_type_name(enum option_type type);

#endif

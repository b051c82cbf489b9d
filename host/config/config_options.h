/* SPDX-License-Identifier: Apache-2.0
 * Option rows: the text form of TENON_OPTION (sdk), and the schema tables of our own sections, which are the same rows.
 * Outside bytes when they come from a plugin's note: limits and a fuzz target apply. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum option_type { OPTION_TEXT, OPTION_INTEGER, OPTION_NUMBER, OPTION_BOOLEAN, OPTION_CHOICE, OPTION_DURATION,
                   OPTION_SIZE, OPTION_URL, OPTION_PATH };

struct option {
    struct str name, range, fallback, help; /* borrowed from the rows */
    enum option_type type;
    bool is_required, is_secret;
};

enum { OPTION_ROWS_MAX = 256 };

/* The next row of `*rest`: 1, 0 at the end, E_SYNTAX with what is wrong with the row. */
int option_next(struct str *rest, struct option *out, struct err *err);
/* Holds a value against a row; the sentence says what is allowed. 0 or -EINVAL/-ERANGE. */
int option_check(const struct option *option, struct str value, struct err *err);
const char *option_type_name(enum option_type type);

#endif

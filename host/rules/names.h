/* SPDX-License-Identifier: Apache-2.0
 * A list of names as an ini writes it: `[select] type`, `allow_paths`. An empty list wants
 * everything. [any] */
#ifndef RULES_NAMES_H
#define RULES_NAMES_H

#include "base/str.h"

struct names {
    char *text; /* owned; the names point into it */
    const char **names;
    size_t count;
};

/* `between`: what separates names; white space around them is not theirs. False: no memory. */
bool names_init(struct names *names, const char *list, const char *between);
void names_finish(struct names *names);
bool names_want(const struct names *names, struct str name);

#endif

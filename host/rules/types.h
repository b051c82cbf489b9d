/* SPDX-License-Identifier: Apache-2.0
 * The `[select] type` clause: a list of entity types, comma-separated; empty wants all. Pure. [any]
 */
#ifndef RULES_TYPES_H
#define RULES_TYPES_H

#include "base/str.h"

struct types {
    char *text; /* owned; the names point into it */
    const char **names;
    size_t count;
};

/* False: no memory. */
bool types_init(struct types *types, const char *list);
void types_finish(struct types *types);
bool types_want(const struct types *types, struct str type);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/types.h"

#include <stdlib.h>

bool types_init(struct types *types, const char *list)
{
    struct str rest;
    struct str name;
    size_t most = 1;

    *types = (struct types){.text = str_dup(str_of(list ? list : ""))};
    if (types->text == NULL)
        return false;
    for (const char *c = types->text; *c != '\0'; c++)
        most += *c == ',';
    types->names = calloc(most, sizeof *types->names);
    if (types->names == NULL)
        return false;
    rest = str_of(types->text);
    while (str_next(&rest, ',', &name)) {
        name = str_trim(name);
        if (name.len == 0)
            continue;
        types->text[name.ptr - types->text + (ptrdiff_t)name.len] = '\0';
        types->names[types->count++] = name.ptr;
    }
    return true;
}

void types_finish(struct types *types)
{
    free(types->names);
    free(types->text);
    *types = (struct types){0};
}

bool types_want(const struct types *types, struct str type)
{
    for (size_t i = 0; i < types->count; i++)
        if (str_is(type, types->names[i]))
            return true;
    return types->count == 0;
}

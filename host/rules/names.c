/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/names.h"

#include <stdlib.h>

bool names_init(struct names *names, const char *list, const char *between)
{
    struct str rest;
    struct str one;
    size_t most = 1;

    *names = (struct names){.text = str_dup(str_of(list ? list : ""))};
    if (names->text == NULL)
        return false;
    for (const char *c = names->text; *c != '\0'; c++)
        most += strchr(between, *c) != NULL;
    names->names = calloc(most, sizeof *names->names);
    if (names->names == NULL)
        return false;
    rest = str_of(names->text);
    while (str_next_word(&rest, between, &one)) {
        one = str_trim(one);
        if (rest.len > 0) /* where the separator stands may be the name's NUL in a moment */
            rest = (struct str){rest.ptr + 1, rest.len - 1};
        if (one.len == 0)
            continue;
        names->text[one.ptr - names->text + (ptrdiff_t)one.len] = '\0';
        names->names[names->count++] = one.ptr;
    }
    return true;
}

void names_finish(struct names *names)
{
    free(names->names);
    free(names->text);
    *names = (struct names){0};
}

bool names_want(const struct names *names, struct str name)
{
    for (size_t i = 0; i < names->count; i++)
        if (str_is(name, names->names[i]))
            return true;
    return names->count == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

static bool is_between(char c)
{
    return c == '{' || c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_between(struct str *rest)
{
    while (rest->len > 0 && is_between(rest->ptr[0])) {
        rest->ptr++;
        rest->len--;
    }
}

/* Only a value that was checked has but names, values and what stands between them; a value that is
 * an object or an array begins behind its colon, which ends the skipping there. */
static bool next_value(struct str *rest, struct str *out)
{
    return rest->len > 0 && json_next_value(rest, out, NULL) > 0;
}

bool json_next_member(struct str *rest, struct str *out_name, struct str *out_value)
{
    struct str name;

    skip_between(rest);
    if (rest->len == 0 || rest->ptr[0] != '"' || !next_value(rest, &name))
        return false;
    while (rest->len > 0 && rest->ptr[0] != ':') {
        rest->ptr++;
        rest->len--;
    }
    if (rest->len == 0)
        return false;
    rest->ptr++;
    rest->len--;
    if (!next_value(rest, out_value))
        return false;
    *out_name = (struct str){name.ptr + 1, name.len - 2};
    return true;
}

/* What is left begins with what stands before an element, or with the bracket behind the last. */
bool json_next_element(struct str *rest, struct str *out)
{
    *rest = str_trim(*rest);
    if (rest->len == 0 || (rest->ptr[0] != '[' && rest->ptr[0] != ','))
        return false;
    *rest = str_trim((struct str){rest->ptr + 1, rest->len - 1});
    return rest->len > 0 && rest->ptr[0] != ']' && next_value(rest, out);
}

struct str json_find(struct str object, const char *name)
{
    struct str value = STR_NONE;

    return object.len > 0 && json_pick(object, &name, 1, &value) == 0 ? value : STR_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_json.h"

#include "cli/cli_numbers.h"

#include <jansson.h>
#include <stdlib.h>

/* A number that jansson would change, or refuse the whole text for, is a string from here on, which
 * begins with NUL; cli_json_put gives it out as it came. */
struct json_t *cli_json_parse(struct str text)
{
    _buf_ struct buf hidden = {0};

    cli_numbers_hide(text, &hidden);
    if (hidden.failed || hidden.len == 0)
        return NULL;
    return json_loadb(hidden.ptr, hidden.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

void cli_json_release(struct json_t *json)
{
    json_decref(json);
}

const struct json_t *cli_json_member(const struct json_t *object, const char *name)
{
    return json_object_get(object, name);
}

const char *cli_json_own_text(const struct json_t *string)
{
    const char *text = json_string_value(string);

    return text != NULL ? text : "";
}

const char *cli_json_text(const struct json_t *object, const char *name)
{
    return cli_json_own_text(json_object_get(object, name));
}

int64_t cli_json_number(const struct json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

double cli_json_real(const struct json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_string_length(value) > 0 && json_string_value(value)[0] == '\0')
        return strtod(json_string_value(value) + 1, NULL);
    return json_number_value(value);
}

bool cli_json_is_true(const struct json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

bool cli_json_has_number(const struct json_t *object, const char *name)
{
    return json_is_integer(json_object_get(object, name));
}

size_t cli_json_count(const struct json_t *array)
{
    return json_array_size(array);
}

const struct json_t *cli_json_item(const struct json_t *array, size_t index)
{
    return json_array_get(array, index);
}

bool cli_json_pair(const struct json_t *object, size_t index, const char **out_name,
                   const struct json_t **out_value)
{
    json_t *all = (json_t *)object; /* the iterator changes nothing, its type says otherwise */
    void *at = json_object_iter(all);

    for (; at != NULL && index > 0; index--)
        at = json_object_iter_next(all, at);
    if (at == NULL)
        return false;
    *out_name = json_object_iter_key(at);
    *out_value = json_object_iter_value(at);
    return true;
}

static int on_piece(const char *bytes, size_t len, void *user)
{
    struct buf *out = user;

    buf_add(out, bytes, len);
    return out->failed ? -1 : 0;
}

void cli_json_put(struct buf *out, const struct json_t *json, int indent)
{
    size_t flags = JSON_ENCODE_ANY | (indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT);
    _buf_ struct buf hidden = {0};

    (void)json_dump_callback(json, on_piece, &hidden, flags); /* out->failed tells */
    cli_numbers_show(buf_str(&hidden), out);
    out->failed |= hidden.failed;
}

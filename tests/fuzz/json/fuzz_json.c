/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a JSON text and as a body of records. What json_check accepts, every other walk must
 * accept too, and what is written must read back as the same. */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"id", "type", "data", ""};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void must(bool claim)
{
    if (!claim)
        abort();
}

static bool is_inside(struct str part, struct str whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void walk_string(struct str value)
{
    _buf_ struct buf plain = {0};
    _buf_ struct buf quoted = {0};
    _buf_ struct buf again = {0};

    json_unquote(value, &plain);
    must(str_is_utf8(buf_str(&plain)));
    json_put_string(&quoted, buf_str(&plain));
    must(json_check(buf_str(&quoted), NULL) == 0);
    json_unquote(buf_str(&quoted), &again);
    must(str_equals(buf_str(&plain), buf_str(&again)));
}

static void walk_picked(struct str object, const struct str *values)
{
    struct str others[NAMES];

    must(json_kind_of(object) == JSON_OBJECT && json_check(object, NULL) == 0);
    must(json_pick(object, names, NAMES, others) == 0);
    for (size_t i = 0; i < NAMES; i++) {
        must(values[i].ptr == others[i].ptr && values[i].len == others[i].len);
        if (values[i].ptr == NULL)
            continue;
        must(is_inside(values[i], object) && json_check(values[i], NULL) == 0);
        if (json_kind_of(values[i]) == JSON_STRING)
            walk_string(values[i]);
    }
}

/* One value: json_check and json_next_value agree about it. */
static void walk_value(struct str text)
{
    struct err err = {0};
    struct str rest = text;
    struct str value = STR_NONE;
    bool is_good = json_check(text, &err) == 0;
    int status = json_next_value(&rest, &value, NULL);

    must(is_good == (err.text[0] == '\0'));
    must(str_is_utf8(str_of(err.text)));
    if (is_good)
        must(status == 1 && str_is_utf8(text) && str_trim(rest).len == 0);
    if (status != 1)
        return;
    must(value.len > 0 && is_inside(value, text) && json_check(value, NULL) == 0);
    if (json_kind_of(value) == JSON_STRING)
        walk_string(value);
    if (json_kind_of(value) == JSON_OBJECT) {
        struct str values[NAMES];
        struct str again = text;
        struct str object;
        must(json_next_picked(&again, names, NAMES, &object, values, NULL) == 1);
        must(object.ptr == value.ptr && object.len == value.len && again.ptr == rest.ptr);
        walk_picked(object, values);
    }
}

static void walk_records(struct str text)
{
    struct json_records reader = {.rest = text};
    struct str record;
    struct str values[NAMES];
    struct err err = {0};
    size_t count = 0;
    int status;

    while ((status = json_records_next(&reader, names, NAMES, &record, values, &err)) == 1) {
        must(reader.index == count++ && is_inside(record, text));
        walk_picked(record, values);
    }
    must(status == 0 || (status == E_SYNTAX && err.text[0] != '\0'));
    if (json_check(text, NULL) == 0 && json_kind_of(str_trim(text)) == JSON_OBJECT)
        must(status == 0 && count == 1);
}

static void walk_raw(struct str text)
{
    _buf_ struct buf quoted = {0};

    json_put_string(&quoted, text);
    must(json_check(buf_str(&quoted), NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of the exact size, so that a read past the end is seen. */
    char *copy = malloc(size);
    struct str text = {copy, size};

    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    walk_value(text);
    walk_records(text);
    walk_raw(text);
    free(copy);
    return 0;
}

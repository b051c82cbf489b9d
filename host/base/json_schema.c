/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_schema.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

enum { DEPTH_MAX = 16, PLACE_BYTES_MAX = 200, SHOWN_MAX = 60 };

/* What a keyword's value must be. */
enum shape { NOTE, TYPE, LIST, NUMBER, COUNT, MEMBERS, SCHEMA, SCHEMA_OR_FLAG, NAMES, ANYTHING };

static const struct {
    const char *name;
    enum shape shape;
} keywords[] = {
    {"type", TYPE},
    {"enum", LIST},
    {"const", ANYTHING},
    {"properties", MEMBERS},
    {"required", NAMES},
    {"additionalProperties", SCHEMA_OR_FLAG},
    {"items", SCHEMA},
    {"minItems", COUNT},
    {"maxItems", COUNT},
    {"minLength", COUNT},
    {"maxLength", COUNT},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"exclusiveMinimum", NUMBER},
    {"exclusiveMaximum", NUMBER},
    /* These say something to people, not about the value. */
    {"title", NOTE},
    {"description", NOTE},
    {"default", NOTE},
    {"examples", NOTE},
    {"deprecated", NOTE},
    {"readOnly", NOTE},
    {"writeOnly", NOTE},
    {"$schema", NOTE},
    {"$id", NOTE},
    {"$comment", NOTE},
};

static const char *const types[] = {"null",   "boolean", "integer", "number",
                                    "string", "array",   "object",  NULL};

static bool is_type(struct str text)
{
    for (size_t i = 0; types[i] != NULL; i++)
        if (text.len >= 2 && str_is((struct str){text.ptr + 1, text.len - 2}, types[i]))
            return true;
    return false;
}

static double number_of(struct str value)
{
    double number = NAN;

    (void)str_to_double(value, &number); /* what is out of range compares as nothing */
    return number;
}

/* ---- the schema ---- */

static int check(struct str schema, int depth, struct err *err);

static int check_names(struct str list, bool are_types)
{
    struct str item;

    if (json_kind_of(list) != JSON_ARRAY)
        return E_SYNTAX;
    for (struct str rest = list; json_next_element(&rest, &item);)
        if (json_kind_of(item) != JSON_STRING || (are_types && !is_type(item)))
            return E_SYNTAX;
    return 0;
}

static int check_members(struct str members, int depth, struct err *err)
{
    struct str name;
    struct str value;

    if (json_kind_of(members) != JSON_OBJECT)
        return E_SYNTAX;
    for (struct str rest = members; json_next_member(&rest, &name, &value);) {
        int status = check(value, depth + 1, err);
        if (status < 0)
            return status;
    }
    return 0;
}

static int check_keyword(enum shape shape, struct str value, int depth, struct err *err)
{
    enum json_kind kind = json_kind_of(value);

    switch (shape) {
    case TYPE:
        return kind == JSON_STRING ? (is_type(value) ? 0 : E_SYNTAX) : check_names(value, true);
    case LIST:
        return kind == JSON_ARRAY ? 0 : E_SYNTAX;
    case NUMBER:
        return kind == JSON_NUMBER ? 0 : E_SYNTAX;
    case COUNT:
        return kind == JSON_NUMBER && number_of(value) >= 0 ? 0 : E_SYNTAX;
    case MEMBERS:
        return check_members(value, depth, err);
    case SCHEMA_OR_FLAG:
        if (kind == JSON_TRUE || kind == JSON_FALSE)
            return 0;
        return check(value, depth + 1, err);
    case SCHEMA:
        return check(value, depth + 1, err);
    case NAMES:
        return check_names(value, false);
    default:
        return 0;
    }
}

static int check(struct str schema, int depth, struct err *err)
{
    struct str name;
    struct str value;

    if (depth > DEPTH_MAX)
        return err_set(err, E_SYNTAX, "the schema is more than %d deep", DEPTH_MAX);
    if (json_kind_of(schema) != JSON_OBJECT)
        return err_set(err, E_SYNTAX, "a schema is an object, not '%.*s'",
                       (int)(schema.len < SHOWN_MAX ? schema.len : SHOWN_MAX), schema.ptr);
    for (struct str rest = schema; json_next_member(&rest, &name, &value);) {
        size_t i = 0;
        while (i < sizeof(keywords) / sizeof(keywords[0]) && !str_is(name, keywords[i].name))
            i++;
        if (i == sizeof(keywords) / sizeof(keywords[0])) {
            if (str_starts_with(name, "x-"))
                continue;
            return err_set(err, E_SYNTAX,
                           "the schema's keyword '%.*s' is not one that arguments are checked by",
                           (int)(name.len < SHOWN_MAX ? name.len : SHOWN_MAX), name.ptr);
        }
        struct err inner = {0};
        if (check_keyword(keywords[i].shape, value, depth, &inner) == 0)
            continue;
        if (inner.text[0] != '\0')
            return err_set(err, E_SYNTAX, "%s", inner.text);
        return err_set(err, E_SYNTAX, "the schema's '%s' cannot be '%.*s'", keywords[i].name,
                       (int)(value.len < SHOWN_MAX ? value.len : SHOWN_MAX), value.ptr);
    }
    return 0;
}

int json_schema_check(struct str schema, struct err *err)
{
    schema = str_trim(schema);
    int status = json_check(schema, err);

    if (status == 0)
        status = check(schema, 0, err);
    if (status < 0)
        return status;
    if (!str_is(json_find(schema, "type"), "\"object\""))
        return err_set(err, E_SYNTAX, "the schema's type is not \"object\": arguments are one");
    return 0;
}

/* ---- a value ---- */

struct place {
    const struct place *above;
    struct str name;
};

static void put_place(struct buf *out, const struct place *place)
{
    if (place == NULL)
        return;
    put_place(out, place->above);
    if (out->len < PLACE_BYTES_MAX)
        buf_printf(out, "%s%.*s", out->len > 0 ? "." : "",
                   (int)(place->name.len < SHOWN_MAX ? place->name.len : SHOWN_MAX),
                   place->name.ptr);
}

static int refuse(const struct place *place, struct str value, struct err *err, const char *wanted)
{
    _buf_ struct buf where = {0};

    put_place(&where, place);
    return err_set(err, E_USAGE, "argument '%s': expected %s, came %.*s%s",
                   where.len > 0 ? where.ptr : "(all)", wanted,
                   (int)(value.len < SHOWN_MAX ? value.len : SHOWN_MAX), value.ptr,
                   value.len < SHOWN_MAX ? "" : "...");
}

static bool is_whole(struct str number)
{
    double value = number_of(number);

    return isfinite(value) && floor(value) == value;
}

static bool is_of_type(struct str value, struct str type)
{
    enum json_kind kind = json_kind_of(value);

    type = (struct str){type.ptr + 1, type.len - 2};
    return (kind == JSON_NULL && str_is(type, "null")) ||
           ((kind == JSON_TRUE || kind == JSON_FALSE) && str_is(type, "boolean")) ||
           (kind == JSON_NUMBER &&
            (str_is(type, "number") || (str_is(type, "integer") && is_whole(value)))) ||
           (kind == JSON_STRING && str_is(type, "string")) ||
           (kind == JSON_ARRAY && str_is(type, "array")) ||
           (kind == JSON_OBJECT && str_is(type, "object"));
}

static int match_type(struct str type, struct str value, const struct place *place, struct err *err)
{
    struct str item;
    bool fits = type.len == 0;

    if (type.len > 0 && json_kind_of(type) == JSON_STRING)
        fits = is_of_type(value, type);
    else if (type.len > 0)
        for (struct str rest = type; !fits && json_next_element(&rest, &item);)
            fits = is_of_type(value, item);
    if (fits)
        return 0;
    _buf_ struct buf wanted = {0};
    buf_printf(&wanted, "%.*s", (int)(type.len < SHOWN_MAX ? type.len : SHOWN_MAX), type.ptr);
    return refuse(place, value, err, buf_str(&wanted).ptr);
}

/* Texts by what they say, all else by how it is written. */
static bool same(struct str one, struct str other)
{
    _buf_ struct buf first = {0};
    _buf_ struct buf second = {0};

    if (json_kind_of(one) != JSON_STRING || json_kind_of(other) != JSON_STRING)
        return str_equals(one, other);
    json_unquote(one, &first);
    json_unquote(other, &second);
    return str_equals(buf_str(&first), buf_str(&second));
}

static int match_choice(struct str schema, struct str value, const struct place *place,
                        struct err *err)
{
    struct str list = json_find(schema, "enum");
    struct str only = json_find(schema, "const");
    struct str item;
    bool fits = list.len == 0;

    if (list.len > 0)
        for (struct str rest = list; !fits && json_next_element(&rest, &item);)
            fits = same(item, value);
    if (fits && (only.len == 0 || same(only, value)))
        return 0;
    _buf_ struct buf wanted = {0};
    struct str shown = fits ? only : list;
    buf_printf(&wanted, "one of %.*s", (int)(shown.len < 200 ? shown.len : 200), shown.ptr);
    return refuse(place, value, err, buf_str(&wanted).ptr);
}

static size_t size_of(struct str value, enum json_kind kind)
{
    _buf_ struct buf text = {0};
    struct str item;
    size_t count = 0;

    if (kind == JSON_ARRAY) {
        for (struct str rest = value; json_next_element(&rest, &item);)
            count++;
        return count;
    }
    json_unquote(value, &text);
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80; /* characters, not bytes */
    return count;
}

/* Every end that the schema names holds for `number`, which is the value or its size. */
static int match_ends(struct str schema, struct str value, double number, bool is_size,
                      const struct place *place, struct err *err)
{
    static const struct {
        const char *name, *words;
        bool is_size, is_low, is_open;
        enum json_kind kind;
    } ends[] = {
        {"minimum", "at least", false, true, false, JSON_NUMBER},
        {"maximum", "at most", false, false, false, JSON_NUMBER},
        {"exclusiveMinimum", "more than", false, true, true, JSON_NUMBER},
        {"exclusiveMaximum", "less than", false, false, true, JSON_NUMBER},
        {"minLength", "a length of at least", true, true, false, JSON_STRING},
        {"maxLength", "a length of at most", true, false, false, JSON_STRING},
        {"minItems", "a count of at least", true, true, false, JSON_ARRAY},
        {"maxItems", "a count of at most", true, false, false, JSON_ARRAY},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct str end = STR_NONE;
        if (ends[i].is_size == is_size && ends[i].kind == json_kind_of(value))
            end = json_find(schema, ends[i].name);
        if (end.len == 0)
            continue;
        double limit = number_of(end);
        bool fits = ends[i].is_open  ? (ends[i].is_low ? number > limit : number < limit)
                    : ends[i].is_low ? number >= limit
                                     : number <= limit;
        if (fits)
            continue;
        _buf_ struct buf wanted = {0};
        buf_printf(&wanted, "%s %.*s", ends[i].words, STR_ARG(end));
        return refuse(place, value, err, buf_str(&wanted).ptr);
    }
    return 0;
}

static int match(struct str schema, struct str value, const struct place *place, struct err *err);

static int match_members(struct str schema, struct str value, const struct place *place,
                         struct err *err)
{
    struct str properties = json_find(schema, "properties");
    struct str others = json_find(schema, "additionalProperties");
    struct str required = json_find(schema, "required");
    struct str name;
    struct str given;

    for (struct str rest = required; required.len > 0 && json_next_element(&rest, &name);) {
        _buf_ struct buf plain = {0};
        json_unquote(name, &plain);
        if (json_find(value, buf_str(&plain).ptr).len == 0)
            return err_set(err, E_USAGE, "argument '%s' is missing", buf_str(&plain).ptr);
    }
    for (struct str rest = value; json_next_member(&rest, &name, &given);) {
        const struct place here = {place, name};
        _buf_ struct buf plain = {0};
        json_unquote((struct str){name.ptr - 1, name.len + 2}, &plain); /* escapes hide nothing */
        struct str own = json_find(properties, buf_str(&plain).ptr);
        if (own.len == 0 && others.len > 0 && json_kind_of(others) == JSON_FALSE)
            return err_set(err, E_USAGE, "there is no argument '%.*s'",
                           (int)(name.len < SHOWN_MAX ? name.len : SHOWN_MAX), name.ptr);
        if (own.len == 0 && others.len > 0 && json_kind_of(others) == JSON_OBJECT)
            own = others;
        int status = own.len > 0 ? match(own, given, &here, err) : 0;
        if (status < 0)
            return status;
    }
    return 0;
}

static int match_items(struct str schema, struct str value, const struct place *place,
                       struct err *err)
{
    struct str items = json_find(schema, "items");
    struct str item;

    for (struct str rest = value; items.len > 0 && json_next_element(&rest, &item);) {
        const struct place here = {place, STR("[]")};
        int status = match(items, item, &here, err);
        if (status < 0)
            return status;
    }
    return 0;
}

static int match(struct str schema, struct str value, const struct place *place, struct err *err)
{
    enum json_kind kind = json_kind_of(value);
    int status = match_type(json_find(schema, "type"), value, place, err);

    if (status == 0)
        status = match_choice(schema, value, place, err);
    if (status == 0 && kind == JSON_NUMBER)
        status = match_ends(schema, value, number_of(value), false, place, err);
    if (status == 0 && (kind == JSON_STRING || kind == JSON_ARRAY))
        status = match_ends(schema, value, (double)size_of(value, kind), true, place, err);
    if (status == 0 && kind == JSON_OBJECT)
        status = match_members(schema, value, place, err);
    if (status == 0 && kind == JSON_ARRAY)
        status = match_items(schema, value, place, err);
    return status;
}

int json_schema_match(struct str schema, struct str value, struct err *err)
{
    return match(str_trim(schema), str_trim(value), NULL, err);
}

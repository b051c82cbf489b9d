/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_search.h"

#include "base/json.h"

#include <stdlib.h>

/* ---- text ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool has_word(struct str text, struct str word)
{
    char first = lower(word.ptr[0]);

    for (size_t at = 0; at + word.len <= text.len; at++) {
        size_t same = 0;
        if (lower(text.ptr[at]) != first)
            continue;
        while (same < word.len && lower(text.ptr[at + same]) == lower(word.ptr[same]))
            same++;
        if (same == word.len)
            return true;
    }
    return false;
}

/* The next string that is no member's name, with its quotes. */
static bool next_string(struct str *rest, struct str *out)
{
    const char *end = rest->ptr + rest->len;
    const char *at = rest->ptr;

    while (at < end && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const char *start = at++;
        while (at < end && *at != '"')
            at += *at == '\\' ? 2 : 1;
        if (at >= end)
            return false;
        *out = (struct str){start, (size_t)(++at - start)};
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
            at++;
        *rest = (struct str){at, (size_t)(end - at)};
        if (at == end || *at != ':')
            return true;
    }
    return false;
}

static bool some_string_has(struct str data, struct str word)
{
    struct str rest = data;
    struct str string;
    bool has = false;

    while (!has && next_string(&rest, &string)) {
        _buf_ struct buf plain = {0};
        struct str inside = {string.ptr + 1, string.len - 2};
        if (memchr(inside.ptr, '\\', inside.len) != NULL) {
            json_unquote(string, &plain);
            inside = buf_str(&plain);
        }
        has = has_word(inside, word);
    }
    return has;
}

/* What has no escapes holds the word as it is, or not at all: most data is done with here. */
static bool has_words(struct str data, struct str text)
{
    bool is_plain = memchr(data.ptr, '\\', data.len) == NULL;
    struct str word;

    while (str_next(&text, ' ', &word))
        if (word.len > 0 && ((is_plain && !has_word(data, word)) || !some_string_has(data, word)))
            return false;
    return true;
}

/* ---- fields ---- */

static bool is_number(struct str value, struct str wanted)
{
    double is;
    double should_be;

    return str_equals(value, wanted) || (str_to_double(value, &is) == 0 &&
                                         str_to_double(wanted, &should_be) == 0 && is == should_be);
}

static bool is_value(struct str value, struct str wanted)
{
    _buf_ struct buf plain = {0};

    switch (json_kind_of(value)) {
    case JSON_STRING:
        json_unquote(value, &plain);
        return str_equals(buf_str(&plain), wanted);
    case JSON_NUMBER:
        return is_number(value, wanted);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return str_equals(value, wanted);
    default:
        return false;
    }
}

static bool leads_to(struct str value, struct str path, struct str wanted);

/* A number picks one element, and there is no second way to read it: two at each step of deeply
 * nested arrays would be more than anybody waits for. */
static bool element_leads_to(struct str array, struct str path, struct str wanted)
{
    struct str behind = path;
    struct str step = STR_NONE;
    struct str element;
    int64_t index = -1;
    bool is_picked = str_next(&behind, '.', &step) && str_to_i64(step, &index) == 0 && index >= 0;

    for (int64_t i = 0; json_next_element(&array, &element); i++) {
        if ((!is_picked && leads_to(element, path, wanted)) ||
            (i == index && leads_to(element, behind, wanted)))
            return true;
    }
    return false;
}

static bool member_leads_to(struct str object, struct str path, struct str wanted)
{
    struct str step;
    struct str member = STR_NONE;

    if (!str_next(&path, '.', &step))
        return false;
    char *name = str_dup(step);
    const char *const names[] = {name};
    bool is_there = name != NULL && json_pick(object, names, 1, &member) == 0 && member.len > 0;
    free(name);
    return is_there && leads_to(member, path, wanted);
}

static bool leads_to(struct str value, struct str path, struct str wanted)
{
    switch (json_kind_of(value)) {
    case JSON_ARRAY:
        return element_leads_to(value, path, wanted);
    case JSON_OBJECT:
        return member_leads_to(value, path, wanted);
    default:
        return path.len == 0 && is_value(value, wanted);
    }
}

bool store_search_fits(const struct store_query *query, struct str data)
{
    for (size_t i = 0; i < query->field_count; i++)
        if (!leads_to(data, query->fields[i].path, query->fields[i].value))
            return false;
    return query->text.len == 0 || has_words(data, query->text);
}

bool store_search_is_narrow(const struct store_query *query)
{
    return query->type.len > 0 || query->text.len > 0 || query->field_count > 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Edits from JSON: each value is one of the text so far, so that it can be no more than that value.
 */
#include "config/config_edit.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

enum { DRAFT_VALUES_MAX = 500 };

static const char first_section[] = "integration";

static int put_scalar(struct buf *out, struct str value)
{
    switch (json_kind_of(value)) {
    case JSON_STRING:
        json_unquote(value, out);
        return 0;
    case JSON_NUMBER:
        buf_add_str(out, value);
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_puts(out, json_kind_of(value) == JSON_TRUE ? "yes" : "no");
        return 0;
    default:
        return -1;
    }
}

/* `[1, "a"]` as "1, a". */
static int put_list(struct buf *out, struct str list)
{
    struct str item;

    while (json_next_element(&list, &item)) {
        if (out->len > 0)
            buf_puts(out, ", ");
        if (put_scalar(out, item) < 0)
            return -1;
    }
    return 0;
}

static int add_value(struct buf *text, const char *section, struct str name, struct str value,
                     struct err *err)
{
    _buf_ struct buf quoted = {0};
    _buf_ struct buf key = {0};
    _buf_ struct buf plain = {0};
    struct buf next = {0};
    int status;

    bool is_set = json_kind_of(value) != JSON_NULL;

    buf_printf(&quoted, "\"%.*s\"", STR_ARG(name));
    json_unquote(buf_str(&quoted), &key);
    status = !is_set                             ? 0
             : json_kind_of(value) == JSON_ARRAY ? put_list(&plain, value)
                                                 : put_scalar(&plain, value);
    if (status < 0)
        return err_set(err, E_USAGE,
                       "[%s] %.100s: expected a text, a number, true, false, null or a list of "
                       "such",
                       section, buf_str(&key).ptr);
    const struct config_edit edit = {section, buf_str(&key).ptr,
                                     is_set ? buf_str(&plain).ptr : NULL};

    status = quoted.failed || key.failed || plain.failed
                 ? err_set(err, -ENOMEM, "out of memory")
                 : config_edit_text(buf_str(text), &edit, 1, &next, err);
    if (status == 0) {
        buf_finish(text);
        *text = next;
    }
    return status;
}

/* An edit puts a key directly below the heading: so from the last to the first. */
static int add_section(struct buf *text, const char *section, struct str members, struct err *err)
{
    struct str names[DRAFT_VALUES_MAX];
    struct str values[DRAFT_VALUES_MAX];
    struct str rest = members;
    size_t count = 0;

    while (json_next_member(&rest, &names[count], &values[count]))
        if (++count == DRAFT_VALUES_MAX)
            return err_set(err, E_USAGE, "[%s] has more than %d keys", section,
                           DRAFT_VALUES_MAX - 1);
    while (count-- > 0) {
        int status = add_value(text, section, names[count], values[count], err);

        if (status < 0)
            return status;
    }
    return 0;
}

static int add_sections(struct buf *text, struct str sections, bool is_first, struct err *err)
{
    struct str rest = sections;
    struct str name;
    struct str members;

    while (json_next_member(&rest, &name, &members)) {
        _free_ char *section = str_dup(name);
        int status = 0;

        if (section == NULL)
            return err_set(err, -ENOMEM, "out of memory");
        if ((strcmp(section, first_section) == 0) != is_first)
            continue;
        if (json_kind_of(members) != JSON_OBJECT)
            status = err_set(err, E_USAGE,
                             "section '%.60s': expected an object of its keys and values", section);
        else
            status = add_section(text, section, members, err);
        if (status < 0)
            return status;
    }
    return 0;
}

int config_edit_sections(struct str text, struct str sections, struct buf *out, struct err *err)
{
    _buf_ struct buf now = {0};
    int status = json_check(sections, err);

    if (status < 0)
        return status;
    sections = str_trim(sections);
    if (json_kind_of(sections) != JSON_OBJECT)
        return err_set(err, E_USAGE,
                       "expected sections as {\"integration\": {\"plugin\": NAME, ...}, ...}");
    buf_add_str(&now, text);
    status = add_sections(&now, sections, true, err);
    if (status == 0)
        status = add_sections(&now, sections, false, err);
    if (status == 0 && now.failed)
        status = err_set(err, -ENOMEM, "out of memory");
    if (status == 0)
        buf_add_str(out, buf_str(&now));
    return status;
}

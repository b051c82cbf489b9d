/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/hook_form.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/percent.h"

#include <errno.h>
#include <stdlib.h>

struct field {
    struct str name, value; /* decoded, in the form's bytes */
};

struct form {
    struct buf bytes;
    struct field *fields;
    size_t count;
};

static void form_finish(struct form *form)
{
    buf_finish(&form->bytes);
    free(form->fields);
}
#define _form_ __attribute__((cleanup(form_finish)))

/* "application/json; charset=utf-8" is "application/json" */
static bool type_is(struct str content_type, const char *wanted)
{
    size_t len = strlen(wanted);
    const char *semicolon =
        content_type.len > 0 ? memchr(content_type.ptr, ';', content_type.len) : NULL;

    if (semicolon != NULL)
        content_type.len = (size_t)(semicolon - content_type.ptr);
    content_type = str_trim(content_type);
    if (wanted[0] == '+') /* application/cloudevents+json */
        return content_type.len > len &&
               strncasecmp(content_type.ptr + content_type.len - len, wanted, len) == 0;
    return content_type.len == len && strncasecmp(content_type.ptr, wanted, len) == 0;
}

bool hook_form_is(struct str content_type)
{
    return content_type.len > 0 && type_is(content_type, "application/x-www-form-urlencoded");
}

/* Where the decoded text stands, in `out`, which has room for all of them. */
static int decode(struct str raw, struct buf *out, struct str *text)
{
    size_t start = out->len;

    if (percent_decode(raw, PERCENT_PLUS, out) < 0)
        return -EINVAL;
    *text = (struct str){out->ptr + start, out->len - start};
    return 0;
}

/* Cuts the next field off; false at the end. */
static bool next_raw(struct str *rest, struct str *out_name, struct str *out_value)
{
    struct str pair;

    while (str_next(rest, '&', &pair)) {
        if (pair.len == 0)
            continue;
        const char *equals = memchr(pair.ptr, '=', pair.len);
        *out_name = pair;
        *out_value = STR("");
        if (equals != NULL) {
            out_name->len = (size_t)(equals - pair.ptr);
            *out_value = (struct str){equals + 1, pair.len - out_name->len - 1};
        }
        return true;
    }
    return false;
}

static int form_read(struct form *form, struct str body)
{
    struct str name;
    struct str value;
    int status = 0;

    form->fields = calloc(HOOK_FIELDS_MAX, sizeof(*form->fields));
    if (form->fields == NULL || !buf_reserve(&form->bytes, body.len + 1))
        return -ENOMEM;
    while (status == 0 && next_raw(&body, &name, &value)) {
        struct field *field = &form->fields[form->count];
        if (form->count == HOOK_FIELDS_MAX)
            return -EINVAL;
        status = decode(name, &form->bytes, &field->name);
        if (status == 0)
            status = decode(value, &form->bytes, &field->value);
        form->count += status == 0;
    }
    return status;
}

static int compare_texts(struct str one, struct str other)
{
    size_t len = one.len < other.len ? one.len : other.len;
    int order = len > 0 ? memcmp(one.ptr, other.ptr, len) : 0;

    return order != 0 ? order : (one.len > other.len) - (one.len < other.len);
}

static int compare_fields(const void *one, const void *other)
{
    const struct field *a = one;
    const struct field *b = other;
    int order = compare_texts(a->name, b->name);

    return order != 0 ? order : compare_texts(a->value, b->value);
}

int hook_form_put_sorted(struct str body, struct buf *out)
{
    _form_ struct form form = {.count = 0};
    int status = form_read(&form, body);

    if (status < 0)
        return status;
    qsort(form.fields, form.count, sizeof(*form.fields), compare_fields);
    for (size_t i = 0; i < form.count; i++) {
        if (i > 0 && compare_fields(&form.fields[i - 1], &form.fields[i]) == 0)
            continue;
        buf_add_str(out, form.fields[i].name);
        buf_add_str(out, form.fields[i].value);
    }
    return out->failed ? -ENOMEM : 0;
}

bool hook_form_find(struct str form, const char *name, struct str *out_raw)
{
    struct str found;

    while (next_raw(&form, &found, out_raw))
        if (str_is(found, name))
            return true;
    return false;
}

/* ---- as JSON ---- */

static bool is_first_of_name(const struct form *form, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (str_equals(form->fields[i].name, form->fields[index].name))
            return false;
    return true;
}

static void put_values(const struct form *form, size_t index, struct buf *out)
{
    struct str name = form->fields[index].name;
    size_t count = 0;

    for (size_t i = index; i < form->count; i++)
        count += str_equals(form->fields[i].name, name);
    if (count > 1)
        buf_putc(out, '[');
    for (size_t i = index; i < form->count; i++) {
        if (!str_equals(form->fields[i].name, name))
            continue;
        if (i > index)
            buf_putc(out, ',');
        json_put_string(out, form->fields[i].value);
    }
    if (count > 1)
        buf_putc(out, ']');
}

static void put_object(const struct form *form, struct buf *out)
{
    bool is_first = true;

    buf_putc(out, '{');
    for (size_t i = 0; i < form->count; i++) {
        if (!is_first_of_name(form, i))
            continue;
        if (!is_first)
            buf_putc(out, ',');
        is_first = false;
        json_put_string(out, form->fields[i].name);
        buf_putc(out, ':');
        put_values(form, i, out);
    }
    buf_putc(out, '}');
}

static int form_json(struct str body, struct buf *space, struct str *out, struct err *err)
{
    _form_ struct form form = {.count = 0};
    int status = form_read(&form, body);

    if (status == -EINVAL)
        return err_set(err, E_SYNTAX,
                       "the body is not a form: a bad escape, or more than %d fields",
                       (int)HOOK_FIELDS_MAX);
    if (status < 0)
        return err_set(err, -ENOMEM, "out of memory");
    if (form.count == 1 && str_is(form.fields[0].name, "payload") &&
        json_check(form.fields[0].value, NULL) == 0)
        buf_add_str(space, form.fields[0].value);
    else
        put_object(&form, space);
    *out = buf_str(space);
    return space->failed ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int hook_body_json(struct str content_type, struct str body, struct buf *space, struct str *out,
                   struct err *err)
{
    struct err why = {0};

    if (hook_form_is(content_type))
        return form_json(body, space, out, err);
    if (content_type.len > 0 && !type_is(content_type, "application/json") &&
        !type_is(content_type, "+json"))
        return err_set(err, E_REFUSED,
                       "content type '%.*s' is not understood here; expected application/json or "
                       "application/x-www-form-urlencoded",
                       (int)(content_type.len < 80 ? content_type.len : 80), content_type.ptr);
    if (json_check(body, &why) < 0)
        return err_set(err, E_SYNTAX, "the body is not JSON: %s", why.text);
    *out = body;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transform.h"

#include <tenon/json.h>

#include <errno.h>

/* The inside of an object, trimmed; len 0 when it is empty. ptr NULL: no object. */
static tenon_str inside(tenon_str data)
{
    tenon_str none = {NULL, 0};
    const char *p = data.ptr;
    const char *end = data.ptr + data.len;

    while (p < end && strchr(" \t\r\n", *p) != NULL)
        p++;
    while (end > p && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    if (end - p < 2 || *p != '{' || end[-1] != '}')
        return none;
    for (p++, end--; end > p && strchr(" \t\r\n", end[-1]) != NULL;)
        end--;
    return (tenon_str){p, (size_t)(end - p)};
}

int32_t transform_begin(tenon_str data, tenon_sink *out, tenon_err *err)
{
    tenon_str fields = inside(data);

    if (fields.ptr == NULL)
        return tenon_fail(err, TENON_E_VALIDATION,
                          "the record's data is no JSON object, so no field can be added");
    return tenon_puts(out, "{") == TENON_OK ? tenon_write(out, fields) : TENON_E_NO_MEMORY;
}

static bool fits(const struct type *type, int64_t number)
{
    size_t bits = type->ffi->size * 8;

    if (!type->is_signed && number < 0)
        return false;
    bits -= type->is_signed;
    return bits >= 63 || (number >> bits == 0) || (type->is_signed && number >> bits == -1);
}

static bool take_number(const struct type *type, const char *digits, tenon_argument *out)
{
    char *stop;

    errno = 0;
    if (type->kind == KIND_REAL)
        out->real = strtod(digits, &stop);
    else
        out->integer = (int64_t)strtoll(digits, &stop, 10);
    if (stop == digits || *stop != '\0' || errno == ERANGE)
        return false;
    if (type->ffi == &ffi_type_float)
        return out->real <= (double)__FLT_MAX__ && out->real >= -(double)__FLT_MAX__;
    return type->kind == KIND_REAL || fits(type, out->integer);
}

/* A field of the record, or the default, as an argument; its text goes to `text`, which has room.
 */
static int32_t take_field(const struct parameter *parameter, tenon_str value, char *text,
                          tenon_argument *out, tenon_err *err)
{
    const struct type *type = &parameter->type;
    bool wants_text = type->kind == KIND_TEXT || type->kind == KIND_BYTES;
    bool is_given = value.len > 0 && !tenon_equals(value, "null");
    ptrdiff_t len;

    if (!is_given && !parameter->has_fallback)
        return tenon_failf(err, TENON_E_VALIDATION, "the record has no '%s', which is a parameter",
                           parameter->name);
    if (!is_given)
        value = tenon_text(parameter->fallback);
    bool is_text = is_given ? *value.ptr == '"' : wants_text;
    len = tenon_json_text(value, text, value.len + 1);
    if (len < 0)
        return tenon_failf(err, TENON_E_VALIDATION, "the record's '%s' has a NUL in it",
                           parameter->name);
    out->text = (tenon_str){text, (size_t)len};
    out->integer = type->is_bool && (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0);
    bool is_flag =
        type->is_bool && (out->integer || strcmp(text, "false") == 0 || strcmp(text, "no") == 0);
    bool is_good = wants_text ? is_text : !is_text && (is_flag || take_number(type, text, out));
    return is_good
               ? TENON_OK
               : tenon_failf(err, TENON_E_VALIDATION, "the record's '%s' cannot be passed as %s%s",
                             parameter->name, type->words, wants_text ? " *" : "");
}

int32_t transform_add(const struct function *function, tenon_str data, tenon_sink *out,
                      tenon_err *err)
{
    const struct prototype *prototype = &function->prototype;
    tenon_argument arguments[PARAMETERS_MAX] = {{0, 0, {NULL, 0}}};
    int32_t status = TENON_OK;
    uint32_t count = 0;

    if (tenon_json_find(data, prototype->name).len > 0)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "the record has a field '%s' already; name the action otherwise (as "
                           "NAME)",
                           prototype->name);
    /* Every text is shorter than it stands in the record, or than its default. */
    char *texts = (char *)malloc(data.len + PARAMETERS_MAX * (FALLBACK_BYTES + 1));
    if (texts == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory for the arguments");
    char *text = texts;
    for (uint32_t i = 0; i < prototype->count && status == TENON_OK; i++) {
        const struct parameter *parameter = &prototype->parameters[i];
        if (parameter->role != ROLE_IN)
            continue;
        status = take_field(parameter, tenon_json_find(data, parameter->name), text,
                            &arguments[count], err);
        text += arguments[count++].text.len + 1;
    }
    if (status == TENON_OK)
        status = tenon_puts(out, inside(data).len > 0 ? ",\"" : "\"");
    if (status == TENON_OK) {
        tenon_puts(out, prototype->name);
        tenon_puts(out, "\":");
        status = function_invoke(function, arguments, out, err);
    }
    free(texts);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "invoke.h"

#include <tenon/json.h>

#include <errno.h>

union cell {
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
    const void *pointer;
    ffi_arg widened; /* libffi returns integers narrower than a register this wide */
};

/* What one call needs besides its arguments. */
struct call {
    union cell cells[PARAMETERS_MAX];     /* the values; of outputs, what the function wrote */
    const void *pointers[PARAMETERS_MAX]; /* of outputs: where it writes */
    void *values[PARAMETERS_MAX];         /* for libffi */
    char *buffers;
};

int32_t function_prepare(struct function *function, tenon_err *err)
{
    const struct prototype *prototype = &function->prototype;

    for (uint32_t i = 0; i < prototype->count; i++) {
        const struct parameter *parameter = &prototype->parameters[i];
        bool is_output = parameter->role == ROLE_OUT || parameter->role == ROLE_BUFFER;
        function->types[i] = is_output ? &ffi_type_pointer : parameter->type.ffi;
    }
    if (ffi_prep_cif(&function->cif, FFI_DEFAULT_ABI, prototype->count, prototype->result.ffi,
                     function->types) != FFI_OK)
        return tenon_failf(err, TENON_E_PERMANENT, "functions: libffi cannot call %s",
                           prototype->symbol);
    return TENON_OK;
}

/* ---- values in ---- */

static void put_integer(union cell *cell, const ffi_type *type, int64_t value)
{
    switch (type->size) {
    case 1:
        cell->i8 = (int8_t)value;
        break;
    case 2:
        cell->i16 = (int16_t)value;
        break;
    case 4:
        cell->i32 = (int32_t)value;
        break;
    default:
        cell->i64 = value;
    }
}

static size_t length_of(const struct prototype *prototype, uint32_t at,
                        const tenon_argument *arguments)
{
    const struct parameter *parameter = &prototype->parameters[at];
    uint32_t argument = 0;

    if (parameter->role == ROLE_BUFFER)
        return parameter->buffer_bytes;
    for (uint32_t i = 0; i < at; i++)
        argument += prototype->parameters[i].role == ROLE_IN;
    return arguments[argument].text.len;
}

static int32_t put_argument(const struct parameter *parameter, const tenon_argument *argument,
                            union cell *cell, tenon_err *err)
{
    const struct type *type = &parameter->type;

    if (type->kind == KIND_INTEGER) {
        put_integer(cell, type->ffi, argument->integer);
        return TENON_OK;
    }
    if (type->kind == KIND_REAL) {
        if (type->ffi == &ffi_type_float)
            cell->f32 = (float)argument->real;
        else
            cell->f64 = argument->real;
        return TENON_OK;
    }
    if (type->kind == KIND_TEXT && memchr(argument->text.ptr, '\0', argument->text.len) != NULL)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "parameter '%s': a char * ends at its first NUL, and this text has one "
                           "in it",
                           parameter->name);
    cell->pointer = argument->text.ptr;
    return TENON_OK;
}

/* A length that the parameter's integer cannot hold would be cut without a word. */
static int32_t put_length(const struct parameter *parameter, size_t length, union cell *cell,
                          tenon_err *err)
{
    size_t bits = parameter->type.ffi->size * 8 - parameter->type.is_signed;

    if (bits < 63 && length >> bits != 0)
        return tenon_failf(err, TENON_E_VALIDATION, "%zu bytes do not fit parameter '%s' (%s)",
                           length, parameter->name, parameter->type.words);
    put_integer(cell, parameter->type.ffi, (int64_t)length);
    return TENON_OK;
}

static int32_t fill(const struct prototype *prototype, const tenon_argument *arguments,
                    struct call *call, tenon_err *err)
{
    size_t buffers = 0;
    uint32_t argument = 0;
    int32_t status = TENON_OK;

    for (uint32_t i = 0; i < prototype->count; i++)
        buffers += prototype->parameters[i].buffer_bytes;
    if (buffers > 0) {
        call->buffers = (char *)calloc(1, buffers);
        if (call->buffers == NULL)
            return tenon_fail(err, TENON_E_NO_MEMORY, "no memory for the buffers");
    }
    char *buffer = call->buffers;
    for (uint32_t i = 0; i < prototype->count && status == TENON_OK; i++) {
        const struct parameter *parameter = &prototype->parameters[i];
        bool is_output = parameter->role == ROLE_OUT || parameter->role == ROLE_BUFFER;
        call->pointers[i] = parameter->role == ROLE_BUFFER ? (void *)buffer : &call->cells[i];
        call->values[i] = is_output ? (void *)&call->pointers[i] : &call->cells[i];
        buffer += parameter->buffer_bytes;
        if (parameter->role == ROLE_IN)
            status = put_argument(parameter, &arguments[argument++], &call->cells[i], err);
        else if (parameter->role == ROLE_LENGTH)
            status = put_length(parameter, length_of(prototype, parameter->length_of, arguments),
                                &call->cells[i], err);
    }
    return status;
}

/* ---- values out ---- */

/* The number of a cell of this type; of uint64_t the bits. */
static int64_t integer_of(const union cell *cell, const struct type *type, bool is_widened)
{
    /* A returned value fills a register, whose low bytes are the value. */
    uint64_t bits = is_widened ? cell->widened : cell->u64;

    if (type->ffi->size == 8)
        return (int64_t)bits;
    unsigned unused = 64 - 8 * (unsigned)type->ffi->size;
    return type->is_signed ? (int64_t)(bits << unused) >> unused
                           : (int64_t)(bits << unused >> unused);
}

static int32_t write_integer(tenon_sink *out, int64_t value, const struct type *type)
{
    char text[24];

    if (type->is_bool)
        return tenon_puts(out, value != 0 ? "true" : "false");
    if (type->is_signed)
        return tenon_json_write_integer(out, value);
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return tenon_puts(out, text);
}

/* The shortest digits that give the same float again: 0.1, and not 0.10000000149011612. */
static int32_t write_float(tenon_sink *out, float value)
{
    char text[32];

    if (value - value != 0)
        return tenon_puts(out, "null");
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return tenon_puts(out, text);
}

/* The bytes of one UTF-8 character at p, 0 when there is none. */
static size_t character(const unsigned char *p)
{
    size_t more = *p < 0x80 ? 0 : *p < 0xc2 ? 9 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : *p < 0xf5 ? 3 : 9;

    if (more > 3 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
        (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return more + 1;
}

static int32_t write_text(tenon_sink *out, const char *text, tenon_err *err)
{
    if (text == NULL)
        return tenon_puts(out, "null");
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
        size_t len = character(p);
        if (len == 0)
            return tenon_failf(err, TENON_E_PERMANENT,
                               "byte %zu of the text that came back is no UTF-8",
                               (size_t)(p - (const unsigned char *)text) + 1);
        p += len;
    }
    return tenon_json_write_text(out, tenon_text(text));
}

static int32_t write_value(tenon_sink *out, const struct type *type, const union cell *cell,
                           bool is_widened, tenon_err *err)
{
    switch (type->kind) {
    case KIND_INTEGER:
        return write_integer(out, integer_of(cell, type, is_widened), type);
    case KIND_REAL:
        return type->ffi == &ffi_type_float ? write_float(out, cell->f32)
                                            : tenon_json_write_real(out, cell->f64);
    case KIND_TEXT:
        return write_text(out, (const char *)cell->pointer, err);
    default:
        return tenon_puts(out, "null");
    }
}

static bool has_outputs(const struct prototype *prototype)
{
    for (uint32_t i = 0; i < prototype->count; i++)
        if (prototype->parameters[i].role == ROLE_OUT ||
            prototype->parameters[i].role == ROLE_BUFFER)
            return true;
    return false;
}

/* The returned value alone, or an object of it and what came out of the parameters. */
static int32_t write_result(const struct prototype *prototype, struct call *call,
                            const union cell *result, tenon_sink *out, tenon_err *err)
{
    if (!has_outputs(prototype))
        return write_value(out, &prototype->result, result, true, err);
    tenon_puts(out, "{\"result\":");
    int32_t status = write_value(out, &prototype->result, result, true, err);
    for (uint32_t i = 0; i < prototype->count && status == TENON_OK; i++) {
        const struct parameter *parameter = &prototype->parameters[i];
        if (parameter->role != ROLE_OUT && parameter->role != ROLE_BUFFER)
            continue;
        tenon_puts(out, ",\"");
        tenon_puts(out, parameter->name);
        tenon_puts(out, "\":");
        if (parameter->role == ROLE_BUFFER) {
            char *text = (char *)call->pointers[i];
            text[parameter->buffer_bytes - 1] = '\0'; /* what fills it has no end of its own */
            status = write_text(out, text, err);
        } else {
            status = write_value(out, &parameter->type, &call->cells[i], false, err);
        }
    }
    return status == TENON_OK ? tenon_puts(out, "}") : status;
}

/* ---- failing ---- */

static int32_t class_of(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
        return TENON_E_AUTH;
    case EINVAL:
    case EDOM:
    case ERANGE:
    case ENOENT:
    case ENAMETOOLONG:
        return TENON_E_VALIDATION;
    case EAGAIN:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
        return TENON_E_CONNECTION;
    case ENOMEM:
        return TENON_E_NO_MEMORY;
    case ENOSYS:
        return TENON_E_UNSUPPORTED;
    default:
        return TENON_E_PERMANENT;
    }
}

static bool has_failed(const struct prototype *prototype, const union cell *result)
{
    bool is_text = prototype->result.kind == KIND_TEXT;
    int64_t value = is_text ? result->pointer != NULL
                    : prototype->failing == FAILS_NEVER
                        ? 0
                        : integer_of(result, &prototype->result, true);

    switch (prototype->failing) {
    case FAILS_BELOW:
        return value < prototype->fails_at;
    case FAILS_AT:
        return value == prototype->fails_at;
    case FAILS_UNLESS:
        return value != prototype->fails_at;
    default:
        return false;
    }
}

static int32_t tell_failure(const struct prototype *prototype, const union cell *result, int number,
                            tenon_err *err)
{
    char value[32] = "NULL";

    if (prototype->result.kind == KIND_INTEGER)
        snprintf(value, sizeof value, "%lld",
                 (long long)integer_of(result, &prototype->result, true));
    if (!prototype->tells_errno || number == 0)
        return tenon_failf(err, TENON_E_PERMANENT, "%s returned %s", prototype->symbol, value);
    return tenon_failf(err, class_of(number), "%s returned %s: %s", prototype->symbol, value,
                       strerror(number));
}

static void free_text(const struct function *function, void *text)
{
    if (text != NULL)
        ((void (*)(void *))function->freeing)(text);
}

int32_t function_invoke(const struct function *function, const tenon_argument *arguments,
                        tenon_sink *out, tenon_err *err)
{
    const struct prototype *prototype = &function->prototype;
    union cell result;
    struct call call;

    memset(&call, 0, sizeof call);
    memset(&result, 0, sizeof result);
    int32_t status = fill(prototype, arguments, &call, err);
    if (status == TENON_OK) {
        errno = 0;
        ffi_call((ffi_cif *)&function->cif, function->symbol, &result, call.values);
        int number = errno;
        status = has_failed(prototype, &result) ? tell_failure(prototype, &result, number, err)
                                                : write_result(prototype, &call, &result, out, err);
        if (function->freeing != NULL)
            free_text(function, (void *)result.pointer);
    }
    free(call.buffers);
    return status;
}

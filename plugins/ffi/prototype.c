/* SPDX-License-Identifier: Apache-2.0 */
#include "prototype.h"

#include <stdlib.h>

struct reader {
    const char *at, *end;
    tenon_str line;
    tenon_err *err;
};

struct word {
    const char *ptr;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static int32_t wrong(struct reader *in, const char *format,
                                                           ...)
{
    enum { SHOWN = 160 };
    char words[300];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return tenon_failf(in->err, TENON_E_VALIDATION, "functions: '%.*s%s': %s",
                       (int)(in->line.len > SHOWN ? SHOWN : in->line.len), in->line.ptr,
                       in->line.len > SHOWN ? "..." : "", words);
}

/* ---- words ---- */

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_blank(struct reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t'))
        in->at++;
}

static struct word peek_word(struct reader *in)
{
    const char *p;

    skip_blank(in);
    for (p = in->at; p < in->end && is_word_char(*p); p++)
        continue;
    return (struct word){in->at, (size_t)(p - in->at)};
}

static bool is_word(struct word word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.ptr, text, word.len) == 0;
}

static bool take_word(struct reader *in, const char *text)
{
    struct word word = peek_word(in);

    if (!is_word(word, text))
        return false;
    in->at += word.len;
    return true;
}

static bool take_char(struct reader *in, char c)
{
    skip_blank(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* What stands next, for an error. */
static const char *next_words(struct reader *in, char out[32])
{
    struct word word = peek_word(in);

    if (in->at == in->end)
        return "the end of the line";
    snprintf(out, 32, "'%.*s'", (int)(word.len > 24 ? 24 : word.len > 0 ? word.len : 1), in->at);
    return out;
}

static int32_t take_name(struct reader *in, char *out, size_t max, const char *what)
{
    char came[32];
    struct word word = peek_word(in);

    if (word.len == 0 || word.len > max || (*word.ptr >= '0' && *word.ptr <= '9'))
        return wrong(in, "expected %s, came %s", what, next_words(in, came));
    memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
    in->at += word.len;
    return TENON_OK;
}

/* As the host wants the names of actions and parameters. */
static bool is_plain_name(const char *name)
{
    if (*name < 'a' || *name > 'z')
        return false;
    for (; *name != '\0'; name++)
        if (*name >= 'A' && *name <= 'Z')
            return false;
    return true;
}

static int32_t take_integer(struct reader *in, int64_t *out)
{
    char digits[24] = "";
    size_t len = 0;
    char came[32];
    char *stop;

    skip_blank(in);
    while (in->at + len < in->end && len < sizeof digits - 1 &&
           (is_word_char(in->at[len]) || (len == 0 && in->at[len] == '-')))
        len++;
    memcpy(digits, in->at, len);
    *out = (int64_t)strtoll(digits, &stop, 0);
    if (len == 0 || *stop != '\0')
        return wrong(in, "expected a whole number, came %s", next_words(in, came));
    in->at += len;
    return TENON_OK;
}

/* ---- types ---- */

#define SIGNED_AS(type) (sizeof(type) == 8 ? &ffi_type_sint64 : &ffi_type_sint32)
#define UNSIGNED_AS(type) (sizeof(type) == 8 ? &ffi_type_uint64 : &ffi_type_uint32)

static bool named_type(struct word word, struct type *out)
{
    static const struct {
        const char *name;
        enum kind kind;
        ffi_type *ffi;
        bool is_signed, is_bool;
    } names[] = {
        {"void", KIND_VOID, &ffi_type_void, false, false},
        {"float", KIND_REAL, &ffi_type_float, true, false},
        {"double", KIND_REAL, &ffi_type_double, true, false},
        {"bool", KIND_INTEGER, &ffi_type_uint8, false, true},
        {"_Bool", KIND_INTEGER, &ffi_type_uint8, false, true},
        {"int8_t", KIND_INTEGER, &ffi_type_sint8, true, false},
        {"int16_t", KIND_INTEGER, &ffi_type_sint16, true, false},
        {"int32_t", KIND_INTEGER, &ffi_type_sint32, true, false},
        {"int64_t", KIND_INTEGER, &ffi_type_sint64, true, false},
        {"uint8_t", KIND_INTEGER, &ffi_type_uint8, false, false},
        {"uint16_t", KIND_INTEGER, &ffi_type_uint16, false, false},
        {"uint32_t", KIND_INTEGER, &ffi_type_uint32, false, false},
        {"uint64_t", KIND_INTEGER, &ffi_type_uint64, false, false},
        {"size_t", KIND_INTEGER, &ffi_type_uint64, false, false},
        {"ssize_t", KIND_INTEGER, &ffi_type_sint64, true, false},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!is_word(word, names[i].name))
            continue;
        out->kind = names[i].kind;
        out->ffi = names[i].ffi;
        out->is_signed = names[i].is_signed;
        out->is_bool = names[i].is_bool;
        return true;
    }
    return false;
}

/* The words of which C makes its integers, in any order: unsigned long int. False when there is
 * none; `*longs` is -1 for short, -2 for char. */
static bool built_in_type(struct reader *in, struct type *out)
{
    int longs = 0;
    int words = 0;
    bool is_unsigned = false;
    bool is_signed = false;

    for (;; words++) {
        if (take_word(in, "unsigned"))
            is_unsigned = true;
        else if (take_word(in, "signed"))
            is_signed = true;
        else if (take_word(in, "long"))
            longs++;
        else if (take_word(in, "short"))
            longs = -1;
        else if (take_word(in, "char"))
            longs = -2;
        else if (!take_word(in, "int"))
            break;
    }
    if (words == 0)
        return false;
    out->kind = KIND_INTEGER;
    out->is_signed = !is_unsigned && (longs != -2 || is_signed || (char)-1 < 0);
    if (longs == -2)
        out->ffi = out->is_signed ? &ffi_type_sint8 : &ffi_type_uint8;
    else if (longs == -1)
        out->ffi = out->is_signed ? &ffi_type_sint16 : &ffi_type_uint16;
    else if (longs > 0)
        out->ffi = out->is_signed ? SIGNED_AS(long) : UNSIGNED_AS(long);
    else
        out->ffi = out->is_signed ? &ffi_type_sint32 : &ffi_type_uint32;
    return true;
}

static void take_type_words(struct type *out, const char *from, const char *to)
{
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    snprintf(out->words, sizeof out->words, "%.*s", (int)(to - from), from);
    for (char *c = out->words; *c != '\0'; c++)
        if (*c == '\t')
            *c = ' ';
}

/* A type with its stars. A pointer to const char is text, one to other bytes are bytes; what else
 * is pointed to is in *out, with *is_pointer. */
static int32_t take_type(struct reader *in, struct type *out, bool *is_pointer)
{
    char came[32];
    bool is_const = take_word(in, "const");
    struct word word = peek_word(in);
    const char *start = word.ptr;
    bool is_char = is_word(word, "char");
    *out = (struct type){.kind = KIND_VOID};
    if (named_type(word, out))
        in->at += word.len;
    else if (!built_in_type(in, out))
        return wrong(in,
                     "expected a type, came %s; there are void, char, short, int, long, signed and "
                     "unsigned, int8_t to uint64_t, size_t, ssize_t, bool, float, double, char * "
                     "and void *",
                     next_words(in, came));
    if (is_word(peek_word(in), "double"))
        return wrong(in, "a long double cannot be passed; a function of double can");
    is_const |= take_word(in, "const");
    out->is_const = is_const;
    take_type_words(out, start, in->at);
    *is_pointer = take_char(in, '*');
    if (!*is_pointer)
        return TENON_OK;
    (void)take_word(in, "const"); /* of the pointer itself: it says nothing to a caller */
    (void)take_word(in, "restrict");
    if (take_char(in, '*'))
        return wrong(in, "a pointer to a pointer cannot be passed");
    bool is_byte = out->kind == KIND_VOID || (out->kind == KIND_INTEGER && out->ffi->size == 1);
    if (is_const && !is_byte)
        return wrong(in,
                     "a pointer to const %s cannot be passed; const char * and const void * "
                     "can",
                     out->words);
    if (is_char || (is_const && is_byte)) {
        out->kind = is_char ? KIND_TEXT : KIND_BYTES;
        out->ffi = &ffi_type_pointer;
        *is_pointer = false;
    }
    return TENON_OK;
}

/* ---- parameters ---- */

static int32_t take_fallback_text(struct reader *in, struct parameter *parameter)
{
    char came[32];
    bool is_quoted = take_char(in, '"');
    const char *start = in->at;

    while (in->at < in->end &&
           (is_quoted ? *in->at != '"' : *in->at != ',' && *in->at != ')' && *in->at != ' '))
        in->at++;
    size_t len = (size_t)(in->at - start);
    if (len >= sizeof parameter->fallback || (len == 0 && !is_quoted))
        return wrong(in, "parameter '%s': expected a default below %d bytes, came %s",
                     parameter->name, FALLBACK_BYTES, next_words(in, came));
    memcpy(parameter->fallback, start, len);
    parameter->fallback[len] = '\0';
    if (is_quoted && !take_char(in, '"'))
        return wrong(in, "parameter '%s': its default has no closing \"", parameter->name);
    if (memchr(parameter->fallback, '\t', len) != NULL)
        return wrong(in, "parameter '%s': a default has no tabs in it", parameter->name);
    parameter->has_fallback = true;
    return TENON_OK;
}

static int32_t take_length(struct reader *in, struct parameter *parameter,
                           char other[NAME_BYTES + 1])
{
    if (parameter->type.kind != KIND_INTEGER)
        return wrong(in, "parameter '%s': a length is an integer", parameter->name);
    if (!take_char(in, '('))
        return wrong(in, "parameter '%s': expected length(NAME)", parameter->name);
    int32_t status = take_name(in, other, NAME_BYTES, "the name of a parameter behind length(");
    if (status == TENON_OK && !take_char(in, ')'))
        return wrong(in, "parameter '%s': expected ')' behind length(%s", parameter->name, other);
    parameter->role = ROLE_LENGTH;
    return status;
}

static int32_t check_pointer(struct reader *in, struct parameter *parameter)
{
    if (parameter->type.kind == KIND_VOID)
        return wrong(in,
                     "parameter '%s': what a void * is for cannot be seen; const void * is bytes "
                     "that go in",
                     parameter->name);
    parameter->role = ROLE_OUT;
    return TENON_OK;
}

static int32_t take_buffer(struct reader *in, struct parameter *parameter)
{
    int64_t size;
    int32_t status = take_integer(in, &size);

    if (status != TENON_OK)
        return status;
    if (!take_char(in, ']') || strcmp(parameter->type.words, "char") != 0 || size < 1 ||
        size > BUFFER_BYTES_MAX)
        return wrong(in, "parameter '%s': expected a buffer as char %s[1 to %d]", parameter->name,
                     parameter->name, BUFFER_BYTES_MAX);
    parameter->role = ROLE_BUFFER;
    parameter->buffer_bytes = (uint32_t)size;
    return TENON_OK;
}

static int32_t take_parameter(struct reader *in, struct prototype *out,
                              char lengths[PARAMETERS_MAX][NAME_BYTES + 1])
{
    struct parameter *parameter = &out->parameters[out->count];
    bool is_pointer;
    char words[40];

    if (out->count == PARAMETERS_MAX)
        return wrong(in, "more than %d parameters", PARAMETERS_MAX);
    memset(parameter, 0, sizeof *parameter);
    int32_t status = take_type(in, &parameter->type, &is_pointer);
    if (status != TENON_OK)
        return status;
    snprintf(words, sizeof words, "a name for parameter %u", out->count + 1);
    status = take_name(in, parameter->name, NAME_BYTES, words);
    if (status != TENON_OK)
        return status;
    if (!is_plain_name(parameter->name))
        return wrong(in, "parameter '%s': a name here is made of a-z 0-9 _", parameter->name);
    for (uint32_t i = 0; i < out->count; i++)
        if (strcmp(out->parameters[i].name, parameter->name) == 0)
            return wrong(in, "two parameters are called '%s'", parameter->name);
    if (parameter->type.kind == KIND_TEXT && !parameter->type.is_const)
        return wrong(in,
                     "parameter '%s': a char * that is written to is a buffer, char %s[SIZE]; text "
                     "that goes in is a const char *",
                     parameter->name, parameter->name);
    if (is_pointer)
        status = check_pointer(in, parameter);
    else if (take_char(in, '['))
        status = take_buffer(in, parameter);
    else if (parameter->type.kind == KIND_VOID)
        status = wrong(in, "parameter '%s' is void", parameter->name);
    if (status == TENON_OK && take_char(in, '=')) {
        if (parameter->role != ROLE_IN)
            return wrong(in, "parameter '%s' comes out of the function and has no default",
                         parameter->name);
        status = take_word(in, "length") ? take_length(in, parameter, lengths[out->count])
                                         : take_fallback_text(in, parameter);
    }
    out->count++;
    return status;
}

/* A length may stand before what it is of. */
static int32_t resolve_lengths(struct reader *in, struct prototype *out,
                               char lengths[PARAMETERS_MAX][NAME_BYTES + 1])
{
    for (uint32_t i = 0; i < out->count; i++) {
        uint32_t at = 0;
        if (out->parameters[i].role != ROLE_LENGTH)
            continue;
        while (at < out->count && strcmp(out->parameters[at].name, lengths[i]) != 0)
            at++;
        const struct parameter *of = &out->parameters[at];
        if (at == out->count ||
            (of->role != ROLE_BUFFER && of->type.kind != KIND_TEXT && of->type.kind != KIND_BYTES))
            return wrong(in, "parameter '%s': there is no text, bytes or buffer called '%s'",
                         out->parameters[i].name, lengths[i]);
        out->parameters[i].length_of = at;
    }
    return TENON_OK;
}

static int32_t take_parameters(struct reader *in, struct prototype *out)
{
    char lengths[PARAMETERS_MAX][NAME_BYTES + 1];
    char came[32];
    const char *start = in->at;

    if ((take_word(in, "void") && take_char(in, ')')))
        return TENON_OK;
    in->at = start;
    if (take_char(in, ')'))
        return TENON_OK;
    do {
        int32_t status = take_parameter(in, out, lengths);
        if (status != TENON_OK)
            return status;
    } while (take_char(in, ','));
    if (!take_char(in, ')'))
        return wrong(in, "expected ',' or ')' behind parameter '%s', came %s",
                     out->parameters[out->count - 1].name, next_words(in, came));
    return resolve_lengths(in, out, lengths);
}

/* ---- what stands behind the prototype ---- */

static int32_t take_failing(struct reader *in, struct prototype *out)
{
    bool is_text = out->result.kind == KIND_TEXT;

    if (out->result.kind != KIND_INTEGER && !is_text)
        return wrong(in, "'fails' is for functions that return an integer or a text");
    if (take_char(in, '<'))
        out->failing = FAILS_BELOW;
    else if (take_char(in, '=') && take_char(in, '='))
        out->failing = FAILS_AT;
    else if (take_char(in, '!') && take_char(in, '='))
        out->failing = FAILS_UNLESS;
    else
        return wrong(in, "expected < N, == N or != N behind 'fails'");
    int32_t status = take_integer(in, &out->fails_at);
    if (status == TENON_OK && is_text && (out->failing != FAILS_AT || out->fails_at != 0))
        return wrong(in, "of a text there is 'fails == 0' alone: NULL came back");
    return status;
}

static int32_t take_clause(struct reader *in, struct prototype *out)
{
    char came[32];

    if (take_word(in, "read_only"))
        out->is_read_only = true;
    else if (take_word(in, "destructive"))
        out->is_destructive = true;
    else if (take_word(in, "errno"))
        out->tells_errno = true;
    else if (take_word(in, "as"))
        return take_name(in, out->name, NAME_BYTES, "a name of a-z 0-9 _ behind 'as'");
    else if (take_word(in, "freed_by"))
        return take_name(in, out->freed_by, SYMBOL_BYTES, "a function behind 'freed_by'");
    else if (take_word(in, "fails"))
        return take_failing(in, out);
    else
        return wrong(in,
                     "expected read_only, destructive, as NAME, fails < N, errno, freed_by NAME or "
                     "# and a help line, came %s",
                     next_words(in, came));
    return TENON_OK;
}

static int32_t check_clauses(struct reader *in, const struct prototype *out)
{
    if (!is_plain_name(out->name))
        return wrong(in,
                     "an action's name is made of a-z 0-9 _, with a letter first, and '%s' is not; "
                     "write 'as NAME' behind the prototype",
                     out->name);
    if (out->tells_errno && out->failing == FAILS_NEVER)
        return wrong(in, "'errno' belongs to 'fails'");
    if (out->freed_by[0] != '\0' && out->result.kind != KIND_TEXT)
        return wrong(in, "'freed_by' is for functions that return a text");
    if (out->is_read_only && out->is_destructive)
        return wrong(in, "it cannot be read_only and destructive");
    return TENON_OK;
}

int32_t prototype_parse(tenon_str line, struct prototype *out, tenon_err *err)
{
    struct reader in = {line.ptr, line.ptr + line.len, line, err};
    char came[32];
    bool is_pointer;

    memset(out, 0, sizeof *out);
    if (line.len > LINE_BYTES)
        return wrong(&in, "it has more than %d bytes", LINE_BYTES);
    (void)take_word(&in, "extern");
    int32_t status = take_type(&in, &out->result, &is_pointer);
    if (status != TENON_OK)
        return status;
    if (is_pointer || out->result.kind == KIND_BYTES)
        return wrong(&in, "of returned pointers char * alone can be shown");
    status = take_name(&in, out->symbol, SYMBOL_BYTES, "the function's name");
    if (status != TENON_OK)
        return status;
    snprintf(out->name, sizeof out->name, "%.*s", NAME_BYTES, out->symbol);
    if (!take_char(&in, '('))
        return wrong(&in, "expected '(' behind '%s', came %s", out->symbol, next_words(&in, came));
    status = take_parameters(&in, out);
    (void)take_char(&in, ';'); /* as in a header */
    while (status == TENON_OK && !take_char(&in, '#')) {
        skip_blank(&in);
        if (in.at == in.end)
            break;
        status = take_clause(&in, out);
    }
    if (status != TENON_OK)
        return status;
    skip_blank(&in);
    if ((size_t)(in.end - in.at) >= sizeof out->help)
        return wrong(&in, "its help has more than %d bytes", HELP_BYTES - 1);
    snprintf(out->help, sizeof out->help, "%.*s", (int)(in.end - in.at), in.at);
    for (char *c = out->help; *c != '\0'; c++)
        if (*c == '\t')
            *c = ' ';
    return check_clauses(&in, out);
}

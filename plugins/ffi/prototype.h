/* SPDX-License-Identifier: Apache-2.0
 * A C prototype as an ini has it, and what we add to C because C does not say it:
 *
 *   unsigned long crc32(unsigned long crc = 0, const void *data, unsigned int n = length(data))
 *       read_only # a help line
 *
 * Reads text and knows no library: nothing is opened or called here. */
#ifndef FFI_PROTOTYPE_H
#define FFI_PROTOTYPE_H

#include <ffi.h>
#include <stdbool.h>

#include <tenon/tenon.h>

enum {
    PARAMETERS_MAX = 16,
    FUNCTIONS_MAX = 64,
    NAME_BYTES = 48,
    SYMBOL_BYTES = 96,
    HELP_BYTES = 240,
    FALLBACK_BYTES = 96,
    LINE_BYTES = 1024,
    BUFFER_BYTES_MAX = 65536,
};

enum kind { KIND_VOID, KIND_INTEGER, KIND_REAL, KIND_TEXT, KIND_BYTES };

struct type {
    enum kind kind;
    ffi_type *ffi; /* of the value; a text or bytes is a pointer */
    bool is_signed, is_bool, is_const;
    char words[NAME_BYTES]; /* as C has it, for people */
};

enum role {
    ROLE_IN,     /* an argument of the action */
    ROLE_LENGTH, /* `= length(other)`: how long another one is */
    ROLE_OUT,    /* `double *x`: the function writes there, and the result shows it */
    ROLE_BUFFER, /* `char x[64]`: the same with text */
};

struct parameter {
    char name[NAME_BYTES + 1];
    struct type type; /* of what is pointed to, for ROLE_OUT and ROLE_BUFFER */
    enum role role;
    uint32_t length_of;    /* ROLE_LENGTH: index */
    uint32_t buffer_bytes; /* ROLE_BUFFER */
    bool has_fallback;
    char fallback[FALLBACK_BYTES];
};

enum failing { FAILS_NEVER, FAILS_BELOW, FAILS_AT, FAILS_UNLESS }; /* < N, == N, != N */

struct prototype {
    char symbol[SYMBOL_BYTES + 1];   /* the function in the library */
    char name[NAME_BYTES + 1];       /* the action */
    char freed_by[SYMBOL_BYTES + 1]; /* what a returned text goes to; empty: it stays theirs */
    char help[HELP_BYTES];
    struct type result;
    struct parameter parameters[PARAMETERS_MAX];
    uint32_t count;
    bool is_read_only, is_destructive;
    enum failing failing;
    int64_t fails_at;
    bool tells_errno;
};

/* Reads one line. 0, or TENON_E_VALIDATION with what was expected and what came. */
int32_t prototype_parse(tenon_str line, struct prototype *out, tenon_err *err);

#endif

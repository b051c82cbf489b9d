/* SPDX-License-Identifier: Apache-2.0
 * One function of a library: prepared once, called with an action's arguments, its values written
 * as JSON. Opens nothing: whoever uses it looks the symbols up. */
#ifndef FFI_INVOKE_H
#define FFI_INVOKE_H

#include "prototype.h"

#include <tenon/actions.h>

struct function {
    struct prototype prototype;
    ffi_cif cif;
    ffi_type *types[PARAMETERS_MAX];
    void (*symbol)(void); /* NULL before the library is open */
    void (*freeing)(void);
};

/* Prepares the call of function->prototype. 0, or TENON_E_PERMANENT. */
int32_t function_prepare(struct function *function, tenon_err *err);
/* Calls it. `arguments` are those of the parameters with ROLE_IN, in order. */
int32_t function_invoke(const struct function *function, const tenon_argument *arguments,
                        tenon_sink *out, tenon_err *err);

#endif

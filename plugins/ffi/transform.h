/* SPDX-License-Identifier: Apache-2.0
 * What a function makes of a record: its parameters are the record's fields of their names, and its
 * result becomes a field of the action's name. */
#ifndef FFI_TRANSFORM_H
#define FFI_TRANSFORM_H

#include "invoke.h"

/* Writes the record without its closing brace. */
int32_t transform_begin(tenon_str data, tenon_sink *out, tenon_err *err);
/* Adds a field. TENON_E_VALIDATION: the record lacks a parameter, has it of another type, or has
 * the field already. */
int32_t transform_add(const struct function *function, tenon_str data, tenon_sink *out,
                      tenon_err *err);

#endif

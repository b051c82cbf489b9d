/* SPDX-License-Identifier: Apache-2.0
 * Prototypes of the ffi plugin: whatever is taken has names, types and lengths that fit. */
#include "../../../plugins/ffi/prototype.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct prototype prototype;
    tenon_err err = {.struct_size = sizeof err};
    tenon_str line = {(const char *)data, size};

    if (prototype_parse(line, &prototype, &err) != TENON_OK)
        return err.message[0] == '\0' ? __builtin_trap(), 0 : 0;
    if (prototype.count > PARAMETERS_MAX || !is_plain_name(prototype.name))
        __builtin_trap();
    for (uint32_t i = 0; i < prototype.count; i++) {
        const struct parameter *parameter = &prototype.parameters[i];
        if (parameter->type.ffi == NULL || !is_plain_name(parameter->name) ||
            (parameter->role == ROLE_LENGTH && parameter->length_of >= prototype.count) ||
            parameter->buffer_bytes > BUFFER_BYTES_MAX)
            __builtin_trap();
    }
    return 0;
}

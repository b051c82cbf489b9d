/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: the types that entities and relationships were ever given. Nothing is found
 * by them; they are counted, so that a store in memory refuses what one in a file does. */
#include "store/store_memory.h"

#include <errno.h>
#include <stdlib.h>

static bool is_known(const struct store_memory *memory, struct str name)
{
    for (size_t i = 0; i < memory->types.count; i++)
        if (str_equals(store_memory_str(&memory->types.rows[i]), name))
            return true;
    return false;
}

static void forget(struct store_memory *memory, size_t keep_count)
{
    while (memory->types.count > keep_count)
        free(memory->types.rows[--memory->types.count].ptr);
}

int store_memory_type_add(struct store_memory *memory, struct str name, struct err *err)
{
    if (is_known(memory, name))
        return 0;
    if (memory->types.count == STORE_TYPES_MAX)
        return err_set(
            err, E_TOO_LARGE,
            "type '%.*s' would be one more than the %d types a store can have: a type names"
            " a kind of entity, not one of them",
            STR_ARG(name), (int)STORE_TYPES_MAX);
    int status = STORE_MEMORY_RESERVE(memory->types, 1, err);
    if (status < 0)
        return status;
    if (!store_memory_copy(name, &memory->types.rows[memory->types.count]))
        return err_set(err, -ENOMEM, "no memory for a type's name");
    memory->types.count++;
    return 0;
}

int store_memory_types_add(struct store_memory *memory, const struct store_put *put,
                           struct err *err)
{
    size_t before = memory->types.count;
    int status = 0;

    for (size_t i = 0; i < put->count && status == 0; i++)
        if (!put->entities[i].is_delete)
            status = store_memory_type_add(memory, put->entities[i].type, err);
    if (status < 0)
        forget(memory, before);
    return status;
}

void store_memory_free_types(struct store_memory *memory)
{
    forget(memory, 0);
    free(memory->types.rows);
}

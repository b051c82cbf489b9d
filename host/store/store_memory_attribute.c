/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: integration attributes, by integration and name. */
#include "store/store_memory.h"

#include <errno.h>
#include <stdlib.h>

static int compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where it is, or would be. */
static size_t place_of(const struct store_memory *memory, uint64_t entity,
                       const struct store_attribute *attribute, bool *out_is_there)
{
    size_t i = 0;

    *out_is_there = false;
    for (; i < memory->attributes.count; i++) {
        const struct store_memory_attribute *row = &memory->attributes.rows[i];
        int order = (row->entity > entity) - (row->entity < entity);
        if (order == 0)
            order = (row->integration > attribute->integration) -
                    (row->integration < attribute->integration);
        if (order == 0)
            order = compare(store_memory_str(&row->name), attribute->name);
        *out_is_there = order == 0;
        if (order >= 0)
            break;
    }
    return i;
}

static void drop(struct store_memory *memory, size_t place)
{
    struct store_memory_attribute *row = &memory->attributes.rows[place];

    free(row->name.ptr);
    free(row->value.ptr);
    memory->attributes.count--;
    memmove(row, row + 1, (memory->attributes.count - place) * sizeof *row);
}

void store_memory_forget_attributes(struct store_memory *memory, uint64_t entity)
{
    for (size_t i = memory->attributes.count; i > 0; i--)
        if (memory->attributes.rows[i - 1].entity == entity)
            drop(memory, i - 1);
}

void store_memory_free_attributes(struct store_memory *memory)
{
    while (memory->attributes.count > 0)
        drop(memory, memory->attributes.count - 1);
    free(memory->attributes.rows);
}

static int set(struct store_memory *memory, uint64_t entity, size_t place, bool is_there,
               const struct store_attribute *attribute, struct err *err)
{
    struct store_memory_attribute fresh = {.entity = entity, .integration = attribute->integration};

    if (STORE_MEMORY_RESERVE(memory->attributes, 1, err) < 0)
        return err->code;
    bool is_copied = store_memory_copy(attribute->value, &fresh.value);
    is_copied &= is_there || store_memory_copy(attribute->name, &fresh.name);
    if (!is_copied) {
        free(fresh.name.ptr);
        free(fresh.value.ptr);
        return err_set(err, -ENOMEM, "no memory for an attribute");
    }
    struct store_memory_attribute *row = &memory->attributes.rows[place];
    if (is_there) {
        store_memory_text_move(&row->value, &fresh.value);
        return 0;
    }
    memmove(row + 1, row, (memory->attributes.count - place) * sizeof *row);
    memory->attributes.count++;
    *row = fresh;
    return 0;
}

int store_memory_attribute(void *pointer, struct store_attribute *attribute, struct err *err)
{
    struct store_memory *memory = pointer;
    bool is_there;
    int status = store_rules_check_attribute(attribute, err);

    if (status < 0)
        return status;
    if (store_memory_integration_get(memory, attribute->integration, err) == NULL)
        return E_NOT_FOUND;
    const struct store_memory_entity *row = store_memory_find(memory, attribute->entity);
    if (row == NULL || row->is_deleted)
        return err_set(err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(attribute->entity));
    uint64_t entity = (uint64_t)(row - memory->entities.rows);
    size_t place = place_of(memory, entity, attribute, &is_there);
    if (attribute->value.len > 0)
        return set(memory, entity, place, is_there, attribute, err);
    if (!is_there)
        return store_rules_no_attribute(attribute, err);
    drop(memory, place);
    return 0;
}

void store_memory_attributes(struct store_memory *memory, struct store_query *query)
{
    const struct store_memory_entity *entity = store_memory_find(memory, query->id);
    bool goes_on = entity != NULL && !entity->is_deleted;

    for (size_t i = 0; i < memory->attributes.count && goes_on; i++) {
        const struct store_memory_attribute *attribute = &memory->attributes.rows[i];
        if (&memory->entities.rows[attribute->entity] != entity ||
            (query->integration != 0 && query->integration != attribute->integration))
            continue;
        const struct store_row row = {
            .integration = attribute->integration,
            .name = store_memory_str(&memory->integrations.rows[attribute->integration - 1].name),
            .key = store_memory_str(&attribute->name),
            .data = store_memory_str(&attribute->value),
        };
        goes_on = query->row(query, &row);
    }
}

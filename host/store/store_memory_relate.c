/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: relationships, in the order they were made. */
#include "store/store_memory.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

static struct store_memory_relationship *find(struct store_memory *memory, uint64_t from,
                                              struct str type, uint64_t to)
{
    for (size_t i = 0; i < memory->relationships.count; i++) {
        struct store_memory_relationship *row = &memory->relationships.rows[i];
        if (!row->is_removed && row->from == from && row->to == to &&
            str_equals(store_memory_str(&row->type), type))
            return row;
    }
    return NULL;
}

static int find_end(struct store_memory *memory, struct str id, bool may_be_deleted, uint64_t *out,
                    struct err *err)
{
    const struct store_memory_entity *row = store_memory_find(memory, id);

    if (row == NULL || row->is_forgotten || (row->is_deleted && !may_be_deleted))
        return err_set(err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(id));
    *out = (uint64_t)(row - memory->entities.rows);
    return 0;
}

static void add_signal(struct store_memory *memory, struct store_relate *relate,
                       enum store_signal_kind kind, uint64_t from)
{
    relate->at_ms = clock_wall_ms();
    relate->version = memory->entities.rows[from].version;
    relate->last_seq = store_memory_add_signal(memory, kind, from, relate->at_ms);
}

static int drop(struct store_memory *memory, struct store_memory_relationship *row,
                struct store_relate *relate, struct err *err)
{
    if (row == NULL)
        return err_set(err, E_NOT_FOUND, "'%.*s' has no relationship '%.*s' to '%.*s'",
                       STR_ARG(relate->from), STR_ARG(relate->type), STR_ARG(relate->to));
    row->is_removed = true;
    relate->outcome = PUT_DELETED;
    add_signal(memory, relate, SIGNAL_UNRELATED, row->from);
    return 0;
}

static int add(struct store_memory *memory, struct store_memory_relationship *row,
               struct store_relate *relate, uint64_t from, uint64_t to, struct err *err)
{
    struct store_memory_text type;
    struct store_memory_text data;
    int64_t now_ms = clock_wall_ms();

    relate->outcome = row == NULL ? PUT_CREATED : PUT_UPDATED;
    if (row != NULL && str_equals(store_memory_str(&row->data), relate->data)) {
        relate->outcome = PUT_UNCHANGED;
        return 0;
    }
    bool has_type = store_memory_copy(relate->type, &type);
    bool has_data = store_memory_copy(relate->data, &data);
    if (!has_type || !has_data) {
        free(type.ptr);
        free(data.ptr);
        return err_set(err, -ENOMEM, "no memory for a relationship");
    }
    if (row == NULL) {
        row = &memory->relationships.rows[memory->relationships.count++];
        *row = (struct store_memory_relationship){.from = from, .to = to, .created_ms = now_ms};
    }
    store_memory_text_move(&row->type, &type);
    store_memory_text_move(&row->data, &data);
    add_signal(memory, relate, SIGNAL_RELATED, from);
    return 0;
}

int store_memory_relate(void *pointer, struct store_relate *relate, struct err *err)
{
    struct store_memory *memory = pointer;
    uint64_t from = 0;
    uint64_t to = 0;
    int status = store_rules_check_name(relate->type, "relationship's type", STORE_TYPE_MAX, err);

    if (status == 0 && !relate->is_delete && relate->data.len > STORE_DATA_MAX)
        status = err_set(err, E_TOO_LARGE, "the data has %zu bytes: at most %d are allowed",
                         relate->data.len, (int)STORE_DATA_MAX);
    if (status == 0)
        status = find_end(memory, relate->from, relate->is_delete, &from, err);
    if (status == 0)
        status = find_end(memory, relate->to, relate->is_delete, &to, err);
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->relationships, 1, err);
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->signals, 1, err);
    if (status == 0 && !relate->is_delete)
        status = store_memory_type_add(memory, relate->type, err);
    if (status < 0)
        return status;
    struct store_memory_relationship *row = find(memory, from, relate->type, to);
    return relate->is_delete ? drop(memory, row, relate, err)
                             : add(memory, row, relate, from, to, err);
}

/* ---- the query ---- */

static bool is_end(const struct store_memory_entity *entity, struct str id)
{
    return str_equals(store_memory_str(&entity->id), id);
}

static bool fits(const struct store_query *query, const struct store_memory_relationship *edge,
                 const struct store_memory_entity *from, const struct store_memory_entity *to)
{
    bool is_out = query->direction != DIRECTION_IN && is_end(from, query->id) &&
                  (query->other.len == 0 || is_end(to, query->other));
    bool is_in = query->direction != DIRECTION_OUT && is_end(to, query->id) &&
                 (query->other.len == 0 || is_end(from, query->other));

    return !edge->is_removed && !from->is_deleted && !to->is_deleted &&
           (query->id.len == 0 || is_out || is_in) &&
           (query->type.len == 0 || str_equals(store_memory_str(&edge->type), query->type));
}

void store_memory_relationships(struct store_memory *memory, struct store_query *query)
{
    uint32_t given = 0;
    bool goes_on = true;

    for (size_t i = query->after; i < memory->relationships.count && goes_on; i++) {
        const struct store_memory_relationship *edge = &memory->relationships.rows[i];
        const struct store_memory_entity *from = &memory->entities.rows[edge->from];
        const struct store_memory_entity *to = &memory->entities.rows[edge->to];
        if (!fits(query, edge, from, to))
            continue;
        const struct store_row row = {
            .seq = i + 1,
            .id = store_memory_str(&from->id),
            .name = store_memory_str(&to->id),
            .type = store_memory_str(&edge->type),
            .data = store_memory_str(&edge->data),
            .created_ms = edge->created_ms,
        };
        goes_on = query->row(query, &row) && (query->limit == 0 || ++given < query->limit);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model.h"

#include "base/clock.h"
#include "base/json.h"

static void put_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char text[25];

    clock_format(wall_ms, text);
    json_put_member(out, name, str_of(text));
}

void model_put_entity(struct buf *out, const struct store_row *row)
{
    json_put_member(out, "id", row->id);
    json_put_member(out, "type", row->type);
    json_put_int(out, "version", (int64_t)row->version);
    put_time(out, "created_at", row->created_ms);
    put_time(out, "updated_at", row->updated_ms);
    json_put_raw(out, "data", row->data.len > 0 ? row->data : STR("null"));
}

void model_put_relationship(struct buf *out, const struct store_row *row)
{
    json_put_member(out, "from", row->id);
    json_put_member(out, "type", row->type);
    json_put_member(out, "to", row->name);
    put_time(out, "created_at", row->created_ms);
    if (row->data.len > 0)
        json_put_raw(out, "data", row->data);
}

const char *model_outcome_name(enum store_put_outcome outcome)
{
    switch (outcome) {
    case PUT_CREATED:
        return "created";
    case PUT_UPDATED:
        return "updated";
    case PUT_UNCHANGED:
        return "unchanged";
    case PUT_DELETED:
        return "deleted";
    case PUT_CONFLICT:
        return "conflict";
    case PUT_BY_TURNS:
        return "by_turns";
    default:
        return "not_found";
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/json.h"

static void put_signal(struct buf *out, const struct store_row *row)
{
    json_put_int(out, "seq", (int64_t)row->seq);
    json_put_member(out, "signal", row->name);
    if (row->id.len > 0)
        json_put_member(out, "entity", row->id);
    if (row->type.len > 0)
        json_put_member(out, "type", row->type);
    if (row->version > 0)
        json_put_int(out, "version", (int64_t)row->version);
    api_put_time(out, "at", row->created_ms);
    if (row->data.len > 0)
        json_put_raw(out, "data", row->data);
}

static uint64_t key_of_signal(const struct store_row *row)
{
    return row->seq;
}

void api_signals_list(struct api_call *call)
{
    struct api_rows *rows = api_rows_create(call, QUERY_SIGNALS);

    if (rows == NULL)
        return;
    rows->put = put_signal;
    rows->key = key_of_signal;
    api_rows_send(rows);
}

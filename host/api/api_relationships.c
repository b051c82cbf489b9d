/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <stdlib.h>

struct relate_call {
    struct store_relate relate; /* first: the operation is the whole */
    struct api_call *call;
    struct buf from, type, to;
};

static void relate_call_destroy(struct relate_call *relate)
{
    buf_finish(&relate->from);
    buf_finish(&relate->type);
    buf_finish(&relate->to);
    free(relate);
}
DEFINE_GUARD(relate, struct relate_call *, relate_call_destroy);

static void on_related(struct store_op *op)
{
    struct relate_call *relate = (struct relate_call *)op;
    struct buf body = {0};

    if (op->status < 0) {
        api_reply_error(relate->call, op->status, &op->error);
    } else {
        buf_putc(&body, '{');
        json_put_member(&body, "from", relate->relate.from);
        json_put_member(&body, "type", relate->relate.type);
        json_put_member(&body, "to", relate->relate.to);
        buf_puts(&body, "}\n");
        api_reply_json(relate->call, 201, &body);
    }
    relate_call_destroy(relate);
}

static bool take_text(struct str value, struct buf *out)
{
    if (value.len > 0 && json_kind_of(value) == JSON_STRING)
        json_unquote(value, out);
    return out->len > 0 && !out->failed;
}

void api_relationships_post(struct api_call *call)
{
    static const char *const names[] = {"from", "type", "to", "data"};
    struct str body = http_exchange_body(call->exchange);
    struct str values[4] = {0};
    struct err err = {0};

    int status = json_check(body, &err);
    if (status < 0) {
        api_reply_error(call, status, &err);
        return;
    }
    _guard_(relate) struct relate_call *relate = calloc(1, sizeof(*relate));
    if (relate == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    if (json_pick(str_trim(body), names, 4, values) < 0 || !take_text(values[0], &relate->from) ||
        !take_text(values[1], &relate->type) || !take_text(values[2], &relate->to)) {
        api_reply_problem(call, 400, "bad_request",
                          "A relationship is {\"from\": ENTITY, \"type\": WORD, \"to\": ENTITY}, "
                          "all texts that are "
                          "not empty, and \"data\" if wanted.");
        return;
    }
    relate->call = call;
    relate->relate.from = buf_str(&relate->from);
    relate->relate.type = buf_str(&relate->type);
    relate->relate.to = buf_str(&relate->to);
    relate->relate.data = values[3];
    relate->relate.op.done = on_related;
    store_relate(engine_store(call->engine), &steal(relate)->relate);
}

static void put_relationship(struct buf *out, const struct store_row *row)
{
    json_put_member(out, "from", row->id);
    json_put_member(out, "type", row->type);
    json_put_member(out, "to", row->name);
    api_put_time(out, "created_at", row->created_ms);
    if (row->data.len > 0)
        json_put_raw(out, "data", row->data);
}

void api_entity_relationships(struct api_call *call)
{
    struct api_rows *rows = api_rows_create(call, QUERY_RELATIONSHIPS);

    if (rows == NULL)
        return;
    rows->query.id = buf_str(&call->id);
    rows->put = put_relationship;
    api_rows_send(rows);
}

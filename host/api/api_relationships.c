/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "engine/model.h"

#include <errno.h>
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
        json_put_member(&body, "outcome", str_of(model_outcome_name(relate->relate.outcome)));
        buf_puts(&body, "}\n");
        api_reply_json(relate->call, relate->relate.outcome == PUT_CREATED ? 201 : 200, &body);
    }
    relate_call_destroy(relate);
}

static void relate_now(struct relate_call *relate)
{
    relate->relate.from = buf_str(&relate->from);
    relate->relate.type = buf_str(&relate->type);
    relate->relate.to = buf_str(&relate->to);
    relate->relate.op.done = on_related;
    store_relate(engine_store(relate->call->engine), &relate->relate);
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
    relate->relate.data = values[3];
    relate_now(steal(relate));
}

void api_relationships_delete(struct api_call *call)
{
    _guard_(relate) struct relate_call *relate = calloc(1, sizeof(*relate));

    if (relate == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    bool is_whole = http_exchange_argument(call->exchange, "from", &relate->from) &&
                    http_exchange_argument(call->exchange, "type", &relate->type) &&
                    http_exchange_argument(call->exchange, "to", &relate->to);
    if (!is_whole || relate->from.len == 0 || relate->type.len == 0 || relate->to.len == 0) {
        api_reply_problem(call, 400, "bad_argument",
                          "Which relationship is said by three arguments: from=ENTITY, type=WORD "
                          "and to=ENTITY.");
        return;
    }
    relate->call = call;
    relate->relate.is_delete = true;
    relate_now(steal(relate));
}

static uint64_t key_of_relationship(const struct store_row *row)
{
    return row->seq;
}

static void list(struct api_rows *rows)
{
    (void)http_exchange_argument(rows->call->exchange, "type", &rows->type); /* absent: any */
    rows->query.id = buf_str(&rows->id);
    rows->query.other = buf_str(&rows->other);
    rows->query.type = buf_str(&rows->type);
    rows->put = model_put_relationship;
    rows->key = key_of_relationship;
    rows->goes_on = rows->id.len == 0; /* of one entity they are all found at once */
    api_rows_send(rows);
}

static bool read_direction(struct api_call *call, enum store_direction *out)
{
    _buf_ struct buf text = {0};

    *out = DIRECTION_BOTH;
    if (!http_exchange_argument(call->exchange, "direction", &text) || text.len == 0 ||
        str_is(buf_str(&text), "both"))
        return true;
    *out = str_is(buf_str(&text), "out") ? DIRECTION_OUT : DIRECTION_IN;
    if (*out == DIRECTION_OUT || str_is(buf_str(&text), "in"))
        return true;
    api_reply_problem(call, 400, "bad_argument",
                      "Argument direction: '%s' is none of out, in and both.", text.ptr);
    return false;
}

void api_entity_relationships(struct api_call *call)
{
    enum store_direction direction;

    if (!read_direction(call, &direction))
        return;
    struct api_rows *rows = api_rows_create(call, QUERY_RELATIONSHIPS);
    if (rows == NULL)
        return;
    rows->query.direction = direction;
    buf_add_str(&rows->id, buf_str(&call->id));
    list(rows);
}

void api_relationships_list(struct api_call *call)
{
    struct api_rows *rows = api_rows_create(call, QUERY_RELATIONSHIPS);

    if (rows == NULL)
        return;
    (void)http_exchange_argument(call->exchange, "from", &rows->id);  /* absent: any */
    (void)http_exchange_argument(call->exchange, "to", &rows->other); /* the same */
    rows->query.direction = DIRECTION_OUT;
    if (rows->id.len == 0) {
        struct buf to = rows->other;
        rows->other = rows->id;
        rows->id = to;
        rows->query.direction = DIRECTION_IN;
    }
    list(rows);
}

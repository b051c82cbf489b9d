/* SPDX-License-Identifier: Apache-2.0
 * Integration attributes over REST: values that an integration needs on an entity. */
#include "api/api_filter.h"
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

static void put_attribute(struct buf *out, const struct store_row *row)
{
    json_put_member(out, "integration", row->name);
    json_put_member(out, "name", row->key);
    json_put_raw(out, "value", row->data);
}

static void list(struct api_filter *filter)
{
    struct api_call *call = filter->call;
    struct api_rows *rows = NULL;

    if (!api_reply_if_over(call))
        rows = api_rows_create(call, QUERY_ATTRIBUTES);
    if (rows != NULL) {
        rows->limit = UINT32_MAX; /* few, and each is small */
        buf_add_str(&rows->id, buf_str(&call->id));
        rows->query.id = buf_str(&rows->id);
        rows->query.integration = filter->query.integration;
        rows->put = put_attribute;
        api_rows_send(rows);
    }
    api_filter_destroy(filter);
}

/* Of the integration= that the call has, if any. */
static struct api_filter *filter_of(struct api_call *call)
{
    _buf_ struct buf name = {0};

    (void)http_exchange_argument(call->exchange, "integration", &name); /* absent: all */
    return api_filter_of_integration(call, buf_str(&name));
}

void api_attributes_list(struct api_call *call)
{
    struct api_filter *filter = filter_of(call);

    if (filter != NULL)
        api_filter_resolve(filter, list);
}

/* ---- one ---- */

struct attribute_call {
    struct store_attribute attribute; /* first: the operation is the whole */
    struct api_call *call;
    struct buf integration;
};

static void attribute_destroy(struct attribute_call *attribute)
{
    buf_finish(&attribute->integration);
    free(attribute);
}

static void on_changed(struct store_op *op)
{
    struct attribute_call *asked = (struct attribute_call *)op;
    struct buf body = {0};

    if (op->status < 0) {
        api_reply_error(asked->call, op->status, &op->error);
    } else {
        buf_putc(&body, '{');
        json_put_member(&body, "entity", asked->attribute.entity);
        json_put_member(&body, "integration", buf_str(&asked->integration));
        json_put_member(&body, "name", asked->attribute.name);
        if (asked->attribute.value.len > 0)
            json_put_raw(&body, "value", asked->attribute.value);
        buf_puts(&body, "}\n");
        api_reply_json(asked->call, 200, &body);
    }
    attribute_destroy(asked);
}

static void change(struct api_filter *filter, struct str value)
{
    struct api_call *call = filter->call;
    struct attribute_call *asked = calloc(1, sizeof(*asked));

    if (asked == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    asked->call = call;
    buf_add_str(&asked->integration, buf_str(&filter->integration));
    asked->attribute = (struct store_attribute){
        .op.done = on_changed,
        .integration = filter->query.integration,
        .entity = buf_str(&call->id),
        .name = buf_str(&call->name),
        .value = value,
    };
    store_attribute(engine_store(call->engine), &asked->attribute);
}

static void put_now(struct api_filter *filter)
{
    struct api_call *call = filter->call;

    if (!api_reply_if_over(call))
        change(filter, str_trim(http_exchange_body(call->exchange)));
    api_filter_destroy(filter);
}

static void delete_now(struct api_filter *filter)
{
    change(filter, STR_NONE);
    api_filter_destroy(filter);
}

static void resolve(struct api_call *call, void (*then)(struct api_filter *filter))
{
    struct api_filter *filter = filter_of(call);

    if (filter != NULL && filter->integration.len == 0) {
        api_reply_problem(call, 400, "bad_argument",
                          "Argument integration is missing: whose attribute it is.");
        api_filter_destroy(filter);
    } else if (filter != NULL) {
        api_filter_resolve(filter, then);
    }
}

void api_attribute_put(struct api_call *call)
{
    struct err err = {0};

    if (json_check(http_exchange_body(call->exchange), &err) < 0)
        api_reply_error(call, err.code, &err);
    else
        resolve(call, put_now);
}

void api_attribute_delete(struct api_call *call)
{
    resolve(call, delete_now);
}

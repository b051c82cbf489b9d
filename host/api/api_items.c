/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_items.h"

#include "api/api_handlers.h"

void api_put_items(struct buf *out, const struct api_call *call, api_put_items_fn put)
{
    for (size_t i = 0; i < engine_integration_count(call->engine); i++) {
        struct engine_integration integration;
        engine_integration_at(call->engine, i, &integration);
        if (api_may_use(call, integration.name))
            put(out, call->engine, integration.name);
    }
}

void api_items_of_all(struct api_call *call, api_put_items_fn put)
{
    struct buf body = {0};

    buf_puts(&body, "{\"items\":[");
    api_put_items(&body, call, put);
    buf_puts(&body, "]}\n");
    api_reply_json(call, 200, &body);
}

void api_items_of_one(struct api_call *call, api_put_items_fn put)
{
    struct engine_integration integration;
    const char *name = buf_str(&call->id).ptr;
    struct buf body = {0};

    if (!api_may_use_or_reply(call, name))
        return;
    if (!engine_integration_find(call->engine, name, &integration)) {
        api_reply_no_integration(call, name);
        return;
    }
    buf_puts(&body, "{\"items\":[");
    put(&body, call->engine, name);
    buf_puts(&body, "]}\n");
    api_reply_json(call, 200, &body);
}

/* SPDX-License-Identifier: Apache-2.0
 * "Look now": the answer says what became of each file. */
#include "api/api_handlers.h"
#include "base/json.h"

static void put_item(struct buf *out, const struct engine_reload_item *item)
{
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "file", str_of(item->file));
    if (item->integration != NULL)
        json_put_member(out, "integration", str_of(item->integration));
    json_put_member(out, "change", str_of(item->change));
    api_put_masked(out, "words", str_of(item->words));
    buf_putc(out, '}');
}

/* What the files say is in order, but what they point to is not: a certificate, a group. */
static bool put_problem(struct buf *out, const struct api_call *call)
{
    struct engine_reload_item item = {.change = "refused"};

    if (call->api == NULL || api_problem(call->api)[0] == '\0')
        return false;
    item.file = config_file_path(config_host(engine_config(call->engine)));
    item.words = api_problem(call->api);
    put_item(out, &item);
    return true;
}

static void on_reloaded(void *user, const struct engine_reload_result *result)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (result->status < 0) {
        api_reply_error(call, result->status, result->err);
        return;
    }
    buf_puts(&body, "{\"items\":[");
    for (size_t i = 0; i < result->count; i++)
        put_item(&body, &result->items[i]);
    size_t more = put_problem(&body, call) ? 1 : 0;
    buf_putc(&body, ']');
    json_put_int(&body, "changed", (int64_t)result->changed);
    json_put_int(&body, "refused", (int64_t)(result->refused + more));
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

void api_reload(struct api_call *call)
{
    engine_reload(call->engine, on_reloaded, call);
}

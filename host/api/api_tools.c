/* SPDX-License-Identifier: Apache-2.0
 * Tools for language models that plugins bring by tenon.mcp/1. MCP asks these routes. */
#include "api/api_handlers.h"
#include "api/api_items.h"
#include "api/api_mcp_message.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "rules/judge.h"

#include <tenon/tenon.h>

static void put_text(struct buf *out, const char *name, struct str text)
{
    if (text.len > 0)
        json_put_member(out, name, text);
}

static void put_tools(struct buf *out, const struct engine *engine, const char *integration)
{
    size_t count;
    const struct plugin_tool *tools = engine_tools(engine, integration, &count);

    for (size_t i = 0; i < count; i++) {
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "integration", str_of(integration));
        json_put_member(out, "name", tools[i].name);
        put_text(out, "title", tools[i].title);
        put_text(out, "description", tools[i].description);
        api_put_bool(out, "read_only", tools[i].is_read_only);
        api_put_bool(out, "destructive", tools[i].is_destructive);
        json_put_raw(out, "schema", tools[i].schema);
        buf_putc(out, '}');
    }
}

void api_integration_tools(struct api_call *call)
{
    api_items_of_one(call, put_tools);
}

/* The worker put it together, but whoever runs there can write anything. */
static void on_reply(void *user, struct plugin_reply *reply)
{
    struct api_call *call = user;
    struct str content = json_find(reply->result, "content");
    struct str object = json_find(reply->result, "structuredContent");
    struct buf body = {0};

    if (reply->status != PLUGIN_OK) {
        api_reply_failed(call, reply);
        return;
    }
    if (content.len == 0 || json_kind_of(content) != JSON_ARRAY ||
        (object.len > 0 && json_kind_of(object) != JSON_OBJECT)) {
        api_reply_problem(call, 422, judge_class_name(TENON_E_PERMANENT),
                          "tool %s gave what is no JSON object as its object.",
                          buf_str(&call->name).ptr);
        return;
    }
    buf_putc(&body, '{');
    json_put_raw(&body, "content", content);
    if (object.len > 0)
        json_put_raw(&body, "structuredContent", object);
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

static const struct plugin_tool *find(const struct api_call *call)
{
    size_t count;
    const struct plugin_tool *tools = engine_tools(call->engine, buf_str(&call->id).ptr, &count);

    for (size_t i = 0; i < count; i++)
        if (str_equals(tools[i].name, buf_str(&call->name)))
            return &tools[i];
    return NULL;
}

void api_tool_call(struct api_call *call)
{
    struct engine_integration integration;
    const char *name = buf_str(&call->id).ptr;
    const struct plugin_tool *tool = find(call);

    if (!api_may_or_reply(call, tool != NULL && tool->is_read_only ? API_READ : API_SUBMIT,
                          buf_str(&call->id)))
        return;
    if (!engine_integration_find(call->engine, name, &integration)) {
        api_reply_no_integration(call, name);
        return;
    }
    if (tool == NULL && integration.is_well) {
        api_reply_problem(call, 404, "not_found", "Integration '%s' has no tool '%.60s'.", name,
                          buf_str(&call->name).ptr);
        return;
    }
    if (!engine_tool(call->engine, name, buf_str(&call->name), http_exchange_body(call->exchange),
                     on_reply, call))
        api_reply_not_open(call, &integration, "its tools can be called");
}

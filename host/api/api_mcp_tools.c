/* SPDX-License-Identifier: Apache-2.0
 * Tools: the host's own, and of each integration its actions and what its plugin brings by
 * tenon.mcp/1, as INTEGRATION_NAME. An integration's name has no '_', so the first one parts the
 * two, and no two share a tool's name; clients take at most 64 characters, so a longer one is cut
 * and ends in a digest. */
#include "api/api_handlers.h"
#include "api/api_mcp.h"
#include "api/api_mcp_host.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/json_schema.h"

#include <errno.h>

enum { NAME_MAX_BYTES = 64, DIGEST_DIGITS = 12, PAGE_TOOLS = 500, TOOLS_TTL_MS = 5000 };

/* One tool that there is, and that the peer may use. */
struct tool {
    const struct mcp_host_tool *host; /* or of an integration: */
    const struct engine_integration *integration;
    const struct plugin_action *action; /* or: */
    const struct plugin_tool *own;
    struct str name;
};
/* False: enough. */
typedef bool (*tool_fn)(void *user, const struct tool *tool);

static void put_name(struct buf *out, const char *integration, struct str action)
{
    struct str parts[2] = {str_of(integration), action};
    char digest[33];

    buf_printf(out, "%s_%.*s", integration, STR_ARG(action));
    if (out->failed || out->len <= NAME_MAX_BYTES)
        return;
    digest_key(parts, 2, digest);
    out->len = NAME_MAX_BYTES - DIGEST_DIGITS - 1;
    buf_printf(out, "_%.*s", DIGEST_DIGITS, digest);
}

/* A secret would stand in a model's transcript: an action that wants one is no tool. */
static bool wants_secret(const struct plugin_action *action)
{
    for (size_t i = 0; i < action->parameter_count; i++)
        if (action->parameters[i].option.is_secret && action->parameters[i].is_required)
            return true;
    return false;
}

static bool may_use_action(const struct api_call *call,
                           const struct engine_integration *integration,
                           const struct plugin_action *action)
{
    enum mcp_access needed = action->is_read_only ? MCP_READ : MCP_WRITE;

    return api_mcp_access_at(call->engine, integration) >= needed &&
           api_may(call, api_action_scope(action), str_of(integration->name)) &&
           !wants_secret(action);
}

static bool each_action(const struct api_call *call, const struct engine_integration *integration,
                        tool_fn fn, void *user)
{
    size_t count;
    const struct plugin_action *actions = engine_actions(call->engine, integration->name, &count);

    for (size_t i = 0; i < count; i++) {
        _buf_ struct buf name = {0};
        struct tool tool = {.integration = integration, .action = &actions[i]};
        if (!may_use_action(call, integration, &actions[i]))
            continue;
        put_name(&name, integration->name, actions[i].name);
        tool.name = buf_str(&name);
        if (!name.failed && !fn(user, &tool))
            return false;
    }
    return true;
}

static bool may_use_own(const struct api_call *call, const struct engine_integration *integration,
                        const struct plugin_tool *tool)
{
    return api_mcp_access_at(call->engine, integration) >=
               (tool->is_read_only ? MCP_READ : MCP_WRITE) &&
           api_may(call, tool->is_read_only ? API_READ : API_SUBMIT, str_of(integration->name));
}

static bool each_own(const struct api_call *call, const struct engine_integration *integration,
                     tool_fn fn, void *user)
{
    size_t count;
    const struct plugin_tool *tools = engine_tools(call->engine, integration->name, &count);

    for (size_t i = 0; i < count; i++) {
        _buf_ struct buf name = {0};
        struct tool tool = {.integration = integration, .own = &tools[i]};
        if (!may_use_own(call, integration, &tools[i]))
            continue;
        put_name(&name, integration->name, tools[i].name);
        tool.name = buf_str(&name);
        if (!name.failed && !fn(user, &tool))
            return false;
    }
    return true;
}

static bool may_use_host(const struct api_call *call, const struct mcp_host_tool *tool)
{
    return (tool->scope == API_READ || api_mcp_access(call->engine) == MCP_WRITE) &&
           (tool->is_of_integration || api_may(call, tool->scope, STR_NONE));
}

static void each(const struct api_call *call, tool_fn fn, void *user)
{
    for (size_t i = 0; i < api_mcp_host_tool_count; i++) {
        struct tool tool = {.host = &api_mcp_host_tools[i],
                            .name = str_of(api_mcp_host_tools[i].name)};
        if (may_use_host(call, tool.host) && !fn(user, &tool))
            return;
    }
    for (size_t i = 0; i < engine_integration_count(call->engine); i++) {
        struct engine_integration integration;
        engine_integration_at(call->engine, i, &integration);
        if (!each_action(call, &integration, fn, user) || !each_own(call, &integration, fn, user))
            return;
    }
}

/* ---- listing ---- */

static void put_annotations(struct buf *out, bool is_read_only, bool is_destructive,
                            bool is_idempotent, bool is_open_world)
{
    buf_puts(out, ",\"annotations\":{");
    api_put_bool(out, "readOnlyHint", is_read_only);
    api_put_bool(out, "destructiveHint", !is_read_only && is_destructive);
    api_put_bool(out, "idempotentHint", is_read_only || is_idempotent);
    api_put_bool(out, "openWorldHint", is_open_world);
    buf_putc(out, '}');
}

static void put_host_tool(struct buf *out, const struct mcp_host_tool *tool)
{
    json_put_member(out, "title", str_of(tool->title));
    json_put_member(out, "description", str_of(tool->description));
    json_put_raw(out, "inputSchema", str_of(tool->schema));
    json_put_raw(out, "outputSchema", STR("{\"type\":\"object\"}"));
    put_annotations(out, tool->scope == API_READ, tool->is_destructive, tool->is_idempotent,
                    tool->is_of_integration);
}

static bool reaches_out(const struct engine_integration *integration)
{
    return integration->file == NULL ||
           config_text(integration->file, "integration", "base_url")[0] != '\0' ||
           config_is_true(integration->file, "integration", "allow_net");
}

static void put_action_tool(struct buf *out, const struct tool *tool)
{
    const struct plugin_action *action = tool->action;
    _buf_ struct buf title = {0};

    buf_printf(&title, "%s.%.*s", tool->integration->name, STR_ARG(action->name));
    json_put_member(out, "title", buf_str(&title));
    json_put_member(out, "description", action->help);
    buf_puts(out, ",\"inputSchema\":");
    api_put_action_schema(out, action, false);
    put_annotations(out, action->is_read_only, action->is_destructive, false,
                    reaches_out(tool->integration));
}

static void put_own_tool(struct buf *out, const struct plugin_tool *tool)
{
    if (tool->title.len > 0)
        json_put_member(out, "title", tool->title);
    json_put_member(out, "description", tool->description);
    json_put_raw(out, "inputSchema", tool->schema);
    put_annotations(out, tool->is_read_only, tool->is_destructive, tool->is_idempotent,
                    tool->is_open_world);
}

struct page {
    struct buf out;
    size_t from, seen;
    bool has_more;
};

static bool put_tool(void *user, const struct tool *tool)
{
    struct page *page = user;

    if (page->seen++ < page->from)
        return true;
    if (page->seen > page->from + PAGE_TOOLS) {
        page->has_more = true;
        return false;
    }
    api_put_comma(&page->out);
    buf_putc(&page->out, '{');
    json_put_member(&page->out, "name", tool->name);
    if (tool->host != NULL)
        put_host_tool(&page->out, tool->host);
    else if (tool->own != NULL)
        put_own_tool(&page->out, tool->own);
    else
        put_action_tool(&page->out, tool);
    buf_putc(&page->out, '}');
    return true;
}

/* The cursor is the number of tools before it. */
static bool read_cursor(struct str params, size_t *out)
{
    struct str cursor = json_find(params, "cursor");
    _buf_ struct buf text = {0};
    int64_t number = 0;

    if (cursor.len > 0 && (!api_mcp_text(params, "cursor", 20, &text) ||
                           str_to_i64(buf_str(&text), &number) < 0 || number < 0))
        return false;
    *out = (size_t)number;
    return true;
}

void api_mcp_tools_list(struct mcp_request *request, struct str params)
{
    struct page page = {0};

    if (!read_cursor(params, &page.from)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "the cursor is none of ours");
        return;
    }
    buf_puts(&page.out, "\"tools\":[");
    each(api_mcp_call(request), put_tool, &page);
    buf_putc(&page.out, ']');
    if (page.has_more)
        buf_printf(&page.out, ",\"nextCursor\":\"%zu\"", page.from + PAGE_TOOLS);
    api_mcp_reply(request, &page.out, TOOLS_TTL_MS);
}

static uint64_t mix(uint64_t mark, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        mark = (mark ^ (unsigned char)text.ptr[i]) * 1099511628211u; /* FNV-1a */
    return (mark ^ 0xff) * 1099511628211u;
}

static bool mark_tool(void *user, const struct tool *tool)
{
    uint64_t *mark = user;

    *mark = mix(*mark, tool->name);
    if (tool->own != NULL) {
        *mark = mix(*mark, tool->own->description);
        *mark = mix(*mark, tool->own->schema);
    }
    if (tool->action == NULL)
        return true;
    *mark = mix(*mark, tool->action->help);
    for (size_t i = 0; i < tool->action->parameter_count; i++) {
        *mark = mix(*mark, tool->action->parameters[i].name);
        *mark = mix(*mark, str_of(tool->action->parameters[i].type));
        *mark = mix(*mark, tool->action->parameters[i].option.range);
        *mark = mix(*mark, tool->action->parameters[i].option.help);
    }
    return true;
}

uint64_t api_mcp_tools_mark(struct engine *engine)
{
    const struct api_call everybody = {.engine = engine, .peer.scopes = API_SCOPE_ALL};
    uint64_t mark = 14695981039346656037u;

    each(&everybody, mark_tool, &mark);
    return mark;
}

/* ---- calling ---- */

static void put_content(struct buf *out, struct str text)
{
    buf_puts(out, "\"content\":[{\"type\":\"text\",\"text\":");
    json_put_string(out, text);
    buf_puts(out, "}]");
}

/* As HTTP and the command line say it: the class (or code) and the sentence. */
static void reply_problem(struct mcp_request *request, struct str code, struct str detail)
{
    struct buf result = {0};
    _buf_ struct buf text = {0};

    buf_printf(&text, "%.*s: %.*s", STR_ARG(code), STR_ARG(detail));
    put_content(&result, buf_str(&text));
    buf_puts(&result, ",\"structuredContent\":{");
    json_put_member(&result, "code", code);
    json_put_member(&result, "detail", detail);
    buf_puts(&result, "},\"isError\":true");
    result.failed |= text.failed;
    api_mcp_reply(request, &result, -1);
}

static bool reply_if_problem(struct mcp_request *request, int status, struct str body)
{
    _buf_ struct buf code = {0};
    _buf_ struct buf detail = {0};

    if (status >= 200 && status < 300)
        return false;
    body = str_trim(body);
    (void)api_mcp_text(body, "code", SIZE_MAX, &code); /* every problem has both */
    (void)api_mcp_text(body, "detail", SIZE_MAX, &detail);
    reply_problem(request, buf_str(&code), buf_str(&detail));
    return true;
}

static void reply_value(struct mcp_request *request, struct str value)
{
    enum json_kind kind = json_kind_of(value);
    struct buf result = {0};
    _buf_ struct buf text = {0};

    if (kind == JSON_STRING)
        json_unquote(value, &text);
    else
        buf_add_str(&text, value);
    put_content(&result, buf_str(&text));
    if (kind == JSON_OBJECT || request->is_modern)
        json_put_raw(&result, "structuredContent", value);
    buf_puts(&result, ",\"isError\":false");
    result.failed |= text.failed;
    api_mcp_reply(request, &result, -1);
}

static void on_host(struct mcp_request *request, int status, struct str body)
{
    if (!reply_if_problem(request, status, body))
        reply_value(request, str_trim(body));
}

static void on_action(struct mcp_request *request, int status, struct str body)
{
    if (!reply_if_problem(request, status, body))
        reply_value(request, json_find(str_trim(body), "result"));
}

/* It is MCP's own form already. */
static void on_own(struct mcp_request *request, int status, struct str body)
{
    struct buf result = {0};

    if (reply_if_problem(request, status, body))
        return;
    body = str_trim(body);
    struct str object = json_find(body, "structuredContent");
    json_put_raw(&result, "content", json_find(body, "content"));
    if (object.len > 0)
        json_put_raw(&result, "structuredContent", object);
    buf_puts(&result, ",\"isError\":false");
    api_mcp_reply(request, &result, -1);
}

/* What the tool is told to do it to must be open to MCP as well. */
static bool may_touch(struct mcp_request *request, const struct mcp_host_tool *tool,
                      struct str arguments)
{
    struct engine_integration integration;
    const struct api_call *call = api_mcp_call(request);
    _buf_ struct buf name = {0};

    if (!tool->is_of_integration || tool->scope == API_READ ||
        !api_mcp_text(arguments, "integration", SIZE_MAX, &name) ||
        !engine_integration_find(call->engine, name.ptr, &integration) /* the route says so */ ||
        api_mcp_access_at(call->engine, &integration) == MCP_WRITE)
        return true;
    _buf_ struct buf words = {0};
    buf_printf(&words,
               "Integration '%s' is not to be changed over MCP: [integration] mcp = write in its "
               "ini would allow it.",
               name.ptr);
    reply_problem(request, STR("refused"), buf_str(&words));
    return false;
}

static void call_host(struct mcp_request *request, const struct mcp_host_tool *tool,
                      struct str arguments)
{
    struct err err = {0};
    struct buf body = {0};
    _buf_ struct buf target = {0};

    if (json_schema_match(str_of(tool->schema), arguments, &err) < 0) {
        reply_problem(request, STR("validation"), str_of(err.text));
        return;
    }
    if (!may_touch(request, tool, arguments))
        return;
    if (!api_mcp_host_request(tool, arguments, &target, &body)) {
        buf_finish(&body);
        api_mcp_fail(request, MCP_INTERNAL_ERROR, "out of memory");
        return;
    }
    api_mcp_ask(request, tool->method, buf_str(&target), &body, on_host);
}

/* Left out of the schema, so not taken either. */
static const struct plugin_parameter *given_secret(const struct plugin_action *action,
                                                   struct str arguments)
{
    for (size_t i = 0; i < action->parameter_count; i++) {
        _free_ char *name = str_dup(action->parameters[i].name);
        if (action->parameters[i].option.is_secret &&
            (name == NULL || json_find(arguments, name).len > 0))
            return &action->parameters[i];
    }
    return NULL;
}

static void call_action(struct mcp_request *request, const char *integration, struct str action,
                        struct str arguments)
{
    struct buf body = {0};
    _buf_ struct buf target = {0};

    buf_printf(&target, "/api/v1/integrations/%s/actions/%.*s", integration, STR_ARG(action));
    buf_add_str(&body, arguments);
    api_mcp_ask(request, "POST", buf_str(&target), &body, on_action);
}

static void call_own(struct mcp_request *request, const struct tool *tool, struct str arguments)
{
    struct buf body = {0};
    _buf_ struct buf target = {0};

    buf_printf(&target, "/api/v1/integrations/%s/tools/%.*s", tool->integration->name,
               STR_ARG(tool->own->name));
    buf_add_str(&body, arguments);
    api_mcp_ask(request, "POST", buf_str(&target), &body, on_own);
}

struct wanted {
    struct mcp_request *request;
    struct str name, arguments;
    bool is_found;
};

static bool call_if_wanted(void *user, const struct tool *tool)
{
    struct wanted *wanted = user;

    if (!str_equals(tool->name, wanted->name))
        return true;
    wanted->is_found = true;
    if (tool->host != NULL) {
        call_host(wanted->request, tool->host, wanted->arguments);
        return false;
    }
    if (tool->own != NULL) {
        call_own(wanted->request, tool, wanted->arguments);
        return false;
    }
    const struct plugin_parameter *secret = given_secret(tool->action, wanted->arguments);
    _buf_ struct buf words = {0};
    if (secret == NULL) {
        call_action(wanted->request, tool->integration->name, tool->action->name,
                    wanted->arguments);
        return false;
    }
    buf_printf(&words, "parameter '%.*s' is secret, and secrets are not taken over MCP",
               STR_ARG(secret->name));
    reply_problem(wanted->request, STR("validation"), buf_str(&words));
    return false;
}

/* Its actions are not known while it is closed: the route tells why it is. */
static bool call_closed(const struct wanted *wanted)
{
    const struct api_call *call = api_mcp_call(wanted->request);
    const char *bar = memchr(wanted->name.ptr, '_', wanted->name.len);
    struct engine_integration integration;
    size_t count;

    _free_ char *name =
        bar != NULL ? str_dup((struct str){wanted->name.ptr, (size_t)(bar - wanted->name.ptr)})
                    : NULL;
    if (name == NULL || !engine_integration_find(call->engine, name, &integration) ||
        integration.is_well || engine_actions(call->engine, name, &count) != NULL ||
        api_mcp_access_at(call->engine, &integration) == MCP_OFF ||
        !api_may(call, API_SUBMIT, str_of(name)))
        return false;
    struct str action = {bar + 1, wanted->name.len - (size_t)(bar + 1 - wanted->name.ptr)};
    for (size_t i = 0; i < action.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", action.ptr[i]) == NULL)
            return false;
    call_action(wanted->request, name, action, wanted->arguments);
    return true;
}

void api_mcp_tools_call(struct mcp_request *request, struct str params)
{
    struct wanted wanted = {.request = request, .arguments = json_find(params, "arguments")};
    _buf_ struct buf name = {0};

    if (!api_mcp_text(params, "name", MCP_NAME_BYTES_MAX, &name)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "the tool's name is missing, or no text");
        return;
    }
    if (wanted.arguments.len == 0)
        wanted.arguments = STR("{}");
    if (json_kind_of(wanted.arguments) != JSON_OBJECT) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "the tool's arguments are no object");
        return;
    }
    wanted.name = buf_str(&name);
    each(api_mcp_call(request), call_if_wanted, &wanted);
    if (!wanted.is_found && !call_closed(&wanted))
        api_mcp_fail(request, MCP_INVALID_PARAMS,
                     "Unknown tool: there is no '%.*s', or it is not open to MCP",
                     STR_ARG(wanted.name));
}

/* SPDX-License-Identifier: Apache-2.0
 * Resources: what a tenon:// URI names is read from a route. */
#include "api/api_mcp.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/percent.h"

enum { URI_BYTES_MAX = 4096, ITEM_TEXT_MAX = 512, LISTS_TTL_MS = 5000, COMPLETIONS_MAX = 100 };

/* A new kind is a row. */
static const struct {
    const char *prefix; /* of the URI; what stands behind it goes behind `route` as it is */
    const char *route;
    const char *name, *title, *description;
    const char *list, *member; /* where values for {id} are found, for completion */
} kinds[] = {
    {"tenon://entity/", "/api/v1/entities/", "entity", "Entity",
     "A record with its data, type, version and times", "/api/v1/entities?limit=200", "id"},
    {"tenon://why/", "/api/v1/why?entity=", "why", "Why",
     "What became of an entity at each integration, and what comes next",
     "/api/v1/entities?limit=200", "id"},
    {"tenon://integration/", "/api/v1/integrations/", "integration", "Integration",
     "An integration's state and figures", "/api/v1/integrations", "name"},
    {"tenon://submission/", "/api/v1/submissions/", "submission", "Submission",
     "A submission with its attempts", "/api/v1/submissions?limit=200", "number"},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), ENTITY = 0 };

void api_mcp_resources_templates(struct mcp_request *request, struct str params)
{
    struct buf result = {0};
    _buf_ struct buf uri = {0};

    (void)params; /* all fit one page */
    buf_puts(&result, "\"resourceTemplates\":[");
    for (size_t i = 0; i < KINDS; i++) {
        buf_clear(&uri);
        buf_printf(&uri, "%s{id}", kinds[i].prefix);
        buf_puts(&result, i > 0 ? ",{" : "{");
        json_put_member(&result, "uriTemplate", buf_str(&uri));
        json_put_member(&result, "name", str_of(kinds[i].name));
        json_put_member(&result, "title", str_of(kinds[i].title));
        json_put_member(&result, "description", str_of(kinds[i].description));
        json_put_member(&result, "mimeType", STR("application/json"));
        buf_putc(&result, '}');
    }
    buf_putc(&result, ']');
    api_mcp_reply(request, &result, LISTS_TTL_MS);
}

static void fail_as(struct mcp_request *request, int code, struct str body)
{
    _buf_ struct buf detail = {0};

    (void)api_mcp_text(str_trim(body), "detail", SIZE_MAX, &detail); /* every problem has one */
    api_mcp_fail(request, code, "%s", buf_str(&detail).ptr);
}

/* ---- completion of {id} ---- */

static void put_value(struct buf *out, struct str value)
{
    if (json_kind_of(value) == JSON_STRING)
        buf_add_str(out, value);
    else
        json_put_string(out, value);
}

/* Those that begin with what is there already, as the list has them: the newest submissions, but
 * entities from the oldest change on, so among many it helps those who know how ids begin little.
 */
static void on_values(struct mcp_request *request, int status, struct str body)
{
    struct str item;
    struct buf result = {0};
    size_t count = 0;

    if (status != 200) {
        fail_as(request, MCP_INVALID_PARAMS, body);
        return;
    }
    body = str_trim(body);
    struct str items = json_find(body, "items");
    struct str next = json_find(body, "next");
    bool has_more = next.len > 0 && json_kind_of(next) == JSON_NUMBER;
    buf_puts(&result, "\"completion\":{\"values\":[");
    while (json_next_element(&items, &item)) {
        struct str value = json_find(item, kinds[request->kind].member);
        _buf_ struct buf text = {0};
        if (value.len > 0 && json_kind_of(value) == JSON_STRING)
            json_unquote(value, &text);
        else
            buf_add_str(&text, value);
        if (text.len == 0 || text.len < request->subject.len ||
            memcmp(text.ptr, buf_str(&request->subject).ptr, request->subject.len) != 0)
            continue;
        has_more |= count == COMPLETIONS_MAX;
        if (count == COMPLETIONS_MAX)
            break;
        buf_puts(&result, count++ > 0 ? "," : "");
        put_value(&result, value);
    }
    buf_printf(&result, "],\"hasMore\":%s}", has_more ? "true" : "false");
    api_mcp_reply(request, &result, -1);
}

static bool find_template(struct str uri, size_t *out)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t front = strlen(kinds[i].prefix);
        if (!str_starts_with(uri, kinds[i].prefix) ||
            !str_is((struct str){uri.ptr + front, uri.len - front}, "{id}"))
            continue;
        *out = i;
        return true;
    }
    return false;
}

void api_mcp_complete(struct mcp_request *request, struct str params)
{
    struct str reference = json_find(params, "ref");
    struct str argument = json_find(params, "argument");
    struct buf body = {0};
    _buf_ struct buf type = {0};
    _buf_ struct buf uri = {0};
    _buf_ struct buf name = {0};

    if (!api_mcp_text(reference, "type", ITEM_TEXT_MAX, &type) ||
        !str_is(buf_str(&type), "ref/resource") ||
        !api_mcp_text(reference, "uri", URI_BYTES_MAX, &uri) ||
        !find_template(buf_str(&uri), &request->kind))
        api_mcp_fail(
            request, MCP_INVALID_PARAMS,
            "ref is to be {\"type\": \"ref/resource\", \"uri\"} with the uriTemplate of one "
            "of resources/templates/list");
    else if (!api_mcp_text(argument, "name", ITEM_TEXT_MAX, &name) ||
             !str_is(buf_str(&name), "id") ||
             !api_mcp_text(argument, "value", URI_BYTES_MAX, &request->subject))
        api_mcp_fail(request, MCP_INVALID_PARAMS,
                     "argument is to be {\"name\": \"id\", \"value\"}: the template has no other");
    else
        api_mcp_ask(request, "GET", str_of(kinds[request->kind].list), &body, on_values);
}

/* ---- the list: entities ---- */

static void put_item(struct buf *out, struct str item)
{
    _buf_ struct buf id = {0};
    _buf_ struct buf type = {0};
    _buf_ struct buf updated = {0};
    _buf_ struct buf uri = {0};

    if (!api_mcp_text(item, "id", SIZE_MAX, &id))
        return;
    (void)api_mcp_text(item, "type", ITEM_TEXT_MAX, &type); /* empty: none */
    buf_puts(&uri, kinds[ENTITY].prefix);
    percent_encode(buf_str(&id), "", &uri);
    buf_puts(out, out->ptr[out->len - 1] == '[' ? "{" : ",{");
    json_put_member(out, "uri", buf_str(&uri));
    json_put_member(out, "name", buf_str(&id));
    if (type.len > 0)
        json_put_member(out, "description", buf_str(&type));
    json_put_member(out, "mimeType", STR("application/json"));
    if (api_mcp_text(item, "updated_at", ITEM_TEXT_MAX, &updated)) {
        buf_puts(out, ",\"annotations\":{");
        json_put_member(out, "lastModified", buf_str(&updated));
        buf_putc(out, '}');
    }
    buf_putc(out, '}');
}

static void on_list(struct mcp_request *request, int status, struct str body)
{
    struct str item;
    struct str values;
    struct buf result = {0};

    if (status != 200) {
        fail_as(request, MCP_INVALID_PARAMS, body);
        return;
    }
    body = str_trim(body);
    struct json_records items = {.rest = json_find(body, "items")};
    buf_puts(&result, "\"resources\":[");
    while (json_records_next(&items, NULL, 0, &item, &values, NULL) > 0)
        put_item(&result, item);
    buf_putc(&result, ']');
    struct str next = json_find(body, "next");
    if (next.len > 0 && json_kind_of(next) == JSON_NUMBER)
        buf_printf(&result, ",\"nextCursor\":\"%.*s\"", STR_ARG(next));
    api_mcp_reply(request, &result, LISTS_TTL_MS);
}

void api_mcp_resources_list(struct mcp_request *request, struct str params)
{
    struct buf body = {0};
    _buf_ struct buf target = {0};
    _buf_ struct buf cursor = {0};
    int64_t after = 0;

    if (json_find(params, "cursor").len > 0 &&
        (!api_mcp_text(params, "cursor", 20, &cursor) || str_to_i64(buf_str(&cursor), &after) < 0 ||
         after < 0)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "the cursor is none of ours");
        return;
    }
    buf_printf(&target, "/api/v1/entities?limit=100&after=%lld", (long long)after);
    api_mcp_ask(request, "GET", buf_str(&target), &body, on_list);
}

/* ---- reading one ---- */

static void fail_to_find(struct mcp_request *request, struct str detail)
{
    _buf_ struct buf data = {0};

    buf_putc(&data, '{');
    json_put_member(&data, "uri", buf_str(&request->subject));
    buf_putc(&data, '}');
    api_mcp_fail_with(request, request->is_modern ? MCP_INVALID_PARAMS : MCP_NO_RESOURCE, 200,
                      buf_str(&data), "Resource not found: %.*s", STR_ARG(detail));
}

static void on_read(struct mcp_request *request, int status, struct str body)
{
    struct buf result = {0};
    _buf_ struct buf detail = {0};

    if (status != 200) {
        (void)api_mcp_text(str_trim(body), "detail", SIZE_MAX, &detail); /* it has one */
        if (status == 404 || status == 400)
            fail_to_find(request, buf_str(&detail));
        else
            fail_as(request, MCP_INTERNAL_ERROR, body);
        return;
    }
    buf_puts(&result, "\"contents\":[{");
    json_put_member(&result, "uri", buf_str(&request->subject));
    json_put_member(&result, "mimeType", STR("application/json"));
    json_put_member(&result, "text", str_trim(body));
    buf_puts(&result, "}]");
    api_mcp_reply(request, &result, 0);
}

/* One segment, percent-encoded: nothing of it may reach another route or argument. */
static bool is_segment(struct str text)
{
    return text.len > 0 && strpbrk(text.ptr, "/?#&+") == NULL && str_is_utf8(text);
}

/* It is encoded already, but for what a request's head cannot hold plainly. */
static const char plain_in_targets[] = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}";

void api_mcp_resources_read(struct mcp_request *request, struct str params)
{
    struct buf body = {0};
    _buf_ struct buf target = {0};

    if (!api_mcp_text(params, "uri", URI_BYTES_MAX, &request->subject)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "the uri is missing, or no text");
        return;
    }
    struct str uri = buf_str(&request->subject);
    for (size_t i = 0; i < KINDS; i++) {
        size_t front = strlen(kinds[i].prefix);
        if (!str_starts_with(uri, kinds[i].prefix) ||
            !is_segment((struct str){uri.ptr + front, uri.len - front}))
            continue;
        buf_puts(&target, kinds[i].route);
        percent_encode((struct str){uri.ptr + front, uri.len - front}, plain_in_targets, &target);
        api_mcp_ask(request, "GET", buf_str(&target), &body, on_read);
        return;
    }
    fail_to_find(request, STR("a URI is tenon://entity/ID, or another of the templates'"));
}

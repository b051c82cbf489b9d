/* SPDX-License-Identifier: Apache-2.0
 * The API described by its own table. */
#include "api/api_handlers.h"
#include "api/api_routes.h"
#include "base/json.h"

#include <string.h>

/* "get_api_v1_entities_id": unique, since method and path are. */
static void put_operation_id(struct buf *out, const struct api_route *route)
{
    _buf_ struct buf id = {0};

    for (const char *at = route->method; *at != '\0'; at++)
        buf_putc(&id, (char)(*at | 0x20));
    for (const char *at = route->path; *at != '\0'; at++) {
        bool is_word = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
        if (is_word)
            buf_putc(&id, *at);
        else if (id.ptr[id.len - 1] != '_' && at[1] != '\0')
            buf_putc(&id, '_');
    }
    json_put_member(out, "operationId", buf_str(&id));
}

static void put_parameter(struct buf *out, struct str name, const char *where)
{
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "name", name);
    json_put_member(out, "in", str_of(where));
    api_put_bool(out, "required", strcmp(where, "path") == 0);
    buf_puts(out, ",\"schema\":{\"type\":\"string\"}}");
}

static void put_operation(struct buf *out, const struct api_route *route)
{
    struct str rest = str_of(route->arguments);
    struct str name;
    const char *content = strcmp(route->path, "/metrics") == 0    ? "text/plain"
                          : route->handler == api_integration_tap ? "application/x-ndjson"
                                                                  : "application/json";

    api_put_comma(out);
    buf_puts(out, strcmp(route->method, "GET") == 0      ? "\"get\":{"
                  : strcmp(route->method, "PUT") == 0    ? "\"put\":{"
                  : strcmp(route->method, "PATCH") == 0  ? "\"patch\":{"
                  : strcmp(route->method, "DELETE") == 0 ? "\"delete\":{"
                                                         : "\"post\":{");
    put_operation_id(out, route);
    json_put_member(out, "summary", str_of(route->help));
    json_put_member(out, "x-scope", str_of(api_scope_name(route->scope)));
    buf_puts(out, ",\"parameters\":[");
    if (strstr(route->path, "{id}") != NULL)
        put_parameter(out, STR("id"), "path");
    if (strstr(route->path, "{name}") != NULL)
        put_parameter(out, STR("name"), "path");
    while (strcmp(route->arguments, API_ANY_ARGUMENT) != 0 && str_next(&rest, ',', &name))
        put_parameter(out, name, "query");
    buf_putc(out, ']');
    if (strcmp(route->method, "PATCH") == 0)
        buf_puts(out, ",\"requestBody\":{\"content\":{\"application/merge-patch+json\":"
                      "{\"schema\":{\"type\":\"object\"}}}}");
    if (strcmp(route->method, "POST") == 0 || strcmp(route->method, "PUT") == 0)
        buf_puts(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{}}}}");
    buf_printf(
        out,
        ",\"responses\":{\"2XX\":{\"description\":\"Done\",\"content\":{\"%s\":{\"schema\":{}}}},"
        "\"default\":{\"description\":\"Refused or "
        "failed\",\"content\":{\"application/problem+json\":"
        "{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}}",
        content);
}

/* Rows of one path need not stand together: the first of them writes all. */
static void put_path(struct buf *out, size_t first)
{
    const char *path = api_routes[first].path;

    for (size_t i = 0; i < first; i++)
        if (strcmp(api_routes[i].path, path) == 0)
            return;
    api_put_comma(out);
    json_put_string(out, str_of(path));
    buf_puts(out, ":{");
    for (size_t i = first; i < api_route_count; i++)
        if (strcmp(api_routes[i].path, path) == 0)
            put_operation(out, &api_routes[i]);
    buf_putc(out, '}');
}

void api_openapi(struct api_call *call)
{
    struct buf body = {0};

    buf_puts(&body,
             "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Tenon\",\"version\":\"" TENON_VERSION
             "\","
             "\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},\"paths\":{");
    for (size_t i = 0; i < api_route_count; i++)
        if (strcmp(api_routes[i].method, "*") != 0) /* described by what they serve */
            put_path(&body, i);
    api_put_action_paths(&body, call);
    api_put_plugin_route_paths(&body, call);
    buf_puts(
        &body,
        "},\"components\":{\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"title\","
        "\"status\","
        "\"code\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
        "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
        "\"code\":{\"type\":\"string\"}}}}}}\n");
    api_reply_json(call, 200, &body);
}

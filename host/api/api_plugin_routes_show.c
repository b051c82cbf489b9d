/* SPDX-License-Identifier: Apache-2.0
 * What is declared of plugins' routes: as an integration shows it, and as OpenAPI describes it. */
#include "api/api_handlers.h"
#include "api/api_items.h"
#include "api/api_schemas.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <string.h>

void api_put_plugin_routes(struct buf *out, const struct engine *engine, const char *integration)
{
    size_t count;
    const struct plugin_route *routes = engine_routes(engine, integration, &count);

    if (count == 0)
        return;
    buf_puts(out, ",\"routes\":[");
    for (size_t i = 0; i < count; i++) {
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "method", routes[i].method);
        json_put_member(out, "path", routes[i].path);
        json_put_member(out, "help", routes[i].help);
        json_put_member(out, "scope",
                        str_of(api_scope_name(routes[i].is_read_only ? API_READ : API_SUBMIT)));
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

/* ---- OpenAPI ---- */

/* "/files/{path...}" is "/files/{path}" there. */
static void put_path_text(struct buf *out, const char *integration, struct str path)
{
    buf_printf(out, "/api/v1/integrations/%s/routes", integration);
    for (size_t i = 0; i < path.len; i++) {
        bool is_dots = path.len - i >= 4 && memcmp(path.ptr + i, "...}", 4) == 0;
        i += is_dots ? 3 : 0;
        buf_putc(out, path.ptr[i]);
    }
}

static void put_parameters(struct buf *out, struct str path)
{
    struct str rest = path;
    struct str segment;

    buf_puts(out, ",\"parameters\":[");
    while (str_next(&rest, '/', &segment)) {
        if (segment.len < 3 || segment.ptr[0] != '{')
            continue;
        struct str name = {segment.ptr + 1, segment.len - 2};
        if (name.len > 3 && memcmp(name.ptr + name.len - 3, "...", 3) == 0)
            name.len -= 3;
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "name", name);
        buf_puts(out, ",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}");
    }
    buf_putc(out, ']');
}

static void put_operation(struct buf *out, const char *integration,
                          const struct plugin_route *route)
{
    _buf_ struct buf id = {0};

    buf_printf(&id, "route_%s_%zu", integration, route->index + 1);
    buf_putc(out, '"');
    for (size_t i = 0; i < route->method.len; i++)
        buf_putc(out, (char)(route->method.ptr[i] | 0x20));
    buf_puts(out, "\":{");
    json_put_member(out, "operationId", buf_str(&id));
    json_put_member(out, "summary", route->help);
    api_put_permission(out, route->is_read_only ? API_READ : API_SUBMIT);
    put_parameters(out, route->path);
    if (!str_is(route->method, "GET") || route->request_schema.len > 0)
        buf_printf(out, ",\"requestBody\":{\"content\":{\"%s\":{\"schema\":%.*s}}}",
                   route->request_schema.len > 0 ? "application/json" : "*/*",
                   STR_ARG(route->request_schema.len > 0 ? route->request_schema : STR("{}")));
    buf_printf(
        out,
        ",\"responses\":{\"2XX\":{\"description\":\"As the plugin answers\",\"content\":{\"%s\":{"
        "\"schema\":%.*s}}},\"default\":{\"description\":\"As the plugin answers, or a problem of "
        "the host\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
        "\"#/components/schemas/Problem\"}}}}}}",
        route->response_schema.len > 0 ? "application/json" : "*/*",
        STR_ARG(route->response_schema.len > 0 ? route->response_schema : STR("{}")));
}

static void put_paths(struct buf *out, const struct engine *engine, const char *integration)
{
    size_t count;
    const struct plugin_route *routes = engine_routes(engine, integration, &count);

    for (size_t i = 0; i < count; i++) {
        _buf_ struct buf path = {0};
        bool is_first = true;

        for (size_t before = 0; before < i; before++)
            is_first &= !str_equals(routes[before].path, routes[i].path);
        if (!is_first)
            continue;
        put_path_text(&path, integration, routes[i].path);
        api_put_comma(out);
        json_put_string(out, buf_str(&path));
        buf_puts(out, ":{");
        for (size_t n = i; n < count; n++) {
            if (!str_equals(routes[n].path, routes[i].path))
                continue;
            api_put_comma(out);
            put_operation(out, integration, &routes[n]);
        }
        buf_putc(out, '}');
    }
}

void api_put_plugin_route_paths(struct buf *out, const struct api_call *call)
{
    api_put_items(out, call, put_paths);
}

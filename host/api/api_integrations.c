/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_counts.h"
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <string.h>

/* `more`: further members, or empty. */
static void put_one(struct buf *out, const struct engine_integration *integration,
                    const struct api_counts *counts, struct str more)
{
    const struct api_count *count = api_counts_find(counts, integration->name);

    api_put_comma(out);
    buf_putc(out, '{');
    api_put_integration(out, integration);
    if (count != NULL)
        api_counts_put(out, count);
    buf_add_str(out, more);
    buf_putc(out, '}');
}

static void list_with(struct api_call *call, const struct api_counts *counts)
{
    struct buf body = {0};

    buf_puts(&body, "{\"items\":[");
    for (size_t i = 0; i < engine_integration_count(call->engine); i++) {
        struct engine_integration integration;
        engine_integration_at(call->engine, i, &integration);
        if (!api_may(call, API_READ, str_of(integration.name)))
            continue;
        put_one(&body, &integration, counts, STR_NONE);
    }
    buf_puts(&body, "],\"next\":null}\n");
    api_reply_json(call, 200, &body);
}

void api_integrations_list(struct api_call *call)
{
    api_counts_ask(call, list_with);
}

/* A 404 that helps: the nearest name, or all when they are few. */
void api_reply_no_integration(struct api_call *call, const char *name)
{
    const char *names[64];
    size_t count = 0;
    _buf_ struct buf known = {0};

    for (size_t i = 0; i < engine_integration_count(call->engine) && count < 64; i++) {
        struct engine_integration integration;
        engine_integration_at(call->engine, i, &integration);
        if (!api_may(call, API_READ, str_of(integration.name)))
            continue;
        buf_printf(&known, "%s%s", count > 0 ? ", " : "", integration.name);
        names[count++] = integration.name;
    }
    const char *near = str_nearest(name, names, count);
    if (near != NULL)
        api_reply_problem(call, 404, "not_found",
                          "There is no integration '%s'; perhaps '%s' was meant.", name, near);
    else
        api_reply_problem(call, 404, "not_found",
                          "There is no integration '%s'; configured: %.200s.", name,
                          count > 0 ? known.ptr : "none");
}

static void show_with(struct api_call *call, const struct api_counts *counts)
{
    struct engine_integration integration;
    struct buf body = {0};

    if (!engine_integration_find(call->engine, buf_str(&call->id).ptr, &integration)) {
        api_reply_no_integration(call, buf_str(&call->id).ptr);
        return;
    }
    api_put_plugin_routes(&call->more, call->engine, integration.name);
    put_one(&body, &integration, counts, buf_str(&call->more));
    buf_putc(&body, '\n');
    api_reply_json(call, call->is_created ? 201 : 200, &body);
}

void api_integration_get(struct api_call *call)
{
    api_counts_ask(call, show_with);
}

void api_integrations_health(struct api_call *call)
{
    struct buf body = {0};
    size_t well = 0;
    size_t enabled = 0;

    buf_puts(&body, "{\"items\":[");
    for (size_t i = 0; i < engine_integration_count(call->engine); i++) {
        struct engine_integration integration;
        engine_integration_at(call->engine, i, &integration);
        if (!api_may(call, API_READ, str_of(integration.name)))
            continue;
        bool is_well = integration.is_well && (integration.health.status == NULL ||
                                               strcmp(integration.health.status, "unhealthy") != 0);
        enabled += integration.is_enabled;
        well += integration.is_enabled && is_well;
        api_put_comma(&body);
        buf_putc(&body, '{');
        api_put_integration(&body, &integration);
        api_put_bool(&body, "healthy", is_well);
        buf_putc(&body, '}');
    }
    buf_putc(&body, ']');
    json_put_int(&body, "enabled", (int64_t)enabled);
    json_put_int(&body, "healthy", (int64_t)well);
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

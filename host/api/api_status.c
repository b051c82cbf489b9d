/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_counts.h"
#include "api/api_figures.h"
#include "api/api_handlers.h"
#include "api/api_process.h"
#include "base/clock.h"
#include "base/json.h"

#include <string.h>
#include <unistd.h>

static void put_store(struct buf *out, struct store *store, const struct api_counts *counts)
{
    struct store_figures figures = {0};

    store_figures(store, &figures);
    api_put_comma(out);
    buf_puts(out, "\"store\":{");
    json_put_int(out, "entities", (int64_t)counts->entities);
    json_put_int(out, "last_seq", (int64_t)counts->last_seq);
    json_put_int(out, "bytes", (int64_t)counts->bytes);
    json_put_int(out, "wal_bytes", figures.wal_bytes);
    json_put_int(out, "free_bytes", figures.free_bytes);
    api_put_bool(out, "full", figures.is_full);
    json_put_int(out, "oldest_reader_ms", figures.oldest_reader_ms);
    api_put_time(out, "checkpoint_at", figures.checkpoint_ms);
    json_put_int(out, "removed_submissions", (int64_t)figures.removed);
    json_put_int(out, "removed_details", (int64_t)figures.trimmed);
    json_put_int(out, "removed_signals", (int64_t)figures.signals);
    json_put_int(out, "removed_entities", (int64_t)figures.entities);
    json_put_int(out, "commits", (int64_t)figures.commits);
    json_put_int(out, "writes", (int64_t)figures.writes);
    json_put_int(out, "largest_group", (int64_t)figures.largest_group);
    buf_putc(out, '}');
}

static void put_configuration(struct buf *out, const struct config *config)
{
    api_put_comma(out);
    buf_puts(out, "\"configuration\":{");
    json_put_int(out, "errors", config != NULL ? (int64_t)config_error_count(config) : 0);
    buf_puts(out, ",\"messages\":[");
    for (size_t i = 0; config != NULL && i < config_message_count(config); i++) {
        const struct config_error *message = config_message(config, i);
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "file", str_of(message->file));
        json_put_int(out, "line", message->line);
        json_put_member(out, "code", str_of(message->code));
        api_put_masked(out, "text", str_of(message->text));
        api_put_bool(out, "warning", message->is_warning);
        buf_putc(out, '}');
    }
    buf_puts(out, "]}");
}

static void put_integrations(struct buf *out, const struct engine *engine,
                             const struct api_counts *counts)
{
    api_put_comma(out);
    buf_puts(out, "\"integrations\":[");
    for (size_t i = 0; i < engine_integration_count(engine); i++) {
        struct engine_integration integration;
        engine_integration_at(engine, i, &integration);
        const struct api_count *count = api_counts_find(counts, integration.name);
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "name", str_of(integration.name));
        json_put_member(out, "state", str_of(integration.state));
        api_put_masked(out, "words", str_of(integration.words));
        json_put_int(out, "in_flight", integration.figures.in_flight);
        if (count != NULL)
            api_counts_put(out, count);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void status_with(struct api_call *call, const struct api_counts *counts)
{
    struct buf body = {0};
    struct api_process process;

    api_process_read(getpid(), &process);
    buf_putc(&body, '{');
    json_put_member(&body, "version", STR(TENON_VERSION));
    json_put_int(&body, "pid", getpid());
    api_put_bool(&body, "ready", engine_is_ready(call->engine));
    api_put_bool(&body, "safe_mode", engine_rooms(call->engine)->is_safe);
    if (call->api != NULL) {
        const struct api_figures *figures = api_figures(call->api);
        api_put_time(&body, "started_at", figures->started_ms);
        json_put_int(&body, "uptime_seconds", (clock_mono_us() - figures->started_us) / 1000000);
    }
    json_put_int(&body, "memory_bytes", process.rss_bytes);
    put_store(&body, engine_store(call->engine), counts);
    put_integrations(&body, call->engine, counts);
    put_configuration(&body, engine_config(call->engine));
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

void api_status(struct api_call *call)
{
    api_counts_ask(call, status_with);
}

void api_health(struct api_call *call)
{
    struct buf body = {0};
    bool is_ready = engine_is_ready(call->engine);
    size_t broken = 0;

    for (size_t i = 0; i < engine_integration_count(call->engine); i++) {
        struct engine_integration integration;
        engine_integration_at(call->engine, i, &integration);
        broken += integration.is_enabled && !integration.is_well &&
                  strcmp(integration.state, "paused") != 0;
    }
    buf_putc(&body, '{');
    json_put_member(&body, "status",
                    !is_ready    ? STR("starting")
                    : broken > 0 ? STR("degraded")
                                 : STR("ok"));
    json_put_int(&body, "integrations_not_active", (int64_t)broken);
    buf_puts(&body, "}\n");
    api_reply_json(call, is_ready ? 200 : 503, &body);
}

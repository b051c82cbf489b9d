/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_call.h"
#include "api/api_handlers.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/trace.h"
#include "rules/judge.h"
#include "signals/subscriber.h"

#include <tenon/tenon.h>

void api_put_comma(struct buf *out)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
        buf_putc(out, ',');
}

void api_put_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char text[25];

    if (wall_ms == 0)
        return;
    clock_format(wall_ms, text);
    json_put_member(out, name, str_of(text));
}

void api_put_due(struct buf *out, const char *name, int64_t due_ms)
{
    api_put_time(out, name, due_ms > 0 ? clock_due_to_wall(due_ms) : due_ms);
}

void api_put_bool(struct buf *out, const char *name, bool is_true)
{
    json_put_raw(out, name, is_true ? STR("true") : STR("false"));
}

void api_put_masked(struct buf *out, const char *name, struct str text)
{
    _buf_ struct buf masked = {0};

    if (text.len == 0)
        return;
    secret_mask(text, &masked);
    json_put_member(out, name, buf_str(&masked));
}

static void put_health(struct buf *out, const char *name, const struct plugin_health *health)
{
    api_put_comma(out);
    buf_printf(out, "\"%s\":{", name);
    json_put_member(out, "state", str_of(health->state));
    api_put_masked(out, "words", str_of(health->words));
    if (health->pid > 0)
        json_put_int(out, "pid", health->pid);
    json_put_int(out, "starts", (int64_t)health->starts);
    json_put_int(out, "crashes", (int64_t)health->crashes);
    json_put_int(out, "calls", (int64_t)health->calls);
    api_put_due(out, "retry_at", health->retry_at_ms);
    api_put_masked(out, "last_crash", str_of(health->last_crash));
    api_put_time(out, "last_crash_at", health->last_crash_ms);
    buf_putc(out, '}');
}

static void put_lane(struct buf *out, const struct lane_figures *figures)
{
    api_put_comma(out);
    buf_puts(out, "\"since_start\":{");
    json_put_int(out, "accepted", (int64_t)figures->accepted);
    json_put_int(out, "rejected", (int64_t)figures->rejected);
    json_put_int(out, "retried", (int64_t)figures->retried);
    json_put_int(out, "skipped", (int64_t)figures->skipped);
    json_put_int(out, "unknown", (int64_t)figures->unknown);
    json_put_int(out, "requests", (int64_t)figures->requests);
    json_put_int(out, "attempts_ms_sum", (int64_t)(figures->request_us.sum / 1000));
    buf_putc(out, '}');
    json_put_int(out, "in_flight", figures->in_flight);
    api_put_due(out, "next_due_at", figures->next_due_ms);
    api_put_due(out, "paused_until", figures->paused_until_ms);
}

static void put_switched(struct buf *out, const struct engine_integration *integration)
{
    if (integration->switched_by == NULL)
        return;
    api_put_comma(out);
    buf_puts(out, "\"switched\":{");
    api_put_bool(out, "active", integration->is_switched_on);
    json_put_member(out, "by", str_of(integration->switched_by));
    api_put_time(out, "at", integration->switched_at_ms);
    buf_putc(out, '}');
}

static void put_limits(struct buf *out, const struct lane_limits *limits)
{
    api_put_comma(out);
    buf_puts(out, "\"limits\":{");
    json_put_member(out, "breaker", str_of(limits->breaker));
    api_put_due(out, "breaker_until", limits->breaker_until_ms);
    json_put_int(out, "breaker_openings", (int64_t)limits->breaker_openings);
    json_put_int(out, "concurrency", limits->concurrency);
    json_put_int(out, "concurrency_max", limits->concurrency_max);
    json_put_int(out, "outstanding", limits->outstanding);
    if (limits->latency_us > 0) {
        api_put_comma(out);
        buf_printf(out, "\"latency_ms\":%.3f", (double)limits->latency_us / 1000.0);
    }
    if (limits->has_rate)
        json_put_int(out, "tokens", limits->tokens);
    if (limits->quota_left >= 0) {
        json_put_int(out, "quota_left", limits->quota_left);
        api_put_due(out, "quota_until", limits->quota_until_ms);
    }
    buf_putc(out, '}');
}

static void put_subscription(struct buf *out, const struct subscription_figures *figures)
{
    buf_putc(out, '{');
    json_put_member(out, "pattern", figures->pattern);
    if (figures->sender.len > 0)
        json_put_member(out, "sender", figures->sender);
    api_put_bool(out, "durable", figures->is_durable);
    json_put_member(out, "state", str_of(figures->state));
    if (figures->is_durable)
        json_put_int(out, "cursor", (int64_t)figures->cursor);
    json_put_int(out, "handled", (int64_t)figures->handled);
    json_put_int(out, "failed", (int64_t)figures->failed);
    json_put_int(out, "dropped", (int64_t)figures->dropped);
    api_put_masked(out, "last_error", str_of(figures->last_error));
    if (figures->parked_json.len > 0) {
        _buf_ struct buf masked = {0};
        secret_mask(figures->parked_json, &masked);
        json_put_raw(out, "parked", buf_str(&masked));
    }
    buf_putc(out, '}');
}

static void put_subscriptions(struct buf *out, const struct subscriber *subscriber)
{
    struct subscription_figures figures;

    if (subscriber_count(subscriber) == 0)
        return;
    buf_puts(out, ",\"subscriptions\":[");
    for (size_t i = 0; i < subscriber_count(subscriber); i++) {
        subscriber_at(subscriber, i, &figures);
        api_put_comma(out);
        put_subscription(out, &figures);
    }
    buf_putc(out, ']');
}

static void put_checks(struct buf *out, const struct engine_health *health)
{
    if (health->status == NULL)
        return;
    api_put_comma(out);
    buf_puts(out, "\"health\":{");
    json_put_member(out, "status", str_of(health->status));
    api_put_masked(out, "words", str_of(health->words));
    json_put_int(out, "failures", health->failures);
    json_put_int(out, "checks", (int64_t)health->checks);
    json_put_int(out, "failed", (int64_t)health->badly);
    api_put_time(out, "checked_at", health->checked_ms);
    if (health->checked_ms > 0)
        buf_printf(out, ",\"duration_ms\":%.3f", (double)health->duration_us / 1000.0);
    buf_putc(out, '}');
}

void api_put_integration(struct buf *out, const struct engine_integration *integration)
{
    json_put_member(out, "name", str_of(integration->name));
    json_put_member(out, "plugin", str_of(integration->plugin));
    api_put_bool(out, "enabled", integration->is_enabled);
    json_put_member(out, "state", str_of(integration->state));
    api_put_masked(out, "words", str_of(integration->words));
    if (integration->is_former)
        api_put_bool(out, "former_configuration", true);
    put_switched(out, integration);
    if (integration->file != NULL)
        json_put_member(out, "file", str_of(config_file_path(integration->file)));
    put_lane(out, &integration->figures);
    if (integration->limits.breaker != NULL)
        put_limits(out, &integration->limits);
    put_checks(out, &integration->health);
    api_put_hook(out, integration);
    put_subscriptions(out, integration->signals);
    if (integration->plugin_health.state != NULL)
        put_health(out, "worker", &integration->plugin_health);
    if (integration->has_jq && integration->jq_health.state != NULL)
        put_health(out, "jq_worker", &integration->jq_health);
}

void api_put_trace(struct buf *out, struct str trace, bool with_span)
{
    if (trace.len == 0)
        return;
    json_put_member(out, "trace_id", trace_id(trace));
    if (with_span)
        json_put_member(out, "span_id", trace_span(trace));
}

void api_put_submission(struct buf *out, const struct store_row *row)
{
    json_put_int(out, "number", (int64_t)row->submission);
    json_put_member(out, "integration", row->name);
    json_put_member(out, "entity", row->id);
    if (row->type.len > 0)
        json_put_member(out, "type", row->type);
    json_put_int(out, "version", (int64_t)row->version);
    json_put_member(out, "state", str_of(submission_state_name(row->state)));
    json_put_int(out, "attempts", row->attempts);
    api_put_time(out, "changed_at", row->updated_ms);
    api_put_time(out, "last_attempt_at", row->started_ms);
    if (row->state == SUBMISSION_RETRYING || row->state == SUBMISSION_UNKNOWN ||
        row->state == SUBMISSION_PENDING)
        api_put_due(out, "next_try_at", row->due_ms);
    if (row->http_status != 0)
        json_put_int(out, "http_status", row->http_status);
    if (row->error_class != 0)
        json_put_member(out, "error_class", str_of(judge_class_name(row->error_class)));
    api_put_masked(out, "reason", row->reason);
    if (row->is_trimmed)
        api_put_bool(out, "details_removed", true);
    api_put_masked(out, "external_id", row->external_id);
    if (row->key.len > 0)
        json_put_member(out, "idempotency_key", row->key);
    api_put_trace(out, row->trace, false);
}

void api_put_attempt(struct buf *out, const struct store_row *row)
{
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_int(out, "attempt", row->attempt);
    json_put_member(out, "state", str_of(submission_state_name(row->state)));
    api_put_time(out, "started_at", row->started_ms);
    api_put_comma(out);
    buf_printf(out, "\"duration_ms\":%.3f", (double)row->duration_us / 1000.0);
    if (row->http_status != 0)
        json_put_int(out, "http_status", row->http_status);
    if (row->error_class != 0)
        json_put_member(out, "error_class", str_of(judge_class_name(row->error_class)));
    api_put_masked(out, "reason", row->reason);
    api_put_masked(out, "request", row->request);
    api_put_masked(out, "answer", row->answer);
    api_put_masked(out, "external_id", row->external_id);
    api_put_trace(out, row->trace, true);
    buf_putc(out, '}');
}

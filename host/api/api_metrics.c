/* SPDX-License-Identifier: Apache-2.0
 * Figures in Prometheus' text form: each name once with its help, then a line per label set. */
#include "api/api_counts.h"
#include "api/api_figures.h"
#include "api/api_handlers.h"
#include "api/api_metric.h"
#include "api/api_process.h"
#include "base/clock.h"
#include "engine/hook.h"
#include "rules/judge.h"

#include <string.h>
#include <unistd.h>

/* ---- integrations ---- */

static void put_integration_line(struct buf *out, const char *name, const char *integration,
                                 const char *label, const char *value, uint64_t number)
{
    _buf_ struct buf labels = {0};

    metric_put_label(&labels, "integration", integration);
    if (label != NULL)
        metric_put_label(&labels, label, value);
    metric_put_line(out, name, buf_str(&labels), (double)number);
}

static void put_records(struct buf *out, const struct engine_integration *integration)
{
    const struct lane_figures *figures = &integration->figures;
    const struct {
        const char *verdict;
        uint64_t number;
    } lines[] = {
        {"accepted", figures->accepted}, {"rejected", figures->rejected},
        {"retried", figures->retried},   {"skipped", figures->skipped},
        {"unknown", figures->unknown},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        put_integration_line(out, "tenon_records_total", integration->name, "verdict",
                             lines[i].verdict, lines[i].number);
}

static void put_active(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_integration_active", integration->name, NULL, NULL,
                         integration->is_well);
}

static void put_former(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_integration_former_configuration", integration->name, NULL,
                         NULL, integration->is_former);
}

static void put_requests(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_requests_total", integration->name, NULL, NULL,
                         integration->figures.requests);
}

static void put_splits(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_splits_total", integration->name, NULL, NULL,
                         integration->figures.splits);
}

static void put_errors(struct buf *out, const struct engine_integration *integration)
{
    for (int i = 1; i < LANE_ERROR_CLASSES; i++)
        put_integration_line(out, "tenon_attempt_errors_total", integration->name, "class",
                             judge_class_name(-i), integration->figures.errors[i]);
}

static void put_duration(struct buf *out, const struct engine_integration *integration)
{
    _buf_ struct buf labels = {0};

    metric_put_label(&labels, "integration", integration->name);
    metric_put_histogram(out, "tenon_request_duration_seconds", buf_str(&labels),
                         &integration->figures.request_us, &histogram_microseconds, 1e6);
}

/* By the store's last word: what waits behind a pause counts, what nobody has looked at does not.
 */
static void put_overdue(struct buf *out, const struct engine_integration *integration)
{
    int64_t due_ms = integration->figures.next_due_ms;
    int64_t late_ms = due_ms > 0 ? clock_due_ms() - due_ms : 0;
    _buf_ struct buf labels = {0};

    metric_put_label(&labels, "integration", integration->name);
    metric_put_line(out, "tenon_queue_overdue_seconds", buf_str(&labels),
                    late_ms > 0 ? (double)late_ms / 1000 : 0);
}

static void put_in_flight(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_records_in_flight", integration->name, NULL, NULL,
                         integration->figures.in_flight);
}

static void put_paused(struct buf *out, const struct engine_integration *integration)
{
    int64_t until_ms = integration->figures.paused_until_ms;

    put_integration_line(out, "tenon_integration_paused_until_timestamp_seconds", integration->name,
                         NULL, NULL,
                         (uint64_t)(until_ms > 0 ? clock_due_to_wall(until_ms) / 1000 : 0));
}

static void put_breaker(struct buf *out, const struct engine_integration *integration)
{
    static const char *const states[] = {"closed", "open", "half-open"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && integration->limits.breaker; i++)
        put_integration_line(out, "tenon_breaker_state", integration->name, "state", states[i],
                             strcmp(integration->limits.breaker, states[i]) == 0);
}

static void put_breaker_openings(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_breaker_openings_total", integration->name, NULL, NULL,
                         integration->limits.breaker_openings);
}

static void put_concurrency(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_concurrency_limit", integration->name, NULL, NULL,
                         integration->limits.concurrency);
}

static void put_outstanding(struct buf *out, const struct engine_integration *integration)
{
    put_integration_line(out, "tenon_requests_outstanding", integration->name, NULL, NULL,
                         integration->limits.outstanding);
}

static void put_tokens(struct buf *out, const struct engine_integration *integration)
{
    if (integration->limits.has_rate)
        put_integration_line(out, "tenon_rate_tokens", integration->name, NULL, NULL,
                             integration->limits.tokens);
}

static void put_quota(struct buf *out, const struct engine_integration *integration)
{
    if (integration->limits.breaker != NULL && integration->limits.quota_left >= 0)
        put_integration_line(out, "tenon_rate_quota_left", integration->name, NULL, NULL,
                             (uint64_t)integration->limits.quota_left);
}

static void put_hook(struct buf *out, const struct engine_integration *integration)
{
    for (int end = 0; end < HOOK_ENDS && integration->hook != NULL; end++)
        put_integration_line(out, "tenon_hook_requests_total", integration->name, "outcome",
                             hook_end_name((enum hook_end)end), integration->hook->ends[end]);
}

static void put_hook_entities(struct buf *out, const struct engine_integration *integration)
{
    if (integration->hook != NULL)
        put_integration_line(out, "tenon_hook_entities_total", integration->name, NULL, NULL,
                             integration->hook->entities);
}

static void put_health(struct buf *out, const struct engine_integration *integration)
{
    static const char *const statuses[] = {"unknown", "healthy", "degraded", "unhealthy"};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]) && integration->health.status;
         i++)
        put_integration_line(out, "tenon_health_status", integration->name, "status", statuses[i],
                             strcmp(integration->health.status, statuses[i]) == 0);
}

static void put_checks(struct buf *out, const struct engine_integration *integration)
{
    const struct engine_health *health = &integration->health;

    if (health->status == NULL)
        return;
    put_integration_line(out, "tenon_health_checks_total", integration->name, "result", "passed",
                         health->checks - health->badly);
    put_integration_line(out, "tenon_health_checks_total", integration->name, "result", "failed",
                         health->badly);
}

static const struct {
    const char *name, *kind, *help;
    void (*put)(struct buf *out, const struct engine_integration *integration);
} integration_metrics[] = {
    {"tenon_integration_active", "gauge", "1 when the integration is open and delivering.",
     put_active},
    {"tenon_integration_former_configuration", "gauge",
     "1 when its present files are refused and it runs by the former ones.", put_former},
    {"tenon_records_total", "counter", "Records by verdict since the daemon started.", put_records},
    {"tenon_requests_total", "counter", "Requests sent since the daemon started.", put_requests},
    {"tenon_attempt_errors_total", "counter", "Attempts that did not deliver, by error class.",
     put_errors},
    {"tenon_splits_total", "counter",
     "Requests refused as a whole whose records went again in halves.", put_splits},
    {"tenon_request_duration_seconds", "histogram",
     "Time of requests from sending to the answer, or to giving up.", put_duration},
    {"tenon_records_in_flight", "gauge", "Records in hand.", put_in_flight},
    {"tenon_queue_overdue_seconds", "gauge",
     "For how long the first of what waits has been due; 0: nothing is late.", put_overdue},
    {"tenon_integration_paused_until_timestamp_seconds", "gauge",
     "Unix time until which nothing is sent: Retry-After, an open breaker; 0: not.", put_paused},
    {"tenon_breaker_state", "gauge", "1 for the state that the breaker is in.", put_breaker},
    {"tenon_breaker_openings_total", "counter", "Openings of the breaker since the daemon started.",
     put_breaker_openings},
    {"tenon_concurrency_limit", "gauge",
     "Requests that may be under way at the same time, as learned.", put_concurrency},
    {"tenon_requests_outstanding", "gauge", "Requests under way or waiting for a connection.",
     put_outstanding},
    {"tenon_health_status", "gauge",
     "1 for what the last health checks found, where [health] has an interval.", put_health},
    {"tenon_health_checks_total", "counter", "Health checks since the daemon started.", put_checks},
    {"tenon_rate_tokens", "gauge", "Requests that [rate_limit] would let go at once.", put_tokens},
    {"tenon_rate_quota_left", "gauge", "Requests that the destination's rate headers leave.",
     put_quota},
    {"tenon_hook_requests_total", "counter",
     "Requests to the integration's hook by outcome since the daemon started.", put_hook},
    {"tenon_hook_entities_total", "counter", "Entities that its hook stored.", put_hook_entities},
};

static bool is_meant(const char *name, const char *only)
{
    return only == NULL || strcmp(name, only) == 0;
}

/* `only`: of this one; NULL: of all. */
static void put_integrations(struct buf *out, const struct engine *engine, const char *only)
{
    for (size_t i = 0; i < sizeof(integration_metrics) / sizeof(integration_metrics[0]); i++) {
        metric_put_head(out, integration_metrics[i].name, integration_metrics[i].kind,
                        integration_metrics[i].help);
        for (size_t at = 0; at < engine_integration_count(engine); at++) {
            struct engine_integration integration;
            engine_integration_at(engine, at, &integration);
            if (is_meant(integration.name, only))
                integration_metrics[i].put(out, &integration);
        }
    }
}

static void put_submissions(struct buf *out, const struct api_counts *counts, const char *only)
{
    metric_put_head(out, "tenon_submissions", "gauge",
                    "Submissions in the store by integration and state.");
    for (size_t i = 0; i < counts->count; i++)
        for (int state = 0; state < SUBMISSION_STATES && is_meant(counts->rows[i].name, only);
             state++)
            put_integration_line(out, "tenon_submissions", counts->rows[i].name, "state",
                                 submission_state_name(state), counts->rows[i].submissions[state]);
    metric_put_head(out, "tenon_backlog_entities", "gauge",
                    "Entities that the integration has not looked at yet, about.");
    for (size_t i = 0; i < counts->count; i++)
        if (is_meant(counts->rows[i].name, only))
            put_integration_line(out, "tenon_backlog_entities", counts->rows[i].name, NULL, NULL,
                                 counts->rows[i].behind);
    metric_put_head(out, "tenon_backlog_age_seconds", "gauge",
                    "How long ago the first of them changed; 0: there is none.");
    for (size_t i = 0; i < counts->count; i++) {
        int64_t since_ms = counts->rows[i].behind_since_ms;
        int64_t age_ms = since_ms > 0 ? clock_wall_ms() - since_ms : 0;
        _buf_ struct buf labels = {0};

        if (!is_meant(counts->rows[i].name, only))
            continue;
        metric_put_label(&labels, "integration", counts->rows[i].name);
        metric_put_line(out, "tenon_backlog_age_seconds", buf_str(&labels),
                        age_ms > 0 ? (double)age_ms / 1000 : 0);
    }
}

/* ---- store, workers, this process ---- */

static void put_store(struct buf *out, struct store *store, const struct api_counts *counts)
{
    struct store_figures figures = {0};

    store_figures(store, &figures);
    metric_put_plain(out, "tenon_store_entities", "gauge", "Entities in the store.",
                     (double)counts->entities);
    metric_put_plain(out, "tenon_store_bytes", "gauge", "Size of the store.",
                     (double)counts->bytes);
    metric_put_plain(out, "tenon_store_wal_bytes", "gauge", "Size of the write-ahead log.",
                     (double)figures.wal_bytes);
    metric_put_plain(out, "tenon_store_commits_total", "counter", "Commits.",
                     (double)figures.commits);
    metric_put_plain(out, "tenon_store_writes_total", "counter", "Writes, many to a commit.",
                     (double)figures.writes);
    metric_put_head(out, "tenon_store_commit_duration_seconds", "histogram",
                    "Time of commits, from the first write of a group to the disk's word.");
    metric_put_histogram(out, "tenon_store_commit_duration_seconds", STR_NONE, &figures.commit_us,
                         &histogram_microseconds, 1e6);
    metric_put_plain(out, "tenon_store_free_bytes", "gauge", "Free places inside the store's file.",
                     (double)figures.free_bytes);
    metric_put_plain(out, "tenon_store_full", "gauge",
                     "1 while the disk is full and intake is refused.", figures.is_full ? 1 : 0);
    metric_put_plain(
        out, "tenon_store_oldest_reader_seconds", "gauge",
        "For how long somebody reading has held the write-ahead log back; 0: nobody does.",
        (double)figures.oldest_reader_ms / 1000.0);
    metric_put_plain(out, "tenon_store_checkpoint_timestamp_seconds", "gauge",
                     "Unix time when the log was last folded in whole; 0: not yet.",
                     (double)figures.checkpoint_ms / 1000.0);
    metric_put_head(out, "tenon_store_retired_total", "counter",
                    "What retention removed, by kind.");
    buf_printf(out, "tenon_store_retired_total{kind=\"submission\"} %llu\n",
               (unsigned long long)figures.removed);
    buf_printf(out, "tenon_store_retired_total{kind=\"details\"} %llu\n",
               (unsigned long long)figures.trimmed);
    buf_printf(out, "tenon_store_retired_total{kind=\"entity\"} %llu\n",
               (unsigned long long)figures.entities);
    buf_printf(out, "tenon_store_retired_total{kind=\"signal\"} %llu\n",
               (unsigned long long)figures.signals);
    metric_put_plain(out, "tenon_store_upkeep_seconds_total", "counter",
                     "Time in slices of retention and shrinking.",
                     (double)figures.slice_us_sum / 1e6);
}

static void put_intake(struct buf *out, struct engine *engine)
{
    const struct engine_figures *figures = engine_figures(engine);

    metric_put_head(out, "tenon_intake_duration_seconds", "histogram",
                    "Time from a request's records to the commit that holds them.");
    metric_put_histogram(out, "tenon_intake_duration_seconds", STR_NONE, &figures->intake_us,
                         &histogram_microseconds, 1e6);
    metric_put_head(out, "tenon_intake_batch_records", "histogram",
                    "Records in a request of intake.");
    metric_put_histogram(out, "tenon_intake_batch_records", STR_NONE, &figures->intake_records,
                         &histogram_items, 1);
}

struct workers {
    struct buf starts, crashes, memory;
};

static void put_worker(void *user, const struct plugin_worker_info *info)
{
    struct workers *workers = user;
    _buf_ struct buf label = {0};
    struct api_process process = {0};

    if (info->pid > 0)
        api_process_read(info->pid, &process);
    metric_put_label(&label, "plugin", info->plugin);
    buf_printf(&workers->starts, "tenon_worker_starts_total{%s} %llu\n", label.ptr,
               (unsigned long long)info->starts);
    buf_printf(&workers->crashes, "tenon_worker_crashes_total{%s} %llu\n", label.ptr,
               (unsigned long long)info->crashes);
    if (info->pid > 0)
        buf_printf(&workers->memory, "tenon_worker_resident_memory_bytes{%s} %lld\n", label.ptr,
                   (long long)process.rss_bytes);
}

static void put_workers(struct buf *out, const struct plugin_host *plugins)
{
    struct workers workers = {0};

    if (plugins == NULL)
        return;
    plugin_host_each(plugins, put_worker, &workers);
    metric_put_head(out, "tenon_worker_starts_total", "counter", "Starts of a plugin's worker.");
    buf_add_str(out, buf_str(&workers.starts));
    metric_put_head(out, "tenon_worker_crashes_total", "counter", "Crashes of a plugin's worker.");
    buf_add_str(out, buf_str(&workers.crashes));
    metric_put_head(out, "tenon_worker_resident_memory_bytes", "gauge",
                    "Memory of a plugin's worker.");
    buf_add_str(out, buf_str(&workers.memory));
    buf_finish(&workers.starts);
    buf_finish(&workers.crashes);
    buf_finish(&workers.memory);
}

static void put_refused(struct buf *out, const struct api_figures *figures,
                        const struct http_server_figures *http)
{
    metric_put_head(out, "tenon_api_refused_total", "counter",
                    "Requests and connections turned away, by reason.");
    for (int i = API_LET_IN + 1; i < API_REFUSALS; i++)
        buf_printf(out, "tenon_api_refused_total{reason=\"%s\"} %llu\n", api_refusals[i].code,
                   (unsigned long long)figures->refused[i]);
    for (int i = 0; i < HTTP_REFUSALS; i++)
        buf_printf(out, "tenon_api_refused_total{reason=\"%s\"} %llu\n", http_refusal_names[i],
                   (unsigned long long)http->refused[i]);
}

static void put_process(struct buf *out, const struct api *api)
{
    struct api_process process;

    api_process_read(getpid(), &process);
    metric_put_plain(out, "process_resident_memory_bytes", "gauge", "Memory of the daemon.",
                     (double)process.rss_bytes);
    metric_put_plain(out, "process_cpu_seconds_total", "counter", "CPU time of the daemon.",
                     process.cpu_seconds);
    metric_put_plain(out, "process_threads", "gauge", "Threads of the daemon.",
                     (double)process.threads);
    metric_put_head(out, "tenon_build_info", "gauge", "The version, as a label.");
    buf_puts(out, "tenon_build_info{version=\"" TENON_VERSION "\"} 1\n");
    if (api == NULL)
        return;
    const struct api_figures *figures = api_figures(api);
    const struct http_server_figures http = api_http_figures(api);
    metric_put_plain(out, "process_start_time_seconds", "gauge", "Unix time of the start.",
                     (double)figures->started_ms / 1000.0);
    metric_put_head(out, "tenon_api_answers_total", "counter",
                    "Answers of this API by class of status.");
    for (int i = 1; i < 6; i++)
        buf_printf(out, "tenon_api_answers_total{class=\"%dxx\"} %llu\n", i,
                   (unsigned long long)figures->answers[i]);
    put_refused(out, figures, &http);
    metric_put_plain(out, "tenon_api_connections", "gauge", "Connections that are served.",
                     http.connections);
    metric_put_plain(out, "tenon_api_requests_under_way", "gauge", "Requests being answered.",
                     (double)figures->under_way);
    metric_put_plain(out, "tenon_api_live_connections", "gauge", "WebSockets that are open.",
                     (double)figures->lives);
    metric_put_plain(out, "tenon_api_streams", "gauge", "Live views that are open.",
                     (double)figures->streams);
}

static const char text_type[] = "text/plain; version=0.0.4; charset=utf-8";

static void metrics_with(struct api_call *call, const struct api_counts *counts)
{
    struct buf body = {0};

    put_integrations(&body, call->engine, NULL);
    put_submissions(&body, counts, NULL);
    put_intake(&body, call->engine);
    put_store(&body, engine_store(call->engine), counts);
    api_put_signal_metrics(&body, call->engine);
    put_workers(&body, engine_rooms(call->engine)->plugins);
    put_process(&body, call->api);
    api_reply(call, 200, text_type, NULL, &body);
}

void api_metrics(struct api_call *call)
{
    api_counts_ask(call, metrics_with);
}

static void one_with(struct api_call *call, const struct api_counts *counts)
{
    const char *name = buf_str(&call->id).ptr;
    struct engine_integration integration;
    struct buf body = {0};

    if (!engine_integration_find(call->engine, name, &integration)) {
        api_reply_no_integration(call, name);
        return;
    }
    put_integrations(&body, call->engine, name);
    put_submissions(&body, counts, name);
    api_reply(call, 200, text_type, NULL, &body);
}

void api_integration_metrics(struct api_call *call)
{
    api_counts_ask(call, one_with);
}

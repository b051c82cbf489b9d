/* SPDX-License-Identifier: Apache-2.0
 * Figures of signals: of the hub, and of each subscription of a plugin. */
#include "api/api_handlers.h"
#include "api/api_metric.h"
#include "signals/hub.h"
#include "signals/subscriber.h"

static void put_hub(struct buf *out, const struct hub *hub)
{
    struct hub_figures figures;

    hub_figures(hub, &figures);
    metric_put_plain(out, "tenon_signals_published_total", "counter",
                     "Signals that were published, the host's own built-in ones not counted.",
                     (double)figures.published);
    metric_put_plain(out, "tenon_signals_refused_total", "counter",
                     "Signals that were refused: no name, too large, or a loop.",
                     (double)figures.refused);
    metric_put_plain(out, "tenon_signal_requests_total", "counter", "Requests, answered or not.",
                     (double)figures.requests);
    metric_put_plain(out, "tenon_signal_replies_total", "counter", "Requests that were answered.",
                     (double)figures.replies);
    metric_put_plain(out, "tenon_signal_timeouts_total", "counter",
                     "Requests that nobody answered in time.", (double)figures.timeouts);
    metric_put_plain(out, "tenon_signal_listeners", "gauge",
                     "Who listens now: streams and plugins' subscriptions.",
                     (double)hub_listener_count(hub));
}

static void put_line(struct buf *out, const char *integration, const char *pattern,
                     const char *outcome, uint64_t number)
{
    _buf_ struct buf labels = {0};

    metric_put_label(&labels, "integration", integration);
    metric_put_label(&labels, "pattern", pattern);
    metric_put_label(&labels, "outcome", outcome);
    metric_put_line(out, "tenon_subscription_signals_total", buf_str(&labels), (double)number);
}

static void put_subscriptions(struct buf *out, const struct engine_integration *integration)
{
    struct subscription_figures figures;

    for (size_t i = 0; i < subscriber_count(integration->signals); i++) {
        subscriber_at(integration->signals, i, &figures);
        put_line(out, integration->name, figures.pattern.ptr, "handled", figures.handled);
        put_line(out, integration->name, figures.pattern.ptr, "failed", figures.failed);
        put_line(out, integration->name, figures.pattern.ptr, "dropped", figures.dropped);
        put_line(out, integration->name, figures.pattern.ptr, "parked", figures.parked);
    }
}

void api_put_signal_metrics(struct buf *out, const struct engine *engine)
{
    struct engine_integration integration;

    put_hub(out, engine_hub(engine));
    metric_put_head(out, "tenon_subscription_signals_total", "counter",
                    "Signals at plugins' subscriptions, by what became of them.");
    for (size_t i = 0; i < engine_integration_count(engine); i++) {
        engine_integration_at(engine, i, &integration);
        put_subscriptions(out, &integration);
    }
}

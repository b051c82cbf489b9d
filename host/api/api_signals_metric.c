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

/* Two subscriptions may differ in the sender alone. */
static void put_labels(struct buf *out, const char *integration,
                       const struct subscription_figures *figures)
{
    metric_put_label(out, "integration", integration);
    metric_put_label(out, "pattern", figures->pattern.ptr);
    if (figures->sender.len > 0)
        metric_put_label(out, "sender", figures->sender.ptr);
}

static void put_outcomes(struct buf *out, const char *integration,
                         const struct subscription_figures *figures)
{
    const struct {
        const char *outcome;
        uint64_t number;
    } lines[] = {
        {"handled", figures->handled},
        {"failed", figures->failed},
        {"dropped", figures->dropped},
        {"parked", figures->parked},
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        _buf_ struct buf labels = {0};
        put_labels(&labels, integration, figures);
        metric_put_label(&labels, "outcome", lines[i].outcome);
        metric_put_line(out, "tenon_subscription_signals_total", buf_str(&labels),
                        (double)lines[i].number);
    }
}

static void put_parked(struct buf *out, const char *integration,
                       const struct subscription_figures *figures)
{
    _buf_ struct buf labels = {0};

    if (!figures->is_durable)
        return;
    put_labels(&labels, integration, figures);
    metric_put_line(out, "tenon_subscription_parked", buf_str(&labels),
                    (double)figures->parked_now);
}

static void put_each(struct buf *out, const struct engine *engine,
                     void (*put)(struct buf *out, const char *integration,
                                 const struct subscription_figures *figures))
{
    struct engine_integration integration;
    struct subscription_figures figures;

    for (size_t i = 0; i < engine_integration_count(engine); i++) {
        engine_integration_at(engine, i, &integration);
        for (size_t n = 0; n < subscriber_count(integration.signals); n++) {
            subscriber_at(integration.signals, n, &figures);
            put(out, integration.name, &figures);
        }
    }
}

void api_put_signal_metrics(struct buf *out, const struct engine *engine)
{
    put_hub(out, engine_hub(engine));
    metric_put_head(out, "tenon_subscription_signals_total", "counter",
                    "Signals at plugins' subscriptions, by what became of them.");
    put_each(out, engine, put_outcomes);
    metric_put_head(out, "tenon_subscription_parked", "gauge",
                    "Signals that wait for somebody to decide: `tenon signal parked`.");
    put_each(out, engine, put_parked);
}

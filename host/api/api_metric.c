/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_metric.h"

#include <inttypes.h>

/* A help text has no line end; a backslash would begin an escape. */
static void put_help(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *text == '\n' ? ' ' : *text);
    }
}

void metric_put_head(struct buf *out, const char *name, const char *kind, const char *help)
{
    buf_printf(out, "# HELP %s ", name);
    put_help(out, help);
    buf_printf(out, "\n# TYPE %s %s\n", name, kind);
}

void metric_put_plain(struct buf *out, const char *name, const char *kind, const char *help,
                      double value)
{
    metric_put_head(out, name, kind, help);
    metric_put_line(out, name, STR_NONE, value);
}

void metric_put_label(struct buf *out, const char *name, const char *text)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '{')
        buf_putc(out, ',');
    buf_printf(out, "%s=\"", name);
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            buf_putc(out, '\\');
        if (*text == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *text);
    }
    buf_putc(out, '"');
}

void metric_put_line(struct buf *out, const char *name, struct str labels, double value)
{
    buf_puts(out, name);
    if (labels.len > 0)
        buf_printf(out, "{%.*s}", STR_ARG(labels));
    buf_printf(out, " %.15g\n", value);
}

void metric_put_histogram(struct buf *out, const char *name, struct str labels,
                          const struct histogram *histogram, const struct histogram_scale *scale,
                          double unit)
{
    const char *comma = labels.len > 0 ? "," : "";
    uint64_t count = 0;

    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
        buf_printf(out, "%s_bucket{%.*s%sle=\"%.15g\"} %" PRIu64 "\n", name, STR_ARG(labels), comma,
                   (double)scale->upper[i] / unit, count);
    }
    count += histogram->counts[HISTOGRAM_BOUNDS];
    buf_printf(out, "%s_bucket{%.*s%sle=\"+Inf\"} %" PRIu64 "\n", name, STR_ARG(labels), comma,
               count);
    const char *open = labels.len > 0 ? "{" : "";
    const char *end = labels.len > 0 ? "}" : "";
    buf_printf(out, "%s_sum%s%.*s%s %.15g\n", name, open, STR_ARG(labels), end,
               (double)histogram->sum / unit);
    buf_printf(out, "%s_count%s%.*s%s %" PRIu64 "\n", name, open, STR_ARG(labels), end, count);
}

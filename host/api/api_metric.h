/* SPDX-License-Identifier: Apache-2.0
 * Prometheus' text form 0.0.4, piece by piece: what a figure's lines look like. Inside this room
 * only. [any] */
#ifndef API_METRIC_H
#define API_METRIC_H

#include "base/histogram.h"
#include "base/str.h"

/* Once per name, before its lines. `kind`: counter (the name ends with _total), gauge, histogram.
 */
void metric_put_head(struct buf *out, const char *name, const char *kind, const char *help);
/* Head and line of a figure without labels. */
void metric_put_plain(struct buf *out, const char *name, const char *kind, const char *help,
                      double value);
/* name="text", escaped; a comma before it unless it is the first behind '{'. */
void metric_put_label(struct buf *out, const char *name, const char *text);
/* A line; `labels` is what metric_put_label made, or empty. */
void metric_put_line(struct buf *out, const char *name, struct str labels, double value);
/* The buckets, sum and count. `unit`: how many of the histogram's units make one of the metric's:
 * 1e6 for microseconds shown as seconds. */
void metric_put_histogram(struct buf *out, const char *name, struct str labels,
                          const struct histogram *histogram, const struct histogram_scale *scale,
                          double unit);

#endif

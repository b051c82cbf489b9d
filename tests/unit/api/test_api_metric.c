/* SPDX-License-Identifier: Apache-2.0
 * The text form, letter by letter: what https://prometheus.io/docs/instrumenting/exposition_formats
 * asks for. */
#include "api/api_metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void labels_and_help_are_escaped(void **state)
{
    _buf_ struct buf labels = {0};
    _buf_ struct buf out = {0};

    (void)state;
    metric_put_label(&labels, "one", "a\\b\"c\nd");
    metric_put_label(&labels, "two", NULL);
    metric_put_head(&out, "x_total", "counter", "A \\ and\na line.");
    metric_put_line(&out, "x_total", buf_str(&labels), 12345678901234.0);
    metric_put_line(&out, "x_total", STR_NONE, 0.25);
    assert_string_equal(out.ptr, "# HELP x_total A \\\\ and a line.\n# TYPE x_total counter\n"
                                 "x_total{one=\"a\\\\b\\\"c\\nd\",two=\"\"} 12345678901234\n"
                                 "x_total 0.25\n");
}

static void buckets_are_cumulative_and_end_in_infinity(void **state)
{
    struct histogram histogram = {0};
    _buf_ struct buf out = {0};

    (void)state;
    histogram_add(&histogram, &histogram_microseconds, 200);
    histogram_add(&histogram, &histogram_microseconds, 300);
    histogram_add(&histogram, &histogram_microseconds, 90000000);
    metric_put_histogram(&out, "x_seconds", STR("a=\"b\""), &histogram, &histogram_microseconds,
                         1e6);
    assert_non_null(strstr(out.ptr, "x_seconds_bucket{a=\"b\",le=\"0.00025\"} 1\n"
                                    "x_seconds_bucket{a=\"b\",le=\"0.0005\"} 2\n"
                                    "x_seconds_bucket{a=\"b\",le=\"0.001\"} 2\n"));
    assert_non_null(strstr(out.ptr, "x_seconds_bucket{a=\"b\",le=\"60\"} 2\n"
                                    "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
                                    "x_seconds_sum{a=\"b\"} 90.0005\n"
                                    "x_seconds_count{a=\"b\"} 3\n"));
    buf_clear(&out);
    metric_put_histogram(&out, "x_records", STR_NONE, &histogram, &histogram_items, 1);
    assert_true(str_starts_with(buf_str(&out), "x_records_bucket{le=\"1\"} 1\n"));
    assert_non_null(strstr(out.ptr, "x_records_sum 90000500\nx_records_count 3\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_and_help_are_escaped),
        cmocka_unit_test(buckets_are_cumulative_and_end_in_infinity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

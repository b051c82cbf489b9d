/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include "check.h"

static void a_bound_belongs_to_its_range(void **state)
{
    struct histogram histogram = {0};
    struct histogram more = {0};

    (void)state;
    histogram_add(&histogram, &histogram_microseconds, 0);
    histogram_add(&histogram, &histogram_microseconds, 250);
    histogram_add(&histogram, &histogram_microseconds, 251);
    histogram_add(&histogram, &histogram_microseconds, 60000000);
    histogram_add(&histogram, &histogram_microseconds, 60000001);
    assert_int_equal(histogram.counts[0], 2);
    assert_int_equal(histogram.counts[1], 1);
    assert_int_equal(histogram.counts[HISTOGRAM_BOUNDS - 1], 1);
    assert_int_equal(histogram.counts[HISTOGRAM_BOUNDS], 1);
    assert_int_equal(histogram.sum, 120000502);
    histogram_add(&more, &histogram_microseconds, 200);
    histogram_merge(&histogram, &more);
    assert_int_equal(histogram.counts[0], 3);
    assert_int_equal(histogram.sum, 120000702);
}

static void bounds_grow(void **state)
{
    (void)state;
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++) {
        assert_true(histogram_microseconds.upper[i] > histogram_microseconds.upper[i - 1]);
        assert_true(histogram_items.upper[i] > histogram_items.upper[i - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_belongs_to_its_range),
        cmocka_unit_test(bounds_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

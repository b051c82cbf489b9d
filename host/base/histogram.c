/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

const struct histogram_scale histogram_microseconds = {{250, 500, 1000, 2500, 5000, 10000, 25000,
                                                        50000, 100000, 250000, 500000, 1000000,
                                                        2500000, 5000000, 10000000, 60000000}};

const struct histogram_scale histogram_items = {
    {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000}};

void histogram_merge(struct histogram *histogram, const struct histogram *more)
{
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        histogram->counts[i] += more->counts[i];
    histogram->sum += more->sum;
}

/* SPDX-License-Identifier: Apache-2.0
 * How often a value fell into which range: a few additions a value, no memory but its own. One
 * thread, or under the owner's lock. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 16 };

/* The upper bound of each range, that bound included; what is above the last falls into one more.
 */
struct histogram_scale {
    uint64_t upper[HISTOGRAM_BOUNDS];
};
extern const struct histogram_scale histogram_microseconds; /* 250 us to 60 s */
extern const struct histogram_scale histogram_items;        /* 1 to 100,000 */

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1];
    uint64_t sum;
};

static inline void histogram_add(struct histogram *histogram, const struct histogram_scale *scale,
                                 uint64_t value)
{
    size_t i = 0;

    while (i < HISTOGRAM_BOUNDS && value > scale->upper[i])
        i++;
    histogram->counts[i]++;
    histogram->sum += value;
}

void histogram_merge(struct histogram *histogram, const struct histogram *more);

#endif

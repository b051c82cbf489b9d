/* SPDX-License-Identifier: Apache-2.0
 * The store's housekeeping between the groups of writes: retention, giving space back, the length
 * of the log. On the writer's thread; store.c calls it when it is due. Inside this room only. */
#ifndef STORE_UPKEEP_H
#define STORE_UPKEEP_H

#include "store/store_backend.h"

struct store_upkeep {
    const struct store_backend *backend;
    void *writer;
    int64_t next_us; /* of clock_mono_us: when a step is due */
    int64_t warned_us;
    uint32_t rows, pages; /* that fit a slice, as far as is known */
    bool is_shrinking;
    struct store_compact *compact; /* under way; NULL: none */
    bool is_cleaned;               /* it has come so far */
    int64_t bytes_before;
    struct store_figures figures; /* only upkeep's own members */
};

void store_upkeep_start(struct store_upkeep *upkeep, const struct store_backend *backend,
                        void *writer);
/* One slice of what is due. `reader_since_us`: when the query under way began; 0: there is none.
 * Gives the compact that ended with it, its status set, or NULL. */
struct store_op *store_upkeep_step(struct store_upkeep *upkeep,
                                   const struct store_retention *retention,
                                   int64_t reader_since_us);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What the two halves of retention share: submissions and signals (store_sqlite_clean.c), entities
 * (store_sqlite_forget.c). */
#ifndef STORE_SQLITE_CLEAN_H
#define STORE_SQLITE_CLEAN_H

#include "store/store_sqlite.h"

enum { STORE_SQLITE_AGED_MAX = 256 };

/* A submission as far as retention asks. */
struct aged {
    uint64_t number;
    uint64_t entity;
    int64_t changed_ms;
    uint32_t integration;
    uint32_t flags;
    enum submission_state state;
};
#define STORE_SQLITE_AGED "SELECT s.num, s.entity, s.integration, s.state, s.flags, s.changed_ms"

struct clean {
    struct store_sqlite_writer *writer;
    struct store_slice *slice;
    int64_t now_ms;  /* what ages are counted to */
    int64_t wall_ms; /* what is stamped later than this is so by a clock that was ahead */
};

/* Runs a statement of these columns to its end, at most STORE_SQLITE_AGED_MAX rows. */
int store_sqlite_aged(struct clean *clean, sqlite3_stmt *rows, struct aged *out, size_t *out_count,
                      struct err *err);
int store_sqlite_clean_drop(struct clean *clean, const struct aged *row,
                            struct err *err); /* with its attempts */
bool store_sqlite_clean_is_over(const struct clean *clean);
/* What is due among the entities, in passes. */
int store_sqlite_forget(struct clean *clean, struct err *err);
/* Deliveries whose time is over. */
int store_sqlite_delivery_clean(struct clean *clean, bool *out_more, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A store with its loop, for the benches: the ops of store.h as plain calls that wait for their
 * end and end the program when they fail. */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include "base/loop.h"
#include "store/store.h"

enum { GROUP = 1000, DATA_BYTES = 640, SMALL_DATA_BYTES = 64, ID_BYTES = 40, CACHE_MB = 4 };

/* Counted on; UUIDs that begin with the time; hashes. */
enum ids { IDS_ORDERED, IDS_TIMED, IDS_RANDOM, IDS };

struct bench {
    struct loop *loop;
    struct store *store;
    uint32_t integration;
};

void bench_open(struct bench *bench, const char *path, bool is_sync_full);
void bench_close(struct bench *bench);
void bench_remove(const char *path);  /* the files of a closed store */
void bench_stop(struct store_op *op); /* a done() that ends the wait */
void bench_wait(struct bench *bench, const struct store_op *op);
uint32_t bench_integration(struct bench *bench, const char *name);
int bench_id(char *out, enum ids ids, uint64_t number);
void bench_put(struct bench *bench, uint64_t first, size_t count, size_t data_bytes, enum ids ids);
void bench_claim(struct bench *bench, uint32_t max, struct store_claim *out);
/* One verdict for each; `event_of` NULL: all accepted. */
void bench_record(struct bench *bench, const struct store_claim *claimed,
                  enum submission_event (*event_of)(uint64_t submission));
double bench_cpu_us(void);
double bench_now_us(void); /* also when the clock is frozen */
double bench_percentile(double *values, size_t count, int percent); /* sorts them */

#endif

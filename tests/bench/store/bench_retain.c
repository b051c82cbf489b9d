/* SPDX-License-Identifier: Apache-2.0
 * What retention leaves behind, and what intake feels of it: submissions delivered two days ago and
 * a tenth as many now, under an age of one day. Records are put one by one, in turns with and
 * without cleaning, until all is clean. bench_forget has the entities go as well. */
#include "bench_modes.h"

#include "base/clock.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DAY_MS = 86400000, GRACE_MS = 700000, TURN = 250, LATENCIES_MAX = 1000000 };

static const struct store_retention a_day = {
    .keep_ms = {[SUBMISSION_SUCCEEDED] = DAY_MS,
                [SUBMISSION_FAILED] = DAY_MS,
                [SUBMISSION_SKIPPED] = DAY_MS,
                [SUBMISSION_SUPERSEDED] = DAY_MS},
    .signals_ms = DAY_MS,
};
static const struct store_retention paused = {.is_paused = true};

struct latencies {
    double us[LATENCIES_MAX];
    size_t count;
};

static void deliver(struct bench *bench, uint64_t first, uint64_t count)
{
    for (uint64_t at = 0; at < count; at += GROUP) {
        struct store_claim claimed;
        bench_put(bench, first + at, GROUP, DATA_BYTES, IDS_ORDERED);
        bench_claim(bench, GROUP, &claimed);
        bench_record(bench, &claimed, NULL);
        store_claim_finish(&claimed);
    }
}

static int64_t file_bytes(const char *path)
{
    struct stat found = {0};

    return stat(path, &found) == 0 ? found.st_size : -1;
}

/* What the same rows take in a file that never held more. */
static int64_t fresh_bytes(const char *path)
{
    char sql[4400];
    char fresh[4200];
    sqlite3 *db = NULL;

    snprintf(fresh, sizeof(fresh), "%s.fresh", path);
    snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", fresh);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "bench_store: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
    (void)sqlite3_close(db); /* nothing is under way */
    int64_t bytes = file_bytes(fresh);
    (void)remove(fresh);
    return bytes;
}

static void put_turn(struct bench *bench, uint64_t *next, struct latencies *out)
{
    for (int i = 0; i < TURN; i++) {
        double start_us = bench_now_us();
        bench_put(bench, (*next)++, 1, DATA_BYTES, IDS_ORDERED);
        if (out->count < LATENCIES_MAX)
            out->us[out->count++] = bench_now_us() - start_us;
    }
}

static bool is_clean(struct bench *bench, uint64_t old)
{
    struct store_figures figures;

    store_figures(bench->store, &figures);
    return figures.trimmed + figures.removed >= old && figures.signals >= old &&
           figures.free_bytes <= figures.file_bytes / 16;
}

static void print_latency(const char *name, struct latencies *latencies)
{
    double p50 = bench_percentile(latencies->us, latencies->count, 50);
    double p99 = bench_percentile(latencies->us, latencies->count, 99);

    printf("  intake %s: p50 %.0f us, p99 %.0f us (%zu puts)\n", name, p50, p99, latencies->count);
}

static struct store_compact compact(struct bench *bench)
{
    struct store_compact compact = {.op.done = bench_stop};

    store_compact(bench->store, &compact);
    bench_wait(bench, &compact.op);
    return compact;
}

static void fill(const char *path, uint64_t submissions)
{
    struct bench bench;

    bench_open(&bench, path, false);
    store_retain(bench.store, &paused);
    clock_freeze(clock_wall_ms() - 2 * (int64_t)DAY_MS, -1);
    deliver(&bench, 0, submissions);
    clock_freeze(-1, -1);
    deliver(&bench, submissions, submissions / 10);
    bench_close(&bench);
}

/* With an age for entities too nothing is left of what is of age. */
void bench_forget(const char *path, uint64_t submissions)
{
    struct store_retention all = a_day;
    struct store_figures figures;
    struct bench bench;
    int64_t now_ms = clock_wall_ms();

    fill(path, submissions);
    int64_t before = file_bytes(path);
    all.entities_ms = DAY_MS;
    clock_freeze(now_ms, -1);
    bench_open(&bench, path, true);
    store_retain(bench.store, &all);
    (void)compact(&bench);
    clock_freeze(now_ms + GRACE_MS, -1); /* lanes have had time to open */
    double start_us = bench_now_us();
    (void)compact(&bench);
    double took_us = bench_now_us() - start_us;
    store_figures(bench.store, &figures);
    bench_close(&bench);
    clock_freeze(-1, -1);
    int64_t after = file_bytes(path);
    printf("%" PRIu64 " entities of age, by compact: %.1f s, %" PRIu64 " gone\n  file: %.1f MB "
           "before, %.1f MB after: %.2f of a fresh one\n",
           submissions, took_us / 1e6, figures.entities, (double)before / 1e6, (double)after / 1e6,
           (double)after / (double)fresh_bytes(path));
    bench_remove(path);
}

void bench_retain(const char *path, uint64_t submissions)
{
    static struct latencies with;
    static struct latencies without;
    struct store_figures figures;
    struct bench bench;
    uint64_t next = submissions + submissions / 10;

    fill(path, submissions);
    int64_t before = file_bytes(path);

    bench_open(&bench, path, true);
    double start_us = bench_now_us();
    store_retain(bench.store, &paused);
    put_turn(&bench, &next, &without);
    without.count = 0; /* the first ones met cold pages */
    while (!is_clean(&bench, submissions) && bench_now_us() - start_us < 600e6) {
        store_retain(bench.store, &paused);
        put_turn(&bench, &next, &without);
        store_retain(bench.store, &a_day);
        put_turn(&bench, &next, &with);
    }
    double took_us = bench_now_us() - start_us;
    store_figures(bench.store, &figures);
    bench_close(&bench);
    int64_t after = file_bytes(path);
    int64_t fresh = fresh_bytes(path);
    printf("%" PRIu64 " delivered of age, %" PRIu64 " young: %.1f s, %" PRIu64 " trimmed, %" PRIu64
           " signals gone, %" PRIu64 " slices of %.0f us\n",
           submissions, submissions / 10, took_us / 1e6, figures.trimmed, figures.signals,
           figures.slices, (double)figures.slice_us_sum / (double)figures.slices);
    printf("  %.0f bytes for each delivered record of %d\n",
           (double)before / (double)(submissions + submissions / 10), (int)DATA_BYTES);
    printf("  file: %.1f MB before, %.1f MB after, %.1f MB in a fresh one: ratio %.2f\n",
           (double)before / 1e6, (double)after / 1e6, (double)fresh / 1e6,
           (double)after / (double)fresh);
    print_latency("without", &without);
    print_latency("with cleaning", &with);
    printf("  ratio of medians %.2f, of p99 %.2f\n",
           bench_percentile(with.us, with.count, 50) /
               bench_percentile(without.us, without.count, 50),
           bench_percentile(with.us, with.count, 99) /
               bench_percentile(without.us, without.count, 99));
    bench_remove(path);
}

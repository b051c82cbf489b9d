/* SPDX-License-Identifier: Apache-2.0
 * What the store costs. `bench_store hot [records] [ordered|timed|random]`: microseconds of CPU per
 * record for put, claim and record in groups of 1,000. `bench_store claim [entities]`: the time of
 * claiming the next 100 of a small and of a large store, in turns, with the medians and their
 * ratio. `bench_store retain [submissions]`, `bench_store big [submissions]`: see the files of
 * these names. BENCH_CACHE_MB in the environment sets the store's cache, 4 by default. */
#include "bench_modes.h"

#include "base/clock.h"
#include "base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CLAIM = 100, ROUNDS = 201, SMALL = 1000, LARGE = 3000000 };

static const char *const id_names[IDS] = {"ordered", "timed", "random"};

static void hot(const char *path, uint64_t records, enum ids ids)
{
    struct bench bench;
    double put_us = 0;
    double claim_us = 0;
    double record_us = 0;

    bench_open(&bench, path, true);
    for (uint64_t at = 0; at < records; at += GROUP) {
        struct store_claim claimed;
        double start = bench_cpu_us();
        bench_put(&bench, at, GROUP, DATA_BYTES, ids);
        double has_put = bench_cpu_us();
        bench_claim(&bench, GROUP, &claimed);
        double has_claimed = bench_cpu_us();
        if (claimed.count != GROUP) {
            fprintf(stderr, "bench_store: claimed %zu of %d\n", claimed.count, (int)GROUP);
            exit(1);
        }
        bench_record(&bench, &claimed, NULL);
        record_us += bench_cpu_us() - has_claimed;
        claim_us += has_claimed - has_put;
        put_us += has_put - start;
        store_claim_finish(&claimed);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%" PRIu64 " records of %d bytes, %s ids: put %.2f us, claim %.2f us, record %.2f us of "
           "CPU each; peak %ld kB\n",
           records, (int)DATA_BYTES, id_names[ids], put_us / (double)records,
           claim_us / (double)records, record_us / (double)records, usage.ru_maxrss);
    bench_close(&bench);
    bench_remove(path);
}

/* One claim of the next 100, which are delivered, while 100 new ones take their place: the store
 * keeps its size, and each round walks on. */
static double claim_once(struct bench *bench, uint64_t *next)
{
    struct store_claim claimed;
    int64_t start_us = clock_mono_us();

    bench_claim(bench, CLAIM, &claimed);
    double took_us = (double)(clock_mono_us() - start_us);
    if (claimed.count != CLAIM) {
        fprintf(stderr, "bench_store: claimed %zu of %d\n", claimed.count, (int)CLAIM);
        exit(1);
    }
    bench_record(bench, &claimed, NULL);
    store_claim_finish(&claimed);
    bench_put(bench, *next, CLAIM, SMALL_DATA_BYTES, IDS_ORDERED);
    *next += CLAIM;
    return took_us;
}

static void fill(struct bench *bench, uint64_t entities)
{
    for (uint64_t at = 0; at < entities; at += GROUP)
        bench_put(bench, at, GROUP, SMALL_DATA_BYTES, IDS_ORDERED);
}

static void claims(const char *path, uint64_t entities)
{
    static double small_us[ROUNDS];
    static double large_us[ROUNDS];
    char small_path[4200];
    struct bench small;
    struct bench large;
    uint64_t small_next = SMALL;
    uint64_t large_next = entities;

    snprintf(small_path, sizeof(small_path), "%s.small", path);
    bench_open(&small, small_path, false);
    bench_open(&large, path, false);
    fill(&small, SMALL);
    fill(&large, entities);
    (void)claim_once(&small, &small_next); /* the first round reads cold pages */
    (void)claim_once(&large, &large_next);
    for (size_t i = 0; i < ROUNDS; i++) {
        small_us[i] = claim_once(&small, &small_next);
        large_us[i] = claim_once(&large, &large_next);
    }
    double few = bench_percentile(small_us, ROUNDS, 50);
    double many = bench_percentile(large_us, ROUNDS, 50);
    printf("claiming the next %d: %.0f us of %d entities, %.0f us of %" PRIu64
           ", ratio %.2f (medians of %d rounds)\n",
           (int)CLAIM, few, (int)SMALL, many, entities, many / few, (int)ROUNDS);
    bench_close(&large);
    bench_close(&small);
    bench_remove(path);
    bench_remove(small_path);
}

int main(int argc, char **argv)
{
    const char *directory = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    const char *mode = argc > 1 ? argv[1] : "";
    char path[4096];

    snprintf(path, sizeof(path), "%s/bench_store-%ld.db", directory, (long)getpid());
    if (digest_init() < 0)
        return 1;
    if (strcmp(mode, "hot") == 0) {
        enum ids ids = IDS_ORDERED;
        for (int kind = 0; argc > 3 && kind < IDS; kind++)
            if (strcmp(argv[3], id_names[kind]) == 0)
                ids = (enum ids)kind;
        hot(path, argc > 2 ? strtoull(argv[2], NULL, 10) : 200000, ids);
        return 0;
    }
    if (strcmp(mode, "claim") == 0) {
        claims(path, argc > 2 ? strtoull(argv[2], NULL, 10) : LARGE);
        return 0;
    }
    if (strcmp(mode, "retain") == 0) {
        bench_retain(path, argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000);
        return 0;
    }
    if (strcmp(mode, "forget") == 0) {
        bench_forget(path, argc > 2 ? strtoull(argv[2], NULL, 10) : 200000);
        return 0;
    }
    if (strcmp(mode, "big") == 0) {
        bench_big(path, argc > 2 ? strtoull(argv[2], NULL, 10) : 5000000);
        return 0;
    }
    fprintf(
        stderr,
        "usage: bench_store hot [records] [ordered|timed|random]\n       bench_store "
        "claim [entities]\n       bench_store retain|forget [submissions]\n       bench_store big "
        "[submissions]\n");
    return 2;
}

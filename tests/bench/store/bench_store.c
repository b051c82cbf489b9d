/* SPDX-License-Identifier: Apache-2.0
 * What the store costs. `bench_store hot [records] [ordered|timed|random]`: microseconds of CPU per
 * record for put, claim and record in groups of 1,000. `bench_store claim [entities]`: the time of
 * claiming the next 100 of a small and of a large store, in turns, with the medians and their
 * ratio. BENCH_CACHE_MB in the environment sets the store's cache, 4 by default. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/loop.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    GROUP = 1000,
    DATA_BYTES = 640,
    SMALL_DATA_BYTES = 64,
    ID_BYTES = 40,
    CLAIM = 100,
    ROUNDS = 201,
    SMALL = 1000,
    LARGE = 3000000,
    CACHE_MB = 4
};

/* Counted on; UUIDs that begin with the time; hashes. */
enum ids { IDS_ORDERED, IDS_TIMED, IDS_RANDOM, IDS };
static const char *const id_names[IDS] = {"ordered", "timed", "random"};

struct bench {
    struct loop *loop;
    struct store *store;
    uint32_t integration;
};

static void die(const struct err *err)
{
    fprintf(stderr, "bench_store: %s\n", err->text);
    exit(1);
}

static struct loop *waiting_in; /* done() is told nothing but the op */

static void stop(struct store_op *op)
{
    (void)op;
    loop_stop(waiting_in);
}

static void wait_for(struct bench *bench, const struct store_op *op)
{
    waiting_in = bench->loop;
    loop_run(bench->loop);
    if (op->status < 0)
        die(&op->error);
}

static double cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void bench_open(struct bench *bench, const char *path, bool is_sync_full)
{
    struct err err = {0};
    const char *cache_mb = getenv("BENCH_CACHE_MB");
    char url[4200];

    snprintf(url, sizeof(url), "sqlite:%s", path);
    const struct store_settings settings = {
        .url = url,
        .is_sync_full = is_sync_full,
        .cache_bytes = (cache_mb != NULL ? strtoll(cache_mb, NULL, 10) : CACHE_MB) << 20,
    };
    bench->loop = loop_create(&err);
    bench->store = bench->loop != NULL ? store_open(&settings, bench->loop, &err) : NULL;
    if (bench->store == NULL)
        die(&err);
    struct store_integration integration = {.op.done = stop, .name = STR("bench")};
    store_integration(bench->store, &integration);
    wait_for(bench, &integration.op);
    bench->integration = integration.number;
}

static void bench_close(struct bench *bench, const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-lock"};
    char name[4200];

    store_close(bench->store);
    loop_destroy(bench->loop);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        (void)remove(name); /* the log is gone already after a clean close */
    }
}

static int write_id(char *out, enum ids ids, uint64_t number)
{
    uint64_t random = number * 0x9e3779b97f4a7c15u;

    if (ids == IDS_TIMED) /* 20 a millisecond */
        return snprintf(out, ID_BYTES, "%08x-%04x-7%03x-a%03x-%012" PRIx64,
                        (unsigned)((1800000000000u + number / 20) >> 16),
                        (unsigned)((1800000000000u + number / 20) & 0xffff),
                        (unsigned)(random >> 52), (unsigned)(random >> 40 & 0xfff),
                        random & 0xffffffffff);
    return snprintf(out, ID_BYTES, "event-%020" PRIu64, ids == IDS_RANDOM ? random : number);
}

static void put_group(struct bench *bench, uint64_t first, size_t count, size_t data_bytes,
                      enum ids id_kind)
{
    static char data[DATA_BYTES];
    static char ids[GROUP][ID_BYTES];
    static struct store_entity entities[GROUP];
    static struct store_put_result results[GROUP];

    memset(data, 'x', sizeof(data));
    for (size_t i = 0; i < count; i++) {
        int len = write_id(ids[i], id_kind, first + i);
        entities[i] = (struct store_entity){
            {ids[i], (size_t)len}, STR("event"), {data, data_bytes}, false, 0};
    }
    struct store_put put = {
        .op.done = stop, .entities = entities, .count = count, .results = results};
    store_put(bench->store, &put);
    wait_for(bench, &put.op);
}

static void claim(struct bench *bench, uint32_t max, struct store_claim *out)
{
    *out = (struct store_claim){
        .op.done = stop,
        .integration = bench->integration,
        .walk = WALK_UNSUBMITTED,
        .max = max,
        .lease_until_ms = clock_wall_ms() + 60000,
    };
    store_claim(bench->store, out);
    wait_for(bench, &out->op);
}

static void record(struct bench *bench, const struct store_claim *claimed)
{
    static struct store_outcome outcomes[GROUP];

    for (size_t i = 0; i < claimed->count; i++)
        outcomes[i] = (struct store_outcome){
            .submission = claimed->records[i].submission,
            .attempt = claimed->records[i].attempt,
            .event = EVENT_ACCEPTED,
            .is_attempt = true,
            .started_ms = clock_wall_ms(),
            .duration_us = 1500,
            .http_status = 200,
            .request = STR("POST https://hooks.example.com/events"),
        };
    struct store_record recording = {.op.done = stop,
                                     .integration = bench->integration,
                                     .outcomes = outcomes,
                                     .count = claimed->count};
    store_record(bench->store, &recording);
    wait_for(bench, &recording.op);
}

static void hot(const char *path, uint64_t records, enum ids ids)
{
    struct bench bench;
    double put_us = 0;
    double claim_us = 0;
    double record_us = 0;

    bench_open(&bench, path, true);
    for (uint64_t at = 0; at < records; at += GROUP) {
        struct store_claim claimed;
        double start = cpu_us();
        put_group(&bench, at, GROUP, DATA_BYTES, ids);
        double has_put = cpu_us();
        claim(&bench, GROUP, &claimed);
        double has_claimed = cpu_us();
        if (claimed.count != GROUP) {
            fprintf(stderr, "bench_store: claimed %zu of %d\n", claimed.count, (int)GROUP);
            exit(1);
        }
        record(&bench, &claimed);
        record_us += cpu_us() - has_claimed;
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
    bench_close(&bench, path);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

/* One claim of the next 100, which are delivered, while 100 new ones take their place: the store
 * keeps its size, and each round walks on. */
static double claim_once(struct bench *bench, uint64_t *next)
{
    struct store_claim claimed;
    int64_t start_us = clock_mono_us();

    claim(bench, CLAIM, &claimed);
    double took_us = (double)(clock_mono_us() - start_us);
    if (claimed.count != CLAIM) {
        fprintf(stderr, "bench_store: claimed %zu of %d\n", claimed.count, (int)CLAIM);
        exit(1);
    }
    record(bench, &claimed);
    store_claim_finish(&claimed);
    put_group(bench, *next, CLAIM, SMALL_DATA_BYTES, IDS_ORDERED);
    *next += CLAIM;
    return took_us;
}

static void fill(struct bench *bench, uint64_t entities)
{
    for (uint64_t at = 0; at < entities; at += GROUP)
        put_group(bench, at, GROUP, SMALL_DATA_BYTES, IDS_ORDERED);
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
    double few = median(small_us, ROUNDS);
    double many = median(large_us, ROUNDS);
    printf("claiming the next %d: %.0f us of %d entities, %.0f us of %" PRIu64
           ", ratio %.2f (medians of %d rounds)\n",
           (int)CLAIM, few, (int)SMALL, many, entities, many / few, (int)ROUNDS);
    bench_close(&large, path);
    bench_close(&small, small_path);
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
    fprintf(stderr, "usage: bench_store hot [records] [ordered|timed|random]\n       bench_store "
                    "claim [entities]\n");
    return 2;
}

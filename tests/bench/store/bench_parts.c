/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_parts.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct loop *waiting_in; /* done() is told nothing but the op */

static void die(const struct err *err)
{
    fprintf(stderr, "bench_store: %s\n", err->text);
    exit(1);
}

void bench_stop(struct store_op *op)
{
    (void)op;
    loop_stop(waiting_in);
}

void bench_wait(struct bench *bench, const struct store_op *op)
{
    waiting_in = bench->loop;
    loop_run(bench->loop);
    if (op->status < 0)
        die(&op->error);
}

double bench_cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

double bench_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

uint32_t bench_integration(struct bench *bench, const char *name)
{
    struct store_integration integration = {.op.done = bench_stop, .name = str_of(name)};

    store_integration(bench->store, &integration);
    bench_wait(bench, &integration.op);
    return integration.number;
}

void bench_open(struct bench *bench, const char *path, bool is_sync_full)
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
    bench->integration = bench_integration(bench, "bench");
}

void bench_close(struct bench *bench)
{
    store_close(bench->store);
    loop_destroy(bench->loop);
}

void bench_remove(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-lock", "-reserve"};
    char name[4200];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        (void)remove(name); /* the log is gone already after a clean close */
    }
}

int bench_id(char *out, enum ids ids, uint64_t number)
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

void bench_put(struct bench *bench, uint64_t first, size_t count, size_t data_bytes,
               enum ids id_kind)
{
    static char data[DATA_BYTES];
    static char ids[GROUP][ID_BYTES];
    static struct store_entity entities[GROUP];
    static struct store_put_result results[GROUP];

    memset(data, 'x', sizeof(data));
    for (size_t i = 0; i < count; i++) {
        int len = bench_id(ids[i], id_kind, first + i);
        entities[i] = (struct store_entity){
            {ids[i], (size_t)len}, STR("event"), {data, data_bytes}, false, 0, STR_NONE, 0};
    }
    struct store_put put = {
        .op.done = bench_stop, .entities = entities, .count = count, .results = results};
    store_put(bench->store, &put);
    bench_wait(bench, &put.op);
}

void bench_claim(struct bench *bench, uint32_t max, struct store_claim *out)
{
    *out = (struct store_claim){
        .op.done = bench_stop,
        .integration = bench->integration,
        .walk = WALK_UNSUBMITTED,
        .max = max,
        .lease_until_ms = clock_wall_ms() + 60000,
    };
    store_claim(bench->store, out);
    bench_wait(bench, &out->op);
}

void bench_record(struct bench *bench, const struct store_claim *claimed,
                  enum submission_event (*event_of)(uint64_t submission))
{
    static struct store_outcome outcomes[GROUP];

    for (size_t i = 0; i < claimed->count; i++)
        outcomes[i] = (struct store_outcome){
            .submission = claimed->records[i].submission,
            .attempt = claimed->records[i].attempt,
            .event = event_of != NULL ? event_of(claimed->records[i].submission) : EVENT_ACCEPTED,
            .is_attempt = true,
            .started_ms = clock_wall_ms(),
            .duration_us = 1500,
            .http_status = 200,
            .request = STR("POST https://hooks.example.com/events"),
        };
    struct store_record recording = {.op.done = bench_stop,
                                     .integration = bench->integration,
                                     .outcomes = outcomes,
                                     .count = claimed->count};
    store_record(bench->store, &recording);
    bench_wait(bench, &recording.op);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

double bench_percentile(double *values, size_t count, int percent)
{
    size_t at = count * (size_t)percent / 100;

    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    return values[at < count ? at : count - 1];
}

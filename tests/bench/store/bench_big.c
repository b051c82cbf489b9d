/* SPDX-License-Identifier: Apache-2.0
 * What questions and claims cost in a store with many submissions: most delivered, some failed,
 * skipped, waiting, and a second integration with few. */
#include "bench_modes.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tenon/tenon.h>

enum { ROUNDS = 101, LIMIT = 50, FEW = 1000, HOUR_MS = 3600000 };

static enum submission_event event_of(uint64_t submission)
{
    uint64_t dice = submission * 0x9e3779b97f4a7c15u >> 57; /* 0 to 127 */

    return dice < 5 ? EVENT_REJECTED : dice < 9 ? EVENT_SKIPPED : EVENT_ACCEPTED;
}

static bool count_row(struct store_query *query, const struct store_row *row)
{
    (void)row;
    (*(uint64_t *)query->user)++;
    return true;
}

static uint64_t ask(struct bench *bench, struct store_query query)
{
    uint64_t rows = 0;

    query.op.done = bench_stop;
    query.row = count_row;
    query.user = &rows;
    store_query(bench->store, &query);
    bench_wait(bench, &query.op);
    return rows;
}

static uint64_t total;
static uint32_t few;
static char id[ID_BYTES];

/* A number that no two rounds share. */
static uint64_t pick(int round)
{
    return (uint64_t)(round + 1) * 0x9e3779b97f4a7c15u % total;
}

static uint64_t run_claim(struct bench *bench, int round)
{
    struct store_claim claimed;

    (void)round;
    bench_claim(bench, 100, &claimed);
    uint64_t count = claimed.count;
    store_claim_finish(&claimed); /* it stays in flight */
    return count;
}

static uint64_t run_why(struct bench *bench, int round)
{
    struct str entity = {id, (size_t)bench_id(id, IDS_ORDERED, pick(round))};

    return ask(bench, (struct store_query){.query = QUERY_ENTITY, .id = entity, .limit = 1}) +
           ask(bench, (struct store_query){.query = QUERY_INTEGRATIONS}) +
           ask(bench,
               (struct store_query){.query = QUERY_SUBMISSIONS, .id = entity, .limit = 100}) +
           ask(bench, (struct store_query){.query = QUERY_ATTEMPTS, .number = pick(round) + 1});
}

static uint64_t list(struct bench *bench, struct store_query query)
{
    query.query = QUERY_SUBMISSIONS;
    query.limit = LIMIT;
    return ask(bench, query);
}

static uint64_t run_list(struct bench *bench, int round)
{
    (void)round;
    return list(bench, (struct store_query){0});
}

static uint64_t run_after(struct bench *bench, int round)
{
    return list(bench, (struct store_query){.after = pick(round) + 1});
}

static uint64_t run_failed(struct bench *bench, int round)
{
    return list(bench, (struct store_query){
                           .filter.states = submission_state_bit(SUBMISSION_FAILED),
                           .after = pick(round) + 1,
                       });
}

static uint64_t run_states(struct bench *bench, int round)
{
    return list(bench, (struct store_query){
                           .filter.states = submission_state_bit(SUBMISSION_FAILED) |
                                            submission_state_bit(SUBMISSION_UNKNOWN) |
                                            submission_state_bit(SUBMISSION_SKIPPED),
                           .integration = bench->integration,
                           .after = pick(round) + 1,
                       });
}

static uint64_t run_few(struct bench *bench, int round)
{
    (void)round;
    return list(bench, (struct store_query){.integration = few});
}

static uint64_t run_few_failed(struct bench *bench, int round)
{
    (void)round;
    return list(bench,
                (struct store_query){.integration = few,
                                     .filter.states = submission_state_bit(SUBMISSION_FAILED)});
}

static uint64_t run_since(struct bench *bench, int round)
{
    (void)round;
    return list(bench, (struct store_query){.filter.since_ms = clock_wall_ms() - HOUR_MS});
}

static uint64_t run_until(struct bench *bench, int round)
{
    (void)round;
    return list(bench, (struct store_query){.filter.until_ms = clock_wall_ms() - 2 * HOUR_MS});
}

static uint64_t run_class(struct bench *bench, int round)
{
    (void)round;
    return list(bench,
                (struct store_query){.filter.states = submission_state_bit(SUBMISSION_FAILED),
                                     .filter.error_class = TENON_E_CONNECTION});
}

static uint64_t run_counts(struct bench *bench, int round)
{
    (void)round;
    return ask(bench, (struct store_query){.query = QUERY_COUNTS}) +
           ask(bench, (struct store_query){.query = QUERY_TOTALS});
}

static const struct {
    const char *name;
    uint64_t (*run)(struct bench *bench, int round);
} questions[] = {
    {"claim the next 100", run_claim},
    {"why (its four questions)", run_why},
    {"list, newest", run_list},
    {"list, somewhere", run_after},
    {"list --state failed, somewhere", run_failed},
    {"list, three states of one integration", run_states},
    {"list of the integration with few", run_few},
    {"list of the few, --state failed", run_few_failed},
    {"list --since an hour ago", run_since},
    {"list --until two hours ago", run_until},
    {"list --state failed, class never met", run_class},
    {"counts and totals", run_counts},
};

static void fill(struct bench *bench, uint64_t first, uint64_t submissions)
{
    for (uint64_t at = first; at < first + submissions; at += GROUP) {
        struct store_claim claimed;
        bench_put(bench, at, GROUP, SMALL_DATA_BYTES, IDS_ORDERED);
        bench_claim(bench, GROUP, &claimed);
        bench_record(bench, &claimed, event_of);
        store_claim_finish(&claimed);
    }
}

static void fill_few(struct bench *bench)
{
    struct store_claim claimed;
    uint32_t many = bench->integration;

    bench->integration = few;
    bench_claim(bench, FEW, &claimed);
    bench_record(bench, &claimed, event_of);
    store_claim_finish(&claimed);
    bench->integration = many;
}

void bench_big(const char *path, uint64_t submissions)
{
    static double us[ROUNDS];
    struct bench bench;
    int64_t now_ms = clock_wall_ms();

    total = submissions;
    bench_open(&bench, path, false);
    few = bench_integration(&bench, "few");
    clock_freeze(now_ms - 3 * HOUR_MS, -1);
    fill(&bench, 0, submissions / 2);
    fill_few(&bench);
    clock_freeze(-1, -1);
    fill(&bench, submissions / 2, submissions - submissions / 2);
    printf("%" PRIu64 " submissions, lists of %d, %d rounds:\n", submissions, (int)LIMIT,
           (int)ROUNDS);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        uint64_t rows = 0;
        for (uint64_t at = 0; questions[i].run == run_claim && at < 100 * (ROUNDS + 1); at += 100)
            bench_put(&bench, submissions + at, 100, SMALL_DATA_BYTES, IDS_ORDERED);
        for (int round = -1; round < ROUNDS; round++) {
            double start_us = bench_now_us();
            rows = questions[i].run(&bench, round + 1);
            if (round >= 0)
                us[round] = bench_now_us() - start_us;
        }
        double p50 = bench_percentile(us, ROUNDS, 50);
        double p99 = bench_percentile(us, ROUNDS, 99);
        printf("  %-40s p50 %8.3f ms  p99 %8.3f ms  %" PRIu64 " rows\n", questions[i].name,
               p50 / 1e3, p99 / 1e3, rows);
    }
    bench_close(&bench);
    bench_remove(path);
}

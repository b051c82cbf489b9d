/* SPDX-License-Identifier: Apache-2.0
 * bench_action [CALLS]: what a call through libffi costs above the same call made directly, in
 * nanoseconds of processor time, in one process. The pipe to a worker is not in it; for the whole
 * way see tests/bench/README.md. */
#include "call/call_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 7, CALLS = 5000000 };

typedef int32_t (*add_fn)(void *self, int64_t a, int64_t b, tenon_sink *out, tenon_err *err);

static volatile int64_t sum;

static int32_t add(void *self, int64_t a, int64_t b, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)out, (void)err;
    sum = a + b;
    return TENON_OK;
}

static const tenon_action actions[] = {
    TENON_ACTION(add, "add", "Adds.", TENON_ACTION_READ_ONLY, (i64, a), (i64, b)),
};

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double direct_ns(long calls)
{
    volatile add_fn function = add; /* through a pointer, as any caller of a plugin must */
    double before = now_ns();

    for (long i = 0; i < calls; i++)
        function(NULL, i, 2, NULL, NULL);
    return (now_ns() - before) / (double)calls;
}

static double invoked_ns(const struct call_action *action, long calls)
{
    struct wire_argument arguments[2] = {{.letter = 'I'}, {.letter = 'I', .integer = 2}};
    double before = now_ns();

    for (long i = 0; i < calls; i++) {
        arguments[0].integer = i;
        (void)call_action_invoke(action, NULL, arguments, NULL, NULL); /* it cannot fail */
    }
    return (now_ns() - before) / (double)calls;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static struct call_server server = {.plugin = {.actions = actions, .n_actions = 1}};
    char words[CALL_WORDS_MAX];
    double direct[ROUNDS];
    double invoked[ROUNDS];
    long calls = argc > 1 ? atol(argv[1]) : CALLS;

    if (calls < 1 || call_action_prepare_all(&server, words) < 0)
        return 1;
    const struct call_action *action = call_action_find(&server, tenon_text("add"));
    for (int i = 0; i < ROUNDS; i++) {
        direct[i] = direct_ns(calls);
        invoked[i] = invoked_ns(action, calls);
    }
    qsort(direct, ROUNDS, sizeof *direct, by_size);
    qsort(invoked, ROUNDS, sizeof *invoked, by_size);
    double above = invoked[ROUNDS / 2] - direct[ROUNDS / 2];
    printf("direct %.1f ns, through ffi_call %.1f ns: %.1f ns above (promised: at most 200)\n",
           direct[ROUNDS / 2], invoked[ROUNDS / 2], above);
    return above <= 200 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0
 * A job changes between its two threads as it says, and is never on both. */
#include "base/turns.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 60, NICE = 10, NICEST = 19 };

struct job {
    const char *plan; /* a letter a round: 'b' is for a round that steps back */
    int rounds;
    int nice[ROUNDS]; /* beyond the test's own */
    pid_t on[ROUNDS];
    atomic_int inside, both;
};

static bool do_round(void *user)
{
    struct job *job = user;

    if (atomic_fetch_add(&job->inside, 1) != 0)
        atomic_fetch_add(&job->both, 1);
    job->nice[job->rounds] = getpriority(PRIO_PROCESS, 0); /* of this thread */
    job->on[job->rounds++] = gettid();
    sched_yield(); /* whoever wants to come in now may */
    atomic_fetch_sub(&job->inside, 1);
    return job->plan[job->rounds] != '\0';
}

static bool steps_back(void *user)
{
    const struct job *job = user;

    return job->plan[job->rounds] == 'b';
}

/* The first round is an ordinary one. */
static void follow(const char *plan)
{
    struct job job = {.plan = plan};
    struct err err = {0};
    struct turns *turns =
        turns_start(&(struct turns_job){"a test", do_round, steps_back, &job}, &err);

    assert_non_null(turns);
    turns_stop(turns);
    const int own = getpriority(PRIO_PROCESS, 0);
    const int behind = own + NICE < NICEST ? own + NICE : NICEST;
    assert_int_equal(job.both, 0);
    for (int i = 0; i < job.rounds; i++) {
        assert_int_equal(job.nice[i], plan[i] == 'b' ? behind : own);
        assert_int_not_equal(job.on[i], gettid());
        for (int j = 0; j < i; j++) /* two threads in all */
            assert_int_equal(job.on[i] == job.on[j], plan[i] == plan[j]);
    }
    assert_int_equal(plan[job.rounds], '\0');
}

static void test_the_job_changes_threads_as_it_says(void **state)
{
    (void)state;
    follow("oooo");
    follow("obbb");
    follow("obbboobobboooobbbbo");
}

static void test_it_ends_on_either(void **state)
{
    (void)state;
    follow("o");
    follow("oobo");
    follow("oob");
    turns_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_job_changes_threads_as_it_says),
        cmocka_unit_test(test_it_ends_on_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

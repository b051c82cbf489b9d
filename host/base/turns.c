/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turns.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A tenth of what an ordinary thread gets where both want the same core (sched(7)). */
enum { NICE = 10 };

enum turn {
    ORDINARY,
    STEPPED_BACK,
    NOBODYS, /* the last round was done */
};

struct turns {
    struct turns_job job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum turn turn; /* under lock */
    pthread_t ordinary;
    pthread_t stepped_back;
    bool is_doubled; /* stepped_back runs; the ordinary thread's, while it lives */
    bool is_single;  /* it could not be made */
};

static void *run_stepped_back(void *user);

/* [ordinary] */
static bool has_second(struct turns *turns)
{
    if (!turns->is_doubled && !turns->is_single) {
        int status = thread_start(&turns->stepped_back, run_stepped_back, turns);

        turns->is_doubled = status == 0;
        turns->is_single = status < 0;
        if (status < 0)
            log_warn("no thread of lower priority: work that should step back does not",
                     F_STR("work", turns->job.name), F_STR("reason", strerror(-status)));
    }
    return turns->is_doubled;
}

/* Does rounds until it is somebody else's turn. */
static enum turn do_rounds(struct turns *turns, enum turn own)
{
    while (turns->job.round(turns->job.user)) {
        enum turn next = turns->job.steps_back(turns->job.user) ? STEPPED_BACK : ORDINARY;

        if (next != own && (next == ORDINARY || has_second(turns)))
            return next;
    }
    return NOBODYS;
}

static void take_turns(struct turns *turns, enum turn own)
{
    pthread_mutex_lock(&turns->lock);
    for (;;) {
        while (turns->turn != own && turns->turn != NOBODYS)
            pthread_cond_wait(&turns->changed, &turns->lock);
        if (turns->turn == NOBODYS)
            break;
        pthread_mutex_unlock(&turns->lock);
        enum turn next = do_rounds(turns, own);
        pthread_mutex_lock(&turns->lock);
        turns->turn = next;
        pthread_cond_signal(&turns->changed);
    }
    pthread_mutex_unlock(&turns->lock);
}

static void *run_ordinary(void *user)
{
    take_turns(user, ORDINARY);
    return NULL;
}

static void *run_stepped_back(void *user)
{
    (void)nice(NICE); /* on Linux, of this thread alone */
    take_turns(user, STEPPED_BACK);
    return NULL;
}

struct turns *turns_start(const struct turns_job *job, struct err *err)
{
    struct turns *turns = calloc(1, sizeof(*turns));
    int status;

    if (turns == NULL) {
        (void)err_set(err, -ENOMEM, "%s: no memory for its thread", job->name); /* NULL tells */
        return NULL;
    }
    turns->job = *job;
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->changed, NULL);
    status = thread_start(&turns->ordinary, run_ordinary, turns);
    if (status == 0)
        return turns;
    (void)err_set(err, status, "%s: cannot start a thread: %s", job->name,
                  strerror(-status)); /* the same */
    pthread_cond_destroy(&turns->changed);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
    return NULL;
}

void turns_stop(struct turns *turns)
{
    if (turns == NULL)
        return;
    pthread_join(turns->ordinary, NULL);
    if (turns->is_doubled)
        pthread_join(turns->stepped_back, NULL);
    pthread_cond_destroy(&turns->changed);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_job.h"

#include "store/store_group.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct store_jobs {
    const struct store_backend *backend;
    void *writer;
    void (*finished)(void *user, struct store_op *op);
    void *user;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_closing; /* also tells the job under way to break off */

    pthread_mutex_t lock;
    pthread_cond_t has_jobs;
    struct op_queue queue; /* these under lock */
    bool is_busy;
};

struct store_jobs *store_jobs_create(const struct store_backend *backend, void *writer,
                                     void (*finished)(void *user, struct store_op *op), void *user)
{
    struct store_jobs *jobs = calloc(1, sizeof(*jobs));

    if (jobs == NULL)
        return NULL;
    jobs->backend = backend;
    jobs->writer = writer;
    jobs->finished = finished;
    jobs->user = user;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->has_jobs, NULL);
    return jobs;
}

bool store_job_is_over(const struct store_job *job)
{
    return job->is_cancelled != NULL && atomic_load(job->is_cancelled);
}

static int run_on(const struct store_jobs *jobs, void *reader, struct store_job *job,
                  struct err *err)
{
    switch (job->work) {
    case JOB_CHECK:
        return jobs->backend->check(reader, job, err);
    case JOB_BACKUP:
        return jobs->backend->backup(reader, job, err);
    }
    return err_set(err, -EINVAL, "the store has no job of kind %d", (int)job->work);
}

static void run(struct store_jobs *jobs, struct store_job *job)
{
    struct store_op *op = &job->op;
    void *reader = NULL;

    op->error = (struct err){0};
    job->is_cancelled = &jobs->is_closing;
    op->status = jobs->backend->open_reader(jobs->writer, &reader, &op->error);
    if (op->status == 0)
        op->status = run_on(jobs, reader, job, &op->error);
    if (op->status < 0 && atomic_load(&jobs->is_closing))
        op->status = err_set(&op->error, E_STOPPED, "the store closes before this is done");
    if (reader != NULL)
        jobs->backend->close_reader(reader);
}

static void *jobs_main(void *argument)
{
    struct store_jobs *jobs = argument;

    for (;;) {
        pthread_mutex_lock(&jobs->lock);
        jobs->is_busy = false;
        while (jobs->queue.head == NULL && !atomic_load(&jobs->is_closing))
            pthread_cond_wait(&jobs->has_jobs, &jobs->lock);
        struct store_op *op = atomic_load(&jobs->is_closing) ? NULL : op_queue_take(&jobs->queue);
        jobs->is_busy = op != NULL;
        pthread_mutex_unlock(&jobs->lock);
        if (op == NULL)
            return NULL;
        run(jobs, (struct store_job *)op);
        jobs->finished(jobs->user, op);
    }
}

void store_jobs_add(struct store_jobs *jobs, struct store_job *job)
{
    int failed = 0;

    pthread_mutex_lock(&jobs->lock);
    if (!jobs->has_thread)
        failed = pthread_create(&jobs->thread, NULL, jobs_main, jobs);
    if (failed == 0) {
        jobs->has_thread = true;
        op_queue_add(&jobs->queue, &job->op);
        pthread_cond_signal(&jobs->has_jobs);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (failed == 0)
        return;
    job->op.status = err_set(&job->op.error, -failed, "cannot start the store's thread for jobs");
    jobs->finished(jobs->user, &job->op);
}

bool store_jobs_is_busy(struct store_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    bool is_busy = jobs->is_busy || jobs->queue.head != NULL;
    pthread_mutex_unlock(&jobs->lock);
    return is_busy;
}

void store_jobs_destroy(struct store_jobs *jobs)
{
    struct store_op *op;

    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->lock);
    atomic_store(&jobs->is_closing, true);
    pthread_cond_signal(&jobs->has_jobs);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->has_thread)
        pthread_join(jobs->thread, NULL);
    while ((op = op_queue_take(&jobs->queue)) != NULL) {
        op->status = err_set(&op->error, E_STOPPED, "the store closes before this is done");
        jobs->finished(jobs->user, op);
    }
    pthread_cond_destroy(&jobs->has_jobs);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

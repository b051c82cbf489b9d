/* SPDX-License-Identifier: Apache-2.0
 * Batches that submit() left pending. An id is given once in a process, so a late, a second or a
 * foreign completion names nothing and is refused. */
#include "call/call_server.h"

#include <stdlib.h>

struct call_job *call_job_start(struct call_server *server, struct call_instance *instance,
                                uint64_t call, uint32_t steps, struct call_batch *batch)
{
    struct call_job *job = calloc(1, sizeof *job);

    if (job == NULL)
        return NULL;
    *job = (struct call_job){
        .call = call, .steps = steps, .instance = instance, .batch = batch, .is_submitting = true};
    pthread_mutex_lock(&server->jobs_lock);
    job->id = ++server->last_job;
    job->next = server->jobs;
    server->jobs = job;
    pthread_mutex_unlock(&server->jobs_lock);
    return job;
}

static void unlink_locked(struct call_server *server, const struct call_job *job)
{
    for (struct call_job **at = &server->jobs; *at != NULL; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            return;
        }
    }
}

bool call_job_leave_pending(struct call_thread *thread, struct call_job *job)
{
    struct call_server *server = thread->server;

    pthread_mutex_lock(&server->jobs_lock);
    bool goes_on = !job->is_completed;
    if (goes_on) {
        job->is_submitting = false;
        thread->batch = NULL; /* it is the job's now */
        /* Told under the lock: a completion on another thread must not overtake this. */
        size_t begin = wire_out_begin(&thread->out, WIRE_PENDING, job->call, job->instance->id);
        if (wire_out_end(&thread->out, begin) == 0)
            (void)call_send(server, &thread->out); /* a broken connection ends the serving loop */
        wire_out_clear(&thread->out);
    }
    pthread_mutex_unlock(&server->jobs_lock);
    return goes_on;
}

void call_job_end(struct call_server *server, struct call_job *job)
{
    pthread_mutex_lock(&server->jobs_lock);
    unlink_locked(server, job);
    pthread_mutex_unlock(&server->jobs_lock);
    free(job);
}

static struct call_job *find_open_locked(struct call_server *server,
                                         const struct call_instance *instance, uint64_t id)
{
    for (struct call_job *job = server->jobs; job != NULL; job = job->next)
        if (job->id == id && job->instance == instance && !job->is_completed)
            return job;
    return NULL;
}

/* Every record has an outcome afterwards, whatever came: the host kills a worker whose answer
 * leaves one out. */
static void apply_verdicts(struct call_batch *batch, const tenon_verdict *verdicts, size_t count)
{
    if (verdicts == NULL ||
        (count > 0 && verdicts[0].struct_size < offsetof(tenon_verdict, message)))
        count = 0;
    const char *base = (const char *)verdicts;
    size_t stride = count > 0 ? verdicts[0].struct_size : 0;

    if (count > batch->count)
        count = batch->count;
    for (size_t i = 0; i < count; i++)
        (void)call_batch_verdict(
            batch, (const void *)(base + i * stride)); /* a bad one leaves its record unsure */
    batch->step = WIRE_IN_CLIENT;
    for (uint32_t i = 0; i < batch->live_count; i++)
        if (!batch->outcomes[batch->live[i]].is_set)
            call_batch_settle(batch, i, WIRE_UNSURE, TENON_E_UNKNOWN,
                              tenon_text("completed without a verdict"));
}

int32_t call_job_complete(const tenon_host *host, uint64_t id, const tenon_verdict *verdicts,
                          size_t count)
{
    struct call_instance *instance = host->ctx;
    struct call_server *server = instance->server;

    pthread_mutex_lock(&server->jobs_lock);
    struct call_job *job = find_open_locked(server, instance, id);
    if (job == NULL) {
        pthread_mutex_unlock(&server->jobs_lock);
        return TENON_E_VALIDATION;
    }
    job->is_completed = true;
    apply_verdicts(job->batch, verdicts, count);
    if (job->is_submitting) { /* whoever is in submit() answers */
        pthread_mutex_unlock(&server->jobs_lock);
        return TENON_OK;
    }
    unlink_locked(server, job);
    pthread_mutex_unlock(&server->jobs_lock);

    struct wire_out out = {0};
    if (call_batch_encode(job->batch, job->steps, job->call, instance->id, &out) == 0)
        (void)call_send(server, &out); /* a broken connection ends the serving loop */
    wire_out_finish(&out);
    call_batch_destroy(job->batch);
    free(job);
    return TENON_OK;
}

void call_job_cancel(struct call_server *server, uint64_t call)
{
    uint64_t id = 0;
    void *self = NULL;

    pthread_mutex_lock(&server->jobs_lock);
    for (struct call_job *job = server->jobs; job != NULL; job = job->next) {
        if (job->call == call && !job->is_completed) {
            id = job->id;
            self = job->instance->self;
        }
    }
    pthread_mutex_unlock(&server->jobs_lock);
    if (id == 0 || server->client.cancel == NULL)
        return;
    call_mark_call(&server->main, call, 0);
    call_mark(&server->main, WIRE_AT_CANCEL, UINT32_MAX);
    server->client.cancel(self, id);
    call_mark(&server->main, WIRE_AT_NONE, UINT32_MAX);
    call_mark_call(&server->main, 0, 0);
}

void call_job_drop_all(struct call_server *server, const struct call_instance *instance)
{
    pthread_mutex_lock(&server->jobs_lock);
    struct call_job **at = &server->jobs;
    while (*at != NULL) {
        struct call_job *job = *at;
        if ((instance != NULL && job->instance != instance) || job->is_submitting) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        call_batch_destroy(job->batch);
        free(job);
    }
    pthread_mutex_unlock(&server->jobs_lock);
}

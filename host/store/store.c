/* SPDX-License-Identifier: Apache-2.0
 * The two threads of the store. Writes queue up while the writer's commit waits for the disk, and
 * all that queued meanwhile is the next group: the busier the store, the larger its groups, and an
 * idle one commits at once. */
#include "store/store.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/store_gather.h"
#include "store/store_group.h"
#include "store/store_job.h"
#include "store/store_upkeep.h"
#include "store/store_watch.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    GROUP_MAX_DEFAULT = 4096,
    AWAITED_US = 20000, /* so long after a commit for several producers the next is likely */
};

/* What goes to the loop. It outlives the store when one is still under way at store_close. */
struct delivery {
    struct loop_message message;
    struct store *store; /* NULL: closed */
};

struct store {
    const struct store_backend *backend;
    struct loop *loop;
    void *writer;
    void *reader;
    uint64_t group_max;
    pthread_t writer_thread;
    pthread_t reader_thread;
    bool has_writer_thread;
    bool has_reader_thread;
    struct delivery *delivery;
    struct store_group group; /* the writer thread's, as upkeep is */
    struct store_upkeep upkeep;
    struct store_jobs *jobs;

    /* The loop's: asked for in this round, and handed over together at its end. A writer woken by
     * the first of them would commit it alone, while the others wait for that commit. */
    struct op_queue new_writes;
    uint64_t new_weight, new_puts;
    struct loop_task hand_over;
    struct store_watcher watcher; /* the loop's, too */

    _Atomic int64_t awaited_until_us; /* by clock_mono_us; the writer's, read by any thread */

    pthread_mutex_t lock;
    pthread_cond_t has_writes;
    pthread_cond_t has_queries;
    struct op_queue writes; /* these under lock */
    struct store_gather gather;
    struct op_queue queries;
    struct op_queue compacts;
    struct op_queue finished;
    struct store_retention retention;
    bool is_retention_new;  /* upkeep has not seen it yet */
    int64_t query_since_us; /* 0: none is under way */
    bool is_posted;
    bool is_closing;
    struct store_figures figures;
};

static void end_op(struct store *store, struct store_op *op)
{
    if (store->watcher.kinds != 0)
        store_watcher_tell(&store->watcher, op);
    op->done(op);
}

/* [loop] */
static void deliver(struct loop_message *message)
{
    struct delivery *delivery = (struct delivery *)message;
    struct store *store = delivery->store;
    struct op_queue finished;
    struct store_op *op;

    if (store == NULL) {
        free(delivery);
        return;
    }
    pthread_mutex_lock(&store->lock);
    store->is_posted = false;
    finished = store->finished;
    store->finished = (struct op_queue){NULL, NULL};
    pthread_mutex_unlock(&store->lock);
    while ((op = op_queue_take(&finished)) != NULL)
        end_op(store, op);
}

/* One message for the whole list, and none while one is already on its way. */
static void finish_ops(struct store *store, struct op_queue *ops)
{
    bool must_post;

    pthread_mutex_lock(&store->lock);
    op_queue_append(&store->finished, ops);
    must_post = !store->is_posted && store->finished.head != NULL;
    if (must_post)
        store->is_posted = true;
    pthread_mutex_unlock(&store->lock);
    if (must_post)
        loop_post(store->loop, &store->delivery->message);
}

/* Takes from the queue what fits one commit, at least one op. */
static struct op_queue take_group_locked(struct store *store, uint64_t *out_writes)
{
    struct op_queue group = {NULL, NULL};
    uint64_t writes = 0;

    while (store->writes.head != NULL) {
        uint64_t weight = op_weight(store->writes.head);
        if (group.head != NULL && writes + weight > store->group_max)
            break;
        writes += weight;
        op_queue_add(&group, op_queue_take(&store->writes));
    }
    *out_writes = writes;
    store_gather_take(&store->gather);
    return group;
}

/* Waits on has_writes for so long, on the clock that never steps. */
static void wait_locked(struct store *store, int64_t wait_us)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail with a clock that exists */
    until.tv_sec += wait_us / 1000000;
    until.tv_nsec += wait_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&store->has_writes, &store->lock,
                                 &until); /* the caller looks why it returned */
}

static void gather_locked(struct store *store)
{
    int64_t until_us = clock_mono_us() + STORE_GATHER_US;
    int64_t wait_us = STORE_GATHER_US;

    if (!store_gather_start(&store->gather))
        return;
    while (!store_gather_is_enough(&store->gather) && !store->is_closing && wait_us > 0) {
        wait_locked(store, wait_us);
        wait_us = until_us - clock_mono_us();
    }
}

static void commit_group(struct store *store, struct op_queue *group, uint64_t writes)
{
    int64_t started_us = clock_mono_us();
    store_group_run(&store->group, group->head);
    int64_t took_us = clock_mono_us() - started_us;
    int64_t wal_bytes = store->backend->wal_bytes(store->writer);

    pthread_mutex_lock(&store->lock);
    store->figures.commits++;
    store->figures.writes += writes;
    if (writes > store->figures.largest_group)
        store->figures.largest_group = writes;
    histogram_add(&store->figures.commit_us, &histogram_microseconds,
                  took_us > 0 ? (uint64_t)took_us : 0);
    store->figures.wal_bytes = wal_bytes;
    store->figures.is_full = store->group.is_full;
    store_gather_end(&store->gather); /* before the answers, which bring the next */
    if (store_gather_leaves_gaps(&store->gather))
        atomic_store_explicit(&store->awaited_until_us, started_us + took_us + AWAITED_US,
                              memory_order_relaxed);
    pthread_mutex_unlock(&store->lock);
    finish_ops(store, group);
}

static void take_upkeep_figures_locked(struct store *store)
{
    const struct store_figures *from = &store->upkeep.figures;
    struct store_figures *to = &store->figures;

    to->wal_bytes = from->wal_bytes;
    to->file_bytes = from->file_bytes;
    to->free_bytes = from->free_bytes;
    to->oldest_reader_ms = from->oldest_reader_ms;
    to->checkpoint_ms = from->checkpoint_ms;
    to->removed = from->removed;
    to->trimmed = from->trimmed;
    to->signals = from->signals;
    to->entities = from->entities;
    to->slices = from->slices;
    to->slice_us_sum = from->slice_us_sum;
}

/* A slice of upkeep, when one is due. */
static void keep_up(struct store *store)
{
    struct store_upkeep *upkeep = &store->upkeep;
    struct store_op *ended = NULL;
    bool is_busy = store_jobs_is_busy(store->jobs);

    pthread_mutex_lock(&store->lock);
    if (upkeep->compact == NULL)
        upkeep->compact = (struct store_compact *)op_queue_take(&store->compacts);
    struct store_retention retention = store->retention;
    retention.is_paused |= is_busy;
    int64_t query_since_us = store->query_since_us;
    if (store->is_retention_new)
        upkeep->next_us = 0;
    store->is_retention_new = false;
    pthread_mutex_unlock(&store->lock);
    if (upkeep->compact == NULL && upkeep->next_us > clock_mono_us())
        return;
    ended = store_upkeep_step(upkeep, &retention, query_since_us);
    pthread_mutex_lock(&store->lock);
    take_upkeep_figures_locked(store);
    store->figures.is_full = store->group.is_full;
    pthread_mutex_unlock(&store->lock);
    if (ended != NULL) {
        struct op_queue one = {ended, ended};
        finish_ops(store, &one);
    }
}

/* Until there is something to write, or upkeep is due. False: the store closes and all is
 * written. */
static bool wait_for_work_locked(struct store *store)
{
    while (store->writes.head == NULL && !store->is_closing) {
        int64_t next_us = store->upkeep.next_us;
        if (store->group.is_full && store->group.probe_us < next_us)
            next_us = store->group.probe_us;
        int64_t wait_us = next_us - clock_mono_us();

        if (wait_us <= 0 || store->compacts.head != NULL || store->upkeep.compact != NULL ||
            store->is_retention_new)
            return true;
        wait_locked(store, wait_us);
    }
    return store->writes.head != NULL;
}

static void *writer_main(void *argument)
{
    struct store *store = argument;
    bool is_on = true;

    while (is_on) {
        uint64_t writes = 0;
        pthread_mutex_lock(&store->lock);
        is_on = wait_for_work_locked(store);
        if (store->writes.head != NULL)
            gather_locked(store);
        struct op_queue group = take_group_locked(store, &writes);
        pthread_mutex_unlock(&store->lock);
        if (group.head != NULL)
            commit_group(store, &group, writes);
        if (is_on) {
            store_group_probe(&store->group);
            keep_up(store);
        }
    }
    return NULL;
}

static void reader_since(struct store *store, int64_t since_us)
{
    pthread_mutex_lock(&store->lock);
    store->query_since_us = since_us;
    pthread_mutex_unlock(&store->lock);
}

static void *reader_main(void *argument)
{
    struct store *store = argument;

    for (;;) {
        pthread_mutex_lock(&store->lock);
        while (store->queries.head == NULL && !store->is_closing)
            pthread_cond_wait(&store->has_queries, &store->lock);
        struct store_op *op = op_queue_take(&store->queries);
        pthread_mutex_unlock(&store->lock);
        if (op == NULL)
            return NULL;
        op->error = (struct err){0};
        reader_since(store, clock_mono_us());
        op->status = store->backend->query(store->reader, (struct store_query *)op, &op->error);
        reader_since(store, 0);
        struct op_queue one = {op, op};
        finish_ops(store, &one);
    }
}

static void hand_over(struct store *store)
{
    if (store->new_writes.head == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    op_queue_append(&store->writes, &store->new_writes);
    store_gather_add(&store->gather, store->new_puts, store->new_weight);
    if (store_gather_is_enough(&store->gather))
        pthread_cond_signal(&store->has_writes);
    pthread_mutex_unlock(&store->lock);
    store->new_weight = store->new_puts = 0;
}

static void on_end_of_round(struct loop_task *task)
{
    hand_over((struct store *)(void *)((char *)task - offsetof(struct store, hand_over)));
}

static void submit(struct store *store, struct store_op *op, enum op_kind kind)
{
    bool is_query = kind == OP_QUERY;
    struct op_queue *queue = is_query             ? &store->queries
                             : kind == OP_COMPACT ? &store->compacts
                                                  : &store->writes;

    op->kind = kind;
    op->status = 0;
    if (queue == &store->writes && !store->is_closing) { /* which the loop alone sets */
        op_queue_add(&store->new_writes, op);
        /* A claim handed over early would meet none of the entities that are on their way. */
        store->new_weight += kind == OP_CLAIM ? 1 : op_weight(op);
        store->new_puts += kind == OP_PUT;
        if (store->new_weight >= STORE_GATHER_WRITES)
            hand_over(store);
        else
            loop_at_end(store->loop, &store->hand_over);
        return;
    }
    pthread_mutex_lock(&store->lock);
    if (!store->is_closing) {
        op_queue_add(queue, op);
        pthread_cond_signal(is_query ? &store->has_queries : &store->has_writes);
        pthread_mutex_unlock(&store->lock);
        return;
    }
    pthread_mutex_unlock(&store->lock);
    op->status = err_set(&op->error, E_STOPPED, "the store is closing: nothing more is taken");
    struct op_queue one = {op, op};
    finish_ops(store, &one);
}

static void job_ended(void *user, struct store_op *op)
{
    struct op_queue one = {op, op};

    finish_ops(user, &one);
}

/* Waits on has_writes are for spans of the clock that never steps. */
static void init_conditions(struct store *store)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* Linux has it */
    pthread_cond_init(&store->has_writes, &attributes);
    pthread_cond_init(&store->has_queries, NULL);
    pthread_condattr_destroy(&attributes);
}

static int start_threads(struct store *store, struct err *err)
{
    int failed = pthread_create(&store->writer_thread, NULL, writer_main, store);

    store->has_writer_thread = failed == 0;
    if (failed == 0) {
        failed = pthread_create(&store->reader_thread, NULL, reader_main, store);
        store->has_reader_thread = failed == 0;
    }
    if (failed != 0)
        return err_set(err, -failed, "cannot start the store's threads: %s", strerror(failed));
    return 0;
}

struct store *store_open(const struct store_settings *settings, struct loop *loop, struct err *err)
{
    const char *place = NULL;
    const struct store_backend *backend = store_backend_find(settings->url, &place, err);
    if (backend == NULL)
        return NULL;

    struct store *store = calloc(1, sizeof(*store));
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    if (store == NULL || delivery == NULL) {
        free(store);
        free(delivery);
        err_set(err, -ENOMEM, "no memory for the store");
        return NULL;
    }
    store->backend = backend;
    store->loop = loop;
    store->group_max = settings->group_max > 0 ? (uint64_t)settings->group_max : GROUP_MAX_DEFAULT;
    store->hand_over.fn = on_end_of_round;
    delivery->message.fn = deliver;
    delivery->store = store;
    store->delivery = delivery;
    pthread_mutex_init(&store->lock, NULL);
    init_conditions(store);
    store->retention = settings->retention;
    int status = backend->open(settings, place, &store->writer, err);
    if (status == 0)
        status = backend->open_reader(store->writer, &store->reader, err);
    store->jobs = status == 0 ? store_jobs_create(backend, store->writer, job_ended, store) : NULL;
    if (status == 0 && store->jobs == NULL)
        status = err_set(err, -ENOMEM, "no memory for the store");
    if (status == 0) {
        store_group_start(&store->group, backend, store->writer);
        store_upkeep_start(&store->upkeep, backend, store->writer);
        status = start_threads(store, err);
    }
    if (status == 0)
        return store;
    store_close(store);
    return NULL;
}

/* Runs the last done callbacks; what they ask for is refused, and told at once. */
static void deliver_rest(struct store *store)
{
    for (;;) {
        pthread_mutex_lock(&store->lock);
        struct store_op *op = op_queue_take(&store->finished);
        pthread_mutex_unlock(&store->lock);
        if (op == NULL)
            return;
        end_op(store, op);
    }
}

/* The threads are gone. */
static void end_compacts(struct store *store)
{
    struct store_op *op = store->upkeep.compact != NULL ? &store->upkeep.compact->op
                                                        : op_queue_take(&store->compacts);

    while (op != NULL) {
        op->status = err_set(&op->error, E_STOPPED, "the store closes before all is compacted");
        op_queue_add(&store->finished, op);
        op = op_queue_take(&store->compacts);
    }
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    hand_over(store);
    loop_forget(store->loop, &store->hand_over);
    pthread_mutex_lock(&store->lock);
    store->is_closing = true;
    pthread_cond_signal(&store->has_writes);
    pthread_cond_signal(&store->has_queries);
    pthread_mutex_unlock(&store->lock);
    if (store->has_writer_thread)
        pthread_join(store->writer_thread, NULL);
    if (store->has_reader_thread)
        pthread_join(store->reader_thread, NULL);
    store_jobs_destroy(store->jobs);
    end_compacts(store);
    deliver_rest(store);
    if (store->watcher.fn != NULL)
        store->watcher.fn(store->watcher.user, NULL);
    if (store->reader != NULL)
        store->backend->close_reader(store->reader);
    if (store->writer != NULL)
        store->backend->close(store->writer);
    if (store->is_posted)
        store->delivery->store =
            NULL; /* the message is still in the loop's queue and frees itself there */
    else
        free(store->delivery);
    pthread_cond_destroy(&store->has_queries);
    pthread_cond_destroy(&store->has_writes);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

void store_put(struct store *store, struct store_put *put)
{
    put->last_seq = 0;
    submit(store, &put->op, OP_PUT);
}

void store_relate(struct store *store, struct store_relate *relate)
{
    relate->last_seq = 0;
    submit(store, &relate->op, OP_RELATE);
}

void store_publish(struct store *store, struct store_publish *publish)
{
    publish->last_seq = 0;
    submit(store, &publish->op, OP_PUBLISH);
}

void store_watch(struct store *store, unsigned kinds, store_signal_fn fn, void *user)
{
    store->watcher = (struct store_watcher){kinds, fn, user};
}

void store_integration(struct store *store, struct store_integration *integration)
{
    submit(store, &integration->op, OP_INTEGRATION);
}

void store_claim(struct store *store, struct store_claim *claim)
{
    claim->records = NULL;
    claim->count = 0;
    claim->has_more = false;
    claim->next_due_ms = 0;
    claim->arena = NULL;
    submit(store, &claim->op, OP_CLAIM);
}

void store_record(struct store *store, struct store_record *record)
{
    record->next_due_ms = 0;
    submit(store, &record->op, OP_RECORD);
}

void store_enqueue(struct store *store, struct store_enqueue *enqueue)
{
    enqueue->count = 0;
    enqueue->rewinds = false;
    submit(store, &enqueue->op, OP_ENQUEUE);
}

void store_keep(struct store *store, struct store_keep *keep)
{
    submit(store, &keep->op, OP_KEEP);
}

void store_attribute(struct store *store, struct store_attribute *attribute)
{
    submit(store, &attribute->op, OP_ATTRIBUTE);
}

void store_move(struct store *store, struct store_move *move)
{
    move->moved = 0;
    memset(move->refused, 0, sizeof(move->refused));
    submit(store, &move->op, OP_MOVE);
}

void store_recover(struct store *store, struct store_recover *recover)
{
    recover->count = 0;
    submit(store, &recover->op, OP_RECOVER);
}

void store_retain(struct store *store, const struct store_retention *retention)
{
    pthread_mutex_lock(&store->lock);
    store->retention = *retention;
    store->is_retention_new = true;
    pthread_cond_signal(&store->has_writes);
    pthread_mutex_unlock(&store->lock);
}

void store_compact(struct store *store, struct store_compact *compact)
{
    compact->removed = compact->trimmed = 0;
    compact->freed_bytes = 0;
    submit(store, &compact->op, OP_COMPACT);
}

void store_job(struct store *store, struct store_job *job)
{
    struct op_queue one = {&job->op, &job->op};

    job->op.kind = OP_JOB;
    job->op.status = 0;
    job->op.next = NULL;
    job->problem_count = 0;
    job->problems = (struct buf){0};
    job->bytes = 0;
    atomic_store(&job->done, 0);
    atomic_store(&job->total, 0);
    pthread_mutex_lock(&store->lock);
    bool is_closing = store->is_closing;
    pthread_mutex_unlock(&store->lock);
    if (!is_closing) {
        store_jobs_add(store->jobs, job);
        return;
    }
    job->op.status = err_set(&job->op.error, E_STOPPED, "the store is closing");
    finish_ops(store, &one);
}

void store_query(struct store *store, struct store_query *query)
{
    query->next = 0;
    submit(store, &query->op, OP_QUERY);
}

bool store_is_awaited(const struct store *store)
{
    return clock_mono_us() < atomic_load_explicit(&store->awaited_until_us, memory_order_relaxed);
}

void store_figures(struct store *store, struct store_figures *out)
{
    pthread_mutex_lock(&store->lock);
    *out = store->figures;
    pthread_mutex_unlock(&store->lock);
}

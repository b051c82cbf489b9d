/* SPDX-License-Identifier: Apache-2.0
 * Posts go onto a lock-free stack, which the loop takes whole and turns around. The poster who
 * finds the stack empty wakes the loop, so a burst costs one wake-up. */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t end;        /* of each round */
    struct loop_task *tasks; /* for then, in order */
    struct loop_task **last_task;
    _Atomic(struct loop_message *) posted; /* newest first */
    atomic_bool is_stopping;
    _Atomic pthread_t owner; /* who may call the [loop] functions */
    struct loop_timer *timers;
};

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    struct loop_timer *prev;
    struct loop_timer *next;
    void (*fn)(void *user);
    void *user;
};

/* Runs what was posted before the call; what that posts comes next round. */
static void run_posted(struct loop *loop)
{
    struct loop_message *newest =
        atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    struct loop_message *oldest = NULL;

    while (newest != NULL) {
        struct loop_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct loop_message *message = oldest;
        oldest = oldest->next;
        message->next = NULL;
        message->fn(message); /* the message is gone from here on */
    }
}

/* The flag is read first: whatever was posted before loop_stop is then seen by run_posted. */
static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    bool is_stopping = atomic_load(&loop->is_stopping);

    run_posted(loop);
    if (is_stopping)
        uv_stop(&loop->uv);
}

/* Also what the tasks themselves ask for. */
static void run_tasks(struct loop *loop)
{
    struct loop_task *task;

    while ((task = loop->tasks) != NULL) {
        loop->tasks = task->next;
        if (loop->tasks == NULL)
            loop->last_task = &loop->tasks;
        task->is_waiting = false;
        task->fn(task);
    }
}

static void on_end(uv_prepare_t *end)
{
    run_tasks(end->data);
}

struct loop *loop_create(struct err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory for the event loop"); /* NULL tells */
        return NULL;
    }
    int status = uv_loop_init(&loop->uv);
    if (status == 0) {
        status = uv_async_init(&loop->uv, &loop->wake, on_wake);
        if (status < 0)
            (void)uv_loop_close(&loop->uv); /* nothing is open in it */
    }
    if (status < 0) {
        (void)err_set(err, status, "cannot start an event loop: %s",
                      uv_strerror(status)); /* NULL tells */
        free(loop);
        return NULL;
    }
    loop->wake.data = loop;
    loop->last_task = &loop->tasks;
    loop->end.data = loop;
    (void)uv_prepare_init(&loop->uv, &loop->end); /* cannot fail */
    (void)uv_prepare_start(&loop->end, on_end);   /* the same */
    atomic_store(&loop->owner, pthread_self());
    return loop;
}

static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    atomic_store(&loop->owner, pthread_self());
    while (loop->timers != NULL)
        loop_timer_destroy(loop->timers);
    uv_walk(&loop->uv, close_handle, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* only the closings are left */
    int status = uv_loop_close(&loop->uv);
    assert(status == 0);
    (void)status; /* looked at in debug builds */
    free(loop);
}

void loop_run(struct loop *loop)
{
    atomic_store(&loop->owner, pthread_self());
    (void)uv_run(&loop->uv,
                 UV_RUN_DEFAULT); /* non-zero says that handles are open, and `wake` always is */
    atomic_store(&loop->is_stopping, false);
}

void loop_drain(struct loop *loop)
{
    loop_assert_here(loop);
    while (atomic_load(&loop->posted) != NULL || loop->tasks != NULL) {
        run_posted(loop);
        run_tasks(loop);
    }
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->is_stopping, true);
    (void)uv_async_send(&loop->wake); /* fails for a wrong handle only */
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_assert_here(const struct loop *loop)
{
    assert(pthread_equal(atomic_load(&loop->owner), pthread_self()));
    (void)loop; /* unused without assertions */
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    struct loop_message *newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);

    do {
        message->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &newest, message,
                                                    memory_order_release, memory_order_relaxed));
    /* Not message->next: once it is on the stack the message is the loop's. */
    if (newest == NULL)
        (void)uv_async_send(&loop->wake); /* fails for a wrong handle only */
}

void loop_at_end(struct loop *loop, struct loop_task *task)
{
    loop_assert_here(loop);
    if (task->is_waiting)
        return;
    task->is_waiting = true;
    task->next = NULL;
    *loop->last_task = task;
    loop->last_task = &task->next;
}

void loop_forget(struct loop *loop, struct loop_task *task)
{
    struct loop_task **place = &loop->tasks;

    loop_assert_here(loop);
    if (!task->is_waiting)
        return;
    while (*place != task)
        place = &(*place)->next;
    *place = task->next;
    if (*place == NULL)
        loop->last_task = place;
    task->is_waiting = false;
}

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *timer = uv->data;

    timer->fn(timer->user);
}

static void free_timer(uv_handle_t *uv)
{
    free(uv->data);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *user), void *user)
{
    loop_assert_here(loop);
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (timer == NULL)
        return NULL;
    (void)uv_timer_init(&loop->uv, &timer->uv); /* cannot fail */
    timer->uv.data = timer;
    timer->loop = loop;
    timer->fn = fn;
    timer->user = user;
    timer->next = loop->timers;
    if (timer->next != NULL)
        timer->next->prev = timer;
    loop->timers = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    loop_assert_here(timer->loop);
    /* libuv counts from the time at which this round began, which may be a while ago. */
    uv_update_time(&timer->loop->uv);
    (void)uv_timer_start(&timer->uv, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0,
                         0); /* fn is never NULL */
}

void loop_timer_clear(struct loop_timer *timer)
{
    loop_assert_here(timer->loop);
    (void)uv_timer_stop(&timer->uv); /* cannot fail */
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    loop_assert_here(timer->loop);
    if (timer->prev != NULL)
        timer->prev->next = timer->next;
    else
        timer->loop->timers = timer->next;
    if (timer->next != NULL)
        timer->next->prev = timer->prev;
    uv_close((uv_handle_t *)&timer->uv, free_timer);
}

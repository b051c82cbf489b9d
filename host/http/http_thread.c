/* SPDX-License-Identifier: Apache-2.0
 * The loop's side of an HTTP thread.
 *
 *   [loop] http_thread_send -> share's inbox -> [thread] waiting -> a slot -> the wire ->
 * finished -> [loop] done() */
#include "http/http_thread.h"

#include "base/clock.h"
#include "http/http_thread_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CONNECTIONS_DEFAULT = 16,
    TIMEOUT_MS_DEFAULT = 30000,
    CONNECT_TIMEOUT_MS_DEFAULT = 10000,
    IDLE_CONNECTIONS_MAX = 1024, /* kept open over all shares */
    NOT_REACHED_MAX_DEFAULT = 5,
};

static void wake_thread(struct http_thread *thread)
{
    const uint64_t one = 1;

    (void)!write(thread->wake, &one, sizeof(one)); /* fails only when it is awake for sure */
}

static void run_finished(struct http_thread *thread)
{
    struct http_queue finished;
    struct http_request *request;

    http_queue_init(&finished);
    pthread_mutex_lock(&thread->lock);
    http_queue_move(&finished, &thread->finished);
    thread->has_news = false;
    pthread_mutex_unlock(&thread->lock);
    while ((request = http_queue_take(&finished)) != NULL)
        request->done(request);
}

static void on_news(struct loop_message *message)
{
    struct news *news = (struct news *)(void *)message;

    if (news->thread != NULL)
        run_finished(news->thread);
    else
        free(news);
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void init_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* [http thread] */
static bool steps_back(void *user)
{
    const struct http_precedence *precedence = ((struct http_thread *)user)->precedence;

    return precedence->is_awaited != NULL && precedence->is_awaited(precedence->user);
}

static bool open_events(struct http_thread *thread)
{
    struct epoll_event event = {.events = EPOLLIN};

    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    thread->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return thread->epoll >= 0 && thread->wake >= 0 &&
           epoll_ctl(thread->epoll, EPOLL_CTL_ADD, thread->wake, &event) == 0;
}

struct http_thread *http_thread_create(struct loop *loop, const struct http_precedence *precedence,
                                       struct err *err)
{
    struct http_thread *thread;

    pthread_once(&curl_once, init_curl);
    if (curl_ready != CURLE_OK) {
        err_set(err, -ENOSYS, "libcurl does not start: %s", curl_easy_strerror(curl_ready));
        return NULL;
    }
    thread = calloc(1, sizeof(*thread));
    if (thread == NULL) {
        err_set(err, -ENOMEM, "no memory for the HTTP client");
        return NULL;
    }
    thread->loop = loop;
    thread->precedence = precedence;
    thread->swept_us = clock_mono_us();
    thread->epoll = thread->wake = -1;
    pthread_mutex_init(&thread->lock, NULL);
    http_queue_init(&thread->finished);
    http_queue_init(&thread->done);
    thread->news = calloc(1, sizeof(*thread->news));
    thread->multi = curl_multi_init();
    if (thread->news == NULL || thread->multi == NULL || !open_events(thread)) {
        err_set(err, -ENOMEM, "no memory or no descriptors for the HTTP client");
        http_thread_destroy(thread);
        return NULL;
    }
    thread->news->thread = thread;
    thread->news->message.fn = on_news;
    curl_multi_setopt(thread->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    thread->turns = turns_start(&(struct turns_job){.name = "the HTTP client",
                                                    .round = http_thread_round,
                                                    .steps_back = steps_back,
                                                    .user = thread},
                                err);
    if (thread->turns != NULL)
        return thread;
    http_thread_destroy(thread);
    return NULL;
}

struct http_share *http_share_create(struct http_thread *thread,
                                     const struct http_destination_settings *settings,
                                     struct err *err)
{
    struct http_share *share = calloc(1, sizeof(*share));
    struct http_destination_settings *own;
    size_t slots;

    if (share == NULL) {
        err_set(err, -ENOMEM, "no memory for a share");
        return NULL;
    }
    own = &share->settings;
    *own = *settings;
    own->ca_file = settings->ca_file != NULL ? strdup(settings->ca_file) : NULL;
    own->proxy = settings->proxy != NULL ? strdup(settings->proxy) : NULL;
    own->unix_socket = settings->unix_socket != NULL ? strdup(settings->unix_socket) : NULL;
    if (own->max_connections <= 0)
        own->max_connections = CONNECTIONS_DEFAULT;
    if (own->timeout_ms <= 0)
        own->timeout_ms = TIMEOUT_MS_DEFAULT;
    if (own->connect_timeout_ms <= 0)
        own->connect_timeout_ms = CONNECT_TIMEOUT_MS_DEFAULT;
    if (own->not_reached_max <= 0)
        own->not_reached_max = NOT_REACHED_MAX_DEFAULT;
    slots = (size_t)own->max_connections;
    share->limit = share->limit_now = own->max_connections;
    share->thread = thread;
    share->slots = calloc(slots, sizeof(struct http_transfer *));
    share->idle = calloc(slots, sizeof(struct http_transfer *));
    http_queue_init(&share->inbox);
    http_queue_init(&share->waiting);
    if (share->slots == NULL || share->idle == NULL ||
        (settings->ca_file != NULL && own->ca_file == NULL) ||
        (settings->proxy != NULL && own->proxy == NULL) ||
        (settings->unix_socket != NULL && own->unix_socket == NULL)) {
        http_share_free(share);
        err_set(err, -ENOMEM, "no memory for a share");
        return NULL;
    }
    pthread_mutex_lock(&thread->lock);
    share->next = thread->shares;
    if (share->next != NULL)
        share->next->previous = share;
    thread->shares = share;
    pthread_mutex_unlock(&thread->lock);
    return share;
}

/* Has the thread look at the share; true when it must be woken for that. */
static bool mark_dirty_locked(struct http_share *share)
{
    struct http_thread *thread = share->thread;
    bool must_wake = thread->is_asleep;

    if (!share->is_dirty) {
        share->is_dirty = true;
        share->next_dirty = thread->dirty;
        thread->dirty = share;
    }
    thread->is_asleep = false; /* the next sender need not wake it again */
    return must_wake;
}

void http_share_release(struct http_share *share)
{
    struct http_thread *thread;
    bool must_wake;

    if (share == NULL)
        return;
    thread = share->thread;
    pthread_mutex_lock(&thread->lock);
    share->is_released = true;
    must_wake = mark_dirty_locked(share);
    pthread_mutex_unlock(&thread->lock);
    if (must_wake)
        wake_thread(thread);
}

void http_share_limit(struct http_share *share, int connections)
{
    struct http_thread *thread = share->thread;
    bool must_wake;

    pthread_mutex_lock(&thread->lock);
    share->limit = connections < share->settings.max_connections ? connections
                                                                 : share->settings.max_connections;
    must_wake = mark_dirty_locked(share);
    pthread_mutex_unlock(&thread->lock);
    if (must_wake)
        wake_thread(thread);
}

/* Puts requests to the finished as refused; they run with the others. */
static void refuse_locked(struct http_thread *thread, struct http_queue *requests)
{
    for (struct http_request *each = requests->first; each != NULL; each = each->next)
        http_outcome_refuse(each, "the HTTP client is shutting down");
    http_queue_move(&thread->finished, requests);
}

void http_thread_send(struct http_share *share, struct http_request *requests)
{
    struct http_thread *thread = share->thread;
    struct http_queue all = {requests, NULL};
    bool must_wake = false;

    if (requests == NULL)
        return;
    for (struct http_request *each = requests; each != NULL; each = each->next)
        all.last = &each->next;
    pthread_mutex_lock(&thread->lock);
    if (thread->is_stopping) {
        refuse_locked(thread, &all);
    } else {
        http_queue_move(&share->inbox, &all);
        must_wake = mark_dirty_locked(share);
    }
    pthread_mutex_unlock(&thread->lock);
    if (must_wake)
        wake_thread(thread);
}

static void stop_thread(struct http_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->is_stopping = true;
    pthread_mutex_unlock(&thread->lock);
    wake_thread(thread);
    turns_stop(thread->turns);
    thread->turns = NULL;
}

/* The thread is gone, so all of it is ours. */
static void give_up_all(struct http_thread *thread)
{
    for (struct http_share *each = thread->shares; each != NULL; each = each->next) {
        for (size_t i = 0; i < each->slot_count; i++) {
            struct http_transfer *transfer = each->slots[i];

            if (http_transfer_is_idle(transfer))
                continue;
            http_transfer_end(transfer, CURLE_ABORTED_BY_CALLBACK, "the client is shutting down");
            curl_multi_remove_handle(thread->multi,
                                     http_transfer_easy(transfer)); /* or is not in */
            http_queue_put(&thread->finished, http_transfer_take(transfer));
        }
        refuse_locked(thread, &each->waiting);
        refuse_locked(thread, &each->inbox);
    }
}

void http_thread_stop(struct http_thread *thread)
{
    if (thread->turns != NULL)
        stop_thread(thread);
    give_up_all(thread);
    while (thread->finished.first != NULL) {
        bool has_news = thread->has_news;

        run_finished(thread); /* may send more, which is refused at once */
        thread->has_news = has_news;
    }
}

void http_thread_destroy(struct http_thread *thread)
{
    if (thread == NULL)
        return;
    http_thread_stop(thread);
    while (thread->shares != NULL)
        http_share_forget(thread->shares);
    curl_multi_cleanup(thread->multi);
    if (thread->wake >= 0)
        (void)close(thread->wake); /* nobody writes to it any more */
    if (thread->epoll >= 0)
        (void)close(thread->epoll); /* the same */
    pthread_mutex_destroy(&thread->lock);
    if (thread->has_news)
        thread->news->thread = NULL; /* on_news frees it */
    else
        free(thread->news);
    free(thread);
}

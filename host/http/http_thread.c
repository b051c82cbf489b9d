/* SPDX-License-Identifier: Apache-2.0
 * The thread, its queues and its slots.
 *
 *   [loop] http_thread_send -> share's inbox -> [thread] waiting -> a slot -> libcurl ->
 * finished -> [loop] done()
 *
 * When a transfer ends, the thread itself puts the next waiting request on the same handle: the
 * loop is told of what is done, and is never asked what to do next. A poll/perform round beat
 * socket_action by a quarter on few busy connections, hence no libuv here. */
#include "http/http_thread.h"

#include "base/clock.h"
#include "http/http_queue.h"
#include "http/http_transfer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    CONNECTIONS_DEFAULT = 16,
    TIMEOUT_MS_DEFAULT = 30000,
    CONNECT_TIMEOUT_MS_DEFAULT = 10000,
    IDLE_CONNECTIONS_MAX = 1024, /* kept open over all shares */
    NOT_REACHED_MAX_DEFAULT = 5,
    SWEEP_MS = 30000, /* slots unused for this long are given back */
};

struct http_share {
    struct http_thread *thread;
    struct http_destination_settings settings; /* its texts are copies */

    struct http_share *next;       /* under lock: the list of all */
    struct http_share *previous;   /* under lock */
    struct http_queue inbox;       /* under lock */
    int limit;                     /* under lock */
    bool is_released;              /* under lock */
    bool is_dirty;                 /* under lock */
    struct http_share *next_dirty; /* under lock */

    /* The thread's. */
    struct http_queue waiting;
    struct http_transfer **slots; /* all of them */
    size_t slot_count;
    struct http_transfer **idle; /* a stack, so that the warmest is taken */
    size_t idle_count;
    int limit_now;
    int not_reached_in_a_row;
    struct http_transfer *scout; /* opens the first connection; the others wait for it */
    bool is_busy_since_sweep;
    bool may_go; /* released, and the thread has seen it */
    bool is_slotted;
    struct http_share *next_slotted; /* those with slots, for the sweep */
    struct http_share *next_started; /* those whose inbox was just taken */
    struct http_share *next_scouting;
};

/* Outlives the thread when it is still in the loop's queue. */
struct news {
    struct loop_message message;
    struct http_thread *thread; /* NULL: the thread is gone */
};

struct http_thread {
    struct loop *loop;
    CURLM *multi;
    pthread_t id;
    bool has_thread;
    struct news *news;

    pthread_mutex_t lock;
    struct http_share *shares;  /* under lock */
    struct http_share *dirty;   /* under lock: with something in the inbox, or released */
    struct http_queue finished; /* under lock */
    bool has_news;              /* under lock: the message is in the loop's queue */
    bool is_asleep;             /* under lock: a wake-up is needed */
    bool is_stopping;           /* under lock */

    /* The thread's. */
    struct http_queue done;
    struct http_share *slotted;
    struct http_share *scouting;
    int64_t swept_us;
};

static void share_free(struct http_share *share)
{
    if (share == NULL)
        return;
    for (size_t i = 0; i < share->slot_count; i++)
        http_transfer_destroy(share->slots[i]);
    free(share->slots);
    free(share->idle);
    free((char *)(uintptr_t)share->settings.ca_file);
    free((char *)(uintptr_t)share->settings.proxy);
    free((char *)(uintptr_t)share->settings.unix_socket);
    free(share);
}

/* ---- the thread ---- */

/* Off the list and gone. */
static void share_forget(struct http_share *share)
{
    struct http_thread *thread = share->thread;

    pthread_mutex_lock(&thread->lock);
    if (share->previous != NULL)
        share->previous->next = share->next;
    else
        thread->shares = share->next;
    if (share->next != NULL)
        share->next->previous = share->previous;
    pthread_mutex_unlock(&thread->lock);
    share_free(share);
}

static int busy_of(const struct http_share *share)
{
    return (int)(share->slot_count - share->idle_count);
}

static struct http_transfer *take_slot(struct http_share *share)
{
    struct http_transfer *transfer;

    share->is_busy_since_sweep = true;
    if (busy_of(share) >= share->limit_now)
        return NULL;
    if (share->idle_count > 0)
        return share->idle[--share->idle_count];
    if (share->slot_count == (size_t)share->settings.max_connections)
        return NULL;
    transfer = http_transfer_create(&share->settings, share);
    if (transfer == NULL)
        return NULL;
    share->slots[share->slot_count++] = transfer;
    if (!share->is_slotted) {
        share->is_slotted = true;
        share->next_slotted = share->thread->slotted;
        share->thread->slotted = share;
    }
    return transfer;
}

/* Puts the next waiting request on this slot, or the slot aside. */
static void slot_continue(struct http_share *share, struct http_transfer *transfer)
{
    struct http_thread *thread = share->thread;
    struct http_request *request;

    while (busy_of(share) <= share->limit_now &&
           (request = http_queue_take(&share->waiting)) != NULL) {
        if (!http_transfer_prepare(transfer, request)) {
            http_queue_put(&thread->done, request);
            continue;
        }
        request->slot = transfer;
        if (curl_multi_add_handle(thread->multi, http_transfer_easy(transfer)) == CURLM_OK)
            return;
        request = http_transfer_complete(transfer, CURLE_OUT_OF_MEMORY);
        http_queue_put(&thread->done, request);
    }
    share->idle[share->idle_count++] = transfer;
}

/* With nothing under way there may be no connection, and only the first handshake shows whether the
 * server speaks HTTP/2. The first request finds out: then the others share its connection instead
 * of each opening one, and a server that is not to be trusted costs one handshake. (libcurl's own
 * PIPEWAIT lets those that wait outlive their time limits when the handshake hangs.) */
static bool wants_scout(const struct http_share *share)
{
    const char *url = share->waiting.first->url;

    return share->idle_count == share->slot_count && url != NULL &&
           strncasecmp(url, "https:", 6) == 0;
}

static void start_scouting(struct http_share *share, struct http_transfer *scout)
{
    share->scout = scout;
    share->next_scouting = share->thread->scouting;
    share->thread->scouting = share;
}

static void give_back_waiting(struct http_share *share)
{
    struct http_request *request;

    while ((request = http_queue_take(&share->waiting)) != NULL) {
        http_outcome_refuse(request,
                            "held back: the destination asked for quiet or cannot be reached");
        http_queue_put(&share->thread->done, request);
    }
}

static void share_start(struct http_share *share)
{
    if (share->limit_now == 0)
        give_back_waiting(share);
    while (share->waiting.first != NULL && share->scout == NULL) {
        bool is_scout = wants_scout(share);
        struct http_transfer *transfer = take_slot(share);

        if (transfer == NULL && busy_of(share) > 0)
            return; /* a slot that ends takes the next */
        if (transfer == NULL) {
            struct http_request *request = http_queue_take(&share->waiting);

            http_outcome_refuse(request, "out of memory");
            http_queue_put(&share->thread->done, request);
            continue;
        }
        slot_continue(share, transfer);
        if (is_scout && share->idle_count < share->slot_count)
            start_scouting(share, transfer);
    }
}

static void stop_scouting(struct http_share *share)
{
    struct http_share **place = &share->thread->scouting;

    while (*place != share)
        place = &(*place)->next_scouting;
    *place = share->next_scouting;
    share->scout = NULL;
}

/* Where the first connection stands now, the others follow. */
static void follow_scouts(struct http_thread *thread)
{
    struct http_share *next;

    for (struct http_share *each = thread->scouting; each != NULL; each = next) {
        next = each->next_scouting;
        if (!http_transfer_is_connected(each->scout))
            continue;
        stop_scouting(each);
        share_start(each);
    }
}

static void share_drop_slots(struct http_share *share)
{
    while (share->slot_count > 0)
        http_transfer_destroy(share->slots[--share->slot_count]);
    share->idle_count = 0;
}

/* Not to be reached, as the last few have shown: what still waits would only fare the same. The
 * loop cannot decide this: a refused connection takes microseconds, and all that waits would have
 * failed before it hears of the first. */
static bool is_lost(struct http_share *share, const struct http_request *request)
{
    if (request->failure != HTTP_NOT_SENT) {
        share->not_reached_in_a_row = 0;
        return false;
    }
    return ++share->not_reached_in_a_row >= share->settings.not_reached_max;
}

/* Gives back handles that stood idle, and shares that were released and are done. */
static void sweep(struct http_thread *thread)
{
    struct http_share **place = &thread->slotted;

    while (*place != NULL) {
        struct http_share *share = *place;
        bool is_idle = share->idle_count == share->slot_count && share->waiting.first == NULL;

        if (is_idle && (!share->is_busy_since_sweep || share->may_go))
            share_drop_slots(share);
        share->is_busy_since_sweep = false;
        if (share->slot_count > 0) {
            place = &share->next_slotted;
            continue;
        }
        *place = share->next_slotted;
        share->is_slotted = false;
        if (share->may_go)
            share_forget(share);
    }
    thread->swept_us = clock_mono_us();
}

static bool take_inboxes(struct http_thread *thread)
{
    struct http_share *started = NULL;
    struct http_share *next;
    bool is_stopping;
    bool has_released = false;

    pthread_mutex_lock(&thread->lock);
    thread->is_asleep = false;
    is_stopping = thread->is_stopping;
    /* The dirty links are the loop's again when the lock is dropped, hence a second list. */
    for (struct http_share *each = is_stopping ? NULL : thread->dirty; each != NULL;
         each = each->next_dirty) {
        each->is_dirty = false;
        http_queue_move(&each->waiting, &each->inbox);
        each->may_go = each->is_released;
        each->limit_now = each->limit;
        each->next_started = started;
        started = each;
    }
    if (!is_stopping)
        thread->dirty = NULL;
    pthread_mutex_unlock(&thread->lock);
    for (; started != NULL; started = next) {
        next = started->next_started;
        share_start(started);
        has_released |= started->may_go;
        if (started->may_go && !started->is_slotted)
            share_forget(started);
    }
    if (has_released)
        sweep(thread);
    return !is_stopping;
}

/* One message for all that ended in this round. */
static void report_done(struct http_thread *thread)
{
    bool must_post;

    if (thread->done.first == NULL)
        return;
    pthread_mutex_lock(&thread->lock);
    http_queue_move(&thread->finished, &thread->done);
    must_post = !thread->has_news;
    thread->has_news = true;
    pthread_mutex_unlock(&thread->lock);
    if (must_post)
        loop_post(thread->loop, &thread->news->message);
}

static void collect_done(struct http_thread *thread)
{
    CURLMsg *message;
    int left;
    bool has_released = false;

    while ((message = curl_multi_info_read(thread->multi, &left)) != NULL) {
        struct http_transfer *transfer = http_transfer_of(message->easy_handle);
        struct http_share *share = http_transfer_owner(transfer);
        CURLcode result = message->data.result; /* the message goes with the handle */

        struct http_request *request = http_transfer_complete(transfer, result);
        bool was_scout = transfer == share->scout;

        http_queue_put(&thread->done, request);
        curl_multi_remove_handle(thread->multi, http_transfer_easy(transfer));
        if (is_lost(share, request) || (was_scout && request->failure == HTTP_NOT_SENT))
            give_back_waiting(share);
        if (was_scout)
            stop_scouting(share);
        slot_continue(share, transfer);
        if (was_scout)
            share_start(share);
        has_released |= share->may_go;
    }
    if (has_released)
        sweep(thread);
}

/* True when nothing came in since the inboxes were taken: the next sender must wake us. */
static bool fall_asleep(struct http_thread *thread)
{
    bool is_quiet;

    pthread_mutex_lock(&thread->lock);
    is_quiet = thread->dirty == NULL && !thread->is_stopping;
    thread->is_asleep = is_quiet;
    pthread_mutex_unlock(&thread->lock);
    return is_quiet;
}

static void *thread_run(void *user)
{
    struct http_thread *thread = user;

    thread->swept_us = clock_mono_us();
    while (take_inboxes(thread)) {
        int running;

        curl_multi_perform(thread->multi, &running);
        follow_scouts(thread);
        collect_done(thread);
        report_done(thread);
        if (thread->slotted != NULL &&
            clock_mono_us() - thread->swept_us > SWEEP_MS * INT64_C(1000))
            sweep(thread);
        if (fall_asleep(thread))
            curl_multi_poll(thread->multi, NULL, 0, thread->slotted != NULL ? SWEEP_MS : INT32_MAX,
                            NULL);
    }
    return NULL;
}

/* ---- the loop ---- */

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

/* The thread takes no signals: SIGPIPE would come from writes inside the TLS library. */
static int start_thread(struct http_thread *thread)
{
    sigset_t all;
    sigset_t before;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&thread->id, NULL, thread_run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    thread->has_thread = status == 0;
    return -status;
}

struct http_thread *http_thread_create(struct loop *loop, struct err *err)
{
    struct http_thread *thread;
    int status;

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
    pthread_mutex_init(&thread->lock, NULL);
    http_queue_init(&thread->finished);
    http_queue_init(&thread->done);
    thread->news = calloc(1, sizeof(*thread->news));
    thread->multi = curl_multi_init();
    if (thread->news == NULL || thread->multi == NULL) {
        err_set(err, -ENOMEM, "no memory for the HTTP client");
        http_thread_destroy(thread);
        return NULL;
    }
    thread->news->thread = thread;
    thread->news->message.fn = on_news;
    curl_multi_setopt(thread->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    status = start_thread(thread);
    if (status < 0) {
        err_set(err, status, "cannot start the HTTP client's thread: %s", strerror(-status));
        http_thread_destroy(thread);
        return NULL;
    }
    return thread;
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
        share_free(share);
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
        curl_multi_wakeup(thread->multi);
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
        curl_multi_wakeup(thread->multi);
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
        curl_multi_wakeup(thread->multi);
}

static void stop_thread(struct http_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->is_stopping = true;
    pthread_mutex_unlock(&thread->lock);
    curl_multi_wakeup(thread->multi);
    pthread_join(thread->id, NULL);
}

/* The thread is gone, so all of it is ours. */
static void give_up_all(struct http_thread *thread)
{
    for (struct http_share *each = thread->shares; each != NULL; each = each->next) {
        for (size_t i = 0; i < each->slot_count; i++) {
            struct http_request *request = http_transfer_abandon(each->slots[i]);

            if (request == NULL)
                continue;
            curl_multi_remove_handle(thread->multi, http_transfer_easy(each->slots[i]));
            http_queue_put(&thread->finished, request);
        }
        refuse_locked(thread, &each->waiting);
        refuse_locked(thread, &each->inbox);
    }
}

void http_thread_stop(struct http_thread *thread)
{
    if (thread->has_thread)
        stop_thread(thread);
    thread->has_thread = false;
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
        share_forget(thread->shares);
    curl_multi_cleanup(thread->multi);
    pthread_mutex_destroy(&thread->lock);
    if (thread->has_news)
        thread->news->thread = NULL; /* on_news frees it */
    else
        free(thread->news);
    free(thread);
}

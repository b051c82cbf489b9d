/* SPDX-License-Identifier: Apache-2.0
 * The thread's side: slots, waiting, what ends.
 *
 * When a transfer ends, the thread itself puts the next waiting request on the same slot: the loop
 * is told of what is done, and is never asked what to do next. A poll/perform round beat
 * socket_action by a quarter on few busy connections, hence no libuv here. Connections in clear
 * stand in an epoll set, which is all there is to wait for while libcurl has nothing to do. */
#include "http/http_thread_inner.h"

#include "base/clock.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    SWEEP_MS = 30000, /* slots unused for this long are given back */
    EVENTS_AT_ONCE = 64,
};

void http_share_free(struct http_share *share)
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

void http_share_forget(struct http_share *share)
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
    http_share_free(share);
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
    transfer = http_transfer_create(&share->settings, share->thread->epoll, share);
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

/* Does what the transfer's step asks for; false: its request is over. */
static bool goes_on(struct http_thread *thread, struct http_transfer *transfer, enum http_step step)
{
    int64_t deadline_us;

    if (step == STEP_EASY) {
        if (curl_multi_add_handle(thread->multi, http_transfer_easy(transfer)) == CURLM_OK) {
            thread->easy_count++;
            return true;
        }
        http_transfer_end(transfer, CURLE_OUT_OF_MEMORY, "");
        return false;
    }
    deadline_us = step == STEP_WAITS ? http_transfer_deadline_us(transfer) : 0;
    if (deadline_us != 0 && (thread->deadline_us == 0 || deadline_us < thread->deadline_us))
        thread->deadline_us = deadline_us;
    return step == STEP_WAITS;
}

/* Puts the next waiting request on this slot, or the slot aside. */
static void slot_continue(struct http_share *share, struct http_transfer *transfer)
{
    struct http_thread *thread = share->thread;
    struct http_request *request;

    while (busy_of(share) <= share->limit_now &&
           (request = http_queue_take(&share->waiting)) != NULL) {
        if (request->start_by_ms != 0 && clock_due_ms() > request->start_by_ms) {
            http_outcome_refuse(request, "it waited too long for a connection");
            http_queue_put(&thread->done, request);
            continue;
        }
        request->slot = transfer;
        if (goes_on(thread, transfer, http_transfer_start(transfer, request)))
            return;
        http_queue_put(&thread->done, http_transfer_take(transfer));
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
            http_share_forget(share);
    }
    thread->swept_us = clock_mono_us();
    thread->must_sweep = false;
}

static bool take_inboxes(struct http_thread *thread)
{
    struct http_share *started = NULL;
    struct http_share *next;
    bool is_stopping;

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
        thread->must_sweep |= started->may_go;
        if (started->may_go && !started->is_slotted)
            http_share_forget(started);
    }
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

static void slot_ended(struct http_share *share, struct http_transfer *transfer)
{
    struct http_request *request = http_transfer_take(transfer);
    bool was_scout = transfer == share->scout;

    http_queue_put(&share->thread->done, request);
    if (is_lost(share, request) || (was_scout && request->failure == HTTP_NOT_SENT))
        give_back_waiting(share);
    if (was_scout)
        stop_scouting(share);
    slot_continue(share, transfer);
    if (was_scout)
        share_start(share);
    share->thread->must_sweep |= share->may_go;
}

static void collect_done(struct http_thread *thread)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(thread->multi, &left)) != NULL) {
        struct http_transfer *transfer = http_transfer_of(message->easy_handle);
        CURLcode result = message->data.result; /* the message goes with the handle */
        enum http_step step = http_transfer_on_message(transfer, result);

        curl_multi_remove_handle(thread->multi, http_transfer_easy(transfer));
        thread->easy_count--;
        if (!goes_on(thread, transfer, step))
            slot_ended(http_transfer_owner(transfer), transfer);
    }
}

static void take_events(struct http_thread *thread, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        struct http_transfer *transfer = events[i].data.ptr;
        uint64_t wakes;

        if (transfer == NULL) {
            (void)!read(thread->wake, &wakes, sizeof(wakes)); /* only to make it quiet */
            continue;
        }
        if (!goes_on(thread, transfer, http_transfer_on_event(transfer, events[i].events)) &&
            !http_transfer_is_idle(transfer))
            slot_ended(http_transfer_owner(transfer), transfer);
    }
}

/* Looks at all transfers in clear, once the earliest time limit that any of them had has come. */
static void end_late_ones(struct http_thread *thread)
{
    int64_t now_us = clock_mono_us();

    thread->deadline_us = 0;
    for (struct http_share *share = thread->slotted; share != NULL; share = share->next_slotted) {
        for (size_t i = 0; i < share->slot_count; i++) {
            struct http_transfer *transfer = share->slots[i];
            int64_t deadline_us = http_transfer_deadline_us(transfer);

            if (deadline_us != 0 && deadline_us <= now_us) {
                http_transfer_end(transfer, CURLE_OPERATION_TIMEDOUT, "");
                slot_ended(share, transfer);
            } else if (deadline_us != 0) {
                (void)goes_on(thread, transfer, STEP_WAITS); /* takes note of its limit */
            }
        }
    }
}

/* The poll timeout: the sweep's, or the next time limit's. */
static int patience_ms(const struct http_thread *thread)
{
    int64_t left_us;

    if (thread->deadline_us == 0)
        return thread->slotted != NULL ? SWEEP_MS : INT32_MAX;
    left_us = thread->deadline_us - clock_mono_us();
    if (left_us <= 0)
        return 0;
    return left_us < SWEEP_MS * INT64_C(1000) ? (int)(left_us / 1000) + 1 : SWEEP_MS;
}

/* Waits for the sockets of both kinds and for wake-ups, and takes what came to those in clear. */
static void wait_for_events(struct http_thread *thread, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct curl_waitfd ours = {.fd = thread->epoll, .events = CURL_WAIT_POLLIN};
    int count;

    if (thread->easy_count > 0) {
        curl_multi_poll(thread->multi, &ours, 1, timeout_ms, NULL);
        timeout_ms = 0;
    }
    count = epoll_wait(thread->epoll, events, EVENTS_AT_ONCE, timeout_ms);
    take_events(thread, events, count); /* -1 is an interruption, and as good as none */
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

bool http_thread_round(void *user)
{
    struct http_thread *thread = user;

    if (!take_inboxes(thread))
        return false;
    if (thread->easy_count > 0) {
        int running;

        curl_multi_perform(thread->multi, &running);
        follow_scouts(thread);
        collect_done(thread);
    }
    if (thread->deadline_us != 0 && clock_mono_us() >= thread->deadline_us)
        end_late_ones(thread);
    report_done(thread);
    if (thread->must_sweep ||
        (thread->slotted != NULL && clock_mono_us() - thread->swept_us > SWEEP_MS * INT64_C(1000)))
        sweep(thread);
    wait_for_events(thread, fall_asleep(thread) ? patience_ms(thread) : 0);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * The thread, its queues and its slots.
 *
 *   [loop] http_client_send -> destination's inbox -> [thread] waiting -> a slot -> libcurl ->
 * finished -> [loop] done()
 *
 * When a transfer ends, the thread itself puts the next waiting request on the same handle: the
 * loop is told of what is done, and is never asked what to do next. A poll/perform round beat
 * socket_action by a quarter on few busy connections, hence no libuv here. */
#include "http/http_client.h"

#include "base/clock.h"
#include "http/http_transfer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    CONNECTIONS_DEFAULT = 16,
    TIMEOUT_MS_DEFAULT = 30000,
    CONNECT_TIMEOUT_MS_DEFAULT = 10000,
    IDLE_CONNECTIONS_MAX = 1024, /* kept open over all destinations */
    SWEEP_MS = 30000,            /* slots unused for this long are given back */
};

struct queue {
    struct http_request *first;
    struct http_request **last;
};

struct http_destination {
    struct http_client *client;
    struct http_destination_settings settings; /* its texts are copies */

    struct http_destination *next;       /* under lock: the list of all */
    struct http_destination *previous;   /* under lock */
    struct queue inbox;                  /* under lock */
    bool is_released;                    /* under lock */
    bool is_dirty;                       /* under lock */
    struct http_destination *next_dirty; /* under lock */

    /* The thread's. */
    struct queue waiting;
    struct http_transfer **slots; /* all of them */
    size_t slot_count;
    struct http_transfer **idle; /* a stack, so that the warmest is taken */
    size_t idle_count;
    struct http_transfer *scout; /* opens the first connection; the others wait for it */
    bool is_busy_since_sweep;
    bool may_go; /* released, and the thread has seen it */
    bool is_slotted;
    struct http_destination *next_slotted; /* those with slots, for the sweep */
    struct http_destination *next_started; /* those whose inbox was just taken */
    struct http_destination *next_scouting;
};

/* Outlives the client when it is still in the loop's queue. */
struct news {
    struct loop_message message;
    struct http_client *client; /* NULL: the client is gone */
};

struct http_client {
    struct loop *loop;
    CURLM *multi;
    pthread_t thread;
    bool has_thread;
    struct news *news;

    pthread_mutex_t lock;
    struct http_destination *destinations; /* under lock */
    struct http_destination *dirty; /* under lock: with something in the inbox, or released */
    struct queue finished;          /* under lock */
    bool has_news;                  /* under lock: the message is in the loop's queue */
    bool is_asleep;                 /* under lock: a wake-up is needed */
    bool is_stopping;               /* under lock */

    /* The thread's. */
    struct queue done;
    struct http_destination *slotted;
    struct http_destination *scouting;
    int64_t swept_us;
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_put(struct queue *queue, struct http_request *request)
{
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

static struct http_request *queue_take(struct queue *queue)
{
    struct http_request *request = queue->first;

    if (request == NULL)
        return NULL;
    queue->first = request->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    request->next = NULL;
    return request;
}

/* All of `from` behind all of `to`. */
static void queue_move(struct queue *to, struct queue *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    queue_init(from);
}

static void destination_free(struct http_destination *destination)
{
    if (destination == NULL)
        return;
    for (size_t i = 0; i < destination->slot_count; i++)
        http_transfer_destroy(destination->slots[i]);
    free(destination->slots);
    free(destination->idle);
    free((char *)(uintptr_t)destination->settings.ca_file);
    free((char *)(uintptr_t)destination->settings.proxy);
    free((char *)(uintptr_t)destination->settings.unix_socket);
    free(destination);
}

/* ---- the thread ---- */

/* Off the list and gone. */
static void destination_forget(struct http_destination *destination)
{
    struct http_client *client = destination->client;

    pthread_mutex_lock(&client->lock);
    if (destination->previous != NULL)
        destination->previous->next = destination->next;
    else
        client->destinations = destination->next;
    if (destination->next != NULL)
        destination->next->previous = destination->previous;
    pthread_mutex_unlock(&client->lock);
    destination_free(destination);
}

static struct http_transfer *take_slot(struct http_destination *destination)
{
    struct http_transfer *transfer;

    destination->is_busy_since_sweep = true;
    if (destination->idle_count > 0)
        return destination->idle[--destination->idle_count];
    if (destination->slot_count == (size_t)destination->settings.max_connections)
        return NULL;
    transfer = http_transfer_create(&destination->settings, destination);
    if (transfer == NULL)
        return NULL;
    destination->slots[destination->slot_count++] = transfer;
    if (!destination->is_slotted) {
        destination->is_slotted = true;
        destination->next_slotted = destination->client->slotted;
        destination->client->slotted = destination;
    }
    return transfer;
}

/* Puts the next waiting request on this slot, or the slot aside. */
static void slot_continue(struct http_destination *destination, struct http_transfer *transfer)
{
    struct http_client *client = destination->client;
    struct http_request *request;

    while ((request = queue_take(&destination->waiting)) != NULL) {
        if (!http_transfer_prepare(transfer, request)) {
            queue_put(&client->done, request);
            continue;
        }
        request->slot = transfer;
        if (curl_multi_add_handle(client->multi, http_transfer_easy(transfer)) == CURLM_OK)
            return;
        request = http_transfer_complete(transfer, CURLE_OUT_OF_MEMORY);
        queue_put(&client->done, request);
    }
    destination->idle[destination->idle_count++] = transfer;
}

/* With nothing under way there may be no connection, and only the first handshake shows whether the
 * server speaks HTTP/2. The first request finds out: then the others share its connection instead
 * of each opening one, and a server that is not to be trusted costs one handshake. (libcurl's own
 * PIPEWAIT lets those that wait outlive their time limits when the handshake hangs.) */
static bool wants_scout(const struct http_destination *destination)
{
    const char *url = destination->waiting.first->url;

    return destination->idle_count == destination->slot_count && url != NULL &&
           strncasecmp(url, "https:", 6) == 0;
}

static void start_scouting(struct http_destination *destination, struct http_transfer *scout)
{
    destination->scout = scout;
    destination->next_scouting = destination->client->scouting;
    destination->client->scouting = destination;
}

static void destination_start(struct http_destination *destination)
{
    while (destination->waiting.first != NULL && destination->scout == NULL) {
        bool is_scout = wants_scout(destination);
        struct http_transfer *transfer = take_slot(destination);

        if (transfer == NULL && destination->slot_count > 0)
            return; /* a slot that ends takes the next */
        if (transfer == NULL) {
            struct http_request *request = queue_take(&destination->waiting);

            http_outcome_refuse(request, "out of memory");
            queue_put(&destination->client->done, request);
            continue;
        }
        slot_continue(destination, transfer);
        if (is_scout && destination->idle_count < destination->slot_count)
            start_scouting(destination, transfer);
    }
}

static void stop_scouting(struct http_destination *destination)
{
    struct http_destination **place = &destination->client->scouting;

    while (*place != destination)
        place = &(*place)->next_scouting;
    *place = destination->next_scouting;
    destination->scout = NULL;
}

/* Where the first connection stands now, the others follow. */
static void follow_scouts(struct http_client *client)
{
    struct http_destination *next;

    for (struct http_destination *each = client->scouting; each != NULL; each = next) {
        next = each->next_scouting;
        if (!http_transfer_is_connected(each->scout))
            continue;
        stop_scouting(each);
        destination_start(each);
    }
}

static void destination_drop_slots(struct http_destination *destination)
{
    while (destination->slot_count > 0)
        http_transfer_destroy(destination->slots[--destination->slot_count]);
    destination->idle_count = 0;
}

/* The destination asked for quiet or is not to be reached: what still waits would only fare the
 * same. */
static bool asks_for_quiet(const struct http_request *request)
{
    if (request->failure == HTTP_ANSWERED)
        return (request->status == 429 || request->status == 503) && request->retry_after_ms > 0;
    return request->failure == HTTP_NOT_SENT;
}

static void give_back_waiting(struct http_destination *destination)
{
    struct http_request *request;

    while ((request = queue_take(&destination->waiting)) != NULL) {
        http_outcome_refuse(request,
                            "held back: the destination asked for quiet or cannot be reached");
        queue_put(&destination->client->done, request);
    }
}

/* Gives back handles that stood idle, and destinations that were released and are done. */
static void sweep(struct http_client *client)
{
    struct http_destination **place = &client->slotted;

    while (*place != NULL) {
        struct http_destination *destination = *place;
        bool is_idle = destination->idle_count == destination->slot_count &&
                       destination->waiting.first == NULL;

        if (is_idle && (!destination->is_busy_since_sweep || destination->may_go))
            destination_drop_slots(destination);
        destination->is_busy_since_sweep = false;
        if (destination->slot_count > 0) {
            place = &destination->next_slotted;
            continue;
        }
        *place = destination->next_slotted;
        destination->is_slotted = false;
        if (destination->may_go)
            destination_forget(destination);
    }
    client->swept_us = clock_mono_us();
}

static bool take_inboxes(struct http_client *client)
{
    struct http_destination *started = NULL;
    struct http_destination *next;
    bool is_stopping;
    bool has_released = false;

    pthread_mutex_lock(&client->lock);
    client->is_asleep = false;
    is_stopping = client->is_stopping;
    /* The dirty links are the loop's again when the lock is dropped, hence a second list. */
    for (struct http_destination *each = is_stopping ? NULL : client->dirty; each != NULL;
         each = each->next_dirty) {
        each->is_dirty = false;
        queue_move(&each->waiting, &each->inbox);
        each->may_go = each->is_released;
        each->next_started = started;
        started = each;
    }
    if (!is_stopping)
        client->dirty = NULL;
    pthread_mutex_unlock(&client->lock);
    for (; started != NULL; started = next) {
        next = started->next_started;
        destination_start(started);
        has_released |= started->may_go;
        if (started->may_go && !started->is_slotted)
            destination_forget(started);
    }
    if (has_released)
        sweep(client);
    return !is_stopping;
}

/* One message for all that ended in this round. */
static void report_done(struct http_client *client)
{
    bool must_post;

    if (client->done.first == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    queue_move(&client->finished, &client->done);
    must_post = !client->has_news;
    client->has_news = true;
    pthread_mutex_unlock(&client->lock);
    if (must_post)
        loop_post(client->loop, &client->news->message);
}

static void collect_done(struct http_client *client)
{
    CURLMsg *message;
    int left;
    bool has_released = false;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct http_transfer *transfer = http_transfer_of(message->easy_handle);
        struct http_destination *destination = http_transfer_owner(transfer);
        CURLcode result = message->data.result; /* the message goes with the handle */

        struct http_request *request = http_transfer_complete(transfer, result);
        bool was_scout = transfer == destination->scout;

        queue_put(&client->done, request);
        curl_multi_remove_handle(client->multi, http_transfer_easy(transfer));
        if (asks_for_quiet(request))
            give_back_waiting(destination);
        if (was_scout)
            stop_scouting(destination);
        slot_continue(destination, transfer);
        if (was_scout)
            destination_start(destination);
        has_released |= destination->may_go;
    }
    if (has_released)
        sweep(client);
}

/* True when nothing came in since the inboxes were taken: the next sender must wake us. */
static bool fall_asleep(struct http_client *client)
{
    bool is_quiet;

    pthread_mutex_lock(&client->lock);
    is_quiet = client->dirty == NULL && !client->is_stopping;
    client->is_asleep = is_quiet;
    pthread_mutex_unlock(&client->lock);
    return is_quiet;
}

static void *client_thread(void *user)
{
    struct http_client *client = user;

    client->swept_us = clock_mono_us();
    while (take_inboxes(client)) {
        int running;

        curl_multi_perform(client->multi, &running);
        follow_scouts(client);
        collect_done(client);
        report_done(client);
        if (client->slotted != NULL &&
            clock_mono_us() - client->swept_us > SWEEP_MS * INT64_C(1000))
            sweep(client);
        if (fall_asleep(client))
            curl_multi_poll(client->multi, NULL, 0, client->slotted != NULL ? SWEEP_MS : INT32_MAX,
                            NULL);
    }
    return NULL;
}

/* ---- the loop ---- */

static void run_finished(struct http_client *client)
{
    struct queue finished;
    struct http_request *request;

    queue_init(&finished);
    pthread_mutex_lock(&client->lock);
    queue_move(&finished, &client->finished);
    client->has_news = false;
    pthread_mutex_unlock(&client->lock);
    while ((request = queue_take(&finished)) != NULL)
        request->done(request);
}

static void on_news(struct loop_message *message)
{
    struct news *news = (struct news *)(void *)message;

    if (news->client != NULL)
        run_finished(news->client);
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
static int start_thread(struct http_client *client)
{
    sigset_t all;
    sigset_t before;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&client->thread, NULL, client_thread, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    client->has_thread = status == 0;
    return -status;
}

struct http_client *http_client_create(struct loop *loop, struct err *err)
{
    struct http_client *client;
    int status;

    pthread_once(&curl_once, init_curl);
    if (curl_ready != CURLE_OK) {
        err_set(err, -ENOSYS, "libcurl does not start: %s", curl_easy_strerror(curl_ready));
        return NULL;
    }
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        err_set(err, -ENOMEM, "no memory for the HTTP client");
        return NULL;
    }
    client->loop = loop;
    pthread_mutex_init(&client->lock, NULL);
    queue_init(&client->finished);
    queue_init(&client->done);
    client->news = calloc(1, sizeof(*client->news));
    client->multi = curl_multi_init();
    if (client->news == NULL || client->multi == NULL) {
        err_set(err, -ENOMEM, "no memory for the HTTP client");
        http_client_destroy(client);
        return NULL;
    }
    client->news->client = client;
    client->news->message.fn = on_news;
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    status = start_thread(client);
    if (status < 0) {
        err_set(err, status, "cannot start the HTTP client's thread: %s", strerror(-status));
        http_client_destroy(client);
        return NULL;
    }
    return client;
}

struct http_destination *http_destination_create(struct http_client *client,
                                                 const struct http_destination_settings *settings,
                                                 struct err *err)
{
    struct http_destination *destination = calloc(1, sizeof(*destination));
    struct http_destination_settings *own;
    size_t slots;

    if (destination == NULL) {
        err_set(err, -ENOMEM, "no memory for a destination");
        return NULL;
    }
    own = &destination->settings;
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
    slots = (size_t)own->max_connections;
    destination->client = client;
    destination->slots = calloc(slots, sizeof(struct http_transfer *));
    destination->idle = calloc(slots, sizeof(struct http_transfer *));
    queue_init(&destination->inbox);
    queue_init(&destination->waiting);
    if (destination->slots == NULL || destination->idle == NULL ||
        (settings->ca_file != NULL && own->ca_file == NULL) ||
        (settings->proxy != NULL && own->proxy == NULL) ||
        (settings->unix_socket != NULL && own->unix_socket == NULL)) {
        destination_free(destination);
        err_set(err, -ENOMEM, "no memory for a destination");
        return NULL;
    }
    pthread_mutex_lock(&client->lock);
    destination->next = client->destinations;
    if (destination->next != NULL)
        destination->next->previous = destination;
    client->destinations = destination;
    pthread_mutex_unlock(&client->lock);
    return destination;
}

/* Has the thread look at the destination; true when it must be woken for that. */
static bool mark_dirty_locked(struct http_destination *destination)
{
    struct http_client *client = destination->client;
    bool must_wake = client->is_asleep;

    if (!destination->is_dirty) {
        destination->is_dirty = true;
        destination->next_dirty = client->dirty;
        client->dirty = destination;
    }
    client->is_asleep = false; /* the next sender need not wake it again */
    return must_wake;
}

void http_destination_release(struct http_destination *destination)
{
    struct http_client *client;
    bool must_wake;

    if (destination == NULL)
        return;
    client = destination->client;
    pthread_mutex_lock(&client->lock);
    destination->is_released = true;
    must_wake = mark_dirty_locked(destination);
    pthread_mutex_unlock(&client->lock);
    if (must_wake)
        curl_multi_wakeup(client->multi);
}

/* Puts requests to the finished as refused; they run with the others. */
static void refuse_locked(struct http_client *client, struct queue *requests)
{
    for (struct http_request *each = requests->first; each != NULL; each = each->next)
        http_outcome_refuse(each, "the HTTP client is shutting down");
    queue_move(&client->finished, requests);
}

void http_client_send(struct http_destination *destination, struct http_request *requests)
{
    struct http_client *client = destination->client;
    struct queue all = {requests, NULL};
    bool must_wake = false;

    if (requests == NULL)
        return;
    for (struct http_request *each = requests; each != NULL; each = each->next)
        all.last = &each->next;
    pthread_mutex_lock(&client->lock);
    if (client->is_stopping) {
        refuse_locked(client, &all);
    } else {
        queue_move(&destination->inbox, &all);
        must_wake = mark_dirty_locked(destination);
    }
    pthread_mutex_unlock(&client->lock);
    if (must_wake)
        curl_multi_wakeup(client->multi);
}

void http_request_finish(struct http_request *request)
{
    buf_finish(&request->answer);
    buf_finish(&request->answer_headers);
}

static void stop_thread(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->is_stopping = true;
    pthread_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
    pthread_join(client->thread, NULL);
}

/* The thread is gone, so all of it is ours. */
static void give_up_all(struct http_client *client)
{
    for (struct http_destination *each = client->destinations; each != NULL; each = each->next) {
        for (size_t i = 0; i < each->slot_count; i++) {
            struct http_request *request = http_transfer_abandon(each->slots[i]);

            if (request == NULL)
                continue;
            curl_multi_remove_handle(client->multi, http_transfer_easy(each->slots[i]));
            queue_put(&client->finished, request);
        }
        refuse_locked(client, &each->waiting);
        refuse_locked(client, &each->inbox);
    }
}

void http_client_stop(struct http_client *client)
{
    if (client->has_thread)
        stop_thread(client);
    client->has_thread = false;
    give_up_all(client);
    while (client->finished.first != NULL) {
        bool has_news = client->has_news;

        run_finished(client); /* may send more, which is refused at once */
        client->has_news = has_news;
    }
}

void http_client_destroy(struct http_client *client)
{
    if (client == NULL)
        return;
    http_client_stop(client);
    while (client->destinations != NULL)
        destination_forget(client->destinations);
    curl_multi_cleanup(client->multi);
    pthread_mutex_destroy(&client->lock);
    if (client->has_news)
        client->news->client = NULL; /* on_news frees it */
    else
        free(client->news);
    free(client);
}

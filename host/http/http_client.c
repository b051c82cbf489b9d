/* SPDX-License-Identifier: Apache-2.0
 * Spreads work over a few HTTP threads: destinations among them, and where libcurl does the
 * sending also the connections of one destination, since a thread of libcurl's is a bottleneck
 * where a destination answers faster than one core can ask. In clear (http_plain.h) a second thread
 * only costs its wake-ups. */
#include "http/http_client.h"

#include "http/http_thread.h"

#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 2 };

struct http_client {
    struct http_precedence precedence;
    struct http_thread *threads[THREADS_MAX];
    size_t thread_count;
    size_t next; /* the thread for the next destination that has one alone */
    struct http_destination *destinations;
};

struct http_destination {
    struct http_client *client;
    struct http_destination *next_of_client;
    struct http_share *shares[THREADS_MAX];
    size_t share_count;
    size_t used_count; /* of them: those whose limit is not 0, but one at least */
    size_t next;       /* takes the next request */
};

struct http_client *http_client_create(struct loop *loop, const struct http_precedence *precedence,
                                       struct err *err)
{
    struct http_client *client = calloc(1, sizeof *client);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = cores > 1 ? THREADS_MAX : 1;

    if (client == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the HTTP client");
        return NULL;
    }
    if (precedence != NULL)
        client->precedence = *precedence;
    while (client->thread_count < most) {
        struct http_thread *thread = http_thread_create(loop, &client->precedence, err);

        if (thread == NULL) {
            http_client_destroy(client);
            return NULL;
        }
        client->threads[client->thread_count++] = thread;
    }
    return client;
}

void http_client_stop(struct http_client *client)
{
    /* Twice: what ends on one thread may send to another that has stopped already. */
    for (size_t i = 0; i < 2 * client->thread_count; i++)
        http_thread_stop(client->threads[i % client->thread_count]);
}

static void forget(struct http_destination *destination)
{
    struct http_destination **place = &destination->client->destinations;

    while (*place != destination)
        place = &(*place)->next_of_client;
    *place = destination->next_of_client;
    free(destination);
}

void http_client_destroy(struct http_client *client)
{
    if (client == NULL)
        return;
    http_client_stop(client);
    for (size_t i = 0; i < client->thread_count; i++)
        http_thread_destroy(client->threads[i]); /* its shares go with it */
    while (client->destinations != NULL)
        forget(client->destinations);
    free(client);
}

/* A destination with one connection keeps its order of sending, so it stays on one thread; so does
 * one with a certificate file or a socket of its own, where the speed is not needed, and one in
 * clear, which one thread serves faster than two. */
static bool wants_one_thread(const struct http_destination_settings *settings)
{
    return settings->max_connections == 1 || settings->is_tls || settings->unix_socket != NULL ||
           (settings->proxy == NULL && !settings->follow_redirects);
}

struct http_destination *http_destination_create(struct http_client *client,
                                                 const struct http_destination_settings *settings,
                                                 struct err *err)
{
    struct http_destination *destination = calloc(1, sizeof *destination);
    size_t count = wants_one_thread(settings) ? 1 : client->thread_count;
    size_t first = client->next++;

    if (destination == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for a destination");
        return NULL;
    }
    destination->client = client;
    destination->next_of_client = client->destinations;
    client->destinations = destination;
    while (destination->share_count < count) {
        struct http_destination_settings part = *settings;
        size_t i = destination->share_count;
        struct http_share *share;

        part.max_connections = (settings->max_connections + (int)(count - 1 - i)) / (int)count;
        share = http_share_create(client->threads[(first + i) % client->thread_count], &part, err);
        if (share == NULL) {
            http_destination_release(destination);
            return NULL;
        }
        destination->shares[destination->share_count++] = share;
    }
    destination->used_count = count;
    return destination;
}

void http_destination_limit(struct http_destination *destination, int connections)
{
    size_t count = destination->share_count;

    destination->used_count = (size_t)connections < count ? (size_t)connections : count;
    if (destination->used_count == 0)
        destination->used_count = 1; /* which then refuses */
    for (size_t i = 0; i < count; i++)
        http_share_limit(destination->shares[i], (connections + (int)(count - 1 - i)) / (int)count);
}

void http_destination_release(struct http_destination *destination)
{
    if (destination == NULL)
        return;
    for (size_t i = 0; i < destination->share_count; i++)
        http_share_release(destination->shares[i]);
    forget(destination);
}

void http_client_send(struct http_destination *destination, struct http_request *requests)
{
    struct http_request *first[THREADS_MAX] = {NULL};
    struct http_request **last[THREADS_MAX];
    struct http_request *next;

    for (size_t i = 0; i < destination->share_count; i++)
        last[i] = &first[i];
    for (struct http_request *each = requests; each != NULL; each = next) {
        size_t i = destination->next++ % destination->used_count;

        next = each->next;
        each->next = NULL;
        *last[i] = each;
        last[i] = &each->next;
    }
    for (size_t i = 0; i < destination->share_count; i++)
        http_thread_send(destination->shares[i], first[i]);
}

void http_request_finish(struct http_request *request)
{
    buf_finish(&request->answer);
    buf_finish(&request->answer_headers);
    buf_finish(&request->rate_headers);
}

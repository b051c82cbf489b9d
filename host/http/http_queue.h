/* SPDX-License-Identifier: Apache-2.0
 * Requests in order, linked by `next`. Private to the http room; no lock of its own. */
#ifndef HTTP_QUEUE_H
#define HTTP_QUEUE_H

#include "http/http_client.h"

struct http_queue {
    struct http_request *first;
    struct http_request **last;
};

static inline void http_queue_init(struct http_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static inline void http_queue_put(struct http_queue *queue, struct http_request *request)
{
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

static inline struct http_request *http_queue_take(struct http_queue *queue)
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
static inline void http_queue_move(struct http_queue *to, struct http_queue *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    http_queue_init(from);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One thread around a libcurl multi handle; [http thread] is whichever of two has its turn
 * (base/turns.h). Private to the http room: http_client.c spreads a
 * destination's requests over a few of these. All functions [loop]; semantics as in http_client.h.
 */
#ifndef HTTP_THREAD_H
#define HTTP_THREAD_H

#include "http/http_client.h"

struct http_thread;
struct http_share; /* what one thread has of a destination: its own connections and queue */

/* `precedence` must outlive the thread. */
struct http_thread *http_thread_create(struct loop *loop, const struct http_precedence *precedence,
                                       struct err *err);
void http_thread_stop(struct http_thread *thread); /* again: ends what was sent since */
void http_thread_destroy(struct http_thread *thread);
struct http_share *http_share_create(struct http_thread *thread,
                                     const struct http_destination_settings *settings,
                                     struct err *err);
void http_share_release(struct http_share *share);
void http_share_limit(struct http_share *share, int connections);
void http_thread_send(struct http_share *share, struct http_request *requests);

#endif

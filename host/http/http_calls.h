/* SPDX-License-Identifier: Apache-2.0
 * Many exchanges with one daemon at the same time, in one thread that waits for a descriptor
 * besides: what a bridge such as `tenon mcp` is made of. Nothing runs but within http_calls_wait.
 */
#ifndef HTTP_CALLS_H
#define HTTP_CALLS_H

#include "http/http_client.h"

struct http_calls;
struct http_calls_one; /* an exchange under way */

struct http_calls_answer {
    enum http_failure failure; /* HTTP_ANSWERED, _NOT_SENT or _NO_ANSWER */
    int status;                /* 0: none */
    struct str body;           /* of an answer that was not an event stream */
    const char *session;       /* Mcp-Session-Id; NULL: none */
    const char *words;         /* why there is no (whole) answer */
};

/* All but `user` is copied. */
struct http_calls_request {
    const char *method;         /* static */
    const char *const *headers; /* "Name: value", up to a NULL; no line breaks in them */
    struct str body;
    /* A piece of an event stream's body, as it comes. */
    void (*piece)(void *user, struct str piece);
    /* The end, exactly once unless cancelled; the exchange is gone then. May start and cancel. */
    void (*done)(void *user, const struct http_calls_answer *answer);
    void *user;
};

/* `target` says where all of them go: unix_socket or none, url, token and ca_file, copied. */
struct http_calls *http_calls_create(const struct http_call *target, struct err *err);
void http_calls_destroy(struct http_calls *calls); /* cancels what is under way; NULL allowed */
/* NULL: no memory, or a header with a line break. */
struct http_calls_one *http_calls_start(struct http_calls *calls,
                                        const struct http_calls_request *request);
void http_calls_cancel(struct http_calls_one *one); /* not from its own piece or done */
/* Works until something happened, at most timeout_ms; true when `fd` (-1: none) can be read. */
bool http_calls_wait(struct http_calls *calls, int fd, int timeout_ms);

#endif

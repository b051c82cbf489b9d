/* SPDX-License-Identifier: Apache-2.0
 * Reading HTTP/1.x answers (RFC 9112) off a connection, piece by piece. Lenient where servers are
 * known to be odd and the meaning is plain (bare LF, folded lines), but then the connection is not
 * used again: what could be read in two ways must not shift the next answer. Knows no socket;
 * fuzzed by tests/fuzz/http_answer. [any] */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/http_head.h"

/* http_outcome.c has the first in words. */
enum { HTTP_ANSWER_HEAD_MAX = 64 * 1024, HTTP_ANSWER_INTERIM_MAX = 16 };

/* The headers by which a destination tells what is left of its patience, by family; the first of a
 * family is the one without which the others say nothing. "" ends one. */
enum { HTTP_RATE_FAMILIES = 3, HTTP_RATE_NAMES = 3 };
extern const char *const http_rate_names[HTTP_RATE_FAMILIES][HTTP_RATE_NAMES];

enum http_answer_state {
    ANSWER_HEAD,
    ANSWER_BODY_LENGTH,
    ANSWER_BODY_CHUNKS,
    ANSWER_BODY_TO_END, /* of the connection */
    ANSWER_WHOLE,
};

/* Starts zeroed but for the first members. */
struct http_answer {
    bool is_to_head;          /* in: the request was HEAD, so there is no body */
    size_t body_max;          /* in: more is cut */
    struct buf *body;         /* in */
    struct buf *headers;      /* in: gets "name: value\n" with lower-case names; NULL: not wanted */
    struct buf *rate_headers; /* in: gets "name: value\n" of http_rate_names; NULL: not wanted */
    enum http_answer_state state;
    int status;
    bool must_close;      /* the connection is not for a second request */
    bool is_cut;          /* ANSWER_WHOLE, and body_max bytes of it were taken */
    char retry_after[64]; /* "" when there is none, or it is longer than any that makes sense */
    uint64_t left;        /* of the body */
    struct http_chunks chunks;
    size_t searched; /* of the head, without its end */
    int interim;     /* answers before the final one (100 Continue) */
};

/* Takes what it can off `*bytes`; an unfinished head stays there, to be given again with more
 * behind it. 1: the answer is whole; 0: more is needed; -EBADMSG: this is not HTTP; -E2BIG: the
 * head is too long; -ENOMEM. */
int http_answer_read(struct http_answer *answer, struct str *bytes);
/* The connection ended: is the answer whole with that? */
bool http_answer_ends(struct http_answer *answer);

#endif

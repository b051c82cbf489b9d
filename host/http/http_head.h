/* SPDX-License-Identifier: Apache-2.0
 * Reading HTTP/1.1 requests (RFC 9112), strictly: what could be read in two ways is refused. Pure
 * functions over bytes, fuzzed by tests/fuzz/http_head. [any] */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_HEAD_BYTES_MAX = 8192, HTTP_HEAD_HEADERS_MAX = 100 };

/* All texts point into the parsed bytes. */
struct http_head {
    struct str method;
    struct str path;        /* raw */
    struct str query;       /* raw, without '?'; STR_NONE when there is none */
    struct str headers;     /* the lines, for http_head_header */
    int64_t content_length; /* -1: none given */
    bool is_chunked;
    bool must_close;
    bool is_http10; /* knows no chunks */
    bool expects_continue;
};

/* The head's length with the empty line; 0: more bytes are needed; negative: the status to answer
 * with, as -400. */
int http_head_parse(struct str bytes, struct http_head *out);
/* Of a copy of the bytes that it was parsed from. */
void http_head_move(struct http_head *head, const char *from, const char *to);
/* The first header of this name; STR_NONE when absent. */
struct str http_head_header(struct str headers, const char *lower_case_name);

/* A chunked body on its way in. Starts zeroed. */
struct http_chunks {
    int state;
    int digits;
    uint64_t left;
    size_t trailer_bytes;
    bool is_line_empty;
};
/* Takes what it can off `*bytes` and adds the body's bytes to `out`. 1: the body is whole; 0: more
 * is needed; -400 malformed; -413 past max_bytes. */
int http_chunks_read(struct http_chunks *chunks, struct str *bytes, size_t max_bytes,
                     struct buf *out);

#endif

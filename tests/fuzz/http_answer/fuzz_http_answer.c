/* SPDX-License-Identifier: Apache-2.0
 * Answers as a server may send them, whole and byte by byte: however they are cut, what is read is
 * the same. */
#include "http/http_answer.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 200 };

struct reading {
    struct http_answer answer;
    struct buf body, headers, rates, pending;
    int status;
    size_t left; /* bytes that were not wanted */
};

static void read_all(struct reading *reading, bool is_to_head, struct str bytes, size_t step)
{
    reading->answer = (struct http_answer){.is_to_head = is_to_head,
                                           .body_max = BODY_MAX,
                                           .body = &reading->body,
                                           .headers = &reading->headers,
                                           .rate_headers = &reading->rates};
    while (bytes.len > 0 && reading->status == 0) {
        size_t take = bytes.len < step ? bytes.len : step;
        struct str rest;

        buf_add(&reading->pending, bytes.ptr, take);
        bytes.ptr += take;
        bytes.len -= take;
        rest = buf_str(&reading->pending);
        reading->status = http_answer_read(&reading->answer, &rest);
        assert(rest.len <= reading->pending.len);
        memmove(reading->pending.ptr, rest.ptr, rest.len);
        reading->pending.len = rest.len;
    }
    if (reading->status == 0)
        reading->status = http_answer_ends(&reading->answer) ? 2 : 0;
    reading->left = reading->pending.len + bytes.len;
}

static void finish(struct reading *reading)
{
    buf_finish(&reading->body);
    buf_finish(&reading->headers);
    buf_finish(&reading->rates);
    buf_finish(&reading->pending);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading whole = {0};
    struct reading pieces = {0};
    struct str bytes = {(const char *)data, size};
    bool is_to_head = size % 8 == 7;

    read_all(&whole, is_to_head, bytes, SIZE_MAX);
    read_all(&pieces, is_to_head, bytes, 1);
    assert(whole.body.len <= BODY_MAX);
    assert((whole.status > 0) == (pieces.status > 0));
    if (whole.status > 0) {
        assert(whole.answer.status >= 200 && whole.answer.status <= 999);
        assert(whole.answer.status == pieces.answer.status);
        assert(whole.answer.must_close == pieces.answer.must_close);
        assert(whole.answer.is_cut == pieces.answer.is_cut);
        assert(whole.answer.is_cut || whole.left == pieces.left);
        assert(whole.rates.len == pieces.rates.len);
        assert(whole.body.len == pieces.body.len);
        assert(whole.body.len == 0 || memcmp(whole.body.ptr, pieces.body.ptr, whole.body.len) == 0);
    }
    finish(&whole);
    finish(&pieces);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Requests as a peer may send them: the head, then its bytes behind as a chunked body, whole and
 * byte by byte. */
#include "http/http_head.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 4096 };

static int read_all(struct str bytes, size_t step, struct buf *out)
{
    struct http_chunks chunks = {0};
    int status = 0;

    while (bytes.len > 0 && status == 0) {
        struct str piece = {bytes.ptr, bytes.len < step ? bytes.len : step};
        size_t given = piece.len;

        status = http_chunks_read(&chunks, &piece, BODY_MAX, out);
        bytes.ptr += given - piece.len;
        bytes.len -= given - piece.len;
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    struct http_head head;
    struct buf whole = {0};
    struct buf pieces = {0};
    int len = http_head_parse(bytes, &head);

    assert(len <= (int)size);
    if (len > 0) {
        assert(head.method.len > 0 && head.path.len > 0);
        assert(!head.is_chunked || head.content_length < 0);
        (void)http_head_header(head.headers, "host");
        bytes.ptr += len;
        bytes.len -= (size_t)len;
    }
    /* However the bytes are cut, the verdict and a whole body are the same. */
    int at_once = read_all(bytes, SIZE_MAX, &whole);
    assert(at_once == read_all(bytes, 1, &pieces));
    assert(whole.len <= BODY_MAX);
    assert(at_once != 1 || (whole.len == pieces.len &&
                            (whole.len == 0 || memcmp(whole.ptr, pieces.ptr, whole.len) == 0)));
    buf_finish(&whole);
    buf_finish(&pieces);
    return 0;
}

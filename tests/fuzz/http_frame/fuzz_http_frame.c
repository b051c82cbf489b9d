/* SPDX-License-Identifier: Apache-2.0
 * Frames as the peer of a WebSocket may send them, whole and cut anywhere: what is told is the
 * same, messages are bounded text, and what we write ourselves would be read back. */
#include "http/http_frame.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is told, and the code at the end. */
static int read_all(struct str bytes, size_t step, struct buf *out)
{
    struct http_frames frames = {0};
    struct http_frame frame;
    size_t given = 0;
    size_t taken = 0;
    int status = 0;

    while (status >= 0 && given < bytes.len) {
        given = bytes.len - given < step ? bytes.len : given + step;
        struct str rest = {bytes.ptr + taken, given - taken};

        while ((status = http_frames_read(&frames, &rest, &frame)) > 0) {
            assert(frame.payload.len <= HTTP_FRAME_MESSAGE_MAX);
            assert(frame.kind != HTTP_FRAME_BINARY);
            if (frame.kind == HTTP_FRAME_TEXT)
                assert(frame.payload.len == 0 || str_is_utf8(frame.payload));
            if (frame.kind == HTTP_FRAME_CLOSE)
                assert(frame.close_code == HTTP_CLOSE_NONE ||
                       (frame.close_code >= 1000 && frame.close_code < 5000));
            buf_printf(out, "%d %d ", (int)frame.kind,
                       frame.kind == HTTP_FRAME_CLOSE ? frame.close_code : 0);
            buf_add_str(out, frame.payload);
        }
        taken = given - rest.len;
        assert(frames.message.len <= HTTP_FRAME_MESSAGE_MAX);
    }
    http_frames_finish(&frames);
    return status;
}

static void write_and_look(struct str payload)
{
    struct buf out = {0};

    http_frame_put(&out, HTTP_FRAME_TEXT, payload);
    assert(out.len >= payload.len + 2 && out.len <= payload.len + HTTP_FRAME_HEAD_MAX);
    buf_clear(&out);
    http_frame_put_close(&out, HTTP_CLOSE_NORMAL, payload);
    assert(out.len <= HTTP_FRAME_CONTROL_MAX + 2);
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    struct buf whole = {0};
    struct buf pieces = {0};

    int at_once = read_all(bytes, size > 0 ? size : 1, &whole);
    int cut = read_all(bytes, 1, &pieces);
    assert(at_once == cut && whole.len == pieces.len);
    assert(whole.len == 0 || memcmp(whole.ptr, pieces.ptr, whole.len) == 0);
    write_and_look(bytes);
    buf_finish(&whole);
    buf_finish(&pieces);
    return 0;
}

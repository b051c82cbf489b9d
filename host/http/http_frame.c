/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_frame.h"

#include <string.h>

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    CONTINUATION = 0,
    MASK_BYTES = 4,
};

/* The two to fourteen bytes before a payload. */
struct head {
    int opcode;
    bool is_last;
    size_t head_bytes;
    uint64_t payload_bytes;
    unsigned char mask[MASK_BYTES];
};

void http_frames_finish(struct http_frames *frames)
{
    buf_finish(&frames->message);
    frames->is_open = false;
}

static bool is_control(int opcode)
{
    return opcode >= HTTP_FRAME_CLOSE;
}

static uint64_t big_endian(const unsigned char *at, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

/* What the first two bytes alone tell. */
static int check_start(const struct http_frames *frames, const unsigned char *at)
{
    int opcode = at[0] & OPCODE;
    bool is_last = (at[0] & FIN) != 0;
    bool is_data = opcode == CONTINUATION || opcode == HTTP_FRAME_TEXT;

    if ((at[0] & RESERVED) != 0 || (at[1] & MASKED) == 0)
        return -HTTP_CLOSE_PROTOCOL;
    if (is_control(opcode))
        return opcode <= HTTP_FRAME_PONG && is_last && (at[1] & LENGTH) <= HTTP_FRAME_CONTROL_MAX
                   ? 0
                   : -HTTP_CLOSE_PROTOCOL;
    if (opcode == HTTP_FRAME_BINARY && !frames->is_open)
        return -HTTP_CLOSE_UNSUPPORTED;
    return is_data && frames->is_open == (opcode == CONTINUATION) ? 0 : -HTTP_CLOSE_PROTOCOL;
}

/* 1: read; 0: more bytes; negative: as http_frames_read. */
static int read_head(const struct http_frames *frames, struct str bytes, struct head *out)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    size_t length_bytes;
    int status;

    if (bytes.len < 2)
        return 0;
    status = check_start(frames, at);
    if (status < 0)
        return status;
    out->opcode = at[0] & OPCODE;
    out->is_last = (at[0] & FIN) != 0;
    out->payload_bytes = at[1] & LENGTH;
    length_bytes = out->payload_bytes == LENGTH_16 ? 2 : out->payload_bytes == LENGTH_64 ? 8 : 0;
    out->head_bytes = 2 + length_bytes + MASK_BYTES;
    if (length_bytes > 0) {
        if (bytes.len < 2 + length_bytes)
            return 0;
        out->payload_bytes = big_endian(at + 2, length_bytes);
        if (out->payload_bytes < (length_bytes == 2 ? LENGTH_16 : 0x10000) ||
            (out->payload_bytes >> 63) != 0)
            return -HTTP_CLOSE_PROTOCOL; /* a shorter way to say it must be taken */
    }
    if (!is_control(out->opcode) &&
        out->payload_bytes > HTTP_FRAME_MESSAGE_MAX - frames->message.len)
        return -HTTP_CLOSE_TOO_BIG;
    if (bytes.len < out->head_bytes)
        return 0;
    memcpy(out->mask, at + 2 + length_bytes, MASK_BYTES);
    return bytes.len - out->head_bytes >= out->payload_bytes ? 1 : 0;
}

static void unmask(char *to, const char *from, size_t count, const unsigned char *mask)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (char)((unsigned char)from[i] ^ mask[i % MASK_BYTES]);
}

/* May a peer give this reason? Not the codes that stand for what is never sent. */
static bool is_close_code(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int take_close(struct http_frame *out)
{
    if (out->payload.len == 0) {
        out->close_code = HTTP_CLOSE_NONE;
        return 1;
    }
    if (out->payload.len == 1)
        return -HTTP_CLOSE_PROTOCOL;
    out->close_code = (int)big_endian((const unsigned char *)out->payload.ptr, 2);
    out->payload.ptr += 2;
    out->payload.len -= 2;
    if (!is_close_code(out->close_code))
        return -HTTP_CLOSE_PROTOCOL;
    return str_is_utf8(out->payload) || out->payload.len == 0 ? 1 : -HTTP_CLOSE_NOT_TEXT;
}

static int take_control(const struct head *head, const char *payload, struct http_frame *out)
{
    size_t count = (size_t)head->payload_bytes; /* 125 at most */

    unmask(out->control, payload, count, head->mask);
    out->control[count] = '\0';
    out->kind = (enum http_frame_kind)head->opcode;
    out->payload = (struct str){out->control, count};
    return out->kind == HTTP_FRAME_CLOSE ? take_close(out) : 1;
}

static bool is_text(struct str message)
{
    /* It refuses NUL as well, which no JSON holds. */
    return message.len == 0 || str_is_utf8(message);
}

/* 1: the message is whole. */
static int take_data(struct http_frames *frames, const struct head *head, const char *payload,
                     struct http_frame *out)
{
    size_t count = (size_t)head->payload_bytes; /* HTTP_FRAME_MESSAGE_MAX at most */

    if (!buf_reserve(&frames->message, count + 1))
        return -HTTP_CLOSE_TOO_BIG;
    unmask(frames->message.ptr + frames->message.len, payload, count, head->mask);
    frames->message.len += count;
    frames->message.ptr[frames->message.len] = '\0';
    frames->is_open = !head->is_last;
    if (frames->is_open)
        return 0;
    out->kind = HTTP_FRAME_TEXT;
    out->payload = buf_str(&frames->message);
    return is_text(out->payload) ? 1 : -HTTP_CLOSE_NOT_TEXT;
}

int http_frames_read(struct http_frames *frames, struct str *bytes, struct http_frame *out)
{
    if (!frames->is_open)
        buf_finish(&frames->message); /* the last one was told of */
    for (;;) {
        struct head head;
        int status = read_head(frames, *bytes, &head);
        const char *payload;

        if (status <= 0)
            return status;
        payload = bytes->ptr + head.head_bytes;
        bytes->ptr += head.head_bytes + head.payload_bytes;
        bytes->len -= head.head_bytes + (size_t)head.payload_bytes;
        status = is_control(head.opcode) ? take_control(&head, payload, out)
                                         : take_data(frames, &head, payload, out);
        if (status != 0)
            return status;
    }
}

void http_frame_put(struct buf *out, enum http_frame_kind kind, struct str payload)
{
    unsigned char head[HTTP_FRAME_HEAD_MAX] = {(unsigned char)(FIN | (int)kind)};
    size_t count = 2;

    if (payload.len < LENGTH_16) {
        head[1] = (unsigned char)payload.len;
    } else {
        size_t length_bytes = payload.len < 0x10000 ? 2 : 8;

        head[1] = length_bytes == 2 ? LENGTH_16 : LENGTH_64;
        for (size_t i = 0; i < length_bytes; i++)
            head[2 + i] = (unsigned char)((uint64_t)payload.len >> (8 * (length_bytes - 1 - i)));
        count += length_bytes;
    }
    buf_add(out, head, count);
    buf_add_str(out, payload);
}

void http_frame_put_close(struct buf *out, int code, struct str reason)
{
    char payload[HTTP_FRAME_CONTROL_MAX] = {(char)(code >> 8), (char)code};
    size_t len = reason.len < sizeof payload - 2 ? reason.len : sizeof payload - 2;

    while (len > 0 && len < reason.len && ((unsigned char)reason.ptr[len] & 0xc0) == 0x80)
        len--; /* between characters */
    if (len > 0)
        memcpy(payload + 2, reason.ptr, len);
    http_frame_put(out, HTTP_FRAME_CLOSE,
                   code == HTTP_CLOSE_NONE ? STR_NONE : (struct str){payload, len + 2});
}

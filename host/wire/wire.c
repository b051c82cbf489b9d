/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire.h"

#include <stdlib.h>

_Static_assert(sizeof(struct wire_header) == WIRE_HEADER_BYTES, "the header has no padding");

enum { FIRST_BYTES = 4096 };

/* Room for `more` bytes behind len, or NULL. */
static char *reserve(struct wire_out *out, size_t more)
{
    if (out->failed)
        return NULL;
    if (out->ptr != NULL && more <= out->cap - out->len)
        return out->ptr + out->len;
    size_t cap = out->cap > 0 ? out->cap : FIRST_BYTES;
    if (more > SIZE_MAX / 4 || out->len > SIZE_MAX / 4) {
        out->failed = true;
        return NULL;
    }
    while (cap - out->len < more)
        cap += cap / 2 + FIRST_BYTES;
    char *grown = realloc(out->ptr, cap);
    if (grown == NULL) {
        out->failed = true;
        return NULL;
    }
    out->ptr = grown;
    out->cap = cap;
    return out->ptr + out->len;
}

void wire_out_bytes(struct wire_out *out, const void *bytes, size_t len)
{
    char *place = reserve(out, len);

    if (place == NULL || len == 0)
        return;
    memcpy(place, bytes, len);
    out->len += len;
}

void wire_out_u32(struct wire_out *out, uint32_t value)
{
    wire_out_bytes(out, &value, sizeof value);
}

void wire_out_u64(struct wire_out *out, uint64_t value)
{
    wire_out_bytes(out, &value, sizeof value);
}

void wire_out_text(struct wire_out *out, tenon_str text)
{
    if (text.len > WIRE_FRAME_MAX) {
        out->failed = true;
        return;
    }
    uint32_t len = (uint32_t)text.len;
    char *place = reserve(out, sizeof len + text.len + 1);

    if (place == NULL)
        return;
    memcpy(place, &len, sizeof len);
    if (len > 0)
        memcpy(place + sizeof len, text.ptr, len);
    place[sizeof len + len] = '\0';
    out->len += sizeof len + len + 1;
}

size_t wire_out_begin(struct wire_out *out, enum wire_op op, uint64_t call, uint32_t instance)
{
    struct wire_header header = {.op = (uint16_t)op, .call = call, .instance = instance};
    size_t begin = out->len;

    wire_out_bytes(out, &header, sizeof header);
    return begin;
}

int wire_out_end(struct wire_out *out, size_t begin)
{
    if (out->failed || out->len - begin - WIRE_HEADER_BYTES > WIRE_FRAME_MAX) {
        out->len = begin < out->len ? begin : out->len;
        out->failed = false;
        return -1;
    }
    uint32_t length = (uint32_t)(out->len - begin - WIRE_HEADER_BYTES);

    memcpy(out->ptr + begin, &length, sizeof length);
    return 0;
}

void wire_out_clear(struct wire_out *out)
{
    out->len = 0;
    out->failed = false;
    if (out->cap > WIRE_KEEP_BYTES)
        wire_out_finish(out);
}

void wire_out_finish(struct wire_out *out)
{
    free(out->ptr);
    *out = (struct wire_out){0};
}

const char *wire_in_bytes(struct wire_in *in, size_t len)
{
    if (in->failed || len > in->rest) {
        in->failed = true;
        return NULL;
    }
    const char *bytes = in->at;

    in->at += len;
    in->rest -= len;
    return bytes;
}

uint32_t wire_in_u32(struct wire_in *in)
{
    uint32_t value = 0;
    const char *bytes = wire_in_bytes(in, sizeof value);

    if (bytes != NULL)
        memcpy(&value, bytes, sizeof value);
    return value;
}

uint64_t wire_in_u64(struct wire_in *in)
{
    uint64_t value = 0;
    const char *bytes = wire_in_bytes(in, sizeof value);

    if (bytes != NULL)
        memcpy(&value, bytes, sizeof value);
    return value;
}

tenon_str wire_in_text(struct wire_in *in)
{
    size_t len = wire_in_u32(in);
    const char *bytes = wire_in_bytes(in, len + 1); /* len has 32 bits, size_t 64 */

    if (bytes == NULL || bytes[len] != '\0') {
        in->failed = true;
        return (tenon_str){"", 0};
    }
    return (tenon_str){bytes, len};
}

uint32_t wire_in_count(struct wire_in *in, size_t least_bytes)
{
    uint32_t count = wire_in_u32(in);

    if (in->failed || count > in->rest / least_bytes) {
        in->failed = true;
        return 0;
    }
    return count;
}

bool wire_in_is_done(const struct wire_in *in)
{
    return !in->failed && in->rest == 0;
}

/* Bytes that the frame at the start needs in all; the header alone when it is not there yet. */
static size_t reader_wants(const struct wire_reader *reader)
{
    if (reader->end - reader->start < WIRE_HEADER_BYTES)
        return WIRE_HEADER_BYTES;
    uint32_t length;

    memcpy(&length, reader->ptr + reader->start, sizeof length);
    return WIRE_HEADER_BYTES + (size_t)(length <= WIRE_FRAME_MAX ? length : 0);
}

static int reader_resize(struct wire_reader *reader, size_t cap)
{
    char *moved = malloc(cap);

    if (moved == NULL)
        return -1;
    size_t held = reader->end - reader->start;
    if (held > 0)
        memcpy(moved, reader->ptr + reader->start, held);
    free(reader->ptr);
    *reader = (struct wire_reader){moved, 0, held, cap};
    return 0;
}

char *wire_reader_detach(struct wire_reader *reader)
{
    size_t held = reader->end - reader->start;
    size_t cap = held > FIRST_BYTES ? held : FIRST_BYTES;
    char *moved = malloc(cap);
    char *old = reader->ptr;

    if (moved == NULL)
        return NULL;
    if (held > 0)
        memcpy(moved, old + reader->start, held);
    *reader = (struct wire_reader){moved, 0, held, cap};
    return old;
}

char *wire_reader_room(struct wire_reader *reader, size_t *out_room)
{
    size_t held = reader->end - reader->start;
    size_t wants = reader_wants(reader);

    if (wants < FIRST_BYTES)
        wants = FIRST_BYTES;
    if (wants <= held)
        wants = held + FIRST_BYTES;
    bool is_too_large = held == 0 && reader->cap > WIRE_KEEP_BYTES && wants <= WIRE_KEEP_BYTES;
    if ((reader->cap < wants || is_too_large) && reader_resize(reader, wants) < 0)
        return NULL;
    if (reader->start > 0 && (held == 0 || reader->cap - reader->start < wants)) {
        memmove(reader->ptr, reader->ptr + reader->start, held);
        reader->start = 0;
        reader->end = held;
    }
    *out_room = reader->cap - reader->end;
    return reader->ptr + reader->end;
}

void wire_reader_added(struct wire_reader *reader, size_t len)
{
    reader->end += len;
}

int wire_reader_next(struct wire_reader *reader, struct wire_header *header, struct wire_in *in)
{
    if (reader->end - reader->start < WIRE_HEADER_BYTES)
        return 0;
    struct wire_header seen;

    memcpy(&seen, reader->ptr + reader->start, sizeof seen);
    if (seen.length > WIRE_FRAME_MAX || seen.op == 0 || seen.op >= WIRE_OP_END || seen.flags != 0 ||
        seen.reserved != 0)
        return -1;
    if (reader->end - reader->start - WIRE_HEADER_BYTES < seen.length)
        return 0;
    *header = seen;
    *in = (struct wire_in){reader->ptr + reader->start + WIRE_HEADER_BYTES, seen.length, false};
    reader->start += WIRE_HEADER_BYTES + seen.length;
    return 1;
}

void wire_reader_finish(struct wire_reader *reader)
{
    free(reader->ptr);
    *reader = (struct wire_reader){0};
}

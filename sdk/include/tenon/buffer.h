/* SPDX-License-Identifier: Apache-2.0
 *
 * buffer.h: a sink that keeps what it is given, for plugins that ask a host service and want to
 * look at the answer.
 *
 *   tenon_buffer body;
 *   tenon_buffer_init(&body);
 *   status = http->exchange(host, &request, &http_status, NULL, &body.sink, err);
 *   ... body.text ...
 *   tenon_buffer_free(&body);
 *
 * The memory is the plugin's own (malloc). Not for use by two threads at once.
 */
#ifndef TENON_BUFFER_H
#define TENON_BUFFER_H

#include <tenon/tenon.h>

#include <stdlib.h>

typedef struct tenon_buffer {
    tenon_sink sink;
    tenon_str text; /* what was written, with a NUL behind it; "" at first. Until the next write */
    char *bytes;    /* private, and so is cap */
    size_t cap;
} tenon_buffer;

static inline int32_t tenon_buffer_write_(tenon_sink *sink, const void *bytes, size_t len)
{
    tenon_buffer *buffer = (tenon_buffer *)sink->ctx;
    size_t wants = buffer->text.len + len + 1;

    if (wants <= len)
        return TENON_E_NO_MEMORY;
    if (wants > buffer->cap) {
        size_t cap = wants < 256 ? 256 : wants + wants / 2;
        char *more = (char *)realloc(buffer->bytes, cap);
        if (more == NULL)
            return TENON_E_NO_MEMORY;
        buffer->bytes = more;
        buffer->cap = cap;
    }
    if (len > 0)
        memcpy(buffer->bytes + buffer->text.len, bytes, len);
    buffer->text.len += len;
    buffer->bytes[buffer->text.len] = '\0';
    buffer->text.ptr = buffer->bytes;
    return TENON_OK;
}

/* Empty. It must stay where it is: the sink points back to it. */
static inline void tenon_buffer_init(tenon_buffer *buffer)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->sink.struct_size = sizeof buffer->sink;
    buffer->sink.ctx = buffer;
    buffer->sink.write = tenon_buffer_write_;
    buffer->text.ptr = "";
}

/* Empty again; what it held is gone. */
static inline void tenon_buffer_free(tenon_buffer *buffer)
{
    free(buffer->bytes);
    tenon_buffer_init(buffer);
}

#endif

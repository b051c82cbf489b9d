/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

bool buf_reserve(struct buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    if (buf->cap > buf->len && buf->cap - buf->len > more)
        return true;

    int saved = errno;
    size_t needed;
    if (__builtin_add_overflow(buf->len, more, &needed) ||
        __builtin_add_overflow(needed, (size_t)1, &needed)) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf->cap ? buf->cap : FIRST_CAP;
    while (cap < needed && cap <= SIZE_MAX / 2)
        cap *= 2;
    if (cap < needed)
        cap = needed;
    char *ptr = realloc(buf->ptr, cap);
    errno = saved;
    if (ptr == NULL) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    buf->ptr[buf->len] = '\0';
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (!buf_reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void buf_add_str(struct buf *buf, struct str s)
{
    buf_add(buf, s.ptr, s.len);
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
    if (!buf_reserve(buf, 1))
        return;
    buf->ptr[buf->len++] = c;
    buf->ptr[buf->len] = '\0';
}

void buf_put_int(struct buf *buf, int64_t number)
{
    char space[24];

    if (number < 0)
        buf_putc(buf, '-');
    buf_add_str(buf, str_of_u64(number < 0 ? -(uint64_t)number : (uint64_t)number, space));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    if (!buf_reserve(buf, FIRST_CAP))
        return;

    va_list again;
    va_copy(again, args);
    size_t room = buf->cap - buf->len;
    int len = vsnprintf(buf->ptr + buf->len, room, format, args);
    if (len < 0) {
        buf->failed = true;
        buf->ptr[buf->len] = '\0';
    } else if ((size_t)len < room) {
        buf->len += (size_t)len;
    } else if (buf_reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format,
                        again); /* the length is known */
        buf->len += (size_t)len;
    } else {
        buf->ptr[buf->len] = '\0';
    }
    va_end(again);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

void buf_finish(struct buf *buf)
{
    int saved = errno;

    free(buf->ptr);
    *buf = (struct buf){0};
    errno = saved;
}

char *buf_take(struct buf *buf)
{
    if (!buf_reserve(buf, 0)) {
        buf_finish(buf);
        return NULL;
    }
    char *text = buf->ptr;
    *buf = (struct buf){0};
    return text;
}

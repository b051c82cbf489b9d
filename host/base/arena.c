/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 16384 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

static void *take_raw(struct arena *arena, size_t bytes)
{
    struct arena_block *block = arena->blocks;
    void *place;

    bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (block == NULL || bytes > block->size - block->used) {
        size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;

        block = malloc(sizeof *block + size);
        if (block == NULL)
            return NULL;
        *block = (struct arena_block){.next = arena->blocks, .size = size};
        arena->blocks = block;
    }
    place = block->bytes + block->used;
    block->used += bytes;
    return place;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    void *place = take_raw(arena, bytes);

    return place != NULL ? memset(place, 0, bytes) : NULL;
}

struct str arena_copy(struct arena *arena, struct str text)
{
    char *place = take_raw(arena, text.len + 1);

    if (place == NULL)
        return STR_NONE;
    if (text.len > 0)
        memcpy(place, text.ptr, text.len);
    place[text.len] = '\0';
    return (struct str){place, text.len};
}

struct str arena_join(struct arena *arena, const struct str *parts, size_t count)
{
    size_t len = 0;
    char *place;
    char *at;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    place = at = take_raw(arena, len + 1);
    if (place == NULL)
        return STR_NONE;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    *at = '\0';
    return (struct str){place, len};
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    char space[256]; /* most texts are short: these are formatted once, not to be measured first */
    char *place = NULL;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(space, sizeof space, format, args);
    if (len >= 0)
        place = take_raw(arena, (size_t)len + 1);
    if (place != NULL && (size_t)len < sizeof space)
        memcpy(place, space, (size_t)len + 1);
    else if (place != NULL)
        (void)vsnprintf(place, (size_t)len + 1, format, again); /* measured just above */
    va_end(again);
    va_end(args);
    return place != NULL ? (struct str){place, (size_t)len} : STR_NONE;
}

void arena_finish(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
}

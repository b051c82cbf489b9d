/* SPDX-License-Identifier: Apache-2.0
 * Memory for what ends together, such as a batch: many small pieces, freed at once. [any], one at a
 * time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

#include <stddef.h>

struct arena {
    struct arena_block *blocks; /* newest first */
};

/* Zeroed, aligned for anything; NULL: no memory. */
void *arena_take(struct arena *arena, size_t bytes);
/* A NUL-terminated copy; {NULL, 0} when memory is out. */
struct str arena_copy(struct arena *arena, struct str text);
/* The parts one behind the other, likewise; a fifth of what arena_printf costs. */
struct str arena_join(struct arena *arena, const struct str *parts, size_t count);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void arena_finish(struct arena *arena);

#endif

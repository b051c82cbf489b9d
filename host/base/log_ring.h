/* SPDX-License-Identifier: Apache-2.0
 * The last lines of each integration, in memory: what `integration logs` shows. Filled by log.c
 * with what the level lets through; made when an integration logs its first line. A line that
 * repeats the one before it is counted there. [any] */
#ifndef BASE_LOG_RING_H
#define BASE_LOG_RING_H

#include "base/log.h"

/* The oldest lines give way; so do the rings of integrations that were silent longest. */
enum { LOG_RING_LINES_MAX = 256, LOG_RING_BYTES_MAX = 64 * 1024, LOG_RINGS_MAX = 1024 };

struct log_ring_line {
    uint64_t seq;    /* of one sequence for all; a repeated line takes a new one */
    uint64_t number; /* this integration's, from 1: a gap is lines that gave way */
    int64_t time_ms; /* wall, of the last repetition */
    enum log_level level;
    uint32_t repeats;   /* how often it came again, 0 mostly */
    struct str members; /* "msg":"...","field":...: masked, no braces */
};

void log_ring_add(struct str integration, enum log_level level, int64_t time_ms,
                  struct str members);
/* Lines behind `after`, the oldest first, until fn says false. fn must not log. */
void log_ring_each(struct str integration, uint64_t after,
                   bool (*fn)(void *user, const struct log_ring_line *line), void *user);
/* fn is told of each new line, on the thread that logs; it must not log nor call this file. NULL
 * ends it; once this returns no call is under way. One watcher. */
void log_ring_watch(void (*fn)(void *user), void *user);
void log_ring_forget_all(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_ring.h"

#include <pthread.h>
#include <stdlib.h>

struct line {
    struct line *next;
    struct log_ring_line is;
    char text[];
};

struct ring {
    struct ring *next; /* the one used last comes first */
    struct line *first, **last;
    size_t count, bytes;
    uint64_t last_number;
    size_t name_len;
    char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ring *rings;      /* under lock */
static size_t ring_count;       /* under lock */
static uint64_t last_seq;       /* under lock */
static void (*watcher)(void *); /* under lock */
static void *watcher_user;      /* under lock */

static void drop_first_locked(struct ring *ring)
{
    struct line *line = ring->first;

    ring->first = line->next;
    if (ring->first == NULL)
        ring->last = &ring->first;
    ring->count--;
    ring->bytes -= line->is.members.len;
    free(line);
}

static void ring_destroy_locked(struct ring *ring)
{
    while (ring->first != NULL)
        drop_first_locked(ring);
    free(ring);
    ring_count--;
}

/* Moves it to the front. */
static struct ring *find_locked(struct str name)
{
    for (struct ring **at = &rings; *at != NULL; at = &(*at)->next) {
        struct ring *ring = *at;

        if (!str_equals((struct str){ring->name, ring->name_len}, name))
            continue;
        *at = ring->next;
        ring->next = rings;
        rings = ring;
        return ring;
    }
    return NULL;
}

static void drop_oldest_ring_locked(void)
{
    struct ring **at = &rings;

    while ((*at)->next != NULL)
        at = &(*at)->next;
    struct ring *oldest = *at;
    *at = NULL;
    ring_destroy_locked(oldest);
}

static struct ring *create_locked(struct str name)
{
    struct ring *ring = calloc(1, sizeof(*ring) + name.len + 1);

    if (ring == NULL)
        return NULL;
    memcpy(ring->name, name.ptr, name.len);
    ring->name_len = name.len;
    ring->last = &ring->first;
    if (ring_count == LOG_RINGS_MAX)
        drop_oldest_ring_locked();
    ring->next = rings;
    rings = ring;
    ring_count++;
    return ring;
}

/* The last line, when the new one says the same. */
static struct line *same_locked(const struct ring *ring, enum log_level level, struct str members)
{
    if (ring->first == NULL)
        return NULL;
    struct line *line = (struct line *)(void *)((char *)ring->last - offsetof(struct line, next));
    return line->is.level == level && str_equals(line->is.members, members) ? line : NULL;
}

static void append_locked(struct ring *ring, enum log_level level, int64_t time_ms,
                          struct str members)
{
    struct line *line = malloc(sizeof(*line) + members.len + 1);

    if (line == NULL)
        return; /* it stands in the log all the same */
    memcpy(line->text, members.ptr, members.len);
    line->text[members.len] = '\0';
    line->next = NULL;
    line->is = (struct log_ring_line){
        .seq = ++last_seq,
        .number = ++ring->last_number,
        .time_ms = time_ms,
        .level = level,
        .members = {line->text, members.len},
    };
    *ring->last = line;
    ring->last = &line->next;
    ring->count++;
    ring->bytes += members.len;
    while (ring->count > LOG_RING_LINES_MAX ||
           (ring->bytes > LOG_RING_BYTES_MAX && ring->count > 1))
        drop_first_locked(ring);
}

void log_ring_add(struct str integration, enum log_level level, int64_t time_ms, struct str members)
{
    pthread_mutex_lock(&lock);
    struct ring *ring = find_locked(integration);
    if (ring == NULL)
        ring = create_locked(integration);
    if (ring != NULL) {
        struct line *same = same_locked(ring, level, members);
        if (same != NULL) {
            same->is.repeats++;
            same->is.time_ms = time_ms;
            same->is.seq = ++last_seq;
        } else {
            append_locked(ring, level, time_ms, members);
        }
        if (watcher != NULL)
            watcher(watcher_user);
    }
    pthread_mutex_unlock(&lock);
}

void log_ring_each(struct str integration, uint64_t after,
                   bool (*fn)(void *user, const struct log_ring_line *line), void *user)
{
    pthread_mutex_lock(&lock);
    struct ring *ring = find_locked(integration);
    for (struct line *line = ring != NULL ? ring->first : NULL; line != NULL; line = line->next)
        if (line->is.seq > after && !fn(user, &line->is))
            break;
    pthread_mutex_unlock(&lock);
}

void log_ring_watch(void (*fn)(void *user), void *user)
{
    pthread_mutex_lock(&lock);
    watcher = fn;
    watcher_user = user;
    pthread_mutex_unlock(&lock);
}

void log_ring_forget_all(void)
{
    pthread_mutex_lock(&lock);
    while (rings != NULL) {
        struct ring *ring = rings;
        rings = ring->next;
        ring_destroy_locked(ring);
    }
    pthread_mutex_unlock(&lock);
}

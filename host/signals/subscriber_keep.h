/* SPDX-License-Identifier: Apache-2.0
 * What a subscription keeps in the store: a text under a name of its integration, the newest value
 * last, one write at a time. For subscriber.c. [loop] */
#ifndef SIGNALS_SUBSCRIBER_KEEP_H
#define SIGNALS_SUBSCRIBER_KEEP_H

#include "signals/subscriber.h"

enum { SUBSCRIBER_KEEP_NAME_MAX = 2 * 120 + 16, SUBSCRIBER_PARKED_MAX = 100 };

struct subscriber_kept {
    struct store_keep op; /* first: the op is the whole */
    const struct subscriber_settings *settings;
    char name[SUBSCRIBER_KEEP_NAME_MAX];
    struct buf now; /* the value */
    struct buf writing;
    bool is_busy, must_write;
    void (*ended)(void *user); /* a write ended, and perhaps the next began */
    void *user;
};

/* Named "WHAT PATTERN SENDER"; nothing is read or written yet. */
void subscriber_kept_init(struct subscriber_kept *kept, const struct subscriber_settings *settings,
                          const char *what, const char *pattern, const char *sender,
                          void (*ended)(void *user), void *user);
void subscriber_kept_write(struct subscriber_kept *kept); /* `now`; what changes meanwhile, too */

/* ---- the parked ones: an array of objects ---- */

struct parked_facts {
    struct str object; /* borrowed until the value changes */
    uint64_t seq;
    uint32_t attempts;
};
/* STR_NONE when it is empty. */
struct str subscriber_kept_array(const struct subscriber_kept *kept);
/* The next, oldest first; `*rest` starts as STR_NONE. */
bool subscriber_kept_next(const struct subscriber_kept *kept, struct str *rest,
                          struct parked_facts *out);
size_t subscriber_kept_count(const struct subscriber_kept *kept);
bool subscriber_kept_find(const struct subscriber_kept *kept, uint64_t seq,
                          struct parked_facts *out);
/* At its end, the oldest dropped when they are too many or too long; writes. */
void subscriber_kept_add(struct subscriber_kept *kept, struct str object);
/* Is no more part of `now`; not written yet. False: it was none. */
bool subscriber_kept_drop(struct subscriber_kept *kept, uint64_t seq);

void subscriber_kept_finish(struct subscriber_kept *kept);
bool subscriber_kept_is(const struct subscriber_kept *kept, struct str name);

#endif

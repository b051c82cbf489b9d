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
/* Adds an object to the array that `now` is, the oldest dropped when they are too many; writes. */
void subscriber_kept_add(struct subscriber_kept *kept, struct str object);
void subscriber_kept_finish(struct subscriber_kept *kept);
bool subscriber_kept_is(const struct subscriber_kept *kept, struct str name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Where signals meet those who listen: in process, by pattern and sender, just after the commit
 * that holds them. Whoever must miss none, also over a restart, follows the store instead
 * (follow.h); this is for those who want to know now. With no listener a write of the store costs
 * one comparison; built-in signals are not looked at unless some listener's pattern fits them.
 * [loop]
 *
 * A request is a signal with somebody waiting for the answer. It is not stored: who is not there
 * now cannot answer in time. */
#ifndef SIGNALS_HUB_H
#define SIGNALS_HUB_H

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct hub;

/* `published` is called about a second after numbers were given to signals that are no entity's, so
 * that cursors pass them. NULL: no memory. */
struct hub *hub_create(struct loop *loop, struct store *store, void (*published)(void *user),
                       void *user);
/* Requests that are open are ended with E_STOPPED. Listeners may still leave, before or after, and
 * the store may have been closed. NULL allowed. */
void hub_destroy(struct hub *hub);

/* ---- listening ---- */

struct hub_filter {
    struct str pattern; /* base/pattern.h; copied, as the sender */
    struct str sender;  /* empty: any */
    bool answers;       /* counts as somebody who may answer a request */
};

/* What is heard. `signal->seq` is 0 when it is not in the store. */
struct hub_signal {
    const struct store_signal *signal;
    uint64_t request; /* for hub_reply; 0: nobody waits for an answer */
    int64_t timeout_ms;
};
/* The row of a signal that was asked of the store; its texts are the row's. Nobody asks again which
 * kind it is: SIGNAL_OWN. [any] */
struct store_signal hub_signal_of(const struct store_row *row);
/* Borrowed for the call. May leave, listen, publish, ask and reply from within. */
typedef void (*hub_signal_fn)(void *user, const struct hub_signal *signal);

struct hub_listener;
/* NULL with err: the pattern is none (-EINVAL), or no memory. */
struct hub_listener *hub_listen(struct hub *hub, const struct hub_filter *filter, hub_signal_fn fn,
                                void *user, struct err *err);
void hub_leave(struct hub_listener *listener); /* NULL allowed */
size_t hub_listener_count(const struct hub *hub);
/* Does anybody listen for signals of this name, whoever sends them? */
bool hub_is_wanted(const struct hub *hub, struct str name);

/* Does anybody listen for how submissions end? Kept ready, as it is asked for each: such a signal
 * is a row more for every delivery, so it is made while somebody wants it, and not otherwise. */
bool hub_hears_submissions(const struct hub *hub);

/* ---- telling ---- */

enum {
    /* A signal that was published in the course of another has its hops and one more; beyond that
     * it is refused, since handlers that answer each other go on for ever. */
    HUB_HOPS_MAX = 8,
    HUB_REQUESTS_MAX = 1024,
    HUB_TIMEOUT_MAX_MS = 60000,
};

/* A name for others to publish under: well formed, and not of the host's own kinds (entity.,
 * relationship., submission., integration.); the sender is not "tenon". Hops within bounds. 0, or
 * negative with the words. */
int hub_check(const struct store_own_signal *signal, struct err *err);

typedef void (*hub_published_fn)(void *user, int status, const struct err *err, uint64_t seq);
/* Checks, then stores it; told when it is durable, and the listeners before that. `signal` is
 * copied. `done` may be NULL; it may run at once when the signal is refused. */
void hub_publish(struct hub *hub, const struct store_own_signal *signal, hub_published_fn done,
                 void *user);
/* The host's own, which hub_check would refuse: sender "tenon". Stored as any other. */
void hub_tell(struct hub *hub, const char *name, struct str data);

/* ---- request and reply ---- */

/* The first answer, or why there is none: E_NOT_FOUND nobody listens who could answer, -ETIMEDOUT,
 * E_UNREACHABLE all who could have declined (err: the last one's words), E_STOPPED, or what
 * hub_check and the limits say. */
struct hub_answer {
    int status;
    const struct err *err;
    struct str sender, data; /* data: JSON, may be empty */
};
typedef void (*hub_answer_fn)(void *user, const struct hub_answer *answer);
/* `done` runs exactly once, maybe at once. The number of the request, or 0: it is over already. */
uint64_t hub_ask(struct hub *hub, const struct store_own_signal *signal, int64_t timeout_ms,
                 hub_answer_fn done, void *user);
void hub_forget(struct hub *hub, uint64_t request); /* nobody waits any more; done does not run */
/* E_NOT_FOUND: answered already, out of time, or never asked. */
int hub_reply(struct hub *hub, uint64_t request, struct str sender, struct str data,
              struct err *err);
/* One of those who answer will not. When all have said so, the one who asks need not wait. */
void hub_decline(struct hub *hub, uint64_t request, struct str sender, const char *words);

struct hub_figures {
    uint64_t published, refused, requests, replies, timeouts;
};
void hub_figures(const struct hub *hub, struct hub_figures *out);

#endif

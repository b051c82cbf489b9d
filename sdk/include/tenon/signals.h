/* SPDX-License-Identifier: Apache-2.0
 *
 * signals.h: signals, "something happened", for plugins. "tenon.signals/1" is two things:
 *
 * As a capability it says which signals the plugin's integrations hear, and with what function:
 *
 *   static const tenon_subscription subscriptions[] = {
 *       {sizeof(tenon_subscription), TENON_SIGNAL_DURABLE, "order.*", NULL},
 *   };
 *   static const tenon_signal_handler handler = {sizeof handler, 0, subscriptions, 1, on_signal};
 *   static const void *get_capability(const char *id)
 *   {
 *       return strcmp(id, TENON_SIGNALS_1) == 0 ? &handler : NULL;
 *   }
 *
 * As a host service it publishes signals and asks others:
 *
 *   const tenon_signals *signals =
 *       (const tenon_signals *)host->get_service(host, TENON_SIGNALS_1);
 *
 * A signal's type is words with dots between ("order.paid"); in a pattern "*" stands for one word
 * and "**", at the end alone, for one or more. The host's own begin with entity., relationship.,
 * submission. and integration. and have the sender "tenon". Diary: 1 first.
 */
#ifndef TENON_SIGNALS_H
#define TENON_SIGNALS_H

#include <tenon/buffer.h>
#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_SIGNALS_1 "tenon.signals/1"

/* ---- hearing ---- */

/* A signal as it is heard; all borrowed for the call. */
typedef struct tenon_signal {
    uint32_t struct_size;
    uint32_t subscription; /* index in the table: whose pattern it fits */
    uint32_t attempt;      /* 1 at first; of a durable one higher when on_signal failed before */
    uint32_t timeout_ms;   /* of a request: how long somebody waits */
    uint64_t request;      /* not 0: somebody waits for an answer, see on_signal */
    uint64_t seq;          /* rises from signal to signal; 0: not stored (a request) */
    int64_t at_ms;         /* Unix time, milliseconds */
    tenon_str type;        /* "order.paid" */
    tenon_str sender;      /* an integration's name, "tenon", or whom the API was told */
    tenon_str data;        /* JSON; empty: none */
    tenon_str entity;      /* id, with the host's own signals; else empty */
    tenon_str entity_type;
    uint64_t version; /* of the entity */
} tenon_signal;

/* Every signal from the first opening of the integration on, in order, over restarts and crashes:
 * at least once, so an effect that must not happen twice goes by `seq`. One that fails is tried
 * again a few times, then parked, where people see it and may have it come again, behind newer
 * ones: a `seq` that is not above the last one tells of a second time only while `attempt` is 1.
 * As far back as [store] keep_signals keeps.
 * Without this flag: what comes while the integration is active; more than 256 that wait are
 * dropped, and counted; what fails is not tried again. */
#define TENON_SIGNAL_DURABLE 1u

/* All texts static. */
typedef struct tenon_subscription {
    uint32_t struct_size;
    uint32_t flags; /* TENON_SIGNAL_... */
    const char
        *pattern; /* up to 120 bytes. Another pattern is another subscription: it begins anew */
    const char *sender; /* NULL or "": any */
} tenon_subscription;

typedef struct tenon_signal_handler {
    uint32_t struct_size;
    uint32_t flags;                          /* 0 */
    const tenon_subscription *subscriptions; /* n_subscriptions of them (at most 16), stride
                                                struct_size */
    size_t n_subscriptions;
    /* One signal; those of one subscription come one after the other. TENON_OK: done with it.
     * TENON_E_VALIDATION, TENON_E_PERMANENT: parked at once; other negative ones: tried again. For
     * a request what was written to `reply`, one JSON value, is the answer (the first of all who
     * hear it counts); TENON_OK with nothing written: this one does not answer; TENON_PENDING: its
     * reply() will follow.  [pool] */
    int32_t (*on_signal)(void *self, const tenon_signal *signal, tenon_sink *reply, tenon_err *err);
} tenon_signal_handler;

/* ---- telling ---- */

/* Valid as long as the host table. In all: TENON_E_VALIDATION the type, the data or the timeout is
 * none, or the type is the host's own; TENON_E_PERMANENT it is cut off: on_signal published what
 * made another on_signal publish, eight in a row; TENON_E_CANCELLED the deadline of the call in
 * hand passed, or the integration is closed. There from activate() on. */
typedef struct tenon_signals {
    uint32_t struct_size;
    uint32_t flags;
    /* Publishes under the integration's name; on disk when it returns. `data` is JSON of at most
     * 128 KiB, or empty.  [any; blocks] */
    int32_t (*publish)(const tenon_host *host, tenon_str type, tenon_str data, tenon_err *err);
    /* Asks, and waits for the first answer, which goes to `answer` as JSON, or nothing when it is
     * empty. TENON_E_UNSUPPORTED: nobody is there who could answer; TENON_E_CONNECTION: nobody did
     * in time, or all who could declined. An integration does not answer itself. timeout_ms 0: as
     * long as the call in hand may take.  [any; blocks] */
    int32_t (*request)(const tenon_host *host, tenon_str type, tenon_str data, uint32_t timeout_ms,
                       tenon_sink *answer, tenon_err *err);
    /* Answers a request later, from whatever thread, when on_signal returned TENON_PENDING.
     * TENON_E_PERMANENT: answered already, or out of time.  [any; blocks] */
    int32_t (*reply)(const tenon_host *host, uint64_t request, tenon_str data, tenon_err *err);
} tenon_signals;

TENON_ASSERT_(offsetof(tenon_signal, request) == 16 && offsetof(tenon_signal, type) == 40 &&
                  offsetof(tenon_signal, version) == 120,
              "tenon_signal is frozen");
TENON_ASSERT_(offsetof(tenon_subscription, sender) == 16, "tenon_subscription is frozen");
TENON_ASSERT_(offsetof(tenon_signal_handler, on_signal) == 24, "tenon_signal_handler is frozen");
TENON_ASSERT_(offsetof(tenon_signals, publish) == 8 && offsetof(tenon_signals, reply) == 24,
              "tenon_signals is frozen");

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0
 * What stands between a lane and its destination: whether, how many and how many at a time may go.
 * It joins the rules (token bucket, breaker, limit of requests at a time), the pauses that a
 * destination asks for and the quota that it tells, and keeps what it learned in the store, so that
 * neither a restart nor a crash forgets it. Private to the engine room: lane.c asks before it
 * claims, sending.c before it sends, and tells what came back. Times are clock_due_ms. [loop]
 *
 *   claim --lane_gate_reserve--> pass --lane_gate_enter--> a request --> lane_gate_answered
 *                                  |                                 +-> lane_gate_unsent
 *                                  +--lane_gate_return (what of it was not used)
 *
 * While nothing holds it back, a pass is without limit and costs nothing. */
#ifndef ENGINE_LANE_GATE_H
#define ENGINE_LANE_GATE_H

#include "config/config.h"
#include "engine/engine.h"
#include "http/http_client.h"
#include "rules/breaker.h"
#include "rules/bucket.h"
#include "rules/concurrency.h"
#include "store/store.h"

/* Why nothing may be claimed now. */
enum lane_gate_hold {
    GATE_FREE,
    GATE_PAUSED,  /* Retry-After, or the plugin is away */
    GATE_BREAKER, /* open */
    GATE_PROBING, /* half-open: every probe is out */
    GATE_QUOTA,   /* the destination said that nothing remains */
    GATE_RATE,    /* [rate_limit] rate */
    GATE_RECALL,  /* what waits for a connection is called back */
};

/* Requests that a claim may come to. */
struct lane_gate_pass {
    bool is_limited;
    bool is_probe;
    uint32_t left, used, wanted;
};

/* Its line in the store. */
struct lane_gate_kept {
    struct store *store;
    const char *name; /* the integration's, for log lines; borrowed */
    struct store_keep write;
    struct store_query read;
    struct buf text; /* of the write or the read under way */
    bool is_busy, must_write;
    int64_t at_ms;
    double limit;
    void (*loaded)(void *user);
    void (*idle)(void *user);
    void *user;
};

struct lane_gate {
    struct http_destination *destination; /* borrowed; NULL: none yet, or closed */
    struct bucket bucket;
    struct breaker breaker;
    struct concurrency concurrency;
    int64_t retry_after_max_ms;
    bool heeds_headers;

    int64_t paused_until_ms;            /* at the destination's wish */
    int64_t away_until_ms;              /* the plugin is not running: it is not asked before */
    double quiet_share;                 /* of late answers: those that asked for quiet */
    uint32_t answers;                   /* that it is the share of, up to some */
    int64_t quota_left, quota_until_ms; /* -1: not told */
    uint32_t outstanding;               /* requests given to the HTTP client */
    bool is_recalling;          /* more wait for a connection than will get one in good time */
    int limit_set;              /* what the destination was told last */
    double requests_per_record; /* of late claims */
    char pause_words[400], breaker_words[400], said[560];
    char away_words[400]; /* why the plugin is not running; "": it is, for all that is known */
    struct lane_gate_kept kept;
};

/* Reads the ini. 0 or a negative status. */
int lane_gate_init(struct lane_gate *gate, const struct config_file *file, struct err *err);
void lane_gate_finish(struct lane_gate *gate);

/* ---- before a claim ---- */

/* GATE_FREE, or why not and until when; *out_until_ms 0: until an answer comes. */
enum lane_gate_hold lane_gate_look(struct lane_gate *gate, int64_t now_ms, int64_t *out_until_ms);
/* How many of `most` records may be claimed; the pass stands for the requests that they come to.
 * `is_each_one`: every record is a request of its own at most. 0: none. */
uint32_t lane_gate_reserve(struct lane_gate *gate, uint32_t most, bool is_each_one, int64_t now_ms,
                           struct lane_gate_pass *out);
/* The claim is over; `records`: how many it took. */
void lane_gate_return(struct lane_gate *gate, struct lane_gate_pass *pass, uint32_t records);

/* What a claim takes first: every second time that the breaker probes, records that were never
 * sent. Else some that fail for ever would keep it open for all. */
bool lane_gate_wants_new(struct lane_gate *gate, int64_t now_ms);

/* Nothing may be sent just now, even if it was claimed before. */
bool lane_gate_is_shut(struct lane_gate *gate, int64_t now_ms);

/* For good: what waits for a connection comes back unsent, what is under way ends. */
void lane_gate_close(struct lane_gate *gate);

/* ---- sending ---- */

/* False: not this request, not now. `is_further`: it follows from the answer to another one of the
 * same records, which would be in vain were it to wait for a claim of its own: it may go beyond the
 * rate, and claims wait the longer. */
bool lane_gate_enter(struct lane_gate *gate, struct lane_gate_pass *pass, bool is_further,
                     int64_t now_ms);
/* A request that entered came back unsent (HTTP_REFUSED_LOCALLY). */
void lane_gate_unsent(struct lane_gate *gate, bool is_probe);
/* It was answered, or failed. */
void lane_gate_answered(struct lane_gate *gate, const struct http_request *http, bool is_probe);
/* One record that a plugin sent by itself. */
void lane_gate_submitted(struct lane_gate *gate, struct lane_gate_pass *pass, int verdict,
                         int error_class, const char *words);
/* At the destination's wish nothing is claimed before then, the later of two pauses counts; what
 * waits for a connection comes back, and the pause outlives the daemon. */
void lane_gate_pause(struct lane_gate *gate, int64_t until_ms, const char *words);
/* The plugin is not running: nothing is claimed before then, or before it is back. Said once as
 * long as the words are the same. */
void lane_gate_away(struct lane_gate *gate, int64_t until_ms, const char *words);
void lane_gate_back(struct lane_gate *gate);

/* ---- looking ---- */

/* "paused", "breaker-open", "probing", "rate-limited"; NULL: free. */
const char *lane_gate_state(const struct lane_gate *gate, int64_t now_ms);
/* A sentence; NULL: free. The gate's, until the next call. */
const char *lane_gate_words(struct lane_gate *gate, int64_t now_ms);
void lane_gate_figures(struct lane_gate *gate, int64_t now_ms, struct lane_limits *out);

/* ---- lane_gate_keep.c: over the end of a daemon ---- */

/* Asks the store; `loaded` then runs once, `idle` whenever a write ends. */
void lane_gate_load(struct lane_gate *gate, struct store *store, uint32_t integration,
                    const char *name, void (*loaded)(void *user), void (*idle)(void *user),
                    void *user);
/* The same destination under another ini: what `former` learned. */
void lane_gate_inherit(struct lane_gate *gate, const struct lane_gate *former);
void lane_gate_keep(struct lane_gate *gate);          /* now: a state changed */
void lane_gate_keep_at_times(struct lane_gate *gate); /* every few seconds at most: a figure did */
void lane_gate_keep_changed(struct lane_gate *gate);  /* the last figures, at the end */
bool lane_gate_is_idle(const struct lane_gate *gate);
/* The texts that are kept, pure. */
void lane_gate_write(const struct lane_gate *gate, int64_t now_ms, struct buf *out);
void lane_gate_read(struct lane_gate *gate, struct str text, int64_t now_ms);

#endif

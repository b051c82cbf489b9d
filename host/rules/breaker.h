/* SPDX-License-Identifier: Apache-2.0
 * A circuit breaker over one destination. While it is open nothing is sent, so an outage costs no
 * record its tries. Pure; the clock is the caller's, monotonic. [any]
 *
 *            ratio of failures in the window,
 *            or a row of failures
 *   closed ------------------------------------> open <--------+
 *     ^                                            | its time   | a probe failed:
 *     |                                            v is over    | twice the time, up to the most
 *     +---- as many probes succeeded ---------- half-open ------+
 */
#ifndef RULES_BREAKER_H
#define RULES_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct breaker_policy {
    bool is_enabled;
    int64_t window_ms;
    double ratio;                 /* of failures at which it opens, above 0 and up to 1 */
    uint32_t min_requests;        /* in the window, before a ratio means anything; so many failures
                                     in a row open it whatever the ratio */
    uint32_t connection_failures; /* in a row */
    int64_t open_ms, open_max_ms; /* the first time open, and the longest */
    uint32_t probes;              /* at most so many at once; so many good ones close it */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
enum breaker_outcome {
    BREAKER_OK,        /* an answer that is the record's own, good or bad */
    BREAKER_FAILED,    /* an error of the destination's */
    BREAKER_NO_ANSWER, /* no connection, or nothing came back */
};

enum { BREAKER_SLOTS = 10 };

struct breaker {
    struct breaker_policy policy;
    enum breaker_state state;
    struct breaker_slot {
        int64_t number; /* of the tenth of a window, counted since the clock's start */
        uint32_t requests, failures;
    } slots[BREAKER_SLOTS];
    uint32_t failed_in_a_row, unanswered_in_a_row;
    int64_t open_until_ms, closed_at_ms;
    int64_t open_for_ms;    /* the last time, before jitter; 0: never opened */
    uint32_t probes_out;    /* under way */
    uint32_t probes_good;   /* of this half-open phase */
    uint32_t tripped_of;    /* requests in the window when it opened; 0: a row of failures */
    uint32_t tripped_count; /* failures among them, or in the row */
    uint64_t openings;      /* since start */
};

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy);
/* As it was kept: open or half-open, for `left_ms` more (clamped to open_max_ms). */
void breaker_restore(struct breaker *breaker, int64_t open_for_ms, int64_t left_ms, int64_t now_ms);
/* Open becomes half-open here when its time is over. */
enum breaker_state breaker_state(struct breaker *breaker, int64_t now_ms);
/* How many requests may be sent now; UINT32_MAX: any number. */
uint32_t breaker_admits(struct breaker *breaker, int64_t now_ms);
/* One of them is sent. True: it is a probe, and breaker_saw is to be told so. */
bool breaker_sent(struct breaker *breaker);
/* A probe came back unsent. */
void breaker_forget(struct breaker *breaker, bool is_probe);
/* What became of one. Late answers of requests from before it opened change nothing. `random`: any
 * 64 random bits. True: the state is another now. */
bool breaker_saw(struct breaker *breaker, enum breaker_outcome outcome, bool is_probe,
                 int64_t now_ms, uint64_t random);
const char *breaker_state_name(enum breaker_state state); /* "closed", "open", "half-open" */

#endif

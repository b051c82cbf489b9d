/* SPDX-License-Identifier: Apache-2.0
 * Whether a lane's destination is there, asked on an interval ([health]). Part of a lane; says what
 * it found and tells of changes as signals, and holds nothing back: that is the gate's affair.
 * Private to the engine room. [loop]
 *
 *   unknown --> healthy <--> degraded --failures in a row--> unhealthy --> healthy
 */
#ifndef ENGINE_HEALTH_H
#define ENGINE_HEALTH_H

#include "base/loop.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

struct lane;
struct probe_result;

enum health_status { HEALTH_UNKNOWN, HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_UNHEALTHY };
const char *health_status_name(enum health_status status);

struct health {
    struct loop_timer *timer; /* NULL: no interval is set */
    int64_t interval_ms;
    uint32_t failures_max; /* in a row, to be unhealthy */
    bool is_asking;
    enum health_status status;
    uint32_t failures;      /* in a row */
    uint64_t checks, badly; /* since the daemon started */
    int64_t checked_ms;     /* wall; 0: not yet */
    int64_t duration_us;
    char words[400]; /* of the last check */
};

/* -ENOMEM. */
int health_init(struct health *health, struct lane *lane);
void health_finish(struct health *health); /* zero-initialised allowed */
/* The lane is active: the first check comes soon, but not all lanes' at once. */
void health_start(struct health *health);
void health_stop(struct health *health);
/* What `former`, at the same destination, has found out. */
void health_inherit(struct health *health, const struct health *former);
/* What a check found: also for one that somebody asked for. */
void health_take(struct lane *lane, const struct probe_result *result);

#endif

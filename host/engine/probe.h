/* SPDX-License-Identifier: Apache-2.0
 * Does an integration reach its destination? Asked without changing anything there: an HTTP
 * destination gets one request as [health] says it, on a connection of its own, past breaker and
 * rate; of others the plugin's client->test tells. Private to the engine room. [loop] */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "engine/lane.h"

struct probe_result {
    bool is_well;
    const char *words; /* what was tried and what came; borrowed for the call */
    int64_t duration_us;
};
typedef void (*probe_fn)(void *user, const struct probe_result *result);

/* The lane is active, and is held until `done`, which comes once, at once or later. */
void probe_start(struct lane *lane, probe_fn done, void *user);
/* The lane stops: whoever waits is told so now, and what is under way ends by itself. */
void probe_end_all(struct lane *lane);

#endif

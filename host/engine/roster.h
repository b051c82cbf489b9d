/* SPDX-License-Identifier: Apache-2.0
 * The lanes that there are: one that counts per integration, perhaps a successor that opens beside
 * it, and those that drain. Changes of place happen on the roster's own timer, never inside a
 * lane's callback. Private to the engine room. [loop]
 *
 *   added --> counts <-- took its place -- successor
 *               |                             | could not: the former goes on
 *               +--> drains --> gone <--------+
 */
#ifndef ENGINE_ROSTER_H
#define ENGINE_ROSTER_H

#include "engine/lane.h"

struct roster {
    struct lane **lanes; /* that count, by name */
    size_t count, room;
    struct lane *draining;
    struct loop_timer *timer;
    void (*changed)(void *user); /* lanes came to rest: somebody may wait for that */
    void *changed_user;
};

int roster_init(struct roster *roster, struct loop *loop, void (*changed)(void *user), void *user);
void roster_finish(struct roster *roster); /* zero-initialised allowed */
struct lane *roster_find(const struct roster *roster, const char *name);
/* The lane that this instance is of, whatever its place; NULL: none. */
struct lane *roster_find_plugin(const struct roster *roster,
                                const struct plugin_instance *instance);
/* Takes the lane: as a new one, or to follow the one of its name once it is open; a successor that
 * still opens is given up for it. */
int roster_add(struct roster *roster, struct lane *take_lane);
/* `waiter` with its function set; also for a lane that is not added yet. */
void roster_wait(struct lane *lane, struct lane_waiter *waiter);
void roster_remove(struct roster *roster, struct lane *lane); /* it drains and goes */
void roster_stop(struct roster *roster);                      /* all of them, for good */
bool roster_is_idle(const struct roster *roster);
/* What drains for this integration: records still in hand. */
uint32_t roster_draining(const struct roster *roster, const char *name);
void roster_flush(struct roster *roster); /* every outbox */

#endif

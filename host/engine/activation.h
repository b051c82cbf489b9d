/* SPDX-License-Identifier: Apache-2.0
 * Whether an integration may run: what was switched by hand, which the store keeps, and safe mode.
 * Every lane passes here on its way to open. Private to the engine room. [loop] */
#ifndef ENGINE_ACTIVATION_H
#define ENGINE_ACTIVATION_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct lane;

struct activation {
    bool is_set; /* somebody switched it by hand */
    bool is_active;
    char by[64];   /* who, for people */
    int64_t at_ms; /* wall */
};

/* Asks the store for the lane's number and its switch, then opens the lane or leaves it inactive.
 * The lane is held meanwhile. */
void activation_open(struct engine *engine, struct lane *lane);
void activation_end(struct engine *engine); /* of engine_destroy: nothing under way needs it */

#endif

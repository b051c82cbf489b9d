/* SPDX-License-Identifier: Apache-2.0
 * What would be sent. Private to the engine room. [loop] */
#ifndef ENGINE_DRY_RUN_H
#define ENGINE_DRY_RUN_H

#include "engine/lane.h"

/* `lane` is active. */
void dry_run_start(struct lane *lane, struct str entity, engine_dry_run_fn done, void *user);

#endif

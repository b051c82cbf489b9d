/* SPDX-License-Identifier: Apache-2.0
 * Services that plugin code may ask for (`host->get_service`): what the daemon does for each. One
 * file per service, service_NAME.c, and a row in service.c. Private to the engine room. [loop] */
#ifndef ENGINE_SERVICE_H
#define ENGINE_SERVICE_H

#include "engine/engine_internal.h"

/* The lane that the asking instance is of, also one that opens or drains; NULL: of none, such as a
 * helper's. */
struct lane *service_lane(const struct engine *engine, const struct plugin_ask *ask);

/* Each ends the ask, now or later (plugin.h). */
void service_action(struct engine *engine, struct plugin_ask *take_ask);
void service_http(struct engine *engine, struct plugin_ask *take_ask);
void service_signals(struct engine *engine, struct plugin_ask *take_ask);
void service_store(struct engine *engine, struct plugin_ask *take_ask);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The engine's own members, for the files of this room that together are the engine: engine.c,
 * reload.c, activation.c. [loop] */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "engine/generation.h"
#include "engine/roster.h"

struct nested;
struct registration;
struct reload;
struct switching;

struct engine {
    struct engine_figures figures;
    struct engine_rooms rooms;
    struct generation *generation; /* what was read last and taken; lanes may be of earlier ones */
    struct roster roster;
    struct reload *reload;
    struct switching *switchings;       /* activation.c: those at their file */
    struct registration *registrations; /* registration.c: the first is at work */
    struct nested *nested; /* service_action.c: actions called by plugin code */
    struct store_recover recover;
    bool is_recovered;
    size_t opening; /* lanes that activation.c asks the store about */
    bool is_stopping;
    struct loop_timer *grace;
    void (*stopped)(void *user);
    void *stopped_user;
};

/* action.c: the plugin of an open integration; NULL: there is none, or it is not open. */
struct plugin_instance *engine_plugin(const struct engine *engine, const char *integration);

/* Gives it to the roster and opens it. On failure it is gone. */
int engine_add_lane(struct engine *engine, struct lane *take_lane);

/* reload.c */
struct reload *reload_create(struct engine *engine, struct err *err);
/* Whoever waits is told E_STOPPED. Waits for a reading that is under way. NULL allowed. */
void reload_destroy(struct reload *reload);
void reload_begin(struct reload *reload); /* the engine is ready for it */

/* registration.c: whoever waits is told E_STOPPED. */
void registration_end(struct engine *engine);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Commands and routes go straight to the integration's plugin, as actions do: no lane, no store, no
 * retry. */
#include "engine/engine_internal.h"
#include "engine/lane.h"

static struct plugin_instance *find_plugin(const struct engine *engine, const char *integration)
{
    const struct lane *lane = roster_find(&engine->roster, integration);

    return lane != NULL ? lane->plugin : NULL;
}

const struct plugin_command *engine_commands(const struct engine *engine, const char *integration,
                                             size_t *out_count)
{
    const struct plugin_instance *plugin = find_plugin(engine, integration);

    *out_count = 0;
    return plugin != NULL ? plugin_instance_commands(plugin, out_count) : NULL;
}

const struct plugin_route *engine_routes(const struct engine *engine, const char *integration,
                                         size_t *out_count)
{
    const struct plugin_instance *plugin = find_plugin(engine, integration);

    *out_count = 0;
    return plugin != NULL ? plugin_instance_routes(plugin, out_count) : NULL;
}

struct plugin_aside *engine_command(struct engine *engine, const char *integration,
                                    const struct plugin_command *command,
                                    const struct plugin_run *run,
                                    const struct plugin_aside_events *events, void *user)
{
    struct plugin_instance *plugin = find_plugin(engine, integration);

    return plugin != NULL ? plugin_command(plugin, command, run, events, user) : NULL;
}

struct plugin_aside *engine_route(struct engine *engine, const char *integration,
                                  const struct plugin_route *route,
                                  const struct plugin_serve *serve,
                                  const struct plugin_aside_events *events, void *user)
{
    struct plugin_instance *plugin = find_plugin(engine, integration);

    return plugin != NULL ? plugin_route(plugin, route, serve, events, user) : NULL;
}

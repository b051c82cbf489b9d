/* SPDX-License-Identifier: Apache-2.0
 * Actions go straight to the integration's plugin: no lane, no store, no retry. Whoever calls one
 * waits for it. */
#include "engine/engine_internal.h"
#include "engine/lane.h"

static struct plugin_instance *find_plugin(const struct engine *engine, const char *integration)
{
    const struct lane *lane = roster_find(&engine->roster, integration);

    return lane != NULL ? lane->plugin : NULL;
}

const struct plugin_action *engine_actions(const struct engine *engine, const char *integration,
                                           size_t *out_count)
{
    const struct plugin_instance *plugin = find_plugin(engine, integration);

    *out_count = 0;
    return plugin != NULL ? plugin_instance_actions(plugin, out_count) : NULL;
}

bool engine_action(struct engine *engine, const char *integration, struct str action,
                   struct str arguments, plugin_reply_fn done, void *user)
{
    struct plugin_instance *plugin = find_plugin(engine, integration);

    if (plugin == NULL)
        return false;
    plugin_action(plugin, action, arguments, done, user);
    return true;
}

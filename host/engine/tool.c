/* SPDX-License-Identifier: Apache-2.0
 * Tools for language models go straight to the integration's plugin, as actions do. */
#include "engine/engine_internal.h"

const struct plugin_tool *engine_tools(const struct engine *engine, const char *integration,
                                       size_t *out_count)
{
    const struct plugin_instance *plugin = engine_plugin(engine, integration);

    *out_count = 0;
    return plugin != NULL ? plugin_instance_tools(plugin, out_count) : NULL;
}

bool engine_tool(struct engine *engine, const char *integration, struct str tool,
                 struct str arguments, plugin_reply_fn done, void *user)
{
    struct plugin_instance *plugin = engine_plugin(engine, integration);

    if (plugin == NULL)
        return false;
    plugin_tool(plugin, tool, arguments, done, user);
    return true;
}

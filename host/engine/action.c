/* SPDX-License-Identifier: Apache-2.0
 * Actions go straight to the integration's plugin: no lane, no store, no retry. Whoever calls one
 * waits for it. */
#include "engine/engine_internal.h"
#include "engine/lane.h"

struct plugin_instance *engine_plugin(const struct engine *engine, const char *integration)
{
    const struct lane *lane = roster_find(&engine->roster, integration);

    return lane != NULL ? lane->plugin : NULL;
}

const struct plugin_action *engine_actions(const struct engine *engine, const char *integration,
                                           size_t *out_count)
{
    const struct plugin_instance *plugin = engine_plugin(engine, integration);

    *out_count = 0;
    return plugin != NULL ? plugin_instance_actions(plugin, out_count) : NULL;
}

enum engine_found engine_action_find(const struct engine *engine, const char *integration,
                                     struct str name, const struct plugin_action **out,
                                     struct buf *words)
{
    struct engine_integration found;
    size_t count;
    const struct plugin_action *actions = engine_actions(engine, integration, &count);

    if (!engine_integration_find(engine, integration, &found)) {
        buf_printf(words, "There is no integration '%.64s'.", integration);
        return ENGINE_NO_INTEGRATION;
    }
    bool is_open = engine_plugin(engine, integration) != NULL;
    for (size_t i = 0; i < count && is_open; i++) {
        if (!str_equals(actions[i].name, name))
            continue;
        *out = &actions[i];
        return ENGINE_FOUND;
    }
    if (!is_open || (count == 0 && !found.is_well)) {
        buf_printf(words,
                   "Integration '%s' is %s%s%s; its actions can be called once it is active.",
                   found.name, found.state, found.words != NULL ? ": " : "",
                   found.words != NULL ? found.words : "");
        return ENGINE_NOT_OPEN;
    }
    buf_printf(words, "Integration '%s' has no action '%.*s'; it has %s", integration,
               name.len > OPTION_NAME_MAX ? OPTION_NAME_MAX : (int)name.len, name.ptr,
               count == 0 ? "none" : "");
    for (size_t i = 0; i < count; i++)
        buf_printf(words, "%s%.*s", i > 0 ? ", " : "", STR_ARG(actions[i].name));
    buf_putc(words, '.');
    return ENGINE_NO_ACTION;
}

bool engine_action(struct engine *engine, const char *integration, struct str action,
                   struct str arguments, plugin_reply_fn done, void *user)
{
    struct plugin_instance *plugin = engine_plugin(engine, integration);

    if (plugin == NULL)
        return false;
    plugin_action(plugin, action, arguments, done, user);
    return true;
}

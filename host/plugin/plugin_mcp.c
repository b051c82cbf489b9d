/* SPDX-License-Identifier: Apache-2.0
 * Tools for language models that a plugin brings by tenon.mcp/1: what it declares, and arguments
 * held against it before the plugin sees them. */
#include "plugin/plugin_internal.h"

#include "base/json.h"
#include "base/json_schema.h"

#include <tenon/mcp.h>

#include <errno.h>
#include <stdlib.h>

static const struct plugin_tool *find_tool(const struct plugin_tool *tools, size_t count,
                                           struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equals(tools[i].name, name))
            return &tools[i];
    return NULL;
}

/* Both would be INTEGRATION_NAME. */
static bool is_action(const struct wire_facts *facts, struct str name)
{
    for (uint32_t i = 0; i < facts->action_count; i++)
        if (str_equals(plugin_text(facts->actions[i].name), name))
            return true;
    return false;
}

static int read_tool(const struct wire_facts *facts, uint32_t at, struct plugin_tool *tools,
                     struct err *err)
{
    const struct wire_tool *declared = &facts->tools[at];
    struct plugin_tool *tool = &tools[at];

    *tool = (struct plugin_tool){
        .name = plugin_text(declared->name),
        .title = plugin_text(declared->title),
        .description = plugin_text(declared->description),
        .schema = plugin_text(declared->schema),
        .is_read_only = declared->flags & TENON_TOOL_READ_ONLY,
        .is_destructive = declared->flags & TENON_TOOL_DESTRUCTIVE,
        .is_idempotent = declared->flags & TENON_TOOL_IDEMPOTENT,
        .is_open_world = declared->flags & TENON_TOOL_OPEN_WORLD,
    };
    if (!option_is_name(tool->name))
        return err_set(err, E_SYNTAX, "its name is not 1 to %d of a-z 0-9 _ - with a letter first",
                       OPTION_NAME_MAX);
    if (!str_is_utf8(tool->title) || !str_is_utf8(tool->description))
        return err_set(err, E_SYNTAX, "its title or description is not UTF-8");
    if (is_action(facts, tool->name) || find_tool(tools, at, tool->name) != NULL)
        return err_set(err, E_SYNTAX, "an action or another tool has its name already");
    return json_schema_check(tool->schema, err);
}

struct plugin_tool *plugin_mcp_read(const struct wire_facts *facts, struct err *err)
{
    struct plugin_tool *tools = calloc(facts->tool_count + 1, sizeof *tools);

    if (tools == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the plugin's tools"); /* its code is read */
        return NULL;
    }
    for (uint32_t i = 0; i < facts->tool_count; i++) {
        if (read_tool(facts, i, tools, err) == 0)
            continue;
        (void)err_prefix(err, "tool %u of %u ('%.48s'): ", i + 1, facts->tool_count,
                         facts->tools[i].name.ptr); /* the same */
        free(tools);
        return NULL;
    }
    return tools;
}

const struct plugin_tool *plugin_instance_tools(const struct plugin_instance *instance,
                                                size_t *out_count)
{
    const struct plugin_worker *worker = instance->worker;

    *out_count = worker != NULL && worker->has_facts ? worker->facts.tool_count : 0;
    return *out_count > 0 ? worker->tools : NULL;
}

static void refuse(struct plugin_instance *instance, int error_class, const char *words,
                   plugin_reply_fn fn, void *user)
{
    plugin_answer(instance->host, instance, fn, user,
                  plugin_reply_words(PLUGIN_FAILED, error_class, -1, words));
    plugin_host_flush_soon(instance->host);
}

static int check_arguments(const struct plugin_tool *tool, struct str arguments, struct err *err)
{
    if (json_check(arguments, err) < 0)
        return err_prefix(err, "the arguments are no JSON: ");
    if (json_kind_of(arguments) != JSON_OBJECT)
        return err_set(err, -EINVAL, "expected the arguments as a JSON object, {\"name\": value}");
    return json_schema_match(tool->schema, arguments, err);
}

void plugin_tool(struct plugin_instance *instance, struct str name, struct str arguments,
                 plugin_reply_fn fn, void *user)
{
    struct wire_out bytes = {0};
    struct err err = {0};
    char own_name[OPTION_NAME_MAX + 1];
    size_t count;

    if (!plugin_call_is_served(instance, fn, user))
        return;
    const struct plugin_tool *tools = plugin_instance_tools(instance, &count);
    const struct plugin_tool *tool = find_tool(tools, count, name);
    arguments = str_trim(arguments);
    if (arguments.len == 0)
        arguments = STR("{}");
    if (tool == NULL) {
        refuse(instance, TENON_E_UNSUPPORTED, "the plugin has no tool of this name", fn, user);
        return;
    }
    if (check_arguments(tool, arguments, &err) < 0) {
        refuse(instance, TENON_E_VALIDATION, err.text, fn, user);
        return;
    }
    wire_put_tool_call(&bytes, &(struct wire_tool_call){plugin_str(name), plugin_str(arguments)});
    if (bytes.failed) {
        wire_out_finish(&bytes);
        refuse(instance, TENON_E_NO_MEMORY, "no memory for the arguments", fn, user);
        return;
    }
    snprintf(own_name, sizeof own_name, "%.*s", STR_ARG(name));
    struct plugin_call *call = plugin_call_make_order(instance, WIRE_TOOL, own_name, &bytes);
    call->is_once = !tool->is_read_only;
    plugin_call_submit(call, fn, user, 0);
}

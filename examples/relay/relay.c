/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/action.h>
static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    (void)integration, (void)settings, (void)err;
    *out_self = (void *)(uintptr_t)host;
    return TENON_OK;
}
/* What comes back goes on as it came: the result, or class and words of the failure. */
static int32_t call(void *self, const tenon_str *action, const tenon_str *arguments,
                    tenon_sink *out, tenon_err *err)
{
    return tenon_call((const tenon_host *)self, action->ptr, *arguments, out, err);
}
static const tenon_action actions[] = {
    TENON_ACTION_WITH(call, "call", "Calls an action of another integration.", 0,
                      TENON_OPTION("action", "text", "", "", "required", "INTEGRATION.ACTION")
                          TENON_OPTION("arguments", "text", "", "{}", "", "A JSON object"),
                      (text, action), (json, arguments)),
};
static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->create = create;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}
TENON_PLUGIN("relay", "1.0", "Apache-2.0", describe);

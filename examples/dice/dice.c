/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/json.h>
#include <tenon/mcp.h>
#include <stdlib.h>
static int32_t roll(void *self, tenon_str arguments, tenon_content *out, tenon_err *err)
{
    char number[24], words[64], json[96];
    tenon_str given = tenon_json_find(arguments, "sides"); /* it fits the schema: 2 to 1000 */
    long sides = 6, face;
    (void)self;
    if (given.len > 0)
        sides = strtol(given.ptr, NULL, 10);
    if (tenon_json_text(tenon_json_find(arguments, "who"), number, sizeof number) < 0)
        return tenon_fail(err, TENON_E_VALIDATION, "who: nobody has so long a name");
    face = 1 + rand() % sides;
    snprintf(words, sizeof words, "%s rolls %ld of %ld", number, face, sides);
    snprintf(json, sizeof json, "{\"face\":%ld,\"sides\":%ld}", face, sides);
    out->text(out, tenon_text(words));
    return out->object(out, tenon_text(json));
}
static const tenon_tool tools[] = {
    TENON_TOOL(roll, "roll", "Rolls one die for somebody.", TENON_TOOL_READ_ONLY,
               "{\"type\":\"object\",\"properties\":{"
               "\"who\":{\"type\":\"string\",\"minLength\":1,\"description\":\"Who rolls\"},"
               "\"sides\":{\"type\":\"integer\",\"minimum\":2,\"maximum\":1000,\"default\":6}},"
               "\"required\":[\"who\"],\"additionalProperties\":false}"),
};
static const tenon_mcp mcp = TENON_MCP(tools);
static const void *get_capability(const char *id)
{
    return strcmp(id, TENON_MCP_1) == 0 ? &mcp : NULL;
}
static void describe(tenon_plugin *plugin)
{
    plugin->get_capability = get_capability;
}
TENON_PLUGIN("dice", "1.0", "Apache-2.0", describe);

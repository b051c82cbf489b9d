/* SPDX-License-Identifier: Apache-2.0
 * Tools of tenon.mcp/1 that say pictures and sounds, and that go wrong, each in its own way. */
#include <tenon/json.h>
#include <tenon/mcp.h>

#include <signal.h>
#include <unistd.h>

static int32_t paint(void *self, tenon_str arguments, tenon_content *out, tenon_err *err)
{
    char bytes[256];

    (void)self, (void)arguments, (void)err;
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    out->text(out, tenon_text("a picture and a sound"));
    out->media(out, "image/png", (tenon_str){bytes, sizeof bytes});
    return out->media(out, "audio/wav", tenon_text("ab"));
}

static int32_t go_wrong(void *self, tenon_str arguments, tenon_content *out, tenon_err *err)
{
    tenon_str how = tenon_json_find(arguments, "how");

    (void)self;
    if (tenon_equals(how, "\"class\""))
        return tenon_fail(err, TENON_E_RATE_LIMITED, "not so fast");
    if (tenon_equals(how, "\"no_json\""))
        return out->object(out, tenon_text("{"));
    if (tenon_equals(how, "\"no_object\""))
        return out->object(out, tenon_text("[1]"));
    if (tenon_equals(how, "\"two_objects\"")) {
        out->object(out, tenon_text("{}"));
        return out->object(out, tenon_text("{}"));
    }
    if (tenon_equals(how, "\"film\"")) {
        out->media(out, "video/mp4", tenon_text("x"));
        return TENON_OK;
    }
    if (tenon_equals(how, "\"crash\""))
        raise(SIGSEGV);
    while (tenon_equals(how, "\"hang\""))
        pause();
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 300; i++)
        out->text(out, (tenon_str){block, sizeof block});
    return TENON_OK;
}

static const tenon_tool tools[] = {
    TENON_TOOL(paint, "paint", "Paints and sounds.", TENON_TOOL_READ_ONLY,
               "{\"type\":\"object\",\"additionalProperties\":false}"),
    TENON_TOOL(go_wrong, "go_wrong", "Goes wrong.", 0,
               "{\"type\":\"object\",\"properties\":{\"how\":{\"type\":\"string\"}}}"),
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
TENON_PLUGIN("teller", "1.0", "Apache-2.0", describe);

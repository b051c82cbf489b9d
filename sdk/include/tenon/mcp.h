/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp.h: capability "tenon.mcp/1": tools that a plugin brings for language models, over the Model
 * Context Protocol alone. Every action is a tool already, from its own declaration; a tool of this
 * kind is for what an action cannot say: arguments that are nested, results that are several pieces
 * of text, pictures or sound.
 *
 *   static int32_t look(void *self, tenon_str arguments, tenon_content *out, tenon_err *err)
 *   {
 *       return out->text(out, tenon_text("all is well"));
 *   }
 *   static const tenon_tool tools[] = {
 *       TENON_TOOL(look, "look", "Looks around.", TENON_TOOL_READ_ONLY, "{\"type\":\"object\"}"),
 *   };
 *   static const tenon_mcp mcp = TENON_MCP(tools);
 *   static const void *get_capability(const char *id)
 *   {
 *       return strcmp(id, TENON_MCP_1) == 0 ? &mcp : NULL;
 *   }
 *
 * The host offers them as INTEGRATION_NAME, where the operator's `mcp` key allows it, and holds the
 * arguments against the schema first. Diary: 1 first.
 */
#ifndef TENON_MCP_H
#define TENON_MCP_H

#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_MCP_1 "tenon.mcp/1"

/* What a tool says, piece by piece. The host owns it; every function copies. Negative: what was
 * said is above 16 MiB, or there is no memory; give it back. */
typedef struct tenon_content tenon_content;
struct tenon_content {
    uint32_t struct_size;
    uint32_t flags;
    void *ctx;
    int32_t (*text)(tenon_content *out, tenon_str text); /* UTF-8  [pool] */
    /* A picture or a sound, as its bytes: mime_type begins with image/ or audio/.  [pool] */
    int32_t (*media)(tenon_content *out, const char *mime_type, tenon_str bytes);
    /* The result as one JSON object, for programs; at most once. Without any text() it is shown as
     * text, too.  [pool] */
    int32_t (*object)(tenon_content *out, tenon_str json);
};

#define TENON_TOOL_READ_ONLY 1u   /* changes nothing; others are offered where `mcp = write` */
#define TENON_TOOL_DESTRUCTIVE 2u /* may undo or delete: a person is asked first */
#define TENON_TOOL_IDEMPOTENT 4u  /* twice is as good as once */
#define TENON_TOOL_OPEN_WORLD 8u  /* reaches beyond this machine */

typedef struct tenon_tool {
    uint32_t struct_size;
    uint32_t flags;          /* TENON_TOOL_... */
    const char *name;        /* a-z first, then a-z 0-9 _ -, at most 48; no action's */
    const char *title;       /* for people; NULL: none */
    const char *description; /* for the model */
    /* What the arguments must be: JSON Schema of an object, in the keywords type, properties,
     * required, additionalProperties, items, enum, const, minimum and the like. Others are refused
     * when the plugin is loaded: the host promises nothing that it does not check. */
    const char *schema;
    /* `arguments` is a JSON object that fits the schema, borrowed for the call. Of a failure the
     * model is told the class and the message.  [pool] */
    int32_t (*call)(void *self, tenon_str arguments, tenon_content *out, tenon_err *err);
} tenon_tool;

#define TENON_TOOL(function, name, description, flags, schema)                                     \
    {                                                                                              \
        (uint32_t)sizeof(tenon_tool), (flags), (name), NULL, (description), (schema), (function)   \
    }

typedef struct tenon_mcp {
    uint32_t struct_size;
    uint32_t flags;          /* 0 */
    const tenon_tool *tools; /* n_tools of them, stride struct_size of the first */
    size_t n_tools;          /* at most 64 */
} tenon_mcp;

#define TENON_MCP(tools)                                                                           \
    {                                                                                              \
        (uint32_t)sizeof(tenon_mcp), 0, (tools), sizeof(tools) / sizeof *(tools)                   \
    }

TENON_ASSERT_(offsetof(tenon_content, text) == 16 && offsetof(tenon_content, object) == 32,
              "tenon_content is frozen");
TENON_ASSERT_(offsetof(tenon_tool, schema) == 32 && offsetof(tenon_tool, call) == 40 &&
                  sizeof(tenon_tool) == 48,
              "tenon_tool is frozen");
TENON_ASSERT_(offsetof(tenon_mcp, tools) == 8 && sizeof(tenon_mcp) == 24, "tenon_mcp is frozen");

#ifdef __cplusplus
}
#endif
#endif

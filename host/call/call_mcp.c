/* SPDX-License-Identifier: Apache-2.0
 * Capability tenon.mcp/1: a plugin's own tools for language models. What one says is put together
 * here as the result that MCP has for it, so that the host has one JSON text to look at. */
#include "call/call_server.h"

#include <tenon/json.h>

#include <stdio.h>

enum { NAME_MAX_BYTES = 48 };

static tenon_tool tool_at(const tenon_mcp *mcp, size_t at)
{
    size_t stride = mcp->tools[0].struct_size;
    tenon_tool tool = {0};

    memcpy(&tool, (const char *)mcp->tools + at * stride,
           stride < sizeof tool ? stride : sizeof tool);
    return tool;
}

int call_mcp_load(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;
    const tenon_mcp *theirs =
        plugin->get_capability != NULL ? plugin->get_capability(TENON_MCP_1) : NULL;

    if (theirs == NULL)
        return 0;
    if (theirs->struct_size < sizeof server->mcp || theirs->n_tools > WIRE_TOOLS_MAX ||
        (theirs->n_tools > 0 &&
         (theirs->tools == NULL || theirs->tools[0].struct_size < sizeof *theirs->tools))) {
        snprintf(words, CALL_WORDS_MAX,
                 "its capability " TENON_MCP_1
                 " has no usable table, or more than %d tools; make it with TENON_MCP",
                 WIRE_TOOLS_MAX);
        return -1;
    }
    server->mcp = *theirs;
    for (size_t i = 0; i < theirs->n_tools; i++) {
        tenon_tool tool = tool_at(theirs, i);
        if (tool.name != NULL && strlen(tool.name) <= NAME_MAX_BYTES && tool.schema != NULL &&
            tool.call != NULL)
            continue;
        snprintf(words, CALL_WORDS_MAX,
                 "tool %zu has no name, one above %d bytes, no schema or no function; declare it "
                 "with TENON_TOOL",
                 i + 1, NAME_MAX_BYTES);
        return -1;
    }
    return 0;
}

void call_mcp_declare(const struct call_server *server, struct wire_facts *facts)
{
    facts->tool_count = (uint32_t)server->mcp.n_tools;
    for (uint32_t i = 0; i < facts->tool_count; i++) {
        tenon_tool tool = tool_at(&server->mcp, i);
        facts->tools[i] = (struct wire_tool){
            .flags = tool.flags,
            .name = tenon_text(tool.name),
            .title = tenon_text(tool.title != NULL ? tool.title : ""),
            .description = tenon_text(tool.description != NULL ? tool.description : ""),
            .schema = tenon_text(tool.schema),
        };
    }
}

/* ---- what a tool says ---- */

struct content {
    tenon_content public;
    struct call_sink *pieces; /* each behind a comma */
    struct call_sink *object;
    bool has_text, has_object, is_wrong;
};

static int32_t say_text(tenon_content *out, tenon_str text)
{
    struct content *content = out->ctx;
    tenon_sink *to = &content->pieces->sink;

    content->has_text = true;
    tenon_puts(to, ",{\"type\":\"text\",\"text\":");
    tenon_json_write_text(to, call_text(text));
    return tenon_puts(to, "}");
}

static void write_base64(tenon_sink *to, tenon_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)bytes.ptr;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned long group = (unsigned long)at[i] << 16 |
                              (unsigned long)(left > 1 ? at[i + 1] : 0) << 8 |
                              (left > 2 ? at[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        tenon_write(to, (tenon_str){four, 4});
    }
}

static int32_t say_media(tenon_content *out, const char *mime_type, tenon_str bytes)
{
    struct content *content = out->ctx;
    tenon_sink *to = &content->pieces->sink;
    bool is_image = strncmp(mime_type, "image/", 6) == 0;

    if (!is_image && strncmp(mime_type, "audio/", 6) != 0) {
        content->is_wrong = true;
        return TENON_E_VALIDATION;
    }
    tenon_puts(to, is_image ? ",{\"type\":\"image\",\"mimeType\":"
                            : ",{\"type\":\"audio\",\"mimeType\":");
    tenon_json_write_text(to, tenon_text(mime_type));
    tenon_puts(to, ",\"data\":\"");
    write_base64(to, call_text(bytes));
    return tenon_puts(to, "\"}");
}

static int32_t say_object(tenon_content *out, tenon_str json)
{
    struct content *content = out->ctx;

    content->is_wrong |= content->has_object;
    content->has_object = true;
    return tenon_write(&content->object->sink, call_text(json));
}

static void send_bytes(struct call_thread *thread, const struct wire_header *to, tenon_str bytes)
{
    size_t begin = wire_out_begin(&thread->out, WIRE_RESULT, to->call, to->instance);

    wire_put_result(&thread->out, bytes);
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(thread->server,
                        &thread->out); /* a broken connection ends the serving loop */
    else
        call_send_refusal(thread, to, TENON_E_NO_MEMORY, "no memory for the tool's result");
    wire_out_clear(&thread->out);
}

/* {"content":[...],"structuredContent":{...}} */
static void send_result(struct call_thread *thread, const struct wire_header *to,
                        struct content *content)
{
    struct wire_out all = {0};
    const struct wire_out *object = content->object->to;
    tenon_str said = {object->ptr != NULL ? object->ptr : "", object->len};
    static const char front[] = "{\"content\":[";
    static const char middle[] = "],\"structuredContent\":";

    if (content->has_object && !content->has_text)
        (void)say_text(&content->public, said); /* too much shows in is_over */
    const struct wire_out *pieces = content->pieces->to;
    wire_out_bytes(&all, front, sizeof front - 1);
    if (pieces->len > 0)
        wire_out_bytes(&all, pieces->ptr + 1, pieces->len - 1);
    if (content->has_object) {
        wire_out_bytes(&all, middle, sizeof middle - 1);
        wire_out_bytes(&all, said.ptr, said.len);
        wire_out_bytes(&all, "}", 1);
    } else {
        wire_out_bytes(&all, "]}", 2);
    }
    bool is_over = content->pieces->is_over || content->object->is_over;
    if (is_over || all.failed)
        call_send_refusal(thread, to, is_over ? TENON_E_PERMANENT : TENON_E_NO_MEMORY,
                          is_over ? "the tool's result is larger than 16 MiB"
                                  : "no memory for the tool's result");
    else
        send_bytes(thread, to, (tenon_str){all.ptr, all.len});
    wire_out_finish(&all);
}

static bool find(const struct call_server *server, tenon_str name, tenon_tool *out)
{
    for (size_t i = 0; i < server->mcp.n_tools; i++) {
        *out = tool_at(&server->mcp, i);
        if (tenon_equals(name, out->name))
            return true;
    }
    return false;
}

static void run(struct call_thread *thread, struct call_instance *instance,
                const struct wire_header *header, const tenon_tool *tool, tenon_str arguments)
{
    tenon_err err = call_err();
    struct wire_out pieces = {0};
    struct wire_out object = {0};
    struct call_sink piece_sink;
    struct call_sink object_sink;
    struct content content = {.pieces = &piece_sink, .object = &object_sink};

    call_sink_init(&piece_sink, &pieces, WIRE_PAYLOAD_MAX);
    call_sink_init(&object_sink, &object, WIRE_PAYLOAD_MAX);
    content.public =
        (tenon_content){sizeof(tenon_content), 0, &content, say_text, say_media, say_object};
    call_mark(thread, WIRE_AT_TOOL, UINT32_MAX);
    int32_t code = tool->call(instance->self, arguments, &content.public, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code != TENON_OK)
        call_send_result(thread, header, WIRE_AT_TOOL, code, &err);
    else if (content.is_wrong)
        call_send_refusal(thread, header, TENON_E_PERMANENT,
                          "the tool gave two objects, or media that are no image and no audio");
    else
        send_result(thread, header, &content);
    wire_out_finish(&pieces);
    wire_out_finish(&object);
}

void call_mcp(struct call_thread *thread, struct call_instance *instance,
              const struct wire_header *header, struct wire_in *in)
{
    struct wire_tool_call order;
    tenon_tool tool;

    if (wire_get_tool_call(in, &order) < 0 || !find(thread->server, order.name, &tool))
        call_send_refusal(thread, header, TENON_E_VALIDATION, "no such tool in this plugin");
    else
        run(thread, instance, header, &tool, order.arguments);
}

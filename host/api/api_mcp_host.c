/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_mcp_host.h"

#include "api/api_mcp_message.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/percent.h"

#define PAGE                                                                                       \
    "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100,"              \
    "\"description\":\"At most so many\"},\"after\":{\"type\":\"integer\",\"minimum\":0,"          \
    "\"description\":\"Go on behind the last page: its next\"}"
#define TEXT(name, description)                                                                    \
    "\"" name "\":{\"type\":\"string\",\"minLength\":1,\"description\":\"" description "\"}"
#define FLAG(name, description)                                                                    \
    "\"" name "\":{\"type\":\"boolean\",\"description\":\"" description "\"}"
#define STATE                                                                                      \
    "\"state\":{\"type\":\"string\",\"enum\":[\"pending\",\"in_flight\",\"succeeded\","            \
    "\"retrying\""                                                                                 \
    ",\"failed\",\"unknown\",\"skipped\",\"superseded\"],\"description\":\"Only those in this "    \
    "state\"}"
#define ARGUMENTS(properties, required)                                                            \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required                 \
    "],\"additionalProperties\":false}"

/* clang-format off */
const struct mcp_host_tool api_mcp_host_tools[] = {
    {"tenon_search_entities", "Search entities",
     "List the records that Tenon keeps, by type or by a piece of their text.",
     ARGUMENTS(TEXT("type", "Only entities of this type") ","
               TEXT("text", "Only those whose data holds this text") "," PAGE, ""),
     "GET", "/api/v1/entities", "type,text,after,limit", NULL, API_READ, false, false, true},
    {"tenon_get_entity", "Get an entity",
     "Show one record with its data, type, version and times.",
     ARGUMENTS(TEXT("id", "The entity's id"), "\"id\""),
     "GET", "/api/v1/entities/{id}", "", NULL, API_READ, false, false, true},
    {"tenon_why", "Tell what became of an entity",
     "For each integration: whether it wanted the entity, which clause refused it, each attempt to "
     "deliver it and its answer, what comes next and when.",
     ARGUMENTS(TEXT("entity", "The entity's id") ","
               TEXT("integration", "Only at this integration") ","
               FLAG("rendered", "Also what would be sent now, secrets masked"), "\"entity\""),
     "GET", "/api/v1/why", "entity,integration,rendered", NULL, API_READ, false, false, true},
    {"tenon_list_integrations", "List integrations",
     "The configured integrations with their state, why they are in it, and their figures.",
     ARGUMENTS("", ""), "GET", "/api/v1/integrations", "", NULL, API_READ, false, false, true},
    {"tenon_list_submissions", "List submissions",
     "What was delivered, waits, or failed: submissions, newest first.",
     ARGUMENTS(TEXT("integration", "Only of this integration") ","
               TEXT("entity", "Only of this entity") "," STATE "," PAGE, ""),
     "GET", "/api/v1/submissions", "integration,entity,state,after,limit", NULL, API_READ, false,
     false, true},
    {"tenon_get_submission", "Get a submission",
     "Show one submission with its attempts, requests and answers.",
     ARGUMENTS("\"number\":{\"type\":\"integer\",\"minimum\":1,\"description\":\"Its number\"}",
               "\"number\""),
     "GET", "/api/v1/submissions/{number}", "", NULL, API_READ, false, false, true},
    {"tenon_add_entities", "Add entities",
     "Store records, each a JSON object; its own id is the entity's, else one is made of its "
     "content. Every integration that wants them then gets them.",
     ARGUMENTS("\"entities\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,\"items\":"
               "{\"type\":\"object\"},\"description\":\"The records\"},"
               TEXT("type", "Their type; else each one's own type"), "\"entities\""),
     "POST", "/api/v1/entities?ids=1", "type", "entities", API_SUBMIT, false, false, true},
    {"tenon_submit", "Submit to an integration",
     "Deliver by hand: one entity, or what a selector finds; without either what was never "
     "submitted.",
     ARGUMENTS(TEXT("integration", "The integration") ","
               TEXT("entity", "One entity, by its id") ","
               TEXT("selector", "unsubmitted, changed, failed, all, or one of the plugin's") ","
               FLAG("dry_run", "Only show what would be sent for the entity"), "\"integration\""),
     "POST", "/api/v1/integrations/{integration}/trigger", "", "*", API_SUBMIT, true, false, false},
    {"tenon_retry_submissions", "Retry submissions",
     "Try an integration's submissions again: those of a state (failed), or of an entity.",
     ARGUMENTS(TEXT("integration", "Those of this integration") ","
               TEXT("entity", "Those of this entity") "," STATE ","
               FLAG("dry_run", "Only count them"), "\"integration\""),
     "POST", "/api/v1/submissions/retry", "", "*", API_MANAGE, true, false, false},
};
/* clang-format on */
#undef PAGE
#undef TEXT
#undef FLAG
#undef STATE
#undef ARGUMENTS
const size_t api_mcp_host_tool_count = sizeof(api_mcp_host_tools) / sizeof(api_mcp_host_tools[0]);

/* A text's own characters, a number or a flag as it is written. */
static void put_value(struct buf *out, struct str value)
{
    _buf_ struct buf text = {0};

    if (json_kind_of(value) == JSON_STRING)
        json_unquote(value, &text);
    else
        buf_add_str(&text, value);
    percent_encode(buf_str(&text), "", out);
    out->failed |= text.failed;
}

static void put_path(const char *path, struct str arguments, struct buf *out)
{
    const char *open;

    while ((open = strchr(path, '{')) != NULL) {
        const char *close = strchr(open, '}');
        _free_ char *name = str_dup((struct str){open + 1, (size_t)(close - open - 1)});
        buf_add(out, path, (size_t)(open - path));
        if (name != NULL)
            put_value(out, json_find(arguments, name));
        out->failed |= name == NULL;
        path = close + 1;
    }
    buf_puts(out, path);
}

static void put_query(const char *names, struct str arguments, struct buf *out)
{
    struct str rest = str_of(names);
    struct str name;
    bool is_first = out->ptr == NULL || strchr(out->ptr, '?') == NULL;

    while (str_next(&rest, ',', &name)) {
        _free_ char *text = str_dup(name);
        struct str value = text != NULL ? json_find(arguments, text) : STR_NONE;
        if (value.len == 0)
            continue;
        buf_printf(out, "%c%.*s=", is_first ? '?' : '&', STR_ARG(name));
        put_value(out, value);
        is_first = false;
    }
}

static void put_body(const struct mcp_host_tool *tool, struct str arguments, struct buf *out)
{
    struct str name;
    struct str value;

    if (tool->body == NULL)
        return;
    if (strcmp(tool->body, "*") != 0) {
        buf_add_str(out, json_find(arguments, tool->body));
        return;
    }
    buf_putc(out, '{');
    for (struct str rest = arguments; json_next_member(&rest, &name, &value);) {
        _buf_ struct buf place = {0};
        buf_printf(&place, "{%.*s}", STR_ARG(name));
        if (strstr(tool->path, buf_str(&place).ptr) != NULL)
            continue;
        buf_printf(out, "%s\"%.*s\":", out->len > 1 ? "," : "", STR_ARG(name));
        buf_add_str(out, value);
    }
    buf_putc(out, '}');
}

bool api_mcp_host_request(const struct mcp_host_tool *tool, struct str arguments,
                          struct buf *out_target, struct buf *out_body)
{
    put_path(tool->path, arguments, out_target);
    put_query(tool->query, arguments, out_target);
    put_body(tool, arguments, out_body);
    return !out_target->failed && !out_body->failed;
}

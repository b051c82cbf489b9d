/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_schemas.h"

#include "api/api_handlers.h"
#include "base/json.h"

/* clang-format off */
static const struct api_speech speeches[] = {
    {api_entities_post, "Entities", NULL, false, {{200, "Intake", NULL}, {201, "Intake", NULL}}},
    {api_entities_list, NULL, NULL, false, {{200, "EntityList", NULL}}},
    {api_entity_get, NULL, NULL, false, {{200, "Entity", NULL}}},
    {api_entity_put, "EntityData", NULL, false, {{200, "Change", NULL}, {201, "Change", NULL}}},
    {api_entity_patch, "EntityData", "application/merge-patch+json", false,
     {{200, "Change", NULL}}},
    {api_entity_delete, NULL, NULL, false, {{200, "Change", NULL}}},
    {api_entity_relationships, NULL, NULL, false, {{200, "RelationshipList", NULL}}},
    {api_attributes_list, NULL, NULL, false, {{200, "AttributeList", NULL}}},
    {api_attribute_put, "Anything", NULL, false, {{200, "Attribute", NULL}}},
    {api_attribute_delete, NULL, NULL, false, {{200, "Attribute", NULL}}},
    {api_relationships_list, NULL, NULL, false, {{200, "RelationshipList", NULL}}},
    {api_relationships_post, "NewRelationship", NULL, false,
     {{200, "RelationshipChange", NULL}, {201, "RelationshipChange", NULL}}},
    {api_relationships_delete, NULL, NULL, false, {{200, "RelationshipChange", NULL}}},
    {api_integrations_list, NULL, NULL, false, {{200, "IntegrationList", NULL}}},
    {api_integrations_health, NULL, NULL, false, {{200, "IntegrationHealth", NULL}}},
    {api_integration_register, "Registration", NULL, false, {{201, "Integration", NULL}}},
    {api_integration_get, NULL, NULL, false, {{200, "Integration", NULL}}},
    {api_integration_unregister, NULL, NULL, false, {{200, "Removal", NULL}}},
    {api_integration_test, NULL, NULL, true, {{200, "Test", NULL}}},
    {api_integration_manage, "Operation", NULL, false,
     {{200, "OperationResult", NULL}, {202, "Triggered", NULL}}},
    {api_integration_metrics, NULL, NULL, false, {{200, "Text", "text/plain"}}},
    {api_integration_logs, NULL, NULL, false,
     {{200, "LogLineList", NULL}, {200, "LogLine", "application/x-ndjson"}}},
    {api_integration_tap, NULL, NULL, false, {{200, "TapLine", "application/x-ndjson"}}},
    {api_integration_activate, "Who", NULL, true, {{200, "Integration", NULL}}},
    {api_integration_deactivate, "Who", NULL, true, {{200, "Integration", NULL}}},
    {api_integration_enable, NULL, NULL, true, {{200, "Integration", NULL}}},
    {api_integration_disable, NULL, NULL, true, {{200, "Integration", NULL}}},
    {api_integration_trigger, "Trigger", NULL, true,
     {{200, "DryRun", NULL}, {202, "Triggered", NULL}}},
    {api_actions_list, NULL, NULL, false, {{200, "ActionList", NULL}}},
    {api_integration_actions, NULL, NULL, false, {{200, "ActionList", NULL}}},
    {api_action_call, "Arguments", NULL, true, {{200, "Result", NULL}}},
    {api_commands_list, NULL, NULL, false, {{200, "CommandList", NULL}}},
    {api_integration_commands, NULL, NULL, false, {{200, "CommandList", NULL}}},
    {api_command_run, "CommandRun", NULL, true, {{200, "Text", "application/vnd.tenon.output"}}},
    {api_command_input, "Anything", "application/octet-stream", true, {{204, NULL, NULL}}},
    {api_integration_tools, NULL, NULL, false, {{200, "ToolList", NULL}}},
    {api_tool_call, "Arguments", NULL, true, {{200, "ToolResult", NULL}}},
    {api_submissions_list, NULL, NULL, false, {{200, "SubmissionList", NULL}}},
    {api_submissions_retry, "Move", NULL, false, {{200, "Moved", NULL}}},
    {api_submissions_discard, "Move", NULL, false, {{200, "Moved", NULL}}},
    {api_submission_get, NULL, NULL, false, {{200, "Submission", NULL}}},
    {api_why, NULL, NULL, false, {{200, "Why", NULL}}},
    {api_signals_list, NULL, NULL, false, {{200, "SignalList", NULL}}},
    {api_signals_post, "NewSignal", NULL, false, {{201, "Published", NULL}}},
    {api_signals_listen, NULL, NULL, false, {{200, "SignalLine", "application/x-ndjson"}}},
    {api_signals_request, "NewSignal", NULL, false, {{200, "Reply", NULL}}},
    {api_signals_reply, "NewReply", NULL, false, {{200, "Answered", NULL}}},
    {api_parked_list, NULL, NULL, false, {{200, "ParkedList", NULL}}},
    {api_parked_retry, "ParkedMove", NULL, false, {{200, "ParkedMoved", NULL}}},
    {api_parked_discard, "ParkedMove", NULL, false, {{200, "ParkedMoved", NULL}}},
    {api_reload, NULL, NULL, true, {{200, "Reload", NULL}}},
    {api_tokens_list, NULL, NULL, false, {{200, "TokenList", NULL}}},
    {api_tokens_post, "NewToken", NULL, false, {{201, "Token", NULL}}},
    {api_token_delete, NULL, NULL, false, {{200, "Revocation", NULL}}},
    {api_store_get, NULL, NULL, false, {{200, "Store", NULL}}},
    {api_store_check, NULL, NULL, true, {{202, "StoreWork", NULL}}},
    {api_store_compact, NULL, NULL, true, {{202, "StoreWork", NULL}}},
    {api_store_backup, "Backup", NULL, false, {{202, "StoreWork", NULL}}},
    {api_plugins_list, NULL, NULL, false, {{200, "PluginList", NULL}}},
    {api_status, NULL, NULL, false, {{200, "Status", NULL}}},
    {api_hook_post, "Anything", NULL, true,
     {{200, "HookResult", NULL}, {200, "Text", "text/plain"}}},
    {api_openapi, NULL, NULL, false, {{200, "Anything", NULL}}},
    {api_mcp_post, "Anything", NULL, false,
     {{200, "Anything", NULL}, {200, "Text", "text/event-stream"}, {202, NULL, NULL},
      {400, "Anything", NULL}, {404, "Anything", NULL}}},
    {api_mcp_get, NULL, NULL, false, {{200, "Text", "text/event-stream"}}},
    {api_mcp_delete, NULL, NULL, false, {{200, "Anything", NULL}, {204, NULL, NULL}}},
    {api_live, NULL, NULL, false, {{101, NULL, NULL}}},
    {api_health, NULL, NULL, false, {{200, "Health", NULL}, {503, "Health", NULL}}},
    {api_metrics, NULL, NULL, false, {{200, "Text", "text/plain"}}},
};
/* clang-format on */

const struct api_speech *api_speech_of(api_handler_fn handler)
{
    for (size_t i = 0; i < sizeof speeches / sizeof *speeches; i++)
        if (speeches[i].handler == handler)
            return &speeches[i];
    return NULL;
}

/* ---- from words to JSON Schema ---- */

static const struct {
    const char *word, *schema;
} plain_types[] = {
    {"text", "{\"type\":\"string\"}"},
    {"word", "{\"type\":\"string\",\"minLength\":1}"},
    {"time", "{\"type\":\"string\",\"format\":\"date-time\"}"},
    {"int", "{\"type\":\"integer\"}"},
    {"number", "{\"type\":\"number\"}"},
    {"bool", "{\"type\":\"boolean\"}"},
    {"null", "{\"type\":\"null\"}"},
    {"any", "{}"},
    {"object", "{\"type\":\"object\"}"},
};

static bool ends_with(struct str text, const char *end)
{
    size_t len = strlen(end);

    return text.len > len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static void put_reference(struct buf *out, struct str name)
{
    buf_printf(out, "{\"$ref\":\"#/components/schemas/%.*s\"}", STR_ARG(name));
}

void api_put_noun_reference(struct buf *out, const char *name)
{
    put_reference(out, str_of(name));
}

static bool is_noun(struct str word)
{
    return word.len > 0 && word.ptr[0] >= 'A' && word.ptr[0] <= 'Z';
}

/* "a|b" of texts, or of nouns. */
static void put_choice(struct buf *out, struct str type)
{
    bool is_of_nouns = is_noun(type);
    struct str rest = type;
    struct str word;

    buf_puts(out, is_of_nouns ? "{\"anyOf\":[" : "{\"type\":\"string\",\"enum\":[");
    while (str_next(&rest, '|', &word)) {
        api_put_comma(out);
        if (is_of_nouns)
            put_reference(out, word);
        else
            json_put_string(out, word);
    }
    buf_puts(out, "]}");
}

static void put_simple(struct buf *out, struct str type)
{
    for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++)
        if (str_is(type, plain_types[i].word)) {
            buf_puts(out, plain_types[i].schema);
            return;
        }
    if (memchr(type.ptr, '|', type.len) != NULL)
        put_choice(out, type);
    else
        put_reference(out, type);
}

static void put_type(struct buf *out, struct str type)
{
    const char *close = "";

    if (ends_with(type, "~")) {
        buf_puts(out, "{\"anyOf\":[{\"type\":\"null\"},");
        type.len--;
        close = "]}";
    }
    if (ends_with(type, "[]")) {
        buf_puts(out, "{\"type\":\"array\",\"items\":");
        put_simple(out, (struct str){type.ptr, type.len - 2});
        buf_putc(out, '}');
    } else if (type.ptr[0] == '{') {
        buf_puts(out, "{\"type\":\"object\",\"additionalProperties\":");
        put_type(out, (struct str){type.ptr + 1, type.len - 2});
        buf_putc(out, '}');
    } else {
        put_simple(out, type);
    }
    buf_puts(out, close);
}

/* "name?:type" in its parts. */
static void split(struct str member, struct str *out_name, struct str *out_type, bool *out_optional)
{
    const char *colon = memchr(member.ptr, ':', member.len); /* every row has one: tested */

    *out_name = (struct str){member.ptr, (size_t)(colon - member.ptr)};
    *out_type = (struct str){colon + 1, member.len - out_name->len - 1};
    *out_optional = ends_with(*out_name, "?");
    if (*out_optional)
        out_name->len--;
}

static void put_members(struct buf *out, const char *members)
{
    _buf_ struct buf required = {0};
    struct str rest = str_of(members);
    struct str member;
    bool is_open = false;

    buf_puts(out, "\"type\":\"object\",\"properties\":{");
    while (str_next(&rest, ' ', &member)) {
        struct str name;
        struct str type;
        bool is_optional;

        split(member, &name, &type, &is_optional);
        if (str_is(name, "*")) {
            is_open = true;
            continue;
        }
        api_put_comma(out);
        json_put_string(out, name);
        buf_putc(out, ':');
        put_type(out, type);
        if (!is_optional) {
            buf_puts(&required, required.len > 0 ? "," : "");
            json_put_string(&required, name);
        }
    }
    buf_printf(out, "},\"required\":[%s]%s", required.len > 0 ? required.ptr : "",
               is_open ? "" : ",\"additionalProperties\":false");
}

void api_put_noun(struct buf *out, const struct api_noun *noun)
{
    _buf_ struct buf schema = {0};

    buf_putc(out, '{');
    json_put_member(out, "description", str_of(noun->help));
    if (noun->members[0] != '=') {
        buf_putc(out, ',');
        put_members(out, noun->members);
    } else {
        put_type(&schema, str_of(noun->members + 1));
        if (schema.len > 2) { /* {} says nothing more */
            buf_putc(out, ',');
            buf_add(out, schema.ptr + 1, schema.len - 2);
        }
    }
    buf_putc(out, '}');
}

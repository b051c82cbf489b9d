/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_routes.h"

#include "api/api_filter.h"
#include "api/api_handlers.h"
#include "base/cleanup.h"

#include <string.h>

/* The first row is the busy one. Literal segments stand before {id} where both would match. */
const struct api_route api_routes[] = {
    {"POST", "/ingest", api_entities_post, API_SUBMIT, "type,ids?",
     "Take in entities: one JSON object, an array or NDJSON; answered when they are on disk"},
    {"POST", "/api/v1/entities", api_entities_post, API_SUBMIT, "type,ids?",
     "Take in entities: one JSON object, an array or NDJSON; answered when they are on disk"},
    {"GET", "/api/v1/entities", api_entities_list, API_READ,
     "type,text,field,integration,key,after,limit",
     "List entities: by type, by words in their texts, by field=PATH=VALUE, or the one that an "
     "integration knows by a key; fewer than limit with a next: there may be more behind it"},
    {"GET", "/api/v1/entities/{id}", api_entity_get, API_READ, "", "Show one entity with its data"},
    {"PUT", "/api/v1/entities/{id}", api_entity_put, API_SUBMIT, "type,version",
     "Store one entity under this id; If-Match: VERSION, or version=, makes it conditional; *: "
     "only "
     "if it is there"},
    {"PATCH", "/api/v1/entities/{id}", api_entity_patch, API_SUBMIT, "type,version",
     "Change one entity by a merge patch (RFC 7396): what it names is set, null removes; "
     "conditional as PUT"},
    {"DELETE", "/api/v1/entities/{id}", api_entity_delete, API_SUBMIT, "version",
     "Delete one entity; conditional as PUT"},
    {"GET", "/api/v1/entities/{id}/relationships", api_entity_relationships, API_READ,
     "type,direction,after,limit", "List an entity's relationships; direction: out, in or both"},
    {"GET", "/api/v1/entities/{id}/attributes", api_attributes_list, API_READ, "integration",
     "List an entity's integration attributes"},
    {"PUT", "/api/v1/entities/{id}/attributes/{name}", api_attribute_put, API_SUBMIT, "integration",
     "Set an attribute for an integration: the body is its value, any JSON"},
    {"DELETE", "/api/v1/entities/{id}/attributes/{name}", api_attribute_delete, API_SUBMIT,
     "integration", "Remove an attribute"},
    {"GET", "/api/v1/relationships", api_relationships_list, API_READ, "from,type,to,after,limit",
     "List relationships, in the order they were made"},
    {"POST", "/api/v1/relationships", api_relationships_post, API_SUBMIT, "",
     "Relate two entities: {\"from\", \"type\", \"to\", \"data\"}"},
    {"DELETE", "/api/v1/relationships", api_relationships_delete, API_SUBMIT, "from,type,to",
     "Remove one relationship"},
    {"GET", "/api/v1/integrations", api_integrations_list, API_ANY, "",
     "List the configured integrations with their figures"},
    {"GET", "/api/v1/integrations/list", api_integrations_list, API_ANY, "",
     "The same list under its long name"},
    {"GET", "/api/v1/integrations/health", api_integrations_health, API_ANY, "",
     "Health of every integration: state, worker, pauses"},
    {"POST", "/api/v1/integrations/register", api_integration_register, API_MANAGE, "",
     "Write an ini into conf.d and open it: {\"name\", \"ini\" or \"sections\", \"overwrite\"}; "
     "taken back when it does not open"},
    {"GET", "/api/v1/integrations/{id}", api_integration_get, API_READ, "", "Show one integration"},
    {"DELETE", "/api/v1/integrations/{id}", api_integration_unregister, API_MANAGE, "",
     "Take one's ini out of conf.d; what is in hand ends, its records stay"},
    {"POST", "/api/v1/integrations/{id}/test", api_integration_test, API_SUBMIT, "",
     "Try the way to the destination step by step: validate, initialise, connection"},
    {"POST", "/api/v1/integrations/{id}/manage", api_integration_manage, API_MANAGE, "",
     "{\"operation\": \"sync\", \"test\" or \"update\"}; an update sets \"sections\" in its ini, "
     "comments kept"},
    {"GET", "/api/v1/integrations/{id}/metrics", api_integration_metrics, API_READ, "",
     "One integration's figures for Prometheus"},
    {"GET", "/api/v1/integrations/{id}/logs", api_integration_logs, API_READ,
     "level,since,limit,follow?",
     "An integration's last log lines, kept in memory; follow=1: and those that come, a line each"},
    {"GET", "/api/v1/integrations/{id}/tap", api_integration_tap, API_READ, "stage,entity,limit",
     "Follow an integration's records stage by stage, live, a line of JSON each"},
    {"POST", "/api/v1/integrations/{id}/activate", api_integration_activate, API_MANAGE, "",
     "Let one run, also in safe mode: {\"by\": NAME}; kept over restarts; answers with the steps "
     "of "
     "its test"},
    {"POST", "/api/v1/integrations/{id}/deactivate", api_integration_deactivate, API_MANAGE, "",
     "Let one stop, its instances closed: {\"by\": NAME}; kept over restarts"},
    {"POST", "/api/v1/integrations/{id}/enable", api_integration_enable, API_MANAGE, "",
     "Write enabled = yes into its ini, comments kept, and reload"},
    {"POST", "/api/v1/integrations/{id}/disable", api_integration_disable, API_MANAGE, "",
     "Write enabled = no into its ini, comments kept, and reload"},
    {"POST", "/api/v1/integrations/{id}/trigger", api_integration_trigger, API_SUBMIT, "",
     "Submit by hand: {\"selector\", \"entity\", \"dry_run\"}"},
    {"POST", "/api/v1/trigger-integration/{id}", api_integration_trigger, API_SUBMIT, "",
     "The same trigger under the name that others call it by"},
    {"POST", "/trigger-integration/{id}", api_integration_trigger, API_SUBMIT, "",
     "The same trigger under its shortest name"},
    {"GET", "/api/v1/actions", api_actions_list, API_ANY, "",
     "List the actions of all integrations that are open, with their parameters"},
    {"GET", "/api/v1/integrations/{id}/actions", api_integration_actions, API_ANY, "",
     "List an integration's actions"},
    {"POST", "/api/v1/integrations/{id}/actions/{name}", api_action_call, API_ANY, "",
     "Call an action: its arguments as a JSON object; answers {\"result\"}"},
    {"GET", "/api/v1/commands", api_commands_list, API_ANY, "",
     "List the commands of all integrations that are open"},
    {"GET", "/api/v1/integrations/{id}/commands", api_integration_commands, API_ANY, "",
     "List an integration's commands"},
    {"POST", "/api/v1/integrations/{id}/commands/{name}", api_command_run, API_SUBMIT, "",
     "Run a command: {\"args\", \"input\", \"width\", \"terminal\"}; answers its output as it "
     "comes"},
    {"POST", "/api/v1/integrations/{id}/commands/{name}/input", api_command_input, API_SUBMIT,
     "run", "Give a running command the input that it waits for; an empty body is its end"},
    {"*", "/api/v1/integrations/{id}/routes/...", api_plugin_route, API_ANY, API_ANY_ARGUMENT,
     "What the integration's plugin serves itself; each route that is there has an entry of its "
     "own"},
    {"GET", "/api/v1/integrations/{id}/tools", api_integration_tools, API_ANY, "",
     "List the tools for language models that an integration's plugin brings"},
    {"POST", "/api/v1/integrations/{id}/tools/{name}", api_tool_call, API_ANY, "",
     "Call such a tool: its arguments as a JSON object; answers {\"content\"}, as MCP has it"},
    {"GET", "/api/v1/submissions", api_submissions_list, API_READ,
     API_FILTER_ARGUMENTS ",after,limit",
     "List submissions, newest first; fewer than limit with a next: there may be more behind it"},
    {"POST", "/api/v1/submissions/retry", api_submissions_retry, API_MANAGE, "",
     "Try submissions again: {\"numbers\"} or the names of the list, all, new_key, dry_run, limit, "
     "after"},
    {"POST", "/api/v1/submissions/discard", api_submissions_discard, API_MANAGE, "",
     "Give submissions up: the same body; they end as skipped"},
    {"GET", "/api/v1/submissions/{id}", api_submission_get, API_READ, "",
     "Show one submission with its attempts"},
    {"GET", "/api/v1/why", api_why, API_READ, "entity,integration,rendered?",
     "Tell what became of an entity at each integration, why, and what comes next; with rendered, "
     "what would be sent now"},
    {"GET", "/api/v1/signals", api_signals_list, API_READ, "type,sender,since,after,limit",
     "List signals, oldest first; type is a pattern: * stands for a word, ** at the end for more"},
    {"POST", "/api/v1/signals", api_signals_post, API_SUBMIT, "",
     "Publish a signal: {\"type\", \"sender\", \"data\"}; answered when it is on disk"},
    {"GET", "/api/v1/signals/listen", api_signals_listen, API_READ,
     "type,sender,since,after,limit,answers?",
     "Signals as they come, a line of JSON each, from now or behind after; the first line has the "
     "cursor"},
    {"POST", "/api/v1/signals/request", api_signals_request, API_SUBMIT, "",
     "Publish a signal and wait for the first answer: {\"type\", \"sender\", \"data\", "
     "\"timeout\": \"5s\"}"},
    {"POST", "/api/v1/signals/reply", api_signals_reply, API_SUBMIT, "",
     "Answer a request that was heard with answers=1: {\"request\", \"sender\", \"data\"}"},
    {"GET", "/api/v1/signals/parked", api_parked_list, API_ANY, "integration",
     "List the signals that durable subscriptions of open integrations gave up, the last 100 of "
     "each"},
    {"POST", "/api/v1/integrations/{id}/signals/retry", api_parked_retry, API_MANAGE, "",
     "Give parked signals to their handler again: {\"numbers\"} or {\"all\": true}"},
    {"POST", "/api/v1/integrations/{id}/signals/discard", api_parked_discard, API_MANAGE, "",
     "Give parked signals up for good: the same body"},
    {"POST", "/api/v1/reload", api_reload, API_MANAGE, "",
     "Look at the configuration and the plugins now, take what changed; answers per file"},
    {"GET", "/api/v1/tokens", api_tokens_list, API_MANAGE, "",
     "List the tokens: name, prefix, scope, when made, used, over"},
    {"POST", "/api/v1/tokens", api_tokens_post, API_MANAGE, "",
     "Make a token: {\"name\", \"scope\": \"read submit:stripe-eu\", \"expires\": \"90d\"}; only "
     "this answer has it"},
    {"DELETE", "/api/v1/tokens/{id}", api_token_delete, API_MANAGE, "", "Revoke a token, at once"},
    {"GET", "/api/v1/store", api_store_get, API_READ, "",
     "Show the store's file, its log and what retention removed, and the last work on it"},
    {"POST", "/api/v1/store/check", api_store_check, API_MANAGE, "",
     "Check the store while it runs; GET /api/v1/store tells how far it has come"},
    {"POST", "/api/v1/store/compact", api_store_compact, API_MANAGE, "",
     "Remove all that is of age now, and give free places back to the disk"},
    {"POST", "/api/v1/store/backup", api_store_backup, API_MANAGE, "",
     "Copy the store into a new file: {\"file\": \"/an/absolute/path\"}; by the Unix socket only"},
    {"GET", "/api/v1/plugins", api_plugins_list, API_READ, "",
     "List plugin files and the workers that run them"},
    {"GET", "/api/v1/status", api_status, API_READ, "",
     "Show the daemon: store, integrations, memory"},
    {"POST", "/hooks/{id}", api_hook_post, API_OPEN, API_ANY_ARGUMENT,
     "What a service sends to an integration's [hook], signed; answered when it is on disk"},
    {"GET", "/api/v1/openapi.json", api_openapi, API_ANY, "", "This API as an OpenAPI document"},
    {"POST", "/mcp", api_mcp_post, API_ANY, "",
     "MCP, Streamable HTTP: one JSON-RPC message of a client, answered as JSON or by events"},
    {"GET", "/mcp", api_mcp_get, API_ANY, "",
     "MCP: the events of a session, such as that the tools have changed"},
    {"DELETE", "/mcp", api_mcp_delete, API_ANY, "", "MCP: end a session"},
    {"GET", "/ws", api_live, API_ANY, "",
     "A WebSocket that tells what happens: send {\"type\": \"subscribe\", \"topics\", "
     "\"integrations\", \"pattern\"}"},
    {"GET", "/health", api_health, API_OPEN, "",
     "200 when every enabled integration is open or has said why not, else 503"},
    {"GET", "/metrics", api_metrics, API_READ, "", "Figures for Prometheus"},
};
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);

static bool path_matches(const char *pattern, struct str path, struct str *out_id,
                         struct str *out_name)
{
    const char *at = path.ptr;
    const char *end = path.ptr + path.len;

    while (*pattern != '\0') {
        if (pattern[0] == '/' && pattern[1] == '.') /* "/...": all below, and the place itself */
            return at == end || *at == '/';
        if (*pattern == '{') {
            bool is_name = pattern[1] == 'n'; /* "{name}", or else "{id}" */
            const char *start = at;
            while (at < end && *at != '/')
                at++;
            if (at == start)
                return false;
            *(is_name ? out_name : out_id) = (struct str){start, (size_t)(at - start)};
            pattern += is_name ? 6 : 4;
        } else if (at < end && *at == *pattern) {
            at++;
            pattern++;
        } else {
            return false;
        }
    }
    return at == end;
}

/* "GET, HEAD", as Allow has it. */
static void add_method(struct buf *allow, const char *method)
{
    if (allow->len == 0 || strstr(allow->ptr, method) == NULL)
        buf_printf(allow, "%s%s%s", allow->len > 0 ? ", " : "", method,
                   strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct api_route *api_route_find(struct str method, struct str path, struct str *out_id,
                                       struct buf *out_allow)
{
    bool is_head = str_is(method, "HEAD");
    struct str wanted = is_head ? STR("GET") : method;

    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        struct str id = STR_NONE;
        struct str name;
        if (!path_matches(route->path, path, &id, &name))
            continue;
        if (str_is(wanted, route->method) || strcmp(route->method, "*") == 0) {
            buf_clear(out_allow);
            *out_id = id;
            return route;
        }
        add_method(out_allow, route->method);
    }
    return NULL;
}

struct str api_route_name(const struct api_route *route, struct str path)
{
    struct str id;
    struct str name = STR_NONE;

    return path_matches(route->path, path, &id, &name) ? name : STR_NONE;
}

bool api_route_argument(struct str *rest, struct str *out_name, bool *out_is_flag)
{
    if (rest->len == 0 || !str_next(rest, ',', out_name))
        return false;
    *out_is_flag = out_name->len > 0 && out_name->ptr[out_name->len - 1] == '?';
    out_name->len -= *out_is_flag;
    return true;
}

bool api_route_is_of_integration(const struct api_route *route)
{
    static const char *const befores[] = {"/integrations/{id}", "/trigger-integration/{id}",
                                          "/hooks/{id}"};

    for (size_t i = 0; i < sizeof(befores) / sizeof(befores[0]); i++)
        if (strstr(route->path, befores[i]) != NULL)
            return true;
    return false;
}

/* Most often the prefix was left out; otherwise it is a slip of the hand. */
const char *api_route_nearest(struct str path)
{
    _buf_ struct buf prefixed = {0};
    _free_ char *word = str_dup(path);
    const char *paths[sizeof(api_routes) / sizeof(api_routes[0])];

    buf_printf(&prefixed, "/api/v1%.*s", STR_ARG(path));
    if (word == NULL || prefixed.failed)
        return NULL;
    for (size_t i = 0; i < api_route_count; i++) {
        struct str id;
        struct str name;
        if (path_matches(api_routes[i].path, buf_str(&prefixed), &id, &name))
            return api_routes[i].path;
        paths[i] = api_routes[i].path;
    }
    return str_nearest(word, paths, api_route_count);
}

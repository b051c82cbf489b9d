/* SPDX-License-Identifier: Apache-2.0
 * The table of methods, and those that are said in a few lines. */
#include "api/api_mcp.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/json.h"

enum { MODERN = 1, LEGACY = 2, BOTH = 3 };
enum { TEXT_BYTES_MAX = 256, URI_BYTES_MAX = 4096, LISTS_TTL_MS = 5000 };

struct mcp_method {
    const char *name;
    int eras;
    void (*run)(struct mcp_request *request, struct str params);
};

static const char instructions[] =
    "Tenon keeps records (entities) and delivers them to other systems (integrations). "
    "tenon_search_entities finds records, tenon_why tells what became of one at each integration "
    "and what comes next. Tools named INTEGRATION_ACTION are what an integration can do.";

/* ---- beginning ---- */

static void put_capabilities(struct buf *out)
{
    json_put_raw(out, "capabilities",
                 STR("{\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true},"
                     "\"completions\":{}}"));
    json_put_member(out, "instructions", str_of(instructions));
}

static const char *version_of(struct str text)
{
    for (size_t i = 0; api_mcp_versions[i] != NULL; i++)
        if (str_is(text, api_mcp_versions[i]))
            return api_mcp_versions[i];
    return NULL;
}

/* A version that we do not speak, or only by the modern way: the newest of the legacy ones. */
static const char *legacy_version(struct str wanted)
{
    const char *version = version_of(wanted);

    return version != NULL && strcmp(version, MCP_MODERN) != 0 ? version : api_mcp_versions[1];
}

static void initialize(struct mcp_request *request, struct str params)
{
    struct api_call *call = api_mcp_call(request);
    struct buf result = {0};
    _buf_ struct buf wanted = {0};

    if (!api_mcp_text(params, "protocolVersion", TEXT_BYTES_MAX, &wanted)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "protocolVersion is missing, or no text");
        return;
    }
    const char *version = legacy_version(buf_str(&wanted));
    struct mcp_session *session =
        api_mcp_session_create(api_mcp_of(request), version, call->peer.scopes);
    if (session == NULL) {
        api_mcp_fail_with(request, MCP_INTERNAL_ERROR, 503, STR_NONE,
                          "%d sessions are at work, and that is the most", MCP_SESSIONS_MAX);
        return;
    }
    api_mcp_post_set_session(request, session);
    json_put_member(&result, "protocolVersion", str_of(version));
    put_capabilities(&result);
    json_put_raw(&result, "serverInfo",
                 STR("{\"name\":\"tenon\",\"title\":\"Tenon\",\"version\":\"" TENON_VERSION "\"}"));
    api_mcp_reply(request, &result, -1);
}

static void put_versions(struct buf *out, const char *name)
{
    buf_printf(out, "%s\"%s\":[", out->len > 1 ? "," : "", name);
    for (size_t i = 0; api_mcp_versions[i] != NULL; i++) {
        api_put_comma(out);
        json_put_string(out, str_of(api_mcp_versions[i]));
    }
    buf_putc(out, ']');
}

static void discover(struct mcp_request *request, struct str params)
{
    struct buf result = {0};

    (void)params;
    put_versions(&result, "supportedVersions");
    put_capabilities(&result);
    api_mcp_reply(request, &result, LISTS_TTL_MS);
}

static void ping(struct mcp_request *request, struct str params)
{
    struct buf result = {0};

    (void)params;
    api_mcp_reply(request, &result, -1);
}

/* As GET /api/v1/entities/{id} asks. */
static bool may_watch(const struct mcp_request *request)
{
    return api_may(api_mcp_call(request), API_READ, STR_NONE);
}

static void subscribe(struct mcp_request *request, struct str params)
{
    struct str wanted = json_find(params, "notifications");
    struct str tools = json_find(wanted, "toolsListChanged");
    struct mcp *mcp = api_mcp_of(request);
    _buf_ struct buf id = {0};
    _buf_ struct buf resources = {0};

    if (wanted.len == 0 || json_kind_of(wanted) != JSON_OBJECT) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "notifications is missing, or no object");
        return;
    }
    if (may_watch(request))
        buf_add_str(&resources, json_find(wanted, "resourceSubscriptions"));
    const struct mcp_wanted all = {
        .tools = tools.len > 0 && json_kind_of(tools) == JSON_TRUE,
        .resources = buf_str(&resources),
    };
    struct api_call *call = api_mcp_post_stream(request, &id);
    if (call != NULL)
        (void)api_mcp_listen(mcp, call, NULL, buf_str(&id), &all); /* answers it */
}

/* ---- news of entities, for legacy clients ---- */

static void watch(struct mcp_request *request, struct str params, bool is_on)
{
    struct mcp *mcp = api_mcp_of(request);
    struct buf result = {0};
    struct err err = {0};
    _buf_ struct buf uri = {0};

    if (!api_mcp_text(params, "uri", URI_BYTES_MAX, &uri)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "the uri is missing, or no text");
        return;
    }
    if (is_on && !may_watch(request)) {
        api_mcp_fail(request, MCP_INVALID_PARAMS,
                     "This wants the scope read everywhere, which you have not.");
        return;
    }
    if (!is_on)
        api_mcp_session_unwatch(mcp, request->session, buf_str(&uri));
    else if (api_mcp_session_watch(mcp, request->session, buf_str(&uri), &err) < 0) {
        api_mcp_fail(request, MCP_INVALID_PARAMS, "%s", err.text);
        return;
    }
    api_mcp_reply(request, &result, -1);
}

static void watch_on(struct mcp_request *request, struct str params)
{
    watch(request, params, true);
}

static void watch_off(struct mcp_request *request, struct str params)
{
    watch(request, params, false);
}

static const struct mcp_method methods[] = {
    {"tools/call", BOTH, api_mcp_tools_call},
    {"tools/list", BOTH, api_mcp_tools_list},
    {"resources/read", BOTH, api_mcp_resources_read},
    {"resources/list", BOTH, api_mcp_resources_list},
    {"resources/templates/list", BOTH, api_mcp_resources_templates},
    {"completion/complete", BOTH, api_mcp_complete},
    {"resources/subscribe", LEGACY, watch_on},
    {"resources/unsubscribe", LEGACY, watch_off},
    {"server/discover", MODERN, discover},
    {"subscriptions/listen", MODERN, subscribe},
    {"initialize", LEGACY, initialize},
    {"ping", LEGACY, ping},
};

static const struct mcp_method *find(struct str name, int era)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if ((methods[i].eras & era) != 0 && str_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}

/* ---- what a modern request must carry ---- */

/* =?base64?...?= is how a header carries what it could not carry plainly. */
static void decode_header(struct str value, struct buf *out)
{
    static const char mark[] = "=?base64?";
    size_t front = sizeof(mark) - 1;

    if (value.len >= front + 2 && str_starts_with(value, mark) &&
        memcmp(value.ptr + value.len - 2, "?=", 2) == 0)
        (void)base64_decode((struct str){value.ptr + front, value.len - front - 2},
                            out); /* nothing decoded matches nothing */
    else
        buf_add_str(out, value);
}

/* False: the header is not there or says something else than the body, and that was answered. */
static bool header_agrees(struct mcp_request *request, const char *header, const char *shown,
                          struct str wanted)
{
    struct str value = http_exchange_header(api_mcp_call(request)->exchange, header);
    _buf_ struct buf plain = {0};

    decode_header(value, &plain);
    if (value.len > 0 && str_equals(buf_str(&plain), wanted))
        return true;
    api_mcp_fail_with(request, MCP_HEADER_MISMATCH, 400, STR_NONE,
                      "Header mismatch: %s is '%.*s', the body says '%.*s'", shown,
                      STR_ARG(str_or_empty(value)), STR_ARG(wanted));
    return false;
}

static bool headers_agree(struct mcp_request *request, struct str method, struct str params,
                          struct str version)
{
    const char *source = str_is(method, "tools/call")       ? "name"
                         : str_is(method, "resources/read") ? "uri"
                                                            : NULL;
    _buf_ struct buf name = {0};

    if (!header_agrees(request, "mcp-protocol-version", "MCP-Protocol-Version", version) ||
        !header_agrees(request, "mcp-method", "Mcp-Method", method))
        return false;
    return source == NULL ||
           !api_mcp_text(params, source, SIZE_MAX, &name) /* the method says so */ ||
           header_agrees(request, "mcp-name", "Mcp-Name", buf_str(&name));
}

static void refuse_version(struct mcp_request *request, struct str version)
{
    _buf_ struct buf data = {0};

    buf_putc(&data, '{');
    put_versions(&data, "supported");
    json_put_member(&data, "requested", version);
    buf_putc(&data, '}');
    api_mcp_fail_with(request, MCP_UNSUPPORTED_VERSION, 400, buf_str(&data),
                      "Unsupported protocol version");
}

/* False: answered. */
static bool is_whole(struct mcp_request *request, struct str method, struct str params)
{
    struct str meta = json_find(params, "_meta");
    struct str capabilities = json_find(meta, "io.modelcontextprotocol/clientCapabilities");
    _buf_ struct buf version = {0};

    if (!api_mcp_text(meta, "io.modelcontextprotocol/protocolVersion", TEXT_BYTES_MAX, &version) ||
        capabilities.len == 0 || json_kind_of(capabilities) != JSON_OBJECT) {
        api_mcp_fail_with(request, MCP_INVALID_PARAMS, 400, STR_NONE,
                          "_meta lacks io.modelcontextprotocol/protocolVersion or "
                          "io.modelcontextprotocol/clientCapabilities");
        return false;
    }
    if (!headers_agree(request, method, params, buf_str(&version)))
        return false;
    if (str_is(buf_str(&version), MCP_MODERN))
        return true;
    refuse_version(request, buf_str(&version));
    return false;
}

static bool is_modern(const struct mcp_request *request, struct str params)
{
    struct str header =
        http_exchange_header(api_mcp_call(request)->exchange, "mcp-protocol-version");
    struct str meta = json_find(params, "_meta");

    return json_find(meta, "io.modelcontextprotocol/protocolVersion").len > 0 ||
           (header.len == sizeof(MCP_MODERN) - 1 &&
            memcmp(header.ptr, MCP_MODERN, header.len) >= 0);
}

/* ---- running ---- */

static void run_legacy(struct mcp_request *request, struct str name, struct str params)
{
    const struct mcp_method *method = find(name, LEGACY);

    if (request->session == NULL && !str_is(name, "initialize"))
        api_mcp_fail_with(request, MCP_INVALID_REQUEST, 400, STR_NONE,
                          "there is no session: initialize first, then send its Mcp-Session-Id, or "
                          "speak " MCP_MODERN);
    else if (method == NULL)
        api_mcp_fail(request, MCP_METHOD_NOT_FOUND, "there is no method '%.*s'", STR_ARG(name));
    else
        method->run(request, params);
}

void api_mcp_run(struct mcp_request *request, struct str name, struct str params)
{
    request->is_modern = is_modern(request, params);
    if (!request->is_modern) {
        run_legacy(request, name, params);
        return;
    }
    const struct mcp_method *method = find(name, MODERN);
    if (!is_whole(request, name, params))
        return;
    if (method == NULL)
        api_mcp_fail_with(request, MCP_METHOD_NOT_FOUND, 404, STR_NONE, "there is no method '%.*s'",
                          STR_ARG(name));
    else
        method->run(request, params);
}

void api_mcp_note(struct mcp *mcp, struct mcp_session *session, struct str method,
                  struct str params)
{
    if (session != NULL && str_is(method, "notifications/cancelled"))
        api_mcp_post_cancel(mcp, session, json_find(params, "requestId"));
}

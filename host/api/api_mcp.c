/* SPDX-License-Identifier: Apache-2.0
 * The Streamable HTTP transport: POST, GET and DELETE of /mcp. */
#include "api/api_mcp.h"
#include "api/api_handlers.h"
#include "base/cleanup.h"

#include <errno.h>

const char *const api_mcp_versions[] = {MCP_MODERN,   "2025-11-25", "2025-06-18",
                                        "2025-03-26", "2024-11-05", NULL};

static enum mcp_access read_access(const char *text)
{
    return strcmp(text, "write") == 0 ? MCP_WRITE : strcmp(text, "read") == 0 ? MCP_READ : MCP_OFF;
}

enum mcp_access api_mcp_access(const struct engine *engine)
{
    return read_access(config_text(config_host(engine_config(engine)), "mcp", "access"));
}

enum mcp_access api_mcp_access_at(const struct engine *engine,
                                  const struct engine_integration *integration)
{
    enum mcp_access host = api_mcp_access(engine);
    enum mcp_access own = integration->file != NULL
                              ? read_access(config_text(integration->file, "integration", "mcp"))
                              : MCP_OFF;

    return own < host ? own : host;
}

/* ---- what a request must be ---- */

static bool lists(struct str header, const char *what)
{
    _free_ char *text = str_dup(header);

    return text != NULL && (strcasestr(text, what) != NULL || strstr(text, "*/*") != NULL);
}

static bool is_on(struct api_call *call)
{
    if (api_mcp_access(call->engine) != MCP_OFF)
        return true;
    api_reply_problem(call, 403, "mcp_off", "MCP is switched off: [mcp] access = off.");
    return false;
}

static bool speaks_json(struct api_call *call)
{
    struct str type = http_exchange_header(call->exchange, "content-type");
    struct str accept = http_exchange_header(call->exchange, "accept");

    if (type.len < 16 || strncasecmp(type.ptr, "application/json", 16) != 0) {
        api_reply_problem(call, 415, "bad_content_type",
                          "MCP messages are sent as Content-Type: application/json, not '%.*s'.",
                          STR_ARG(type));
        return false;
    }
    if (accept.len > 0 && !lists(accept, "application/json") &&
        !lists(accept, "text/event-stream")) {
        api_reply_problem(call, 406, "not_acceptable",
                          "MCP answers are application/json or text/event-stream; Accept has "
                          "neither.");
        return false;
    }
    return true;
}

static bool version_is_known(struct api_call *call)
{
    struct str version = http_exchange_header(call->exchange, "mcp-protocol-version");

    if (version.len == 0 || version.len == sizeof(MCP_MODERN) - 1)
        return true; /* the message says it too: which one is wrong is told in its answer */
    api_reply_problem(call, 400, "bad_version",
                      "MCP-Protocol-Version: '%.*s' is not a date such as " MCP_MODERN ".",
                      version.len < 40 ? (int)version.len : 40, version.ptr);
    return false;
}

static bool is_modern(struct api_call *call)
{
    struct str version = http_exchange_header(call->exchange, "mcp-protocol-version");

    return version.len == sizeof(MCP_MODERN) - 1 &&
           memcmp(version.ptr, MCP_MODERN, version.len) >= 0;
}

/* The session that the request names; false: it names one that there is not, and was answered. */
static bool find_session(struct mcp *mcp, struct api_call *call, struct mcp_session **out)
{
    struct str id = http_exchange_header(call->exchange, "mcp-session-id");

    *out = NULL;
    if (id.len == 0 || is_modern(call))
        return true;
    *out = api_mcp_session_find(mcp, id, call->peer.scopes);
    if (*out == NULL)
        api_reply_problem(call, 404, "no_session",
                          "There is no such MCP session: it has ended, or tenond was started "
                          "again. Initialize anew.");
    return *out != NULL;
}

static struct mcp *corner(struct api_call *call)
{
    struct mcp *mcp = api_mcp(call->api);

    if (mcp == NULL)
        api_reply_error(call, -ENOMEM, NULL);
    return mcp;
}

/* ---- the three methods ---- */

void api_mcp_post(struct api_call *call)
{
    struct mcp_session *session;

    if (!is_on(call) || !speaks_json(call) || !version_is_known(call))
        return;
    struct mcp *mcp = corner(call);
    if (mcp != NULL && find_session(mcp, call, &session))
        api_mcp_post_take(mcp, call, session);
}

/* The stream of a legacy session. Modern clients ask for theirs by subscriptions/listen. */
void api_mcp_get(struct api_call *call)
{
    struct mcp_session *session;

    if (!is_on(call))
        return;
    if (is_modern(call) ||
        !lists(http_exchange_header(call->exchange, "accept"), "text/event-stream")) {
        api_reply_problem_with(call, 405, "wrong_method", "Allow: POST\r\n",
                               "GET /mcp is the event stream of a session: Accept: "
                               "text/event-stream and Mcp-Session-Id go with it. Since " MCP_MODERN
                               " it is subscriptions/listen.");
        return;
    }
    struct mcp *mcp = corner(call);
    if (mcp == NULL || !find_session(mcp, call, &session))
        return;
    if (session == NULL)
        api_reply_problem(call, 400, "no_session",
                          "Which session? Mcp-Session-Id is missing; initialize gives one.");
    else
        (void)api_mcp_listen(mcp, call, session, STR_NONE,
                             &(struct mcp_wanted){.tools = true}); /* it answers either way */
}

void api_mcp_delete(struct api_call *call)
{
    struct mcp_session *session;
    struct buf body = {0};
    struct mcp *mcp = is_on(call) ? corner(call) : NULL;

    if (mcp == NULL || !find_session(mcp, call, &session))
        return;
    if (session == NULL) {
        api_reply_problem_with(call, 405, "wrong_method", "Allow: POST\r\n",
                               "There is no session to end: Mcp-Session-Id is missing.");
        return;
    }
    api_mcp_session_end(mcp, session);
    api_reply(call, 204, NULL, NULL, &body);
}

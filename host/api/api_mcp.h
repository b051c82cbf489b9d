/* SPDX-License-Identifier: Apache-2.0
 * MCP (Model Context Protocol) at /mcp: what the files of this corner share. Two eras are spoken.
 * "Modern" (2026-07-28): every request says its version by itself, nothing is remembered, news
 * come on the answer of subscriptions/listen. "Legacy" (2025-11-25 and older): initialize begins a
 * session, news come on its GET stream. One table of methods serves both, and whatever a tool does
 * goes through a REST route, so that it is allowed, done and refused as it is there. [loop] */
#ifndef API_API_MCP_H
#define API_API_MCP_H

#include "api/api_call.h"
#include "api/api_mcp_message.h"

struct mcp;         /* the api's: sessions, listeners, requests under way */
struct mcp_session; /* of a legacy client */
struct mcp_post;    /* one POST: one message, or a batch of them */

#define MCP_MODERN "2026-07-28"
extern const char *const api_mcp_versions[]; /* newest first; NULL behind the last */

enum mcp_access { MCP_OFF, MCP_READ, MCP_WRITE };
/* What [mcp] access of tenon.ini grants. */
enum mcp_access api_mcp_access(const struct engine *engine);
/* The same at one integration, whose [integration] mcp may grant less. */
enum mcp_access api_mcp_access_at(const struct engine *engine,
                                  const struct engine_integration *integration);

/* ---- one request (api_mcp_post.c) ---- */

struct mcp_request;
/* Makes the result of what a route answered; `body` is JSON. */
typedef void (*mcp_answered_fn)(struct mcp_request *request, int status, struct str body);

struct mcp_request {
    struct mcp_post *post;
    struct mcp_request *next;
    struct mcp_session *session; /* NULL: modern, or it has ended meanwhile */
    bool is_modern;
    struct buf id;               /* raw JSON */
    struct buf subject;          /* what `answered` wants to remember: a URI, a prefix */
    size_t kind;                 /* the same: a row */
    struct http_exchange *inner; /* the route's, under way */
    mcp_answered_fn answered;
};

struct api_call *api_mcp_call(const struct mcp_request *request); /* who asks */
struct mcp *api_mcp_of(const struct mcp_request *request);

/* Each answers the request, which is gone then. `members` of the result, without braces; cleared.
 * `ttl_ms` -1: not for keeping. */
void api_mcp_reply(struct mcp_request *request, struct buf *members, int ttl_ms);
void api_mcp_fail(struct mcp_request *request, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* `data` is raw JSON; the HTTP status counts when the message came alone. */
void api_mcp_fail_with(struct mcp_request *request, int code, int http_status, struct str data,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Asks a route in the client's name; `answered` answers the request then. Takes `body`. */
void api_mcp_ask(struct mcp_request *request, const char *method, struct str target,
                 struct buf *body, mcp_answered_fn answered);
/* The request is no more, and its call is given back to become a stream: the POST's whole answer.
 * NULL: it has been answered. */
struct api_call *api_mcp_post_stream(struct mcp_request *request, struct buf *out_id);

/* Reads the call's body and answers it, message by message. */
void api_mcp_post_take(struct mcp *mcp, struct api_call *call, struct mcp_session *session);
/* notifications/cancelled: the request of this session gets no answer. */
void api_mcp_post_cancel(struct mcp *mcp, const struct mcp_session *session, struct str id);
void api_mcp_post_session_ends(struct mcp *mcp, const struct mcp_session *session);
void api_mcp_post_set_session(struct mcp_request *request, struct mcp_session *session);

/* ---- methods (api_mcp_methods.c) ---- */

/* Runs it, or fails it. */
void api_mcp_run(struct mcp_request *request, struct str method, struct str params);
void api_mcp_note(struct mcp *mcp, struct mcp_session *session, struct str method,
                  struct str params);

void api_mcp_tools_list(struct mcp_request *request, struct str params);
void api_mcp_tools_call(struct mcp_request *request, struct str params);
void api_mcp_resources_list(struct mcp_request *request, struct str params);
void api_mcp_resources_templates(struct mcp_request *request, struct str params);
void api_mcp_resources_read(struct mcp_request *request, struct str params);
void api_mcp_complete(struct mcp_request *request, struct str params);
/* A number that changes when the list of tools does. */
uint64_t api_mcp_tools_mark(struct engine *engine);

/* ---- sessions and news (api_mcp_session.c) ---- */

struct mcp *api_mcp(struct api *api); /* the api's; NULL: no memory */
struct mcp *api_mcp_create(struct loop *loop, struct engine *engine);
void api_mcp_destroy(struct mcp *mcp); /* NULL allowed */
struct mcp_post **api_mcp_posts(struct mcp *mcp);

enum { MCP_SESSIONS_MAX = 256, MCP_SESSION_ID_BYTES = 32 };
/* `version` is one of api_mcp_versions. NULL: there are too many, all at work, or no memory. */
struct mcp_session *api_mcp_session_create(struct mcp *mcp, const char *version,
                                           const char *scopes);
/* NULL: none, or not this peer's. */
struct mcp_session *api_mcp_session_find(struct mcp *mcp, struct str id, const char *scopes);
const char *api_mcp_session_id(const struct mcp_session *session);
const char *api_mcp_session_version(const struct mcp_session *session);
void api_mcp_session_end(struct mcp *mcp, struct mcp_session *session);

/* resources/subscribe: 0, or as api_mcp_watch_add. */
int api_mcp_session_watch(struct mcp *mcp, struct mcp_session *session, struct str uri,
                          struct err *err);
void api_mcp_session_unwatch(struct mcp *mcp, struct mcp_session *session, struct str uri);

struct mcp_wanted {
    bool tools;
    struct str resources; /* raw JSON: a list of URIs, or STR_NONE */
};
/* From here on the call is a stream that tells when the tools change, and entities that somebody
 * subscribed to. `session` NULL: of a modern client; `id` is then its request's. False: answered.
 */
bool api_mcp_listen(struct mcp *mcp, struct api_call *call, struct mcp_session *session,
                    struct str id, const struct mcp_wanted *wanted);

#endif

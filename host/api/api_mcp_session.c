/* SPDX-License-Identifier: Apache-2.0
 * What is kept between requests: the sessions of legacy clients, and the streams on which news go
 * out. News of the tools are found by looking: once a second, and only while somebody listens; of
 * entities the hub tells, only while somebody subscribes to one. */
#include "api/api_mcp.h"
#include "api/api_mcp_watch.h"
#include "api/api_stream.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/json.h"
#include "signals/hub.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    LOOK_MS = 1000,
    ALIVE_MS = 25000,             /* a comment line, before proxies take a stream for dead */
    SESSION_IDLE_MS = 3600 * 1000 /* without a request or a stream */
};

struct listener {
    struct mcp *mcp;
    struct api_call *call;
    struct mcp_session *session; /* NULL: modern */
    struct mcp_watches watches;  /* of a modern one; else they are the session's */
    struct buf id;               /* of a modern one's request */
    bool wants_tools;
    bool is_behind; /* a piece of news found no room */
    struct listener *next, **place;
};

struct mcp_session {
    char id[MCP_SESSION_ID_BYTES + 1];
    const char *version;
    char *scopes; /* whose it is; NULL: nobody's */
    int64_t used_ms;
    struct listener *listener; /* NULL: no stream */
    struct mcp_watches watches;
    struct mcp_session *next;
};

struct mcp {
    struct engine *engine;
    struct loop_timer *timer;
    struct mcp_session *sessions;
    size_t session_count;
    struct listener *listeners;
    struct mcp_post *posts;
    struct hub_listener *hub; /* NULL: nobody subscribes to an entity */
    uint64_t mark;            /* of the tools, at the last look */
    int64_t alive_ms;
    bool is_looking;
};

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static void look_later(struct mcp *mcp)
{
    if (!mcp->is_looking)
        loop_timer_set(mcp->timer, LOOK_MS);
    mcp->is_looking = true;
}

struct mcp_post **api_mcp_posts(struct mcp *mcp)
{
    return &mcp->posts;
}

/* ---- news of entities ---- */

static void on_signal(void *user, const struct hub_signal *told);

static bool is_watched(const struct mcp *mcp)
{
    for (const struct mcp_session *one = mcp->sessions; one != NULL; one = one->next)
        if (one->watches.count > 0)
            return true;
    for (const struct listener *one = mcp->listeners; one != NULL; one = one->next)
        if (one->watches.count > 0)
            return true;
    return false;
}

/* The hub is listened to while somebody wants to know. */
static void hear_or_not(struct mcp *mcp)
{
    static const struct hub_filter entities = {.pattern = {"entity.*", 8}, .sender = {"tenon", 5}};
    struct hub *hub = engine_hub(mcp->engine);

    if (is_watched(mcp) == (mcp->hub != NULL))
        return;
    if (mcp->hub == NULL) {
        mcp->hub = hub_listen(hub, &entities, on_signal, mcp, NULL); /* no memory: the next tries */
        return;
    }
    hub_leave(mcp->hub);
    mcp->hub = NULL;
}

int api_mcp_session_watch(struct mcp *mcp, struct mcp_session *session, struct str uri,
                          struct err *err)
{
    int status = api_mcp_watch_add(&session->watches, uri, err);

    hear_or_not(mcp);
    return status;
}

void api_mcp_session_unwatch(struct mcp *mcp, struct mcp_session *session, struct str uri)
{
    api_mcp_watch_drop(&session->watches, uri);
    hear_or_not(mcp);
}

/* ---- sessions ---- */

const char *api_mcp_session_id(const struct mcp_session *session)
{
    return session->id;
}

const char *api_mcp_session_version(const struct mcp_session *session)
{
    return session->version;
}

static bool is_of(const struct mcp_session *session, const char *scopes)
{
    return session->scopes != NULL && scopes != NULL && strcmp(session->scopes, scopes) == 0;
}

struct mcp_session *api_mcp_session_find(struct mcp *mcp, struct str id, const char *scopes)
{
    for (struct mcp_session *session = mcp->sessions; session != NULL; session = session->next) {
        if (!str_is(id, session->id) || !is_of(session, scopes))
            continue;
        session->used_ms = now_ms();
        return session;
    }
    return NULL;
}

void api_mcp_session_end(struct mcp *mcp, struct mcp_session *session)
{
    struct mcp_session **at = &mcp->sessions;

    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    mcp->session_count--;
    api_mcp_post_session_ends(mcp, session);
    if (session->listener != NULL) {
        session->listener->session = NULL;
        api_stream_gone(session->listener->call);
    }
    api_mcp_watch_finish(&session->watches);
    free(session->scopes);
    free(session);
    hear_or_not(mcp);
}

/* The one that rested longest makes room. */
static bool make_room(struct mcp *mcp)
{
    struct mcp_session *oldest = NULL;

    if (mcp->session_count < MCP_SESSIONS_MAX)
        return true;
    for (struct mcp_session *session = mcp->sessions; session != NULL; session = session->next)
        if (session->listener == NULL && (oldest == NULL || session->used_ms < oldest->used_ms))
            oldest = session;
    if (oldest != NULL)
        api_mcp_session_end(mcp, oldest);
    return oldest != NULL;
}

struct mcp_session *api_mcp_session_create(struct mcp *mcp, const char *version, const char *scopes)
{
    uint8_t bits[MCP_SESSION_ID_BYTES / 2];
    struct mcp_session *session = make_room(mcp) ? calloc(1, sizeof(*session)) : NULL;

    if (session == NULL)
        return NULL;
    randombytes_buf(bits, sizeof(bits));
    hex_encode(bits, sizeof(bits), session->id);
    session->version = version;
    session->scopes = str_dup(str_of(scopes != NULL ? scopes : ""));
    session->used_ms = now_ms();
    session->next = mcp->sessions;
    mcp->sessions = session;
    mcp->session_count++;
    look_later(mcp);
    return session;
}

static void end_idle(struct mcp *mcp)
{
    int64_t now = now_ms();
    struct mcp_session *next;

    for (struct mcp_session *session = mcp->sessions; session != NULL; session = next) {
        next = session->next;
        if (session->listener != NULL)
            session->used_ms = now;
        else if (now - session->used_ms > SESSION_IDLE_MS)
            api_mcp_session_end(mcp, session);
    }
}

/* ---- news ---- */

static void put_subscription(struct buf *out, const struct listener *listener)
{
    if (listener->id.len == 0)
        return;
    buf_puts(out, ",\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
    buf_add_str(out, buf_str(&listener->id));
    buf_putc(out, '}');
}

/* An event of one message. `params`: members, each behind a comma. */
static int tell(struct listener *listener, const char *method, const char *params)
{
    _buf_ struct buf event = {0};
    _buf_ struct buf all = {0};

    buf_puts(&all, params);
    put_subscription(&all, listener);
    buf_printf(&event, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\"",
               method);
    if (all.len > 0)
        buf_printf(&event, ",\"params\":{%s}", all.ptr + 1);
    buf_puts(&event, "}\n\n");
    return event.failed || all.failed ? -ENOMEM : api_stream_send(listener->call, buf_str(&event));
}

static void tell_tools(struct listener *listener)
{
    listener->is_behind = listener->wants_tools && tell(listener, "tools/list_changed", "") < 0;
}

static void tell_entities(struct listener *listener)
{
    struct mcp_watches *watches =
        listener->session != NULL ? &listener->session->watches : &listener->watches;
    struct mcp_watch *watch;

    while ((watch = api_mcp_watch_due(watches)) != NULL) {
        _buf_ struct buf params = {0};
        buf_puts(&params, ",\"uri\":");
        json_put_string(&params, str_of(watch->uri));
        if (params.failed || tell(listener, "resources/updated", params.ptr) < 0)
            return; /* when there is room again */
        watch->is_due = false;
    }
}

static void on_signal(void *user, const struct hub_signal *told)
{
    struct mcp *mcp = user;
    struct str entity = told->signal->entity;
    struct listener *next;

    if (api_mcp_access(mcp->engine) == MCP_OFF)
        return;
    for (struct mcp_session *one = mcp->sessions; one != NULL; one = one->next)
        (void)api_mcp_watch_note(&one->watches, entity); /* without a stream: when it has one */
    for (struct listener *one = mcp->listeners; one != NULL; one = next) {
        next = one->next;
        (void)api_mcp_watch_note(&one->watches, entity);
        tell_entities(one);
    }
}

static void on_drained(void *user)
{
    struct listener *listener = user;

    if (listener->is_behind)
        tell_tools(listener);
    tell_entities(listener);
}

static void on_gone(void *user)
{
    struct listener *listener = user;

    *listener->place = listener->next;
    if (listener->next != NULL)
        listener->next->place = listener->place;
    if (listener->session != NULL)
        listener->session->listener = NULL;
    struct mcp *mcp = listener->mcp;
    api_mcp_watch_finish(&listener->watches);
    buf_finish(&listener->id);
    free(listener);
    hear_or_not(mcp);
}

static void on_look(void *user)
{
    struct mcp *mcp = user;
    bool is_changed = false;
    bool is_alive_due = now_ms() - mcp->alive_ms >= ALIVE_MS;

    mcp->is_looking = false;
    if (mcp->listeners != NULL) {
        uint64_t mark = api_mcp_tools_mark(mcp->engine);
        is_changed = mark != mcp->mark;
        mcp->mark = mark;
    }
    if (is_alive_due)
        mcp->alive_ms = now_ms();
    for (struct listener *listener = mcp->listeners; listener != NULL; listener = listener->next) {
        if (is_changed)
            tell_tools(listener);
        else if (is_alive_due)
            (void)api_stream_send(listener->call, STR(":\n\n")); /* no room: it is not idle */
    }
    end_idle(mcp);
    if (mcp->listeners != NULL || mcp->sessions != NULL)
        look_later(mcp);
}

/* Two streams of one session would each get half of the news: the newer takes over. */
static void take_over(struct mcp_session *session)
{
    if (session->listener != NULL)
        api_stream_gone(session->listener->call);
}

/* What of it was agreed to. What is no entity is left out, and so the client sees. */
static void acknowledge(struct listener *listener, struct str resources)
{
    _buf_ struct buf agreed = {0};
    struct str value;

    buf_puts(&agreed, ",\"notifications\":{");
    if (listener->wants_tools)
        json_put_raw(&agreed, "toolsListChanged", STR("true"));
    if (resources.len > 0 && json_kind_of(resources) == JSON_ARRAY) {
        json_put_raw(&agreed, "resourceSubscriptions", STR("["));
        while (json_next_element(&resources, &value)) {
            _buf_ struct buf uri = {0};
            if (json_kind_of(value) != JSON_STRING)
                continue;
            json_unquote(value, &uri);
            if (uri.failed || api_mcp_watch_add(&listener->watches, buf_str(&uri), NULL) < 0)
                continue;
            buf_puts(&agreed, agreed.ptr[agreed.len - 1] == '[' ? "" : ",");
            buf_add_str(&agreed, value);
        }
        buf_putc(&agreed, ']');
    }
    buf_putc(&agreed, '}');
    if (!agreed.failed)
        (void)tell(listener, "subscriptions/acknowledged",
                   agreed.ptr); /* an empty stream has room */
}

bool api_mcp_listen(struct mcp *mcp, struct api_call *call, struct mcp_session *session,
                    struct str id, const struct mcp_wanted *wanted)
{
    static const struct api_stream_events events = {on_drained, on_gone};
    struct listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return false;
    }
    if (session != NULL)
        take_over(session);
    if (!api_stream_start_as(call, "text/event-stream",
                             "cache-control: no-store\r\nx-accel-buffering: no\r\n", &events,
                             listener)) {
        free(listener);
        return false;
    }
    buf_add_str(&listener->id, id);
    listener->mcp = mcp;
    listener->call = call;
    listener->session = session;
    listener->wants_tools = wanted->tools;
    listener->place = &mcp->listeners;
    listener->next = mcp->listeners;
    if (mcp->listeners != NULL)
        mcp->listeners->place = &listener->next;
    else
        mcp->mark = api_mcp_tools_mark(mcp->engine);
    mcp->listeners = listener;
    if (session != NULL) {
        session->listener = listener;
        tell_entities(listener); /* what changed while there was no stream */
    } else {
        acknowledge(listener, wanted->resources);
        hear_or_not(mcp);
    }
    look_later(mcp);
    return true;
}

/* ---- life ---- */

struct mcp *api_mcp_create(struct loop *loop, struct engine *engine)
{
    struct mcp *mcp = calloc(1, sizeof(*mcp));

    if (mcp == NULL)
        return NULL;
    mcp->engine = engine;
    mcp->alive_ms = now_ms();
    mcp->timer = loop_timer_create(loop, on_look, mcp);
    if (mcp->timer == NULL) {
        free(mcp);
        return NULL;
    }
    return mcp;
}

void api_mcp_destroy(struct mcp *mcp)
{
    if (mcp == NULL)
        return;
    while (mcp->sessions != NULL)
        api_mcp_session_end(mcp, mcp->sessions);
    hub_leave(mcp->hub);
    loop_timer_destroy(mcp->timer);
    free(mcp);
}

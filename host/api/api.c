/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include "api/api_access.h"
#include "api/api_call.h"
#include "api/api_feed.h"
#include "api/api_figures.h"
#include "api/api_logs.h"
#include "api/api_mcp.h"
#include "api/api_routes.h"
#include "api/api_stream.h"
#include "api/api_work.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/hook.h"

#include <stdlib.h>

struct api {
    struct loop *loop;
    struct engine *engine;
    struct http_server *server;
    struct api_access *access;
    struct err problem; /* of the last api_reconfigure; empty: none */
    struct api_figures figures;
    struct api_call *calls;          /* under way */
    struct api_followers *followers; /* NULL: nobody followed a log yet */
    struct api_work *work;           /* NULL: nobody asked yet */
    struct mcp *mcp;                 /* NULL: no MCP client came yet */
    struct api_feed *feed;           /* the same */
    bool is_stopping;
    struct loop_timer *grace;
    void (*stopped)(void *user);
    void *stopped_user;
};

struct api_followers *api_followers(struct api *api)
{
    if (api->followers == NULL)
        api->followers = api_followers_create(api->loop);
    return api->followers;
}

struct api_feed *api_feed(struct api *api)
{
    if (api->feed == NULL)
        api->feed = api_feed_create(api->loop, api->engine);
    return api->feed;
}

struct api_work *api_work(struct api *api)
{
    if (api->work == NULL)
        api->work = api_work_create();
    return api->work;
}

struct mcp *api_mcp(struct api *api)
{
    if (api->mcp == NULL)
        api->mcp = api_mcp_create(api->loop, api->engine);
    return api->mcp;
}

struct http_server_figures api_http_figures(const struct api *api)
{
    return http_server_figures(api->server);
}

const struct api_figures *api_figures(const struct api *api)
{
    return &api->figures;
}

/* The server drops an exchange that nobody answered: the call goes on without a peer. */
static void on_exchange_end(void *user)
{
    struct api_call *call = user;

    call->exchange = NULL;
    if (call->stream != NULL)
        api_stream_gone(call);
}

static void tell_stopped(struct api *api)
{
    void (*stopped)(void *user) = api->stopped;

    api->stopped = NULL;
    loop_timer_clear(api->grace);
    if (stopped != NULL)
        stopped(api->stopped_user);
}

static void on_grace_over(void *user)
{
    tell_stopped(user);
}

static void unlink_call(struct api *api, struct api_call *call)
{
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        api->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
}

struct api_call *api_first_call(const struct api *api)
{
    return api->calls;
}

void api_call_streams(struct api_call *call, int change)
{
    call->api->figures.streams += (uint32_t)change;
}

void api_call_refused(struct api_call *call, enum api_refusal refusal)
{
    if (call->api != NULL)
        call->api->figures.refused[refusal]++;
}

struct api_access *api_access_of(const struct api_call *call)
{
    return call->api != NULL ? call->api->access : NULL;
}

/* What calls of this peer do from now on they may not: a view that is open ends. NULL: of all whom
 * no token let in. */
static void forget_peer(void *user, const struct api_token *token)
{
    struct api *api = user;
    struct api_call *next;

    for (struct api_call *call = api->calls; call != NULL; call = next) {
        next = call->next;
        if (call->peer.token != token)
            continue;
        call->peer = (struct api_peer){0};
        if (call->stream != NULL)
            api_stream_gone(call);
    }
}

void api_call_lives(struct api_call *call, int change)
{
    call->api->figures.lives += (uint32_t)change;
}

void api_call_end(struct api_call *call, int status)
{
    struct api *api = call->api;

    buf_finish(&call->id);
    buf_finish(&call->name);
    buf_finish(&call->type);
    buf_finish(&call->trace);
    buf_finish(&call->more);
    if (call->left != NULL)
        http_exchange_reply(call->left, 503, NULL, NULL, NULL); /* to nobody: its end */
    if (api != NULL) {
        unlink_call(api, call);
        api->figures.under_way--;
        if (call->place != API_NO_PLACE)
            api->figures.taken[call->place]--;
        api->figures.answers[status >= 100 && status < 600 ? status / 100 : 5]++;
    }
    free(call);
    if (api != NULL && api->is_stopping && api->calls == NULL)
        tell_stopped(api);
}

/* Who is told so asks again; a line of those who wait would be one more thing to fill up. */
bool api_take_place_or_reply(struct api_call *call, int place)
{
    static const uint32_t most[API_PLACES] = {
        [API_PLACE_SEARCH] = 16, [API_PLACE_QUERY] = 16, [API_PLACE_TEST] = 64};
    struct api *api = call->api;

    if (api == NULL || api->is_stopping) {
        api_reply_problem(call, 503, "stopping", "The daemon is stopping.");
        return false;
    }
    if (api->figures.taken[place] >= most[place]) {
        api_reply_problem_with(call, 429, "too_many", "Retry-After: 1\r\n",
                               "%u requests like this one are under way, and that is the most "
                               "at a time; ask again in a moment.",
                               most[place]);
        return false;
    }
    call->place = place;
    api->figures.taken[place]++;
    return true;
}

static void reply_no_route(struct api_call *call, struct str method, struct str path,
                           struct buf *allow)
{
    if (allow->len > 0) {
        _buf_ struct buf header = {0};
        buf_printf(&header, "Allow: %s\r\n", allow->ptr);
        api_reply_problem_with(call, 405, "wrong_method", header.ptr, "%.*s takes %s, not %.*s.",
                               STR_ARG(path), allow->ptr, STR_ARG(method));
        return;
    }
    const char *nearest = api_route_nearest(path);
    if (nearest != NULL)
        api_reply_problem(call, 404, "unknown_path", "There is no '%.*s'; perhaps '%s' was meant.",
                          STR_ARG(path), nearest);
    else
        api_reply_problem(call, 404, "unknown_path",
                          "There is no '%.*s'; /api/v1/openapi.json lists what there is.",
                          STR_ARG(path));
}

static struct api_call *call_create(struct api *api, struct http_exchange *exchange)
{
    struct api_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->api = api;
    call->engine = api->engine;
    call->exchange = exchange;
    call->next = api->calls;
    if (api->calls != NULL)
        api->calls->previous = call;
    api->calls = call;
    api->figures.under_way++;
    http_exchange_set_user(exchange, call, on_exchange_end);
    return call;
}

/* The row's scope: at the integration that the path names, or the integration= of a list. */
static bool may_call(struct api_call *call)
{
    _buf_ struct buf argument = {0};
    struct str integration = STR_NONE;

    if (api_route_is_of_integration(call->route))
        integration = buf_str(&call->id);
    else if (strstr(call->route->arguments, "integration") != NULL &&
             http_exchange_argument(call->exchange, "integration", &argument))
        integration = buf_str(&argument);
    return api_may_or_reply(call, call->route->scope, integration);
}

/* False: not let in for that, which was answered. */
static bool let_in(struct api_call *call)
{
    enum api_scope scope = call->route != NULL ? call->route->scope : API_ANY;
    struct err err = {0};
    enum api_refusal refusal =
        api_access_check(call->api->access, call->exchange, scope, &call->peer, &err);

    if (refusal != API_LET_IN)
        api_refuse(call, refusal, err.text);
    return refusal == API_LET_IN;
}

/* To its handler, if it may. */
static void serve(struct api_call *call, bool is_let_in)
{
    struct str method = http_exchange_method(call->exchange);
    struct str path = http_exchange_path(call->exchange);
    struct str id = STR_NONE;
    _buf_ struct buf allow = {0};

    call->route = api_route_find(method, path, &id, &allow);
    if (!is_let_in && !let_in(call))
        return;
    if (call->route == NULL) {
        reply_no_route(call, method, path, &allow);
        return;
    }
    struct str name = api_route_name(call->route, path);
    if ((id.len > 0 && !api_percent_decode(id, &call->id)) ||
        (name.len > 0 && !api_percent_decode(name, &call->name))) {
        api_reply_problem(call, 400, "bad_path", "The path '%.*s' is not percent-encoded UTF-8.",
                          STR_ARG(path));
        return;
    }
    if (!may_call(call) || !api_arguments_are_good(call))
        return;
    call->route->handler(call);
}

static void on_request(void *user, struct http_exchange *exchange)
{
    struct api *api = user;
    struct api_call *call = call_create(api, exchange);

    if (call == NULL)
        api_reply_bare(exchange, 503, "no_memory", "There is no memory left for another request.");
    else if (api->is_stopping)
        api_reply_problem(call, 503, "stopping", "The daemon is stopping.");
    else
        serve(call, false);
}

void api_call_within(struct api_call *outer, struct http_exchange *exchange)
{
    struct api_call *call = call_create(outer->api, exchange);

    if (call == NULL) {
        api_reply_bare(exchange, 503, "no_memory", "There is no memory left for another request.");
        return;
    }
    call->peer = outer->peer;
    serve(call, true);
}

static bool is_let_in(const struct api *api, struct http_exchange *exchange)
{
    struct str id = STR_NONE;
    struct api_peer peer;
    _buf_ struct buf allow = {0};
    const struct api_route *route =
        api_route_find(http_exchange_method(exchange), http_exchange_path(exchange), &id, &allow);
    enum api_scope scope = route != NULL ? route->scope : API_ANY;

    return api_access_check(api->access, exchange, scope, &peer, NULL) == API_LET_IN;
}

/* Nothing large is kept for whom nobody knows. Anybody may send to a hook, so little of what is too
 * large for it is taken before the word. */
static int64_t body_limit(void *user, struct http_exchange *exchange)
{
    static const char hooks[] = "/hooks/";
    const struct api *api = user;
    struct str path = http_exchange_path(exchange);

    if (!str_starts_with(path, hooks))
        return is_let_in(api, exchange) ? INT64_MAX : -1;
    path.ptr += sizeof(hooks) - 1;
    path.len -= sizeof(hooks) - 1;
    return hook_body_max(api->engine, path) + (64 << 10);
}

static bool open_server(struct api *api, const struct api_settings *settings, struct err *err)
{
    struct http_server_settings server = {
        .unix_socket = settings->unix_socket,
        .listen = settings->access.listen,
        .max_body_bytes = settings->max_body_bytes,
        .body_limit = body_limit,
        .max_connections = settings->max_connections,
        .max_connections_per_peer = settings->max_connections_per_peer,
        .idle_timeout_ms = settings->idle_timeout_ms,
        .request_timeout_ms = settings->request_timeout_ms,
        .tls = settings->tls,
    };

    api_access_socket(api->access, &server.socket_mode, &server.socket_gid);
    api->server = http_server_create(api->loop, &server, on_request, api, err);
    return api->server != NULL;
}

int api_check(const struct api_settings *settings, struct err *err)
{
    struct http_tls *tls;

    if (api_access_check_settings(&settings->access, err) < 0)
        return -EINVAL;
    if (settings->tls.certificate == NULL)
        return 0;
    tls = http_tls_create(&settings->tls, err);
    http_tls_destroy(tls);
    return tls != NULL ? 0 : -EINVAL;
}

static bool is_plugin(void *user, pid_t pid)
{
    const struct plugin_host *plugins = engine_rooms(user)->plugins;

    return plugins != NULL && plugin_host_runs(plugins, pid);
}

struct api *api_create(struct loop *loop, struct engine *engine,
                       const struct api_settings *settings, struct err *err)
{
    struct api *api = calloc(1, sizeof(*api));

    if (api == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the API");
        return NULL;
    }
    api->loop = loop;
    api->engine = engine;
    api->figures.started_ms = clock_wall_ms();
    api->figures.started_us = clock_mono_us();
    api->grace = loop_timer_create(loop, on_grace_over, api);
    if (api->grace == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the API");
        api_destroy(api);
        return NULL;
    }
    api->access = api_access_create(loop, &settings->access, err);
    if (api->access == NULL || !open_server(api, settings, err)) {
        api_destroy(api);
        return NULL;
    }
    api_access_know_plugins(api->access, is_plugin, engine);
    api_token_set_tell(api_access_tokens(api->access), forget_peer, api);
    return api;
}

int api_reconfigure(struct api *api, const struct api_settings *settings, struct err *err)
{
    struct err problem = {0};
    bool is_changed = false;
    int status = api_access_configure(api->access, &settings->access, &is_changed, &problem);

    if (is_changed)
        forget_peer(api, NULL);
    if (status == 0)
        status = http_server_set_tls(api->server, &settings->tls, &problem);
    api->problem = problem;
    return status < 0 ? err_set(err, status, "%s", problem.text) : 0;
}

const char *api_problem(const struct api *api)
{
    return api->problem.text;
}

/* Nothing else would end them. */
static void end_streams(struct api *api)
{
    struct api_call *next;

    for (struct api_call *call = api->calls; call != NULL; call = next) {
        next = call->next;
        if (call->stream != NULL)
            api_stream_gone(call);
    }
}

/* One that ends may end the one it was made within: so from the start each time. */
static void stop_calls(struct api *api)
{
    struct api_call *call = api->calls;

    while (call != NULL) {
        void (*stop)(struct api_call * call) = call->stop;

        call->stop = NULL;
        if (stop != NULL)
            stop(call);
        call = stop != NULL ? api->calls : call->next;
    }
}

void api_stop(struct api *api, int64_t grace_ms, void (*done)(void *user), void *user)
{
    end_streams(api);
    api->is_stopping = true;
    stop_calls(api);
    api->stopped = done;
    api->stopped_user = user;
    http_server_stop_listening(api->server);
    if (api->calls == NULL)
        tell_stopped(api);
    else
        loop_timer_set(api->grace, grace_ms);
}

void api_destroy(struct api *api)
{
    if (api == NULL)
        return;
    if (api->server != NULL)
        http_server_destroy(api->server);
    while (api->calls != NULL) {
        struct api_call *call = api->calls;
        unlink_call(api, call);
        if (call->exchange != NULL)
            http_exchange_set_user(call->exchange, NULL, NULL);
        call->api = NULL;
        call->left = call->exchange;
        call->exchange = NULL;
    }
    api_followers_release(api->followers);
    api_feed_destroy(api->feed);
    api_work_release(api->work);
    api_mcp_destroy(api->mcp);
    loop_timer_destroy(api->grace);
    api_access_destroy(api->access);
    free(api);
}

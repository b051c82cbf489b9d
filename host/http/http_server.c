/* SPDX-License-Identifier: Apache-2.0
 * Listening, accepting, time limits, and the end of it all. */
#include "http/http_server.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/http_connection.h"
#include "http/http_listen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_DEFAULT = 1024,
    IDLE_MS_DEFAULT = 60000,
    REQUEST_MS_DEFAULT = 30000,
    BODY_BYTES_DEFAULT = 16 * 1024 * 1024,
    TURNED_AWAY_MAX = 64, /* at the same time, while they are told so */
    SWEEP_MS = 500,       /* how often time limits are looked at */
    ACCEPTS_MAX = 64,     /* in one round of the loop, so that those who are here get their turn */
};

struct listener {
    uv_poll_t poll; /* first: the same address serves both */
    int fd;
    bool is_local;
    bool is_paused; /* no descriptors left: tried again at the next sweep */
    struct http_server *server;
};

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void on_sweep(void *user);

static void sweep_soon(struct http_server *server)
{
    bool has_paused = (server->tcp != NULL && server->tcp->is_paused) ||
                      (server->local != NULL && server->local->is_paused);

    if (server->is_sweeping || (server->connections == NULL && !has_paused))
        return;
    server->is_sweeping = true;
    loop_timer_set(server->sweeper, SWEEP_MS);
}

static void on_accept(uv_poll_t *poll, int status, int events);

static void listener_resume(struct listener *listener)
{
    if (listener == NULL || !listener->is_paused)
        return;
    listener->is_paused = false;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_accept); /* as in listener_create */
}

/* Time limits are kept as numbers and looked at now and then: setting one costs nothing. */
static void on_sweep(void *user)
{
    struct http_server *server = user;
    int64_t now_ms = clock_mono_us() / 1000;
    struct http_connection *next;

    server->is_sweeping = false;
    for (struct http_connection *each = server->connections; each != NULL; each = next) {
        next = each->next;
        if (each->deadline_ms != 0 && each->deadline_ms <= now_ms)
            http_connection_time_out(each);
        else if (each->state == TALKS && !http_websocket_is_alive(each->exchange, now_ms))
            http_connection_close(each);
    }
    listener_resume(server->local);
    listener_resume(server->tcp);
    sweep_soon(server);
}

/* What stands in the way of one more; HTTP_REFUSALS: nothing. */
static enum http_refusal refusal_of(const struct http_server *server, const struct http_peer *peer)
{
    if (server->connection_counts[peer == NULL] >= server->max_connections)
        return HTTP_CONNECTIONS;
    if (peer != NULL && server->max_connections_per_peer > 0 &&
        (int)peer->connections > server->max_connections_per_peer)
        return HTTP_PEER_CONNECTIONS;
    return HTTP_REFUSALS;
}

/* Each way in has its own places: a crowd at the port leaves the operator's socket open. */
static void take(struct listener *listener, int fd, const struct sockaddr_storage *address)
{
    struct http_server *server = listener->server;
    struct http_peer *peer = NULL;
    enum http_refusal refusal;

    if (!listener->is_local && (peer = http_peers_enter(server->peers, address)) == NULL) {
        (void)close(fd); /* no memory for anybody */
        return;
    }
    refusal = refusal_of(server, peer);
    if (refusal == HTTP_REFUSALS) {
        (void)http_connection_open(server, fd, peer); /* without memory it is closed, and gone */
    } else {
        /* It takes no place of anybody while it is told: a machine that is refused could else shut
         * out all others. */
        http_peers_leave(server->peers, peer);
        server->figures.refused[refusal]++;
        if (server->turned_away_counts[listener->is_local] < TURNED_AWAY_MAX)
            http_connection_turn_away(server, fd, listener->is_local, refusal);
        else
            (void)close(fd); /* too many even to be told */
    }
    sweep_soon(server);
}

/* Who waits to be accepted when no descriptor is left would wake the loop for ever. */
static void listener_pause(struct listener *listener, int code)
{
    log_warn("cannot accept connections, will try again", F_TEXT("error", str_of(strerror(code))));
    listener->is_paused = true;
    (void)uv_poll_stop(&listener->poll); /* cannot fail */
    sweep_soon(listener->server);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = (struct listener *)(void *)poll;

    (void)status; /* accept4 says it, too */
    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            take(listener, fd, &address);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            listener_pause(listener, errno);
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* ---- life ---- */

/* Takes `fd`. */
static struct listener *listener_create(struct http_server *server, int fd, bool is_local,
                                        struct err *err)
{
    struct listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL || uv_poll_init(loop_uv(server->loop), &listener->poll, fd) < 0) {
        free(listener);
        (void)close(fd);                                    /* nobody has connected */
        (void)err_set(err, -ENOMEM, "no memory to listen"); /* NULL tells */
        return NULL;
    }
    listener->fd = fd;
    listener->is_local = is_local;
    listener->server = server;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_accept); /* fails when closing only */
    return listener;
}

static void listener_close(struct listener **place)
{
    struct listener *listener = *place;

    *place = NULL;
    if (listener == NULL)
        return;
    uv_close((uv_handle_t *)&listener->poll, free_handle);
    (void)close(listener->fd); /* nothing is written to it */
}

static int listen_all(struct http_server *server, const struct http_server_settings *settings,
                      struct err *err)
{
    int fd = -1;
    int status = 0;

    if (settings->listen != NULL) {
        status = http_listen_tcp(settings->listen, &fd, &server->port, err);
        if (status == 0 && (server->tcp = listener_create(server, fd, false, err)) == NULL)
            status = -ENOMEM;
    }
    if (status == 0 && settings->unix_socket != NULL) {
        status = http_listen_unix(settings->unix_socket, settings->socket_mode,
                                  settings->socket_gid, &fd, err);
        if (status == 0)
            server->unix_socket = strdup(settings->unix_socket);
        if (status == 0 && ((server->local = listener_create(server, fd, true, err)) == NULL ||
                            server->unix_socket == NULL)) {
            (void)unlink(settings->unix_socket); /* ours, and of no use */
            status = err_set(err, -ENOMEM, "no memory to listen at %s", settings->unix_socket);
        }
    }
    return status;
}

struct http_server *http_server_create(struct loop *loop,
                                       const struct http_server_settings *settings,
                                       http_handler_fn handler, void *user, struct err *err)
{
    struct http_server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the HTTP server"); /* NULL tells */
        return NULL;
    }
    server->loop = loop;
    server->handler = handler;
    server->user = user;
    server->max_connections =
        settings->max_connections > 0 ? settings->max_connections : CONNECTIONS_DEFAULT;
    server->max_body_bytes =
        settings->max_body_bytes > 0 ? settings->max_body_bytes : BODY_BYTES_DEFAULT;
    server->body_limit = settings->body_limit;
    server->idle_ms = settings->idle_timeout_ms > 0 ? settings->idle_timeout_ms : IDLE_MS_DEFAULT;
    server->request_ms =
        settings->request_timeout_ms > 0 ? settings->request_timeout_ms : REQUEST_MS_DEFAULT;
    server->max_connections_per_peer = settings->max_connections_per_peer;
    server->peers = http_peers_create();
    server->writer.fn = http_connection_write_ready;
    server->sweeper = loop_timer_create(loop, on_sweep, server);
    if (server->sweeper == NULL || server->peers == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the HTTP server"); /* the same */
        http_server_destroy(server);
        return NULL;
    }
    if (settings->tls.certificate != NULL &&
        (server->tls = http_tls_create(&settings->tls, err)) == NULL) {
        http_server_destroy(server);
        return NULL;
    }
    if (listen_all(server, settings, err) < 0) {
        http_server_destroy(server);
        return NULL;
    }
    server->is_listening = true;
    return server;
}

int http_server_set_tls(struct http_server *server, const struct http_tls_settings *settings,
                        struct err *err)
{
    struct http_tls *tls;

    if ((server->tls == NULL) != (settings->certificate == NULL))
        return err_set(err, E_REFUSED, "[api] tls_certificate: TLS goes on or off with a restart");
    if (settings->certificate == NULL)
        return 0;
    tls = http_tls_create(settings, err);
    if (tls == NULL)
        return err != NULL && err->code < 0 ? err->code : -EINVAL;
    http_tls_destroy(server->tls);
    server->tls = tls;
    return 0;
}

const char *const http_refusal_names[HTTP_REFUSALS] = {
    [HTTP_CONNECTIONS] = "connections",       [HTTP_PEER_CONNECTIONS] = "peer_connections",
    [HTTP_MALFORMED] = "malformed",           [HTTP_HEAD_TOO_LARGE] = "head_too_large",
    [HTTP_BODY_TOO_LARGE] = "body_too_large", [HTTP_SLOW_REQUEST] = "slow_request",
    [HTTP_SLOW_READER] = "slow_reader",
};

struct http_server_figures http_server_figures(const struct http_server *server)
{
    struct http_server_figures figures = server->figures;

    figures.connections = server->connection_counts[0] + server->connection_counts[1];
    return figures;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_stop_listening(struct http_server *server)
{
    server->is_listening = false;
    listener_close(&server->tcp);
    if (server->local != NULL)
        (void)unlink(
            server->unix_socket); /* who comes now shall find nobody; gone already is fine */
    listener_close(&server->local);
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL)
        return;
    http_server_stop_listening(server);
    while (server->connections != NULL)
        http_connection_close(server->connections);
    while (server->exchanges != NULL) { /* the handler has them, and replies to nobody */
        struct http_exchange *exchange = server->exchanges;

        assert(exchange->connection == NULL);
        server->exchanges = exchange->next;
        exchange->place = NULL;
        exchange->next = NULL;
    }
    loop_timer_destroy(server->sweeper);
    loop_forget(server->loop, &server->writer);
    http_tls_destroy(server->tls);
    http_peers_destroy(server->peers);
    free(server->unix_socket);
    free(server);
}

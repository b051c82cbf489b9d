/* SPDX-License-Identifier: Apache-2.0
 * Listening, connections and bodies. One connection carries one exchange at a time; libwebsockets keeps what a peer
 * sends ahead until the exchange is done.
 *
 *   head in -> (refused: reply at once, body thrown away) | body collected -> handler -> reply -> written -> next head */
#include "http/http_server.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "http/http_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    HEAD_BYTES_MAX = 8192,
    SERVICE_BYTES = 16 * 1024,
    HEADS_AT_ONCE = 64, /* connections whose head is being kept; others wait for one of these */
    CONNECTIONS_DEFAULT = 1024,
    IDLE_MS_DEFAULT = 60000,
    BODY_BYTES_DEFAULT = 16 * 1024 * 1024,
    CLOSE_ROUNDS_MAX = 1000,
    STALL_S = 30, /* without a byte in or out while there is something to move */
};

struct http_server {
    struct loop *loop;
    struct lws_context *context; /* libwebsockets makes it NULL when it is destroyed */
    struct lws_vhost *local;
    struct lws_vhost *tcp;
    http_handler_fn handler;
    void *user;
    char *unix_socket;
    struct http_exchange *exchanges;
    int64_t max_body_bytes;
    int max_connections;
    int connections;
    bool is_listening;
};

static void write_log(int level, const char *line)
{
    struct str text = str_trim(str_of(line));

    log_write(level & LLL_ERR ? LOG_ERROR : LOG_WARN, "libwebsockets reports",
              (const struct log_field[]){F_TEXT("text", text), {.kind = LOG_FIELD_END}});
}

/* ---- one exchange ---- */

/* The exchange is done with: the connection goes on or is dropped (-1). */
static int finish_exchange(struct lws *wsi, struct http_exchange *exchange)
{
    bool must_close = exchange->must_close;

    lws_set_opaque_user_data(wsi, NULL);
    exchange->wsi = NULL;
    http_exchange_destroy(exchange);
    if (lws_http_transaction_completed(wsi))
        return -1;
    return must_close ? -1 : 0;
}

static int write_reply(struct lws *wsi, struct http_exchange *exchange)
{
    int status;

    if (exchange->is_written)
        return 0;
    status = http_exchange_write(exchange);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALL_S);
    if (status <= 0)
        return status;
    /* A peer that is still sending would lose the reply if we closed on it: it may send on, to nowhere. */
    return exchange->is_discarding ? 0 : finish_exchange(wsi, exchange);
}

static int dispatch(struct lws *wsi, struct http_exchange *exchange)
{
    struct http_server *server = lws_context_user(lws_get_context(wsi));

    exchange->is_dispatched = true;
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* how long the handler takes is its own affair */
    exchange->is_in_callback = true;
    server->handler(server->user, exchange);
    exchange->is_in_callback = false;
    return exchange->is_replied ? write_reply(wsi, exchange) : 0;
}

static int refuse(struct lws *wsi, struct http_exchange *exchange, int status, const char *detail, bool has_body)
{
    exchange->is_dispatched = true;
    exchange->must_close = true;
    exchange->is_discarding = has_body;
    exchange->is_in_callback = true;
    http_exchange_refuse(exchange, status, detail);
    exchange->is_in_callback = false;
    return write_reply(wsi, exchange);
}

/* The declared length; -1: none, -2: not a number. Two headers come joined by a space and are refused like that. */
static int64_t declared_length(struct lws *wsi)
{
    char text[32];
    int64_t number;

    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
        return -1;
    if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || text[0] < '0' || text[0] > '9' ||
        str_to_i64(str_of(text), &number) < 0)
        return -2;
    return number;
}

static bool expects_continue(struct lws *wsi)
{
    char text[32];

    return lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_EXPECT) > 0 && strcasecmp(text, "100-continue") == 0;
}

static int say_continue(struct lws *wsi)
{
    unsigned char room[LWS_PRE + 32];
    static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";

    memcpy(room + LWS_PRE, words, sizeof(words) - 1);
    return lws_write(wsi, room + LWS_PRE, sizeof(words) - 1, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

static int on_head(struct lws *wsi, const char *uri, size_t uri_len)
{
    struct http_server *server = lws_context_user(lws_get_context(wsi));
    struct http_exchange *exchange = http_exchange_create(wsi, uri, uri_len);
    bool is_post;

    if (exchange == NULL)
        return -1;
    exchange->is_local = lws_get_vhost(wsi) == server->local;
    exchange->body_expected = declared_length(wsi);
    exchange->must_close |= !server->is_listening;
    exchange->next = server->exchanges;
    if (exchange->next != NULL)
        exchange->next->place = &exchange->next;
    exchange->place = &server->exchanges;
    server->exchanges = exchange;
    lws_set_opaque_user_data(wsi, exchange);
    is_post = str_is(exchange->method, "POST");
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return refuse(wsi, exchange, 411, "send the body with a Content-Length: chunked bodies are not read here", true);
    if (exchange->body_expected == -2)
        return refuse(wsi, exchange, 400, "the Content-Length is not one number", true);
    if (exchange->body_expected > server->max_body_bytes) {
        char detail[128];

        (void)snprintf(detail, sizeof(detail), "the body has %lld bytes, at most %lld are taken; send it in parts",
                       (long long)exchange->body_expected, (long long)server->max_body_bytes);
        return refuse(wsi, exchange, 413, detail, true);
    }
    if (exchange->body_expected > 0)
        return expects_continue(wsi) ? say_continue(wsi) : 0;
    if (exchange->body_expected == 0 && is_post)
        return 0; /* libwebsockets announces the end of the empty body by itself */
    /* Without a length libwebsockets would take what follows for the body of these. */
    if (exchange->body_expected < 0 && (is_post || str_is(exchange->method, "PUT") || str_is(exchange->method, "PATCH")))
        exchange->must_close = true;
    return dispatch(wsi, exchange);
}

static int on_body(struct lws *wsi, struct http_exchange *exchange, const void *bytes, size_t len)
{
    if (exchange == NULL || exchange->is_dispatched || len == 0)
        return 0; /* thrown away */
    if ((int64_t)(exchange->body.len + len) > exchange->body_expected)
        return -1;
    if (exchange->body.ptr == NULL && exchange->body_expected <= SERVICE_BYTES)
        (void)buf_reserve(&exchange->body, (size_t)exchange->body_expected); /* failing shows below */
    buf_add(&exchange->body, bytes, len);
    return exchange->body.failed ? refuse(wsi, exchange, 503, "no memory for the body just now", true) : 0;
}

static int on_body_end(struct lws *wsi, struct http_exchange *exchange)
{
    if (exchange == NULL)
        return 0;
    if (exchange->is_discarding) {
        exchange->is_discarding = false;
        return exchange->is_written ? finish_exchange(wsi, exchange) : 0;
    }
    return exchange->is_dispatched ? 0 : dispatch(wsi, exchange);
}

static void on_closed(struct lws *wsi, struct http_exchange *exchange)
{
    if (exchange == NULL)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    exchange->wsi = NULL;
    if (!exchange->is_dispatched || exchange->is_replied)
        http_exchange_destroy(exchange); /* else the handler still has it */
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t len)
{
    struct http_server *server = lws_context_user(lws_get_context(wsi));
    struct http_exchange *exchange;

    (void)session;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return !server->is_listening || server->connections >= server->max_connections ? -1 : 0;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        server->connections++;
        return 0;
    case LWS_CALLBACK_HTTP:
        return on_head(wsi, in, len);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(wsi, lws_get_opaque_user_data(wsi), in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(wsi, lws_get_opaque_user_data(wsi));
    case LWS_CALLBACK_HTTP_WRITEABLE:
        exchange = lws_get_opaque_user_data(wsi);
        return exchange != NULL && exchange->is_replied ? write_reply(wsi, exchange) : 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return lws_return_http_status(wsi, HTTP_STATUS_NOT_IMPLEMENTED, NULL) ? -1 : 1;
    case LWS_CALLBACK_CLOSED_HTTP:
        server->connections--;
        on_closed(wsi, lws_get_opaque_user_data(wsi));
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_event, .rx_buffer_size = 0},
    {.name = NULL},
};

/* ---- listening ---- */

/* "127.0.0.1:8642" or "[::1]:8642" into its parts; the host is the caller's. */
static int split_address(const char *text, char **out_host, int *out_port, struct err *err)
{
    const char *colon = strrchr(text, ':');
    struct str host = {text, colon != NULL ? (size_t)(colon - text) : 0};
    int64_t port = -1;

    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct str){host.ptr + 1, host.len - 2};
    else if (host.len > 0 && memchr(host.ptr, ':', host.len) != NULL)
        host.len = 0;
    if (host.len == 0 || str_to_i64(str_of(colon + 1), &port) < 0 || port < 0 || port > 65535)
        return err_set(err, -EINVAL, "'%s' is not an address such as 127.0.0.1:8642 or [::1]:8642", text);
    *out_host = str_dup(host);
    *out_port = (int)port;
    return *out_host != NULL ? 0 : err_set(err, -ENOMEM, "no memory to listen at %s", text);
}

/* A socket file that nobody answers at is what a killed daemon left. */
static int clear_socket_path(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat facts;
    int fd;
    int status;

    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "the socket path %s is longer than the %zu bytes that a socket may have", path,
                       sizeof(address.sun_path) - 1);
    if (lstat(path, &facts) < 0)
        return 0;
    if (!S_ISSOCK(facts.st_mode))
        return err_set(err, -EEXIST, "%s is there and is not a socket; remove it or name another path", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, -errno, "cannot open a socket: %s", strerror(errno));
    strcpy(address.sun_path, path); /* fits, see above */
    status = connect(fd, (struct sockaddr *)&address, sizeof(address));
    (void)close(fd);
    if (status == 0)
        return err_set(err, -EADDRINUSE, "another process already listens at %s; is tenond running?", path);
    if (unlink(path) < 0)
        return err_set(err, -errno, "cannot remove the stale socket %s: %s", path, strerror(errno));
    return 0;
}

static struct lws_vhost *listen_at(struct http_server *server, const char *name, const char *interface, int port,
                                   uint64_t options, int64_t idle_ms)
{
    struct lws_context_creation_info info = {0};

    info.vhost_name = name;
    info.iface = interface;
    info.port = port;
    info.protocols = protocols;
    info.options = options | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    info.keepalive_timeout = (int)((idle_ms + 999) / 1000);
    info.timeout_secs = STALL_S;
    return lws_create_vhost(server->context, &info);
}

static int listen_local(struct http_server *server, const struct http_server_settings *settings, struct err *err)
{
    mode_t before;

    if (settings->unix_socket == NULL)
        return 0;
    if (clear_socket_path(settings->unix_socket, err) < 0)
        return err != NULL ? err->code : -EADDRINUSE;
    server->unix_socket = strdup(settings->unix_socket);
    if (server->unix_socket == NULL)
        return err_set(err, -ENOMEM, "no memory to listen at %s", settings->unix_socket);
    before = umask(0177); /* no moment in which others could connect */
    server->local = listen_at(server, "local", server->unix_socket, 0, LWS_SERVER_OPTION_UNIX_SOCK,
                              settings->idle_timeout_ms > 0 ? settings->idle_timeout_ms : IDLE_MS_DEFAULT);
    umask(before);
    if (server->local == NULL)
        return err_set(err, -EADDRINUSE, "cannot listen at %s; does its directory exist, and may we write there?",
                       settings->unix_socket);
    if (chmod(server->unix_socket, 0600) < 0)
        return err_set(err, -errno, "cannot make %s private: %s", server->unix_socket, strerror(errno));
    return 0;
}

static int listen_tcp(struct http_server *server, const struct http_server_settings *settings, struct err *err)
{
    _free_ char *host = NULL;
    int port = 0;

    if (settings->listen == NULL)
        return 0;
    if (split_address(settings->listen, &host, &port, err) < 0)
        return -EINVAL;
    server->tcp = listen_at(server, "tcp", host, port,
                            strchr(host, ':') == NULL ? LWS_SERVER_OPTION_DISABLE_IPV6 : 0,
                            settings->idle_timeout_ms > 0 ? settings->idle_timeout_ms : IDLE_MS_DEFAULT);
    if (server->tcp == NULL)
        return err_set(err, -EADDRINUSE, "cannot listen at %s: the port is taken, or the address is not this machine's",
                       settings->listen);
    return 0;
}

struct http_server *http_server_create(struct loop *loop, const struct http_server_settings *settings,
                                       http_handler_fn handler, void *user, struct err *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    struct lws_context_creation_info info = {0};
    void *uv = loop_uv(loop);

    if (server == NULL) {
        err_set(err, -ENOMEM, "no memory for the HTTP server");
        return NULL;
    }
    server->loop = loop;
    server->handler = handler;
    server->user = user;
    server->max_connections = settings->max_connections > 0 ? settings->max_connections : CONNECTIONS_DEFAULT;
    server->max_body_bytes = settings->max_body_bytes > 0 ? settings->max_body_bytes : BODY_BYTES_DEFAULT;
    lws_set_log_level(LLL_ERR, write_log);
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN | LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES;
    info.foreign_loops = &uv;
    info.user = server;
    info.pcontext = &server->context;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.pt_serv_buf_size = SERVICE_BYTES;
    info.max_http_header_data2 = HEAD_BYTES_MAX;
    info.max_http_header_pool2 = HEADS_AT_ONCE;
    info.timeout_secs = STALL_S;
    server->context = lws_create_context(&info);
    if (server->context == NULL) {
        err_set(err, -ENOSYS, "libwebsockets does not start; is its libuv part (libwebsockets-evlib-uv) installed?");
        free(server);
        return NULL;
    }
    server->is_listening = true;
    if (listen_local(server, settings, err) < 0 || listen_tcp(server, settings, err) < 0) {
        http_server_destroy(server);
        return NULL;
    }
    return server;
}

int http_server_port(const struct http_server *server)
{
    return server->tcp != NULL ? lws_get_vhost_listen_port(server->tcp) : 0;
}

void http_server_stop_listening(struct http_server *server)
{
    if (!server->is_listening)
        return;
    server->is_listening = false;
    if (server->unix_socket != NULL)
        (void)unlink(server->unix_socket); /* who comes now shall find nobody; gone already is fine */
}

void http_server_destroy(struct http_server *server)
{
    uv_loop_t *uv;

    if (server == NULL)
        return;
    http_server_stop_listening(server);
    while (server->exchanges != NULL) {
        struct http_exchange *exchange = server->exchanges;

        server->exchanges = exchange->next;
        exchange->place = NULL;
        if (exchange->wsi != NULL)
            lws_set_opaque_user_data(exchange->wsi, NULL);
        exchange->wsi = NULL;
        if (!exchange->is_dispatched || exchange->is_replied)
            http_exchange_destroy(exchange);
    }
    uv = loop_uv(server->loop);
    /* libwebsockets closes its handles by and by, and clears server->context when the last one is closed. */
    lws_context_destroy(server->context);
    for (int round = 0; server->context != NULL && round < CLOSE_ROUNDS_MAX; round++)
        (void)uv_run(uv, UV_RUN_NOWAIT); /* what it returns says only that others have handles too */
    if (server->context != NULL)
        return; /* better lost than used after its end */
    free(server->unix_socket);
    free(server);
}

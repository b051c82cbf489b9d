/* SPDX-License-Identifier: Apache-2.0
 * Listening, connections and requests. libwebsockets accepts, waits and writes; the requests are
 * read here, because its own HTTP role (4.1.6) decodes the path before anyone sees it, knows no
 * chunked bodies and no foreign methods, and spins for ever on some pipelined requests. One
 * exchange at a time per connection; what the peer sends ahead is kept.
 */
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
    SERVICE_BYTES = 16 * 1024,
    CONNECTIONS_DEFAULT = 1024,
    IDLE_MS_DEFAULT = 60000,
    BODY_BYTES_DEFAULT = 16 * 1024 * 1024,
    DISCARD_BYTES_MAX = 256 * 1024 * 1024,
    CLOSE_CALLS_MAX = 4,
    CLOSE_ROUNDS = 10,
    AHEAD_BYTES_MAX = 1024 * 1024, /* sent while an earlier request is still being answered */
    LINGER_S = 5,
    STALL_S = 30, /* without a byte in or out while there is something to move */
};

/* READS_HEAD -> (READS_BODY ->) WAITS for the handler -> WRITES -> READS_HEAD, or LINGERS until the
 * peer closes. */
enum connection_state { READS_HEAD, READS_BODY, WAITS, WRITES, LINGERS };

struct connection {
    struct lws *wsi;
    struct http_server *server;
    struct http_exchange *exchange; /* NULL while there is no request */
    enum connection_state state;
    struct http_chunks chunks;
    struct buf in; /* came, and not used yet */
    size_t discarded_bytes;
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
    int idle_s;
    bool is_listening;
};

static void write_log(int level, const char *line)
{
    struct str text = str_trim(str_of(line));

    log_write(level & LLL_ERR ? LOG_ERROR : LOG_WARN, "libwebsockets reports",
              (const struct log_field[]){F_TEXT("text", text), {.kind = LOG_FIELD_END}});
}

/* ---- one connection ---- */

static void connection_wait(const struct connection *connection, int seconds)
{
    lws_set_timeout(connection->wsi,
                    seconds > 0 ? PENDING_TIMEOUT_HTTP_CONTENT : NO_PENDING_TIMEOUT, seconds);
}

static void connection_idle(struct connection *connection)
{
    connection->state = READS_HEAD;
    connection_wait(connection, connection->server->idle_s);
}

static int write_text(struct lws *wsi, const char *text)
{
    unsigned char room[LWS_PRE + 64];
    size_t len = strlen(text);

    memcpy(room + LWS_PRE, text, len);
    return lws_write(wsi, room + LWS_PRE, len, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

/* The reply is with the kernel, or will be: says so to the peer, who may still be sending. Closing
 * on it now could make its side throw our reply away. */
static int linger(struct connection *connection)
{
    connection->state = LINGERS;
    connection->discarded_bytes = 0;
    connection_wait(connection, LINGER_S);
    if (lws_partial_buffered(connection->wsi)) {
        lws_callback_on_writable(connection->wsi);
        return 0;
    }
    (void)shutdown(lws_get_socket_fd(connection->wsi),
                   SHUT_WR); /* a peer that is gone shows by itself */
    return 0;
}

/* Writes on; when all is written the connection is ready for the next head. -1: drop it. */
static int write_reply(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    bool must_close = exchange->must_close;
    int status = http_exchange_write(exchange);

    connection->state = WRITES;
    connection_wait(connection, STALL_S);
    if (status <= 0)
        return status;
    connection->exchange = NULL;
    exchange->wsi = NULL;
    http_exchange_destroy(exchange);
    if (must_close)
        return linger(connection);
    connection_idle(connection);
    return 0;
}

static void adopt(struct connection *connection, struct http_exchange *exchange)
{
    struct http_server *server = connection->server;

    exchange->is_local = lws_get_vhost(connection->wsi) == server->local;
    exchange->must_close |= !server->is_listening;
    exchange->next = server->exchanges;
    if (exchange->next != NULL)
        exchange->next->place = &exchange->next;
    exchange->place = &server->exchanges;
    server->exchanges = exchange;
    connection->exchange = exchange;
}

static int refuse(struct connection *connection, int status, const char *detail)
{
    if (connection->exchange == NULL) {
        /* What came is not a request; a made-up one carries the answer. */
        struct http_exchange *exchange =
            http_exchange_create(connection->wsi, STR("GET / HTTP/1.0\r\n\r\n"));

        if (exchange == NULL)
            return -1;
        adopt(connection, exchange);
    }
    buf_clear(&connection->in);
    connection->exchange->is_dispatched = true;
    connection->exchange->must_close = true;
    connection->exchange->is_in_handler = true;
    http_exchange_refuse(connection->exchange, status, detail);
    return write_reply(connection);
}

static int refuse_size(struct connection *connection)
{
    char detail[128];

    (void)snprintf(detail, sizeof(detail),
                   "the body is larger than the %lld bytes that are taken; send it in parts",
                   (long long)connection->server->max_body_bytes);
    return refuse(connection, 413, detail);
}

static const char *explain(int status)
{
    switch (status) {
    case 431:
        return "the head is longer than 8192 bytes or has more than 100 headers";
    case 501:
        return "no transfer coding but 'chunked' is known here";
    case 505:
        return "HTTP/1.1 and HTTP/1.0 are spoken here";
    default:
        return "this is not a well-formed HTTP/1.1 request";
    }
}

static int dispatch(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->exchange;

    connection->state = WAITS;
    connection_wait(connection, 0); /* how long the handler takes is its own affair */
    exchange->is_dispatched = true;
    exchange->is_in_handler = true;
    server->handler(server->user, exchange);
    if (connection->exchange == NULL || !exchange->is_replied) {
        exchange->is_in_handler = false;
        return 0;
    }
    return write_reply(connection);
}

static int read_head(struct connection *connection, struct str *bytes)
{
    struct http_head head;
    int len = http_head_parse(*bytes, &head);
    struct http_exchange *exchange;

    if (len < 0)
        return refuse(connection, -len, explain(-len));
    if (len == 0)
        return 0;
    exchange = http_exchange_create(connection->wsi, (struct str){bytes->ptr, (size_t)len});
    if (exchange == NULL)
        return -1;
    bytes->ptr += len;
    bytes->len -= (size_t)len;
    adopt(connection, exchange);
    if (head.content_length > connection->server->max_body_bytes)
        return refuse_size(connection);
    if (head.content_length <= 0 && !head.is_chunked)
        return dispatch(connection);
    connection->state = READS_BODY;
    connection->chunks = (struct http_chunks){0};
    connection_wait(connection, STALL_S);
    return head.expects_continue && bytes->len == 0
               ? write_text(connection->wsi, "HTTP/1.1 100 Continue\r\n\r\n")
               : 0;
}

static int read_body(struct connection *connection, struct str *bytes)
{
    struct http_exchange *exchange = connection->exchange;
    int status;

    if (exchange->parsed.is_chunked) {
        status = http_chunks_read(&connection->chunks, bytes,
                                  (size_t)connection->server->max_body_bytes, &exchange->body);
    } else {
        size_t missing = (size_t)exchange->parsed.content_length - exchange->body.len;
        size_t take = bytes->len < missing ? bytes->len : missing;

        if (exchange->body.ptr == NULL && exchange->parsed.content_length <= SERVICE_BYTES)
            (void)buf_reserve(&exchange->body, missing); /* failing shows when bytes are added */
        buf_add(&exchange->body, bytes->ptr, take);
        bytes->ptr += take;
        bytes->len -= take;
        status = take == missing ? 1 : 0;
    }
    if (exchange->body.failed)
        return refuse(connection, 503, "there is no memory for the body just now");
    if (status == -413)
        return refuse_size(connection);
    if (status < 0)
        return refuse(connection, -status, "the chunks of the body are malformed");
    connection_wait(connection, STALL_S);
    return status == 1 ? dispatch(connection) : 0;
}

/* Goes on with what is there until more is needed, from the peer or from the handler. */
static int advance(struct connection *connection, struct str *bytes)
{
    for (;;) {
        size_t before = bytes->len;
        int status = 0;

        if (connection->state == READS_HEAD && before > 0)
            status = read_head(connection, bytes);
        else if (connection->state == READS_BODY && before > 0)
            status = read_body(connection, bytes);
        if (status < 0)
            return -1;
        if (bytes->len == before)
            return 0;
        if (connection->state == LINGERS ||
            (connection->exchange != NULL && connection->exchange->must_close &&
             connection->state == WRITES)) {
            bytes->len = 0; /* no request behind the last one is read */
            return 0;
        }
    }
}

/* Keeps what could not be used yet. */
static int keep_rest(struct connection *connection, struct str rest)
{
    if (rest.len == 0) {
        buf_finish(&connection->in); /* an idle connection costs no buffer */
        return 0;
    }
    if (rest.ptr >= connection->in.ptr && rest.ptr < connection->in.ptr + connection->in.len) {
        memmove(connection->in.ptr, rest.ptr, rest.len);
        connection->in.len = rest.len;
        connection->in.ptr[rest.len] = '\0';
        return 0;
    }
    buf_add_str(&connection->in, rest);
    return connection->in.failed ? -1 : 0;
}

static int on_bytes(struct connection *connection, const char *bytes, size_t len)
{
    struct str rest = {bytes, len};

    if (connection->state ==
        LINGERS) { /* thrown away, within reason: a peer may send without ever reading */
        connection->discarded_bytes += len;
        return connection->discarded_bytes > DISCARD_BYTES_MAX ? -1 : 0;
    }
    if (connection->exchange != NULL && connection->exchange->is_dispatched &&
        connection->exchange->must_close)
        return 0;
    if (connection->in.len > 0) {
        if (connection->in.len + len > AHEAD_BYTES_MAX)
            return -1;
        buf_add(&connection->in, bytes, len);
        if (connection->in.failed)
            return -1;
        rest = buf_str(&connection->in);
    }
    return advance(connection, &rest) < 0 ? -1 : keep_rest(connection, rest);
}

static int on_writable(struct connection *connection)
{
    struct str rest;

    if (connection->state == LINGERS)
        return linger(connection);
    if (connection->exchange == NULL || !connection->exchange->is_replied)
        return 0;
    if (write_reply(connection) < 0)
        return -1;
    rest = connection->state == READS_HEAD ? buf_str(&connection->in) : STR_NONE;
    if (rest.len == 0)
        return 0;
    return advance(connection, &rest) < 0 ? -1 : keep_rest(connection, rest);
}

static int on_connected(struct lws *wsi, struct http_server *server)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return -1;
    connection->wsi = wsi;
    connection->server = server;
    server->connections++;
    lws_set_opaque_user_data(wsi, connection);
    connection_idle(connection);
    return 0;
}

static void on_closed(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;

    connection->server->connections--;
    if (exchange != NULL) {
        exchange->wsi = NULL;
        if (!exchange->is_dispatched || exchange->is_replied)
            http_exchange_destroy(exchange); /* else the handler still has it */
    }
    buf_finish(&connection->in);
    free(connection);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in,
                    size_t len)
{
    struct http_server *server = lws_context_user(lws_get_context(wsi));
    struct connection *connection;

    (void)session;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return !server->is_listening || server->connections >= server->max_connections ? -1 : 0;
    case LWS_CALLBACK_RAW_ADOPT:
        return on_connected(wsi, server);
    case LWS_CALLBACK_RAW_RX:
        connection = lws_get_opaque_user_data(wsi);
        return connection != NULL ? on_bytes(connection, in, len) : -1;
    case LWS_CALLBACK_RAW_WRITEABLE:
        connection = lws_get_opaque_user_data(wsi);
        return connection != NULL ? on_writable(connection) : -1;
    case LWS_CALLBACK_RAW_CLOSE:
        connection = lws_get_opaque_user_data(wsi);
        lws_set_opaque_user_data(wsi, NULL);
        if (connection != NULL)
            on_closed(connection);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "http-requests", .callback = on_event},
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
        return err_set(err, -EINVAL, "'%s' is not an address such as 127.0.0.1:8642 or [::1]:8642",
                       text);
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
        return err_set(err, -ENAMETOOLONG,
                       "the socket path %s is longer than the %zu bytes that a socket may have",
                       path, sizeof(address.sun_path) - 1);
    if (lstat(path, &facts) < 0)
        return 0;
    if (!S_ISSOCK(facts.st_mode))
        return err_set(err, -EEXIST,
                       "%s is there and is not a socket; remove it or name another path", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, -errno, "cannot open a socket: %s", strerror(errno));
    memcpy(address.sun_path, path, strlen(path) + 1); /* fits, see above */
    status = connect(fd, (struct sockaddr *)&address, sizeof(address));
    (void)close(fd);
    if (status == 0)
        return err_set(err, -EADDRINUSE,
                       "another process already listens at %s; is tenond running?", path);
    if (unlink(path) < 0)
        return err_set(err, -errno, "cannot remove the stale socket %s: %s", path, strerror(errno));
    return 0;
}

static struct lws_vhost *listen_at(struct http_server *server, const char *name,
                                   const char *interface, int port, uint64_t options)
{
    struct lws_context_creation_info info = {0};

    info.vhost_name = name;
    info.iface = interface;
    info.port = port;
    info.protocols = protocols;
    info.options = options | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG;
    info.listen_accept_role = "raw-skt";
    info.listen_accept_protocol = protocols[0].name;
    return lws_create_vhost(server->context, &info);
}

static int listen_local(struct http_server *server, const struct http_server_settings *settings,
                        struct err *err)
{
    mode_t before;

    if (settings->unix_socket == NULL)
        return 0;
    server->unix_socket = strdup(settings->unix_socket);
    if (server->unix_socket == NULL)
        return err_set(err, -ENOMEM, "no memory to listen at %s", settings->unix_socket);
    before = umask(0177); /* no moment in which others could connect */
    server->local = listen_at(server, "local", server->unix_socket, 0, LWS_SERVER_OPTION_UNIX_SOCK);
    umask(before);
    if (server->local == NULL)
        return err_set(err, -EADDRINUSE,
                       "cannot listen at %s; does its directory exist, and may we write there?",
                       settings->unix_socket);
    if (chmod(server->unix_socket, 0600) < 0)
        return err_set(err, -errno, "cannot make %s private: %s", server->unix_socket,
                       strerror(errno));
    return 0;
}

static int listen_tcp(struct http_server *server, const struct http_server_settings *settings,
                      const char *host, int port, struct err *err)
{
    if (settings->listen == NULL)
        return 0;
    server->tcp = listen_at(server, "tcp", host, port,
                            strchr(host, ':') == NULL ? LWS_SERVER_OPTION_DISABLE_IPV6 : 0);
    if (server->tcp == NULL)
        return err_set(
            err, -EADDRINUSE,
            "cannot listen at %s: the port is taken, or the address is not this machine's",
            settings->listen);
    return 0;
}

static struct lws_context *create_context(struct http_server *server)
{
    struct lws_context_creation_info info = {0};
    void *uv = loop_uv(server->loop);

    lws_set_log_level(LLL_ERR, write_log);
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
                   LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES;
    info.foreign_loops = &uv;
    info.user = server;
    info.pcontext = &server->context;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.pt_serv_buf_size = SERVICE_BYTES;
    info.timeout_secs = STALL_S;
    return lws_create_context(&info);
}

struct http_server *http_server_create(struct loop *loop,
                                       const struct http_server_settings *settings,
                                       http_handler_fn handler, void *user, struct err *err)
{
    _free_ char *host = NULL;
    struct http_server *server;
    int port = 0;

    /* What can be told beforehand is: a libwebsockets context is nothing to make and drop lightly.
     */
    if ((settings->listen != NULL && split_address(settings->listen, &host, &port, err) < 0) ||
        (settings->unix_socket != NULL && clear_socket_path(settings->unix_socket, err) < 0))
        return NULL;
    server = calloc(1, sizeof(*server));
    if (server == NULL) {
        err_set(err, -ENOMEM, "no memory for the HTTP server");
        return NULL;
    }
    server->loop = loop;
    server->handler = handler;
    server->user = user;
    server->max_connections =
        settings->max_connections > 0 ? settings->max_connections : CONNECTIONS_DEFAULT;
    server->max_body_bytes =
        settings->max_body_bytes > 0 ? settings->max_body_bytes : BODY_BYTES_DEFAULT;
    server->idle_s =
        (int)(((settings->idle_timeout_ms > 0 ? settings->idle_timeout_ms : IDLE_MS_DEFAULT) +
               999) /
              1000);
    server->context = create_context(server);
    if (server->context == NULL) {
        err_set(
            err, -ENOSYS,
            "libwebsockets does not start; is its libuv part (libwebsockets-evlib-uv) installed?");
        free(server);
        return NULL;
    }
    server->is_listening = true;
    if (listen_local(server, settings, err) < 0 ||
        listen_tcp(server, settings, host, port, err) < 0) {
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
        (void)unlink(
            server->unix_socket); /* who comes now shall find nobody; gone already is fine */
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
            ((struct connection *)lws_get_opaque_user_data(exchange->wsi))->exchange = NULL;
        exchange->wsi = NULL;
        if (!exchange->is_dispatched || exchange->is_replied)
            http_exchange_destroy(exchange);
    }
    uv = loop_uv(server->loop);
    /* libwebsockets closes its handles by and by, wants to be called again when they are closed,
     * and makes server->context NULL when it is through. */
    for (int call = 0; server->context != NULL && call < CLOSE_CALLS_MAX; call++) {
        lws_context_destroy(server->context);
        for (int round = 0; server->context != NULL && round < CLOSE_ROUNDS; round++)
            (void)uv_run(
                uv, UV_RUN_NOWAIT); /* what it returns says only that others have handles too */
    }
    if (server->context != NULL)
        return; /* better lost than used after its end */
    free(server->unix_socket);
    free(server);
}

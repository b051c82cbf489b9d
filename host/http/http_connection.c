/* SPDX-License-Identifier: Apache-2.0
 * One connection: requests in, replies out, on the loop's own poll handles. One read and one write
 * a request, and no other call of the kernel, since what to wait for changes only when a write does
 * not fit. One exchange at a time; what the peer sends ahead is kept. (libwebsockets, which stood
 * here, made five calls more a request, and its HTTP role decodes paths before anyone sees them and
 * spins for ever on some pipelined requests.) */
#include "http/http_connection.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024,
    DISCARD_BYTES_MAX = 256 * 1024 * 1024,
    AHEAD_BYTES_MAX = 1024 * 1024, /* sent while an earlier request is still being answered */
    LINGER_MS = 5000,
    GROUPS_MAX = 1024,
    NOBODY_UID = 65534,
    BYTES_PER_SECOND_MIN = 500,
};

static void connection_wait(struct http_connection *connection, int64_t ms)
{
    connection->deadline_ms = ms > 0 ? clock_mono_us() / 1000 + ms : 0;
}

/* A head that has begun has its time; between requests there is more. */
static void connection_idle(struct http_connection *connection)
{
    connection->state = READS_HEAD;
    connection_wait(connection, connection->in.len > 0 ? connection->server->request_ms
                                                       : connection->server->idle_ms);
}

/* Of the body that came, or of the reply that the peer has taken: what the kernel still holds for
 * it is not counted, or a peer who never reads would seem to take megabytes at once. */
static int64_t moved_bytes(const struct http_connection *connection)
{
    const struct http_exchange *exchange = connection->exchange;
    int held = 0;

    if (exchange == NULL)
        return 0;
    if (connection->state == READS_BODY)
        return (int64_t)exchange->body.len;
    if (ioctl(connection->socket.fd, SIOCOUTQ, &held) < 0)
        held = 0;
    return (int64_t)(exchange->head_sent + exchange->reply_sent) - held;
}

/* What moves has so long, and as long again for moving fast enough: see
 * http_connection_time_out. */
static void connection_moves(struct http_connection *connection)
{
    connection->moved_bytes = moved_bytes(connection);
    connection_wait(connection, connection->server->request_ms);
}

static bool moves_fast_enough(const struct http_connection *connection)
{
    int64_t wanted = connection->server->request_ms * BYTES_PER_SECOND_MIN / 1000;

    return moved_bytes(connection) - connection->moved_bytes >= wanted;
}

static void count(struct http_connection *connection, enum http_refusal refusal)
{
    connection->server->figures.refused[refusal]++;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct http_connection *connection, bool wants_room)
{
    if (connection->waits_to_write == wants_room && uv_is_active((uv_handle_t *)&connection->poll))
        return;
    connection->waits_to_write = wants_room;
    /* The end of what a peer sends could be read for ever. */
    (void)uv_poll_start(&connection->poll,
                        (connection->has_heard_all ? 0 : UV_READABLE) |
                            (wants_room ? UV_WRITABLE : 0),
                        on_poll); /* fails for a closing handle only */
}

/* A request that is here is answered, also to a peer that has ended its sending behind it (RFC
 * 9112, 9.6). That looks like one who has left altogether, which shows when the answer is written;
 * what goes on without an end, and a handler that would rather know at once, are told so now. */
static bool owes_answer(const struct http_connection *connection)
{
    const struct http_exchange *exchange = connection->exchange;

    if (exchange == NULL || (exchange->is_stream && !exchange->is_ended))
        return false;
    return connection->state == WRITES ||
           (connection->state == WAITS && (exchange->is_replied || exchange->gone == NULL));
}

static bool is_over(const struct http_connection *connection)
{
    return connection->has_heard_all && !owes_answer(connection);
}

static int hear_end(struct http_connection *connection)
{
    connection->has_heard_all = true;
    (void)uv_poll_stop(&connection->poll); /* cannot fail */
    watch(connection, connection->waits_to_write);
    return is_over(connection) ? -1 : 0;
}

/* A few bytes ahead of the reply. What the socket has no room for now is not worth keeping a
 * connection for. */
static int write_text(struct http_connection *connection, const char *text)
{
    const struct iovec part = {(char *)text, strlen(text)};

    return http_socket_write(&connection->socket, &part, 1) == (ssize_t)part.iov_len ? 0 : -1;
}

/* The reply is with the kernel: says so to the peer, who may still be sending. Closing
 * on it now could make its side throw our reply away. */
static int linger(struct http_connection *connection)
{
    connection->state = LINGERS;
    connection->discarded_bytes = 0;
    connection_wait(connection, LINGER_MS);
    http_socket_end(&connection->socket);
    return 0;
}

/* Writes on; when all is written the connection is ready for the next head. -1: drop it. */
static int write_reply(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    bool must_close = exchange->must_close;
    bool was_writing = connection->state == WRITES;
    uint64_t written_before = exchange->written_bytes;
    int status = http_exchange_write(exchange, &connection->socket);

    connection->state = WRITES;
    if (exchange->websocket != NULL) {
        http_websocket_written(exchange, exchange->written_bytes != written_before);
        connection->state = exchange->is_ended ? WRITES : TALKS;
    }
    if (status < 0)
        return status;
    watch(connection, http_exchange_has_rest(exchange));
    if (status == 0) {
        /* A live view may be looked at again after a while; what waits for it is bounded. */
        if (exchange->is_stream && !exchange->is_ended)
            connection_wait(connection, 0);
        else if (!was_writing || connection->deadline_ms == 0)
            connection_moves(connection);
        return 0;
    }
    connection->exchange = NULL;
    exchange->connection = NULL;
    http_exchange_destroy(exchange);
    if (must_close)
        return linger(connection);
    connection_idle(connection);
    return 0;
}

static void adopt(struct http_connection *connection, struct http_exchange *exchange)
{
    struct http_server *server = connection->server;

    exchange->is_local = connection->is_local;
    exchange->peer_uid = connection->peer_uid;
    exchange->peer_pid = connection->peer_pid;
    exchange->must_close |= !server->is_listening;
    exchange->next = server->exchanges;
    if (exchange->next != NULL)
        exchange->next->place = &exchange->next;
    exchange->place = &server->exchanges;
    server->exchanges = exchange;
    connection->exchange = exchange;
}

static int refuse(struct http_connection *connection, int status, const char *detail)
{
    if (connection->exchange == NULL) {
        /* What came is not a request; a made-up one carries the answer. */
        const struct str text = STR("GET / HTTP/1.0\r\n\r\n");
        struct http_head head;
        struct http_exchange *exchange = NULL;

        if (http_head_parse(text, &head) > 0)
            exchange = http_exchange_create(connection, text, &head);
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

static int refuse_size(struct http_connection *connection)
{
    char detail[128];

    (void)snprintf(detail, sizeof(detail),
                   "the body is larger than the %lld bytes that are taken; send it in parts",
                   (long long)connection->exchange->max_body_bytes);
    count(connection, HTTP_BODY_TOO_LARGE);
    return refuse(connection, 413, detail);
}

static int refuse_malformed(struct http_connection *connection, int status, const char *detail)
{
    count(connection, status == 431 ? HTTP_HEAD_TOO_LARGE : HTTP_MALFORMED);
    return refuse(connection, status, detail);
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

static int dispatch(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->exchange;

    connection->state = WAITS;
    connection_wait(connection, 0); /* how long the handler takes is its own affair */
    exchange->is_dispatched = true;
    exchange->is_in_handler = true;
    server->handler(server->user, exchange);
    exchange->is_in_handler = false;
    if (connection->exchange == NULL || !exchange->is_replied)
        return 0;
    return write_reply(connection);
}

static int64_t body_limit(const struct http_server *server, struct http_exchange *exchange)
{
    const struct http_head *head = &exchange->parsed;
    bool is_asked = server->body_limit != NULL &&
                    (head->is_chunked || head->content_length > HTTP_BODY_UNASKED_MAX);
    int64_t own = is_asked ? server->body_limit(server->user, exchange) : INT64_MAX;

    return own < server->max_body_bytes ? own : server->max_body_bytes;
}

static int read_head(struct http_connection *connection, struct str *bytes)
{
    struct http_head head;
    int len = http_head_parse(*bytes, &head);
    struct http_exchange *exchange;

    if (len < 0)
        return refuse_malformed(connection, -len, explain(-len));
    if (len == 0)
        return 0;
    exchange = http_exchange_create(connection, (struct str){bytes->ptr, (size_t)len}, &head);
    if (exchange == NULL)
        return -1;
    bytes->ptr += len;
    bytes->len -= (size_t)len;
    adopt(connection, exchange);
    exchange->max_body_bytes = body_limit(connection->server, exchange);
    if (exchange->max_body_bytes < 0) {
        buf_clear(&connection->in);
        exchange->must_close = true;
        return dispatch(connection);
    }
    if (head.content_length > exchange->max_body_bytes)
        return refuse_size(connection);
    if (head.content_length <= 0 && !head.is_chunked)
        return dispatch(connection);
    connection->state = READS_BODY;
    connection->chunks = (struct http_chunks){0};
    connection_moves(connection);
    return head.expects_continue && bytes->len == 0
               ? write_text(connection, "HTTP/1.1 100 Continue\r\n\r\n")
               : 0;
}

static int read_body(struct http_connection *connection, struct str *bytes)
{
    struct http_exchange *exchange = connection->exchange;
    int status;

    if (exchange->parsed.is_chunked) {
        status = http_chunks_read(&connection->chunks, bytes, (size_t)exchange->max_body_bytes,
                                  &exchange->body);
    } else {
        size_t missing = (size_t)exchange->parsed.content_length - exchange->body.len;
        size_t take = bytes->len < missing ? bytes->len : missing;

        if (exchange->body.ptr == NULL && exchange->parsed.content_length <= READ_BYTES)
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
        return refuse_malformed(connection, -status, "the chunks of the body are malformed");
    return status == 1 ? dispatch(connection) : 0;
}

/* Goes on with what is there until more is needed, from the peer or from the handler. */
static int advance(struct http_connection *connection, struct str *bytes)
{
    for (;;) {
        size_t before = bytes->len;
        int status = 0;

        if (connection->state == READS_HEAD && before > 0)
            status = read_head(connection, bytes);
        else if (connection->state == READS_BODY && before > 0)
            status = read_body(connection, bytes);
        else if (connection->state == TALKS && before > 0)
            http_websocket_read(connection->exchange, bytes);
        if (status < 0)
            return -1;
        if (connection->state == LINGERS ||
            (connection->exchange != NULL && connection->exchange->must_close &&
             connection->state == WRITES)) {
            bytes->len = 0; /* no request behind the last one is read */
            return 0;
        }
        if (bytes->len == before)
            return 0;
    }
}

/* Keeps what could not be used yet. */
static int keep_rest(struct http_connection *connection, struct str rest)
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
    if (connection->state == READS_HEAD) /* the first bytes of a head: its time begins */
        connection_wait(connection, connection->server->request_ms);
    return connection->in.failed ? -1 : 0;
}

static int on_bytes(struct http_connection *connection, const char *bytes, size_t len)
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

/* Goes on where a reply had no room, or came from outside the handler. */
static int write_on(struct http_connection *connection)
{
    struct str rest;

    if (connection->exchange == NULL || !connection->exchange->is_replied)
        return 0;
    if (write_reply(connection) < 0)
        return -1;
    rest = connection->state == READS_HEAD || connection->state == TALKS ? buf_str(&connection->in)
                                                                         : STR_NONE;
    if (rest.len > 0 && (advance(connection, &rest) < 0 || keep_rest(connection, rest) < 0))
        return -1;
    return is_over(connection) ? -1 : 0;
}

static void forget_ready(struct http_connection *connection)
{
    struct http_connection **place = &connection->server->ready;

    if (!connection->is_ready)
        return;
    while (*place != connection)
        place = &(*place)->next_ready;
    *place = connection->next_ready;
    connection->is_ready = false;
}

/* Where it is counted. */
static int *count_of(const struct http_connection *connection)
{
    struct http_server *server = connection->server;

    return connection->is_turned_away ? &server->turned_away_counts[connection->is_local]
                                      : &server->connection_counts[connection->is_local];
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

void http_connection_close(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    struct http_exchange *gone = NULL;

    forget_ready(connection);
    (*count_of(connection))--;
    http_peers_leave(connection->server->peers, connection->peer);
    *connection->place = connection->next;
    if (connection->next != NULL)
        connection->next->place = connection->place;
    if (exchange != NULL) {
        exchange->connection = NULL;
        if (!exchange->is_dispatched || exchange->is_replied)
            http_exchange_destroy(exchange);
        else
            gone = exchange; /* the handler still has it */
    }
    buf_finish(&connection->in);
    uv_close((uv_handle_t *)&connection->poll, free_handle);
    http_socket_close(&connection->socket);
    if (gone != NULL && gone->gone != NULL)
        gone->gone(gone->user); /* last: it may reply */
}

static int read_on(struct http_connection *connection)
{
    static char bytes[READ_BYTES]; /* [loop] alone reads */
    ssize_t len = http_socket_read(&connection->socket, bytes, sizeof(bytes));

    if (len < 0 && connection->socket.tls != NULL && http_tls_wants_room(connection->socket.tls))
        watch(connection, true);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return len == 0 ? hear_end(connection) : on_bytes(connection, bytes, (size_t)len);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_connection *connection = (struct http_connection *)(void *)poll;

    if (status == 0 && (events & UV_WRITABLE) != 0) {
        if (connection->socket.tls != NULL && http_tls_wants_room(connection->socket.tls)) {
            watch(connection, false);
            events |= UV_READABLE; /* the handshake goes on where it found no room */
        }
        status = write_on(connection);
    }
    if (status == 0 && (events & UV_READABLE) != 0)
        status = read_on(connection);
    if (status < 0)
        http_connection_close(connection);
}

/* Replies of one round of the loop go out behind it: the handler's work on others comes first, and
 * whoever replies is never called back from within. */
void http_connection_write_ready(struct loop_task *writer)
{
    struct http_server *server =
        (struct http_server *)(void *)((char *)writer - offsetof(struct http_server, writer));
    struct http_connection *connection;

    while ((connection = server->ready) != NULL) {
        server->ready = connection->next_ready;
        connection->is_ready = false;
        if (write_on(connection) < 0)
            http_connection_close(connection);
    }
}

void http_connection_write_soon(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    if (connection->is_ready)
        return;
    connection->is_ready = true;
    connection->next_ready = server->ready;
    server->ready = connection;
    loop_at_end(server->loop, &server->writer);
}

/* Who connected, as it was then. Nobody knows: the overflow user, whom nobody names. */
static void read_peer(struct http_connection *connection)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    connection->peer_uid = NOBODY_UID;
    if (connection->is_local &&
        getsockopt(connection->socket.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        connection->peer_uid = peer.uid;
        connection->peer_pid = peer.pid;
    }
}

bool http_exchange_peer_has_group(const struct http_exchange *exchange, gid_t group)
{
    struct ucred peer;
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof(peer);
    int fd = exchange->connection != NULL ? exchange->connection->socket.fd : -1;

    if (fd < 0 || !exchange->is_local || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    if (peer.gid == group)
        return true;
    size = sizeof(groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false; /* in more groups than we look at: as in none */
    for (size_t i = 0; i < size / sizeof(*groups); i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* Takes `fd`. */
static struct http_connection *connection_create(struct http_server *server, int fd, bool is_local,
                                                 bool is_turned_away)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    bool is_tls = !is_local && !is_turned_away && server->tls != NULL;
    struct http_socket socket = {.fd = fd};

    if (connection != NULL && is_tls)
        socket.tls = http_tls_accept(server->tls, fd);
    if (connection == NULL || (is_tls && socket.tls == NULL) ||
        uv_poll_init(loop_uv(server->loop), &connection->poll, fd) < 0) {
        http_socket_close(&socket); /* nothing was written */
        free(connection);
        return NULL;
    }
    connection->socket = socket;
    connection->server = server;
    connection->is_local = is_local;
    connection->is_turned_away = is_turned_away;
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->place = &connection->next;
    connection->place = &server->connections;
    server->connections = connection;
    (*count_of(connection))++;
    return connection;
}

bool http_connection_open(struct http_server *server, int fd, struct http_peer *peer)
{
    struct http_connection *connection = connection_create(server, fd, peer == NULL, false);
    int yes = 1;

    if (connection == NULL) {
        http_peers_leave(server->peers, peer);
        return false;
    }
    connection->peer = peer;
    if (peer != NULL)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* slower without */
    read_peer(connection);
    connection_idle(connection);
    if (connection->socket.tls != NULL)
        connection_wait(connection, server->request_ms); /* for the handshake */
    watch(connection, false);
    return true;
}

void http_connection_turn_away(struct http_server *server, int fd, bool is_local,
                               enum http_refusal refusal)
{
    struct http_connection *connection;
    int status;

    if (!is_local && server->tls != NULL) {
        (void)close(fd); /* a handshake only to say no is worth nobody's time */
        return;
    }
    connection = connection_create(server, fd, is_local, true);
    if (connection == NULL)
        return;
    watch(connection, false);
    if (refusal == HTTP_PEER_CONNECTIONS)
        status = refuse(connection, 429,
                        "this address has as many connections open as one may have; close some, "
                        "or use them for more than one request");
    else
        status = refuse(connection, 503, "all connections are taken; try again in a moment");
    if (status < 0)
        http_connection_close(connection);
}

void http_connection_time_out(struct http_connection *connection)
{
    bool moves = connection->state == READS_BODY || connection->state == WRITES;
    int status = -1;

    if (moves && moves_fast_enough(connection)) {
        connection_moves(connection);
        return;
    }
    if (connection->state == READS_BODY ||
        (connection->state == READS_HEAD && connection->in.len > 0)) {
        count(connection, HTTP_SLOW_REQUEST);
        status = refuse(connection, 408, "the request did not come in time; send it faster");
    } else if (connection->state == READS_HEAD && connection->socket.tls != NULL &&
               !http_tls_is_ready(connection->socket.tls)) {
        count(connection, HTTP_SLOW_REQUEST);
    } else if (connection->state == WRITES) {
        count(connection, HTTP_SLOW_READER);
    }
    if (status < 0)
        http_connection_close(connection);
}

/* SPDX-License-Identifier: Apache-2.0
 * A request costs one sendmsg and one recv: the connection is watched for reading all its life, so
 * that what to wait for changes only when a request does not fit the socket, and a peer that closes
 * an idle connection is noticed without asking. */
#include "http/http_plain.h"

#include "base/http_token.h"
#include "http/http_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PARTS_AT_ONCE = 64, READ_BYTES = 16 * 1024, AUTHORITY_MAX = 260 };

struct http_plain {
    int epoll;
    int fd; /* -1: not connected */
    void *owner;
    bool has_served;              /* an answer came over this connection */
    bool waits_to_write;          /* as epoll knows it */
    char peer[AUTHORITY_MAX];     /* "host:port" of the connection, as the URL says it */
    char target[AUTHORITY_MAX];   /* and of the request */
    struct http_request *request; /* under way; NULL: idle */
    struct buf head;              /* of the request */
    struct buf in;                /* the unfinished head of the answer */
    struct http_answer answer;
    size_t sent_bytes;
    size_t total_bytes;
    bool has_answer; /* a byte of it */
    struct http_plain_end end;
};

struct http_plain *http_plain_create(int epoll, void *owner)
{
    struct http_plain *plain = calloc(1, sizeof(*plain));

    if (plain == NULL)
        return NULL;
    plain->epoll = epoll;
    plain->owner = owner;
    plain->fd = -1;
    return plain;
}

static void disconnect(struct http_plain *plain)
{
    if (plain->fd < 0)
        return;
    /* By hand, as the description may have another descriptor, which close would not know. */
    (void)epoll_ctl(plain->epoll, EPOLL_CTL_DEL, plain->fd, NULL);
    (void)close(plain->fd); /* what was to be said is said */
    plain->fd = -1;
    plain->peer[0] = '\0';
}

void http_plain_destroy(struct http_plain *plain)
{
    if (plain == NULL)
        return;
    disconnect(plain);
    buf_finish(&plain->head);
    buf_finish(&plain->in);
    free(plain);
}

/* ---- the request ---- */

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

/* "http://host[:port]" and what is behind. Everything unusual (credentials, IPv6, escapes) is
 * libcurl's. */
static bool split_url(const char *url, struct str *out_authority, const char **out_path)
{
    const char *at;
    const char *port;

    if (url == NULL || strncmp(url, "http://", 7) != 0)
        return false;
    at = url + 7;
    while (is_host_char(*at))
        at++;
    if (at == url + 7)
        return false;
    port = at;
    if (*at == ':') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
        }
        if (at - port < 2 || at - port > 6)
            return false;
    }
    if ((*at != '\0' && *at != '/' && *at != '?') || at - url > AUTHORITY_MAX)
        return false;
    *out_authority = (struct str){url + 7, (size_t)(at - url) - 7};
    *out_path = at;
    /* libcurl escapes what must be, and resolves dots. */
    for (; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '#' || (*at == '.' && at[-1] == '/'))
            return false;
    return true;
}

/* Headers that say how the request is framed or where it goes are libcurl's affair. */
static bool is_special(const char *line)
{
    static const char *const special[] = {"host",    "content-length", "transfer-encoding",
                                          "expect",  "connection",     "te",
                                          "upgrade", "trailer",        "keep-alive"};

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (http_token_leads(line, special[i]))
            return true;
    return false;
}

/* The caller's lines as they are, and what libcurl would add. A line without a value takes away
 * what would be added (and is not sent), as with libcurl. */
static bool put_headers(struct buf *head, const struct http_request *request)
{
    bool has_agent = false;
    bool has_accept = false;

    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->headers[i];
        const char *colon = strchr(line, ':');

        if (colon == NULL || colon == line || is_special(line))
            return false;
        has_agent |= http_token_leads(line, "user-agent");
        has_accept |= http_token_leads(line, "accept");
        if (colon[1 + strspn(colon + 1, " \t")] == '\0')
            continue;
        buf_puts(head, line);
        buf_add(head, "\r\n", 2);
    }
    if (!has_agent)
        buf_puts(head, "User-Agent: tenon/" TENON_VERSION "\r\n");
    if (!has_accept)
        buf_puts(head, "Accept: */*\r\n");
    return true;
}

bool http_plain_wants(struct http_plain *plain, const struct http_request *request,
                      const struct http_destination_settings *settings)
{
    struct buf *head = &plain->head;
    struct str authority;
    const char *path;
    size_t body_bytes = 0;

    if (settings->proxy != NULL || settings->follow_redirects ||
        !split_url(request->url, &authority, &path))
        return false;
    for (size_t i = 0; i < request->body_part_count; i++)
        body_bytes += request->body_parts[i].len;
    buf_clear(head);
    buf_puts(head, request->method);
    buf_puts(head, *path == '/' ? " " : " /");
    buf_puts(head, path);
    buf_puts(head, " HTTP/1.1\r\nHost: ");
    buf_add_str(head, authority);
    buf_add(head, "\r\n", 2);
    if (!put_headers(head, request))
        return false;
    if (request->body_part_count > 0 || strcmp(request->method, "POST") == 0) {
        buf_puts(head, "Content-Length: ");
        buf_put_int(head, (int64_t)body_bytes);
        buf_add(head, "\r\n", 2);
    }
    buf_add(head, "\r\n", 2);
    memcpy(plain->target, authority.ptr, authority.len);
    plain->target[authority.len] = '\0';
    plain->total_bytes = head->len + body_bytes;
    if (!head->failed)
        return true;
    buf_finish(head); /* short of memory: libcurl will say so, or get by */
    return false;
}

bool http_plain_is_connected(const struct http_plain *plain)
{
    return plain->fd >= 0 && strcmp(plain->peer, plain->target) == 0;
}

int http_plain_adopt(struct http_plain *plain, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = plain->owner};

    disconnect(plain);
    if (epoll_ctl(plain->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        int code = errno;

        (void)close(fd); /* nothing was written */
        return -code;
    }
    plain->fd = fd;
    plain->has_served = false;
    plain->waits_to_write = false;
    memcpy(plain->peer, plain->target, sizeof(plain->peer));
    return 0;
}

/* ---- its way ---- */

static enum http_plain_step end_with(struct http_plain *plain, CURLcode result, int os_errno,
                                     const char *detail)
{
    bool is_lost = result != CURLE_OK;

    plain->end = (struct http_plain_end){
        .result = result,
        .os_errno = os_errno,
        .detail = detail,
        .was_sent = plain->sent_bytes > 0,
        .retry_after = plain->answer.retry_after,
        .may_go_again = is_lost && plain->has_served && !plain->has_answer && detail == NULL &&
                        !plain->request->is_once,
    };
    plain->request = NULL;
    plain->has_served = true;
    if (is_lost || plain->answer.must_close || plain->sent_bytes < plain->total_bytes)
        disconnect(plain);
    if (plain->in.len > 0)
        buf_finish(&plain->in);
    return PLAIN_ENDED;
}

static void watch(struct http_plain *plain, bool wants_room)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (wants_room ? EPOLLOUT : 0),
                                .data.ptr = plain->owner};

    if (wants_room == plain->waits_to_write)
        return;
    plain->waits_to_write = wants_room;
    (void)epoll_ctl(plain->epoll, EPOLL_CTL_MOD, plain->fd, &event); /* it is there */
}

/* The pieces behind what is sent already, as many as go in one call. */
static size_t pieces_left(const struct http_plain *plain, struct iovec out[PARTS_AT_ONCE])
{
    const struct http_request *request = plain->request;
    struct str piece = buf_str(&plain->head);
    size_t skip = plain->sent_bytes;
    size_t count = 0;

    for (size_t next = 0; count < PARTS_AT_ONCE; next++) {
        if (skip < piece.len)
            out[count++] = (struct iovec){(char *)(uintptr_t)piece.ptr + skip, piece.len - skip};
        skip -= skip < piece.len ? skip : piece.len;
        if (next == request->body_part_count)
            break;
        piece = request->body_parts[next];
    }
    return count;
}

/* An error here is also said by what follows it: the answer that the peer gave before it closed is
 * then still read. */
static void send_on(struct http_plain *plain)
{
    struct iovec pieces[PARTS_AT_ONCE];

    while (plain->sent_bytes < plain->total_bytes) {
        const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = pieces_left(plain, pieces)};
        ssize_t len = sendmsg(plain->fd, &message, MSG_NOSIGNAL);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            watch(plain, errno == EAGAIN);
            return;
        }
        plain->sent_bytes += (size_t)len;
    }
    watch(plain, false);
}

enum http_plain_step http_plain_start(struct http_plain *plain, struct http_request *request,
                                      size_t body_max)
{
    plain->request = request;
    plain->sent_bytes = 0;
    plain->has_answer = false;
    buf_clear(&plain->in);
    plain->answer = (struct http_answer){
        .is_to_head = strcmp(request->method, "HEAD") == 0,
        .body_max = body_max,
        .body = &request->answer,
        .rate_headers = &request->rate_headers,
        .headers = request->keep_headers ? &request->answer_headers : NULL,
    };
    send_on(plain);
    return PLAIN_WAITS;
}

static enum http_plain_step whole(struct http_plain *plain, bool has_more)
{
    struct http_request *request = plain->request;

    request->status = plain->answer.status;
    request->is_cut = plain->answer.is_cut;
    plain->answer.must_close |= has_more; /* nobody asked for that */
    return end_with(plain, CURLE_OK, 0, NULL);
}

static enum http_plain_step take_bytes(struct http_plain *plain, const char *bytes, size_t len)
{
    struct str rest = {bytes, len};
    int status;

    plain->has_answer = true;
    if (plain->in.len > 0) {
        buf_add(&plain->in, bytes, len);
        rest = buf_str(&plain->in);
    }
    status = plain->in.failed ? -ENOMEM : http_answer_read(&plain->answer, &rest);
    if (status > 0)
        return whole(plain, rest.len > 0);
    if (status == -EBADMSG)
        return end_with(plain, CURLE_WEIRD_SERVER_REPLY, 0, "what came is not an HTTP answer");
    if (status == -E2BIG)
        return end_with(plain, CURLE_FILESIZE_EXCEEDED, 0, NULL);
    if (status < 0)
        return end_with(plain, CURLE_OUT_OF_MEMORY, 0, "no memory for the answer");
    if (rest.len == 0) {
        buf_clear(&plain->in);
    } else if (plain->in.len == 0) {
        buf_add_str(&plain->in, rest);
    } else if (rest.len < plain->in.len) {
        memmove(plain->in.ptr, rest.ptr, rest.len);
        plain->in.len = rest.len;
    }
    return PLAIN_WAITS;
}

static enum http_plain_step read_on(struct http_plain *plain)
{
    char bytes[READ_BYTES];

    for (;;) {
        ssize_t len = recv(plain->fd, bytes, sizeof(bytes), 0);

        if (len > 0 && take_bytes(plain, bytes, (size_t)len) == PLAIN_ENDED)
            return PLAIN_ENDED;
        if (len == (ssize_t)sizeof(bytes) || (len < 0 && errno == EINTR))
            continue;
        if (len > 0 || (len < 0 && errno == EAGAIN))
            return PLAIN_WAITS;
        if (len < 0)
            return end_with(plain, CURLE_RECV_ERROR, errno, NULL);
        if (plain->has_answer && http_answer_ends(&plain->answer))
            return whole(plain, false);
        return end_with(plain, plain->has_answer ? CURLE_PARTIAL_FILE : CURLE_GOT_NOTHING, 0, NULL);
    }
}

enum http_plain_step http_plain_on_event(struct http_plain *plain, uint32_t events)
{
    if (plain->request == NULL) {
        disconnect(plain); /* closed by the peer, or it speaks unasked */
        return PLAIN_WAITS;
    }
    if ((events & EPOLLOUT) != 0)
        send_on(plain);
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        return read_on(plain);
    return PLAIN_WAITS;
}

bool http_plain_is_busy(const struct http_plain *plain)
{
    return plain->request != NULL;
}

void http_plain_cancel(struct http_plain *plain)
{
    if (plain->request != NULL)
        (void)end_with(plain, CURLE_OPERATION_TIMEDOUT, 0, ""); /* ended, that is */
}

const struct http_plain_end *http_plain_end(const struct http_plain *plain)
{
    return &plain->end;
}

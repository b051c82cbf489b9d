/* SPDX-License-Identifier: Apache-2.0
 * The server against bare sockets: what a well-behaved and what a hostile peer get from it. */
#include "http_peer.h"

#include "base/err.h"
#include "http/http_server.h"

#include <sys/stat.h>

enum { BIG_BYTES = 20 * 1024 * 1024, BODY_MAX = 100 * 1000, CROWD = 10 };

struct scene {
    struct loop *loop;
    struct http_server *server;
    struct peer peer;
    struct http_exchange *held;
    struct loop_timer *later;
    struct http_exchange *waiting;
    int handled;
    int users_destroyed;
    int gone;
    const char *asked; /* by the peer */
    size_t body_bytes;
};

static struct scene *scene;

static void count_destroyed(void *user)
{
    ++*(int *)user;
}

static void count_gone(void *user)
{
    (void)user;
    scene->gone++;
}

static void reply_text(struct http_exchange *exchange, const char *text)
{
    struct buf body = {0};

    buf_puts(&body, text);
    http_exchange_reply(exchange, 200, "text/plain", NULL, &body);
    assert_null(body.ptr);
}

static void on_later(void *user)
{
    struct http_exchange *exchange = scene->waiting;

    (void)user;
    scene->waiting = NULL;
    reply_text(exchange, "later.");
}

static void describe(struct http_exchange *exchange, struct buf *body)
{
    struct str method = http_exchange_method(exchange);
    struct str path = http_exchange_path(exchange);
    struct str query = http_exchange_query(exchange);
    struct str text = http_exchange_body(exchange);
    struct str agent = http_exchange_header(exchange, "user-agent");
    struct str own = http_exchange_header(exchange, "x-own-header");
    struct buf value = {0};
    bool is_there = http_exchange_argument(exchange, "where", &value);

    buf_printf(body, "[%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%s%.*s].", STR_ARG(method), STR_ARG(path),
               STR_ARG(query), STR_ARG(text), STR_ARG(agent), STR_ARG(own), is_there ? "=" : "-",
               STR_ARG(buf_str(&value)));
    buf_finish(&value);
}

static void on_request(void *user, struct http_exchange *exchange)
{
    struct str path = http_exchange_path(exchange);
    struct buf body = {0};

    (void)user;
    scene->handled++;
    scene->body_bytes = http_exchange_body(exchange).len;
    http_exchange_set_user(exchange, &scene->users_destroyed, count_destroyed);
    if (str_is(path, "/later")) {
        scene->waiting = exchange;
        loop_timer_set(scene->later, 20);
    } else if (str_is(path, "/held")) {
        scene->held = exchange;
    } else if (str_is(path, "/watched")) {
        scene->held = exchange;
        http_exchange_on_gone(exchange, count_gone);
    } else if (str_is(path, "/big")) {
        assert_true(buf_reserve(&body, BIG_BYTES));
        memset(body.ptr, 'x', BIG_BYTES);
        body.len = BIG_BYTES;
        http_exchange_reply(exchange, 200, "text/plain", "x-extra: yes\r\n", &body);
    } else if (str_is(path, "/none")) {
        http_exchange_reply(exchange, 204, NULL, NULL, NULL);
    } else {
        describe(exchange, &body);
        http_exchange_reply(exchange, 200, "text/plain", NULL, &body);
    }
}

static int set_up_with(void **state, const struct http_server_settings *settings)
{
    struct err err = {0};

    scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->loop = loop_create(&err);
    assert_non_null(scene->loop);
    scene->server = http_server_create(scene->loop, settings, on_request, NULL, &err);
    if (scene->server == NULL)
        fail_msg("%s", err.text);
    scene->later = loop_timer_create(scene->loop, on_later, NULL);
    scene->peer.loop = scene->loop;
    scene->peer.port = http_server_port(scene->server);
    *state = scene;
    return 0;
}

static int set_up(void **state)
{
    static const struct http_server_settings settings = {.listen = "127.0.0.1:0",
                                                         .max_body_bytes = BODY_MAX,
                                                         .idle_timeout_ms = 1000,
                                                         .max_connections = CROWD};

    return set_up_with(state, &settings);
}

static int tear_down(void **state)
{
    (void)state;
    loop_timer_destroy(scene->later);
    http_server_destroy(scene->server);
    buf_finish(&scene->peer.seen);
    loop_destroy(scene->loop);
    free(scene);
    return 0;
}

static void seen_has(const char *text)
{
    const char *seen = scene->peer.seen.ptr != NULL ? scene->peer.seen.ptr : "(nothing)";

    if (strstr(seen, text) == NULL)
        fail_msg("expected '%s' in '%.600s'", text, seen);
}

static void exchange_once(struct peer *peer, const char *request, const char *stop, int times)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, request);
    peer->number = peer_read(fd, &peer->seen, stop, times);
    close(fd);
}

static void ask_twice(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "POST /a%20b?where=a%26b%3D1&x=2 HTTP/1.1\r\nHost: x\r\nUser-Agent: "
                  "me\r\nX-Own-Header: mine\r\n"
                  "Content-Length: 5\r\n\r\nhe");
    peer_send(fd, "llo");
    peer->number = peer_read(fd, &peer->seen, "].", 1);
    peer_send(fd, "DELETE /second HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number += peer_read(fd, &peer->seen, "].", 2);
    close(fd);
}

static void test_request_is_seen_whole(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_twice);
    seen_has("[POST|/a%20b|where=a%26b%3D1&x=2|hello|me|mine|=a&b=1].");
    seen_has("[DELETE|/second||||");
    assert_int_equal(scene->peer.number, 2);
    assert_int_equal(scene->users_destroyed, 2);
}

static void ask_all_at_once(struct peer *peer)
{
    exchange_once(peer,
                  "GET /later HTTP/1.1\r\nHost: x\r\n\r\nPOST /two HTTP/1.1\r\nHost: "
                  "x\r\nContent-Length: 3\r\n\r\ntwo"
                  "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /four HTTP/1.1\r\nHost: "
                  "x\r\nConnection: close\r\n\r\n",
                  NULL, 0);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    const char *two;

    (void)state;
    peer_run(&scene->peer, ask_all_at_once);
    assert_true(scene->peer.number);
    assert_int_equal(scene->handled, 4);
    two = strstr(scene->peer.seen.ptr, "[POST|/two||two|");
    assert_non_null(two);
    assert_true(strstr(scene->peer.seen.ptr, "later.") < two);
    assert_non_null(strstr(two, "later."));
    assert_non_null(strstr(strstr(two, "later."), "[GET|/four|"));
}

static void ask_head(struct peer *peer)
{
    exchange_once(peer,
                  "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\nGET /after HTTP/1.1\r\nHost: x\r\n\r\n",
                  "].", 1);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_head);
    seen_has("content-length: 20971520\r\n");
    seen_has("[GET|/after|");
    assert_true(scene->peer.seen.len < 1000);
}

static void ask_big(struct peer *peer)
{
    exchange_once(peer, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL, 0);
}

static void test_big_reply_arrives_whole(void **state)
{
    const char *body;

    (void)state;
    peer_run(&scene->peer, ask_big);
    assert_true(scene->peer.number);
    seen_has("x-extra: yes\r\n");
    body = strstr(scene->peer.seen.ptr, "\r\n\r\n") + 4;
    assert_int_equal(scene->peer.seen.len - (size_t)(body - scene->peer.seen.ptr), BIG_BYTES);
    assert_int_equal(strspn(body, "x"), BIG_BYTES);
}

static void ask_for_nothing(struct peer *peer)
{
    exchange_once(peer,
                  "GET /none HTTP/1.1\r\nHost: x\r\n\r\nPOST /x HTTP/1.1\r\nHost: "
                  "x\r\nContent-Length: 0\r\n\r\n"
                  "POST /y HTTP/1.1\r\nHost: x\r\n\r\n",
                  NULL, 0);
}

static void test_requests_and_replies_without_a_body(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_for_nothing);
    seen_has("HTTP/1.1 204 No Content\r\n");
    seen_has("[POST|/x||");
    seen_has("[POST|/y||");
}

/* 100 MB to a server that takes 100 kB: the answer comes at once and the rest does not pile up in
 * memory. */
static void send_too_much(struct peer *peer)
{
    static char chunk[1 << 20];
    int fd = peer_connect(peer->port);

    peer_send(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "}\n", 1);
    for (int i = 0; i < 100; i++) {
        for (size_t sent = 0; sent < sizeof(chunk);) {
            ssize_t some = send(fd, chunk + sent, sizeof(chunk) - sent, MSG_NOSIGNAL);

            if (some <= 0) {
                peer->number = -i;
                close(fd);
                return;
            }
            sent += (size_t)some;
        }
    }
    peer->number += peer_read(fd, &peer->seen, NULL, 0);
    close(fd);
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_too_large_body_is_refused_and_not_kept(void **state)
{
    long before = resident_kb();

    (void)state;
    peer_run(&scene->peer, send_too_much);
    seen_has("HTTP/1.1 413 ");
    seen_has("application/problem+json");
    seen_has("the body is larger than the 100000 bytes that are taken");
    assert_int_equal(scene->peer.number, 2); /* answered first, closed after the last byte */
    assert_int_equal(scene->handled, 0);
    assert_true(resident_kb() - before < 30 * 1024);
}

static void send_expecting(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd,
              "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "HTTP/1.1 100 Continue\r\n\r\n", 1);
    peer_send(fd, "body");
    peer->number += peer_read(fd, &peer->seen, "].", 1);
    close(fd);
}

static void test_continue_is_said_before_the_body(void **state)
{
    (void)state;
    peer_run(&scene->peer, send_expecting);
    assert_int_equal(scene->peer.number, 2);
    seen_has("|body|");
}

static void send_chunked(struct peer *peer)
{
    exchange_once(
        peer,
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n3\r\n, "
        "2\r\n0\r\nT: t\r\n\r\nGET /n HTTP/1.1\r\n\r\n",
        "].", 2);
}

static void test_chunked_body_is_read(void **state)
{
    (void)state;
    peer_run(&scene->peer, send_chunked);
    seen_has("[POST|/x||body, 2|");
    seen_has("[GET|/n|");
}

static void send_rubbish(struct peer *peer)
{
    static const char *const rubbish[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nHost",
        "\x16\x03\x01\x02\x01",
        "GET http://[::1 HTTP/9.9\r\n\r\n",
        "POST /x HTTP/1.1\r\nContent-Length: -5\r\n\r\nxxxxx",
        "POST /x HTTP/1.1\r\nContent-Length: 5x\r\n\r\nxxxxx",
        "POST /x HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nxxxxx",
        "POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nxxxxx",
        "GET /%zz HTTP/1.1\r\n\r\n",
        "GET /%00 HTTP/1.1\r\n\r\n",
        "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMA\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /half HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf",
        "GET / HTTP/1.1\r\n: x\r\n:\r\n \r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        int fd = peer_connect(peer->port);

        peer_send(fd, rubbish[i]);
        shutdown(fd, SHUT_WR);
        (void)peer_read(fd, &peer->seen, NULL, 0);
        close(fd);
    }
    exchange_once(peer, "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n", "|/alive|", 1);
}

static void test_rubbish_harms_nobody(void **state)
{
    (void)state;
    peer_run(&scene->peer, send_rubbish);
    seen_has("[GET|/alive|");
    seen_has("[BREW|/pot|"); /* what the method means is the handler's affair */
    assert_null(strstr(scene->peer.seen.ptr, "[POST"));
}

static void send_long_head(struct peer *peer)
{
    struct buf text = {0};

    buf_puts(&text, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "X-Header-%d: 0123456789012345678901234567890123456789\r\n", i);
    buf_puts(&text, "\r\n");
    exchange_once(peer, text.ptr, NULL, 0);
    buf_finish(&text);
    buf_clear(&peer->seen);
    exchange_once(peer, "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n", "].", 1);
}

static void test_endless_head_is_dropped(void **state)
{
    (void)state;
    peer_run(&scene->peer, send_long_head);
    seen_has("[GET|/alive|");
    assert_int_equal(scene->handled, 1);
}

static void send_rubbish_ahead(struct peer *peer)
{
    struct buf text = {0};
    int fd = peer_connect(peer->port);

    buf_puts(&text, "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /ahead HTTP/1.1\r\n\r\n");
    buf_puts(&text, "GET relative HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 100; i++)
        buf_puts(&text, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_send(fd, text.ptr);
    (void)peer_read(fd, &peer->seen, "well-formed", 1);
    close(fd);
    buf_finish(&text);
}

/* What was kept lies in the buffer that the refusal empties: to be forgotten, and not copied. */
static void test_rubbish_sent_ahead_is_refused_in_its_turn(void **state)
{
    (void)state;
    peer_run(&scene->peer, send_rubbish_ahead);
    seen_has("later.");
    seen_has("/ahead");
    seen_has("HTTP/1.1 400");
    assert_int_equal(scene->handled, 2);
}

static void ask_and_leave(struct peer *peer)
{
    int fd = peer_connect(peer->port);
    int other;

    peer_send(fd, scene->asked);
    shutdown(fd, SHUT_RDWR);
    close(fd);
    other = peer_connect(peer->port); /* by its answer the loop has seen the first one go */
    peer_send(other, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)peer_read(other, &peer->seen, "later.", 1);
    close(other);
}

static void ask_once(struct peer *peer)
{
    exchange_once(peer, "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n", "].", 1);
}

static void test_reply_to_a_peer_that_left_is_dropped(void **state)
{
    (void)state;
    scene->asked = "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";
    peer_run(&scene->peer, ask_and_leave);
    assert_non_null(scene->held);
    assert_int_equal(scene->users_destroyed, 1);
    reply_text(scene->held, "too late");
    peer_run(&scene->peer, ask_once); /* meanwhile it is written, to nobody */
    seen_has("[GET|/alive|");
    assert_int_equal(scene->users_destroyed, 3);
}

static void test_who_wants_to_know_is_told_that_a_peer_left(void **state)
{
    (void)state;
    scene->asked = "POST /watched HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";
    peer_run(&scene->peer, ask_and_leave);
    assert_non_null(scene->held);
    assert_int_equal(scene->gone, 1);
    assert_int_equal(scene->users_destroyed, 1);
    assert_true(str_is(http_exchange_header(scene->held, "host"), "x"));
    assert_true(str_is(http_exchange_body(scene->held), "x"));
    reply_text(scene->held, "too late");
    assert_int_equal(scene->users_destroyed, 2);
}

/* As `nc -N` and some scripts do. */
static void ask_and_end_sending(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, scene->asked);
    shutdown(fd, SHUT_WR);
    peer->number = peer_read(fd, &peer->seen, NULL, 0);
    close(fd);
}

static void test_who_ends_sending_behind_its_requests_is_answered(void **state)
{
    (void)state;
    scene->asked = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                   "POST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                   "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                   "POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf";
    peer_run(&scene->peer, ask_and_end_sending);
    assert_true(scene->peer.number); /* closed by the server behind the last */
    seen_has("[POST|/two||two|");
    assert_non_null(strstr(strstr(scene->peer.seen.ptr, "[POST|/two|"), "later."));
    assert_int_equal(scene->handled, 3);
    assert_int_equal(scene->users_destroyed, 3);
}

static void test_who_ends_sending_gets_a_big_reply_whole(void **state)
{
    const char *body;

    (void)state;
    scene->asked = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
    peer_run(&scene->peer, ask_and_end_sending);
    assert_true(scene->peer.number);
    body = strstr(scene->peer.seen.ptr, "\r\n\r\n") + 4;
    assert_int_equal(scene->peer.seen.len - (size_t)(body - scene->peer.seen.ptr), BIG_BYTES);
}

static void ask_and_wait(struct peer *peer)
{
    int fd = peer_connect(peer->port);
    int other = peer_connect(peer->port);

    peer_send(fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_send(other, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)peer_read(other, &peer->seen, "later.", 1);
    peer->number = fd; /* stays open beyond the server */
    close(other);
}

static void test_reply_after_the_server_is_gone(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_and_wait);
    assert_non_null(scene->held);
    http_server_destroy(scene->server);
    scene->server = NULL;
    reply_text(scene->held, "nobody");
    assert_int_equal(scene->users_destroyed, 2);
    close((int)scene->peer.number);
}

static void sit_idle(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)peer_read(fd, &peer->seen, "].", 1);
    peer->number = peer_read(fd, &peer->seen, NULL, 0); /* the server ends it */
    close(fd);
}

static void test_idle_connection_is_closed(void **state)
{
    (void)state;
    peer_run(&scene->peer, sit_idle);
    assert_true(scene->peer.number);
}

static void crowd(struct peer *peer)
{
    int fds[CROWD];
    int extra;

    for (int i = 0; i < CROWD; i++) {
        fds[i] = peer_connect(peer->port);
        peer_send(fds[i], "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
        (void)peer_read(fds[i], &peer->seen, "].", i + 1);
    }
    extra = peer_connect(peer->port);
    peer->number = peer_read(extra, &peer->seen, NULL, 0); /* told so, then closed */
    close(extra);
    for (int i = 0; i < CROWD; i++) {
        peer_send(fds[i], "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
        (void)peer_read(fds[i], &peer->seen, "].", CROWD + 1 + i);
        close(fds[i]);
    }
}

static void test_one_connection_too_many_is_refused(void **state)
{
    (void)state;
    peer_run(&scene->peer, crowd);
    assert_true(scene->peer.number);
    seen_has("HTTP/1.1 503 ");
    seen_has("all connections are taken");
    assert_int_equal(scene->handled, 2 * CROWD);
    assert_int_equal(http_server_figures(scene->server).refused[HTTP_CONNECTIONS], 1);
}

static void test_stopped_server_takes_nobody_new(void **state)
{
    (void)state;
    http_server_stop_listening(scene->server);
    peer_run(&scene->peer, ask_big);
    assert_int_equal(scene->handled, 0);
}

static void test_wrong_addresses_are_explained(void **state)
{
    static const char *const wrong[] = {
        "", "8642", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:80", "[::1]:x"};
    struct http_server_settings settings = {0};
    struct err err = {0};
    struct loop *loop = loop_create(&err);
    char taken[64];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        settings.listen = wrong[i];
        assert_null(http_server_create(loop, &settings, on_request, NULL, &err));
        assert_non_null(strstr(err.text, "is not an address such as"));
    }
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", scene->peer.port);
    settings.listen = taken;
    assert_null(http_server_create(loop, &settings, on_request, NULL, &err));
    assert_non_null(strstr(err.text, taken));
    loop_destroy(loop);
}

static void test_socket_file_is_private_and_its_own(void **state)
{
    char path[] = "/tmp/tenon-test-XXXXXX";
    char name[64];
    struct http_server_settings settings = {.unix_socket = name};
    struct err err = {0};
    struct stat facts;
    struct http_server *server;
    struct loop *loop = loop_create(&err);
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(name, sizeof(name), "%s/socket", path);
    server = http_server_create(loop, &settings, on_request, NULL, &err);
    if (server == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(stat(name, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_null(http_server_create(loop, &settings, on_request, NULL, &err));
    assert_non_null(strstr(err.text, "already listens"));
    assert_int_equal(stat(name, &facts), 0); /* the one who listens keeps its file */
    http_server_destroy(server);
    assert_int_equal(stat(name, &facts), -1);
    file = fopen(name, "w");
    assert_non_null(file);
    fclose(file);
    assert_null(http_server_create(loop, &settings, on_request, NULL, &err));
    assert_non_null(strstr(err.text, "is not a socket"));
    loop_destroy(loop);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(path), 0);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(test_request_is_seen_whole),
        SERVER_TEST(test_pipelined_requests_are_answered_in_order),
        SERVER_TEST(test_head_has_no_body),
        SERVER_TEST(test_big_reply_arrives_whole),
        SERVER_TEST(test_requests_and_replies_without_a_body),
        SERVER_TEST(test_too_large_body_is_refused_and_not_kept),
        SERVER_TEST(test_continue_is_said_before_the_body),
        SERVER_TEST(test_chunked_body_is_read),
        SERVER_TEST(test_rubbish_harms_nobody),
        SERVER_TEST(test_endless_head_is_dropped),
        SERVER_TEST(test_rubbish_sent_ahead_is_refused_in_its_turn),
        SERVER_TEST(test_reply_to_a_peer_that_left_is_dropped),
        SERVER_TEST(test_who_wants_to_know_is_told_that_a_peer_left),
        SERVER_TEST(test_who_ends_sending_behind_its_requests_is_answered),
        SERVER_TEST(test_who_ends_sending_gets_a_big_reply_whole),
        SERVER_TEST(test_reply_after_the_server_is_gone),
        SERVER_TEST(test_idle_connection_is_closed),
        SERVER_TEST(test_one_connection_too_many_is_refused),
        SERVER_TEST(test_stopped_server_takes_nobody_new),
        SERVER_TEST(test_wrong_addresses_are_explained),
        cmocka_unit_test(test_socket_file_is_private_and_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
#undef SERVER_TEST

/* SPDX-License-Identifier: Apache-2.0
 * WebSockets against bare sockets: the handshake, messages both ways, control frames, the end. */
#include "http_peer.h"

#include "base/err.h"
#include "http/http_websocket.h"

#include <errno.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* of RFC 6455, 1.3, with its answer */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define HANDSHAKE                                                                                  \
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"       \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n"

struct scene {
    struct loop *loop;
    struct http_server *server;
    struct peer peer;
    struct http_exchange *open; /* NULL: none, or gone */
    int messages, gone, drained;
    size_t poured;
};

static struct scene *scene;

static void on_gone(void *user)
{
    (void)user;
    __atomic_add_fetch(&scene->gone, 1, __ATOMIC_RELEASE);
    scene->open = NULL;
}

static void pour(void)
{
    static char piece[10000];

    memset(piece, 'x', sizeof piece);
    while (http_websocket_send(scene->open, (struct str){piece, sizeof piece}) == 0)
        scene->poured++;
}

/* Says it back; "pour" sends until nothing more is taken, "bye" closes. */
static void on_message(void *user, struct str text)
{
    (void)user;
    scene->messages++;
    if (str_is(text, "pour"))
        pour();
    else if (str_is(text, "bye"))
        http_websocket_close(scene->open, 4000, "as asked");
    else
        assert_int_equal(http_websocket_send(scene->open, text), 0);
}

static void on_drained(void *user)
{
    (void)user;
    if (scene->drained++ == 0)
        assert_int_equal(http_websocket_send(scene->open, STR("the rest")), 0);
}

static void on_request(void *user, struct http_exchange *exchange)
{
    static const struct http_websocket_events events = {on_message, on_drained};
    struct err err = {0};
    struct buf body = {0};

    (void)user;
    http_exchange_set_user(exchange, NULL, on_gone);
    scene->open = exchange;
    int status = http_websocket_accept(exchange, &events, &err);
    if (status == 0)
        return;
    http_exchange_set_user(exchange, NULL, NULL);
    scene->open = NULL;
    buf_puts(&body, err.text);
    http_exchange_reply(exchange, status, "text/plain", NULL, &body);
}

static int set_up(void **state)
{
    static const struct http_server_settings settings = {.listen = "127.0.0.1:0",
                                                         .idle_timeout_ms = 1000};
    struct err err = {0};

    scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->loop = loop_create(&err);
    scene->server = http_server_create(scene->loop, &settings, on_request, NULL, &err);
    if (scene->server == NULL)
        fail_msg("%s", err.text);
    scene->peer.loop = scene->loop;
    scene->peer.port = http_server_port(scene->server);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_destroy(scene->server);
    loop_destroy(scene->loop);
    buf_finish(&scene->peer.seen);
    free(scene);
    return 0;
}

static void put(struct buf *out, int first, struct str payload)
{
    unsigned char head[6] = {(unsigned char)first, (unsigned char)(0x80 | payload.len), 1, 2, 3, 4};

    buf_add(out, head, sizeof head);
    for (size_t i = 0; i < payload.len; i++)
        buf_putc(out, (char)((unsigned char)payload.ptr[i] ^ head[2 + i % 4]));
}

static void send_frame(int fd, int first, const char *payload)
{
    struct buf bytes = {0};

    put(&bytes, first, str_of(payload));
    (void)!write(fd, bytes.ptr, bytes.len); /* what fails shows in what comes */
    buf_finish(&bytes);
}

static int open_one(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, HANDSHAKE);
    (void)peer_read(fd, &peer->seen, "\r\n\r\n", 1);
    return fd;
}

static void talk(struct peer *peer)
{
    int fd = open_one(peer);

    buf_puts(&peer->seen, "|");
    send_frame(fd, 0x81, "hello");
    (void)peer_read(fd, &peer->seen, "hello", 1);
    send_frame(fd, 0x89, "are you there");
    (void)peer_read(fd, &peer->seen, "are you there", 1);
    send_frame(fd, 0x01, "in ");
    send_frame(fd, 0x80, "parts");
    (void)peer_read(fd, &peer->seen, "in parts", 1);
    send_frame(fd, 0x88,
               "\x03\xe8"
               "done");
    (void)peer_read(fd, &peer->seen, NULL, 0);
    close(fd);
}

static void it_talks_and_ends(void **state)
{
    (void)state;
    peer_run(&scene->peer, talk);
    char *seen = scene->peer.seen.ptr;
    assert_non_null(strstr(seen, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_non_null(strstr(seen, "sec-websocket-accept: " ACCEPT "\r\n"));
    assert_null(strstr(seen, "content-length"));
    char *said = strchr(seen, '|') + 1;
    const char expected[] = "\x81\x05hello\x8a\x0d"
                            "are you there\x81\x08in parts\x88\x02\x03\xe8";
    assert_memory_equal(said, expected, sizeof expected - 1);
    assert_int_equal(buf_str(&scene->peer.seen).len - (size_t)(said - seen), sizeof expected - 1);
    assert_int_equal(scene->gone, 1);
    assert_int_equal(scene->messages, 2);
}

/* Frames may come with the handshake itself. */
static void ahead(struct peer *peer)
{
    struct buf bytes = {0};
    int fd = peer_connect(peer->port);

    buf_puts(&bytes, HANDSHAKE);
    put(&bytes, 0x81, STR("at once"));
    put(&bytes, 0x81, STR("bye"));
    put(&bytes, 0x81, STR("not heard"));
    (void)!write(fd, bytes.ptr, bytes.len); /* as above */
    (void)peer_read(fd, &peer->seen, NULL, 0);
    buf_finish(&bytes);
    close(fd);
}

static void what_comes_ahead_is_heard(void **state)
{
    (void)state;
    peer_run(&scene->peer, ahead);
    assert_non_null(strstr(scene->peer.seen.ptr, "\x81\x07"
                                                 "at once\x88\x0a\x0f\xa0"
                                                 "as asked"));
    assert_int_equal(scene->messages, 2);
    assert_int_equal(scene->gone, 1);
}

static void break_rules(struct peer *peer)
{
    static const struct {
        int first;
        const char *payload;
        const char *code;
    } cases[] = {{0x82, "binary", "\x03\xeb"},
                 {0x80, "of nothing", "\x03\xea"},
                 {0x81, "\xff", "\x03\xef"},
                 {0xc1, "reserved", "\x03\xea"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf seen = {0};
        int fd = peer_connect(peer->port);

        peer_send(fd, HANDSHAKE);
        (void)peer_read(fd, &seen, "\r\n\r\n", 1);
        send_frame(fd, cases[i].first, cases[i].payload);
        (void)peer_read(fd, &seen, NULL, 0);
        peer->number += memmem(seen.ptr, seen.len, cases[i].code, 2) != NULL;
        buf_finish(&seen);
        close(fd);
    }
}

static void broken_rules_end_it_with_a_code(void **state)
{
    (void)state;
    peer_run(&scene->peer, break_rules);
    assert_int_equal(scene->peer.number, 4);
    assert_int_equal(scene->gone, 4);
    assert_int_equal(scene->messages, 0);
}

static void ask_badly(struct peer *peer)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\nContent-Length: 0\r\n\r\n",
    };
    int fd = peer_connect(peer->port);

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        peer_send(fd, heads[i]);
        (void)peer_read(fd, &peer->seen, "HTTP/1.1 4", (int)i + 1);
        (void)peer_read(fd, &peer->seen, ".", 1);
    }
    close(fd);
}

static void what_asks_for_none_is_told(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_badly);
    assert_non_null(strstr(scene->peer.seen.ptr, "HTTP/1.1 426 Upgrade Required"));
    assert_non_null(strstr(scene->peer.seen.ptr, "Sec-WebSocket-Version: 13 is spoken here"));
    assert_non_null(strstr(scene->peer.seen.ptr, "HTTP/1.1 400 Bad Request"));
    assert_null(strstr(scene->peer.seen.ptr, "101"));
}

/* Reads nothing until told to by `number`. */
static void read_late(struct peer *peer)
{
    int fd = open_one(peer);

    send_frame(fd, 0x81, "pour");
    send_frame(fd, 0x89, "behind");
    (void)peer_read(fd, &peer->seen, "the rest", 1);
    close(fd);
}

static void who_reads_slowly_is_bounded(void **state)
{
    (void)state;
    peer_run(&scene->peer, read_late);
    assert_int_equal(scene->poured, 6); /* of 64 KB; none is cut in two */
    assert_int_equal(scene->drained, 1);
    assert_non_null(memmem(scene->peer.seen.ptr, scene->peer.seen.len, "the rest", 8));
}

static void leave(struct peer *peer)
{
    int fd = open_one(peer);

    close(fd);
    while (__atomic_load_n(&scene->gone, __ATOMIC_ACQUIRE) == 0)
        usleep(1000);
}

static void who_leaves_is_noticed(void **state)
{
    (void)state;
    peer_run(&scene->peer, leave);
    assert_int_equal(scene->gone, 1);
    assert_null(scene->open);
}

static void stay(struct peer *peer)
{
    (void)open_one(peer);
}

static void the_server_may_go_first(void **state)
{
    (void)state;
    peer_run(&scene->peer, stay);
    assert_non_null(scene->open);
    http_server_destroy(scene->server);
    scene->server = NULL;
    assert_int_equal(scene->gone, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_talks_and_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_ahead_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_rules_end_it_with_a_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_asks_for_none_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_reads_slowly_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_may_go_first, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

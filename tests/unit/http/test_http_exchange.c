/* SPDX-License-Identifier: Apache-2.0
 * Answers that go on, to a peer that reads on and never catches up: written turn by turn into a
 * socket of which just so much is read. */
#include "http/http_exchange.h"

#include "http/http_socket.h"
#include "http/http_stream.h"
#include "http/http_websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PIECE_BYTES = 10000, PIECES = 2000, BEHIND_BYTES = 3 * PIECE_BYTES };

struct scene {
    struct http_exchange *exchange;
    struct http_socket ours;
    int theirs;
    size_t most; /* bytes that the reply had memory for */
    struct buf seen, expected;
};

static struct scene scene;

static void set_up_with(const char *request)
{
    const int little = 4096;
    struct http_head head;
    int fds[2];

    scene = (struct scene){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    /* Of what a kernel holds by itself there shall be little. */
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    scene.ours.fd = fds[0];
    scene.theirs = fds[1];
    assert_true(http_head_parse(str_of(request), &head) > 0);
    scene.exchange = http_exchange_create(NULL, str_of(request), &head);
    assert_non_null(scene.exchange);
}

static int tear_down(void **state)
{
    (void)state;
    http_exchange_destroy(scene.exchange);
    http_socket_close(&scene.ours);
    close(scene.theirs);
    buf_finish(&scene.seen);
    buf_finish(&scene.expected);
    return 0;
}

/* How much of it comes depends on the kernel, when does not. */
static size_t read_some(size_t most)
{
    char bytes[PIECE_BYTES];
    ssize_t got = recv(scene.theirs, bytes, most, 0);

    if (got > 0)
        buf_add(&scene.seen, bytes, (size_t)got);
    return got > 0 ? (size_t)got : 0;
}

static size_t waiting(void)
{
    return scene.exchange->reply.len - scene.exchange->reply_sent;
}

/* Sends whenever the peer has come closer than BEHIND_BYTES, and never lets it come to the end. */
static void stay_behind(int (*send_piece)(struct http_exchange *exchange, struct str piece))
{
    char piece[PIECE_BYTES];

    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        assert_int_equal(send_piece(scene.exchange, (struct str){piece, sizeof piece}), 0);
        buf_add(&scene.expected, piece, sizeof piece);
        if (scene.exchange->reply.cap > scene.most)
            scene.most = scene.exchange->reply.cap;
        while (waiting() > BEHIND_BYTES) {
            assert_int_equal(http_exchange_write(scene.exchange, &scene.ours), 0);
            if (waiting() > BEHIND_BYTES)
                assert_true(read_some(PIECE_BYTES / 3) > 0);
        }
        assert_true(waiting() > 0);
    }
    while (http_exchange_has_rest(scene.exchange)) {
        (void)http_exchange_write(scene.exchange, &scene.ours); /* what is missing shows below */
        while (read_some(PIECE_BYTES) > 0)
            ;
    }
    /* Whether a peer moves is told by this, wherever in the buffer it is. */
    assert_int_equal(scene.exchange->written_bytes, scene.seen.len);
}

/* What came, without the frame of `frame_bytes` at each piece, is what was sent. */
static void came_whole(size_t frame_bytes, size_t frame_before)
{
    const char *at = strstr(scene.seen.ptr, "\r\n\r\n") + 4;
    const char *end = scene.seen.ptr + scene.seen.len;

    assert_int_equal(end - at, PIECES * (PIECE_BYTES + frame_bytes));
    for (size_t i = 0; i < PIECES; i++, at += PIECE_BYTES + frame_bytes)
        if (memcmp(at + frame_before, scene.expected.ptr + i * PIECE_BYTES, PIECE_BYTES) != 0)
            fail_msg("piece %zu is another", i);
}

static void a_stream_keeps_no_more_than_what_waits(void **state)
{
    (void)state;
    set_up_with("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    http_stream_start(scene.exchange, 200, "text/plain", NULL, NULL);
    stay_behind(http_stream_send);
    assert_in_range(scene.most, PIECE_BYTES, 4 * (BEHIND_BYTES + PIECE_BYTES));
    came_whole(strlen("2710\r\n\r\n"), strlen("2710\r\n"));
}

static void a_websocket_keeps_no_more_than_what_waits(void **state)
{
    static const struct http_websocket_events events = {0};

    (void)state;
    set_up_with("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_int_equal(http_websocket_accept(scene.exchange, &events, NULL), 0);
    stay_behind(http_websocket_send);
    assert_in_range(scene.most, PIECE_BYTES, 4 * (BEHIND_BYTES + PIECE_BYTES));
    came_whole(4, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_stream_keeps_no_more_than_what_waits, tear_down),
        cmocka_unit_test_teardown(a_websocket_keeps_no_more_than_what_waits, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

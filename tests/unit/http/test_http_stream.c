/* SPDX-License-Identifier: Apache-2.0
 * Answers that go on, against bare sockets and the command line's call. */
#include "http_peer.h"

#include "base/err.h"
#include "http/http_client.h"
#include "http/http_stream.h"

#include <errno.h>

enum { PIECE_BYTES = 10000, PIECES_MOST = 100000, TICKS = 3 };

struct scene {
    struct loop *loop;
    struct http_server *server;
    struct peer peer;
    struct loop_timer *ticker;
    struct http_exchange *stream; /* NULL: none, or gone */
    int ticks, gone, drained;
    size_t taken, taken_at_first; /* pieces */
};

static struct scene *scene;

static void on_gone(void *user)
{
    (void)user;
    scene->gone++;
    scene->stream = NULL;
    loop_timer_clear(scene->ticker);
}

static void on_tick(void *user)
{
    char line[32];

    (void)user;
    if (scene->stream == NULL)
        return;
    (void)snprintf(line, sizeof(line), "tick %d\n", scene->ticks);
    assert_int_equal(http_stream_send(scene->stream, str_of(line)), 0);
    if (++scene->ticks < TICKS) {
        loop_timer_set(scene->ticker, 5);
        return;
    }
    http_stream_end(scene->stream);
    scene->stream = NULL;
}

static void pour(void)
{
    static char piece[PIECE_BYTES];

    memset(piece, 'x', sizeof(piece));
    while (scene->taken < PIECES_MOST) {
        int status = http_stream_send(scene->stream, (struct str){piece, sizeof(piece)});

        if (status == -EAGAIN)
            return;
        assert_int_equal(status, 0);
        scene->taken++;
    }
}

/* What it was refused it sends now, once, and ends. */
static void on_drained(void *user)
{
    (void)user;
    if (scene->drained++ > 0)
        return;
    assert_int_equal(http_stream_send(scene->stream, STR("the rest")), 0);
    http_stream_end(scene->stream);
    scene->stream = NULL;
}

static void on_request(void *user, struct http_exchange *exchange)
{
    struct str path = http_exchange_path(exchange);
    struct buf body = {0};

    (void)user;
    if (str_is(path, "/ticks")) {
        scene->stream = exchange;
        http_exchange_set_user(exchange, NULL, on_gone);
        http_stream_start(exchange, 200, "text/plain", "x-extra: yes\r\n", NULL);
        on_tick(NULL);
    } else if (str_is(path, "/pour")) {
        scene->stream = exchange;
        http_exchange_set_user(exchange, NULL, on_gone);
        http_stream_start(exchange, 200, NULL, NULL, on_drained);
        pour();
        scene->taken_at_first = scene->taken;
    } else if (str_is(path, "/silent")) {
        scene->stream = exchange;
        http_exchange_set_user(exchange, NULL, on_gone);
        http_stream_start(exchange, 200, NULL, NULL, NULL);
    } else {
        buf_puts(&body, "plain.");
        http_exchange_reply(exchange, str_is(path, "/bad") ? 404 : 200, "text/plain", NULL, &body);
    }
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
    scene->ticker = loop_timer_create(scene->loop, on_tick, NULL);
    scene->peer.loop = scene->loop;
    scene->peer.port = http_server_port(scene->server);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_destroy(scene->server);
    loop_timer_destroy(scene->ticker);
    buf_finish(&scene->peer.seen);
    loop_destroy(scene->loop);
    free(scene);
    return 0;
}

static void ask_twice(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "\r\n0\r\n\r\n", 1);
    peer_send(fd, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number += peer_read(fd, &peer->seen, "plain.", 1);
    close(fd);
}

static void pieces_are_chunks_and_the_connection_lives_on(void **state)
{
    const char *body;

    (void)state;
    peer_run(&scene->peer, ask_twice);
    assert_int_equal(scene->peer.number, 2);
    assert_non_null(strstr(scene->peer.seen.ptr, "transfer-encoding: chunked\r\nx-extra: yes\r\n"));
    body = strstr(scene->peer.seen.ptr, "\r\n\r\n") + 4;
    static const char expected[] =
        "7\r\ntick 0\n\r\n7\r\ntick 1\n\r\n7\r\ntick 2\n\r\n0\r\n\r\nHTTP/1.1 200";
    assert_int_equal(strncmp(body, expected, strlen(expected)), 0);
    assert_int_equal(scene->gone, 1);
}

static void ask_in_old_words(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "GET /ticks HTTP/1.0\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, NULL, 0);
    close(fd);
}

static void an_old_peer_gets_no_chunks(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_in_old_words);
    assert_true(scene->peer.number);
    assert_null(strstr(scene->peer.seen.ptr, "chunked"));
    assert_string_equal(strstr(scene->peer.seen.ptr, "\r\n\r\n") + 4, "tick 0\ntick 1\ntick 2\n");
}

static void ask_for_the_head(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "HEAD /ticks HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "plain.", 1);
    close(fd);
}

static void a_head_ends_at_once(void **state)
{
    (void)state;
    peer_run(&scene->peer, ask_for_the_head);
    assert_true(scene->peer.number);
    assert_null(strstr(scene->peer.seen.ptr, "tick"));
    assert_int_equal(scene->gone, 1);
}

static void read_late(struct peer *peer)
{
    int fd = peer_connect(peer->port);
    int other = peer_connect(peer->port);

    peer_send(fd, "GET /pour HTTP/1.1\r\nHost: x\r\n\r\n");
    /* The answer to another shows that the loop is not held up, and that the first send is over. */
    peer_send(other, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number = peer_read(other, &peer->seen, "plain.", 1);
    peer->number += peer_read(fd, &peer->seen, "8\r\nthe rest\r\n0\r\n\r\n", 1);
    close(other);
    close(fd);
}

static void a_slow_peer_costs_bounded_memory(void **state)
{
    size_t frame = strlen("2710\r\n") + 2;

    (void)state;
    peer_run(&scene->peer, read_late);
    assert_int_equal(scene->peer.number, 2);
    assert_int_equal(scene->taken, HTTP_STREAM_BYTES_MAX / (PIECE_BYTES + frame));
    assert_int_equal(scene->taken, scene->taken_at_first);
    assert_int_equal(scene->drained, 1);
    assert_true(scene->peer.seen.len > scene->taken * PIECE_BYTES);
}

static void leave(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "\r\n\r\n", 1);
    close(fd);
    fd = peer_connect(peer->port); /* what it asks is seen after what the other did */
    peer_send(fd, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number += peer_read(fd, &peer->seen, "plain.", 1);
    close(fd);
}

static void a_peer_that_left_is_told_of(void **state)
{
    (void)state;
    peer_run(&scene->peer, leave);
    assert_int_equal(scene->peer.number, 2);
    assert_int_equal(scene->gone, 1);
}

static void stay(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    peer_send(fd, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "\r\n\r\n", 1);
    (void)dup(fd); /* open beyond this call */
    close(fd);
}

static void a_server_that_ends_tells_its_streams(void **state)
{
    (void)state;
    peer_run(&scene->peer, stay);
    http_server_destroy(scene->server);
    scene->server = NULL;
    assert_int_equal(scene->gone, 1);
}

struct taking {
    struct buf seen;
    size_t most;
    int status, answer_status;
    const char *path;
};

static bool take(void *user, struct str piece)
{
    struct taking *taking = user;

    buf_add_str(&taking->seen, piece);
    return taking->seen.len < taking->most;
}

static void call(struct peer *peer)
{
    struct taking *taking = peer->user;
    char url[64];
    struct err err = {0};

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", peer->port, taking->path);
    const struct http_call asked = {.url = url};
    taking->status =
        http_call_stream(&asked, take, taking, &taking->answer_status, &peer->seen, &err);
}

static void the_client_takes_piece_by_piece(void **state)
{
    struct taking all = {.most = 1000, .path = "/ticks"};
    struct taking some = {.most = 10, .path = "/pour"};
    struct taking none = {.most = 1000, .path = "/bad"};

    (void)state;
    scene->peer.user = &all;
    peer_run(&scene->peer, call);
    assert_int_equal(all.status, 0);
    assert_true(str_is(buf_str(&all.seen), "tick 0\ntick 1\ntick 2\n"));
    scene->peer.user = &some;
    peer_run(&scene->peer, call);
    assert_int_equal(some.status, 0);
    assert_int_equal(some.answer_status, 200);
    scene->peer.user = &none;
    peer_run(&scene->peer, call);
    assert_int_equal(none.answer_status, 404);
    assert_int_equal(none.seen.len, 0);
    assert_true(str_is(buf_str(&scene->peer.seen), "plain."));
    buf_finish(&all.seen);
    buf_finish(&some.seen);
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(pieces_are_chunks_and_the_connection_lives_on),
        STREAM_TEST(an_old_peer_gets_no_chunks),
        STREAM_TEST(a_head_ends_at_once),
        STREAM_TEST(a_slow_peer_costs_bounded_memory),
        STREAM_TEST(a_peer_that_left_is_told_of),
        STREAM_TEST(a_server_that_ends_tells_its_streams),
        STREAM_TEST(the_client_takes_piece_by_piece),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The client against bare sockets that misbehave: each way to fail must be told apart from the
 * others, because a request that was surely not sent may be repeated and one that was perhaps
 * received may not. */
#include "http_peer.h"

#include "base/clock.h"
#include "base/err.h"
#include "http/http_client.h"

#include <sched.h>

struct scene {
    struct loop *loop;
    struct http_client *client;
    struct http_destination *destination;
    int listener;
    int port;
    pthread_t server;
    const char *script;   /* what the server answers */
    size_t script_repeat; /* the last line of it, this often again */
    bool reads_request;
    bool resets;
    bool stays;         /* does not close before the client does */
    int serves;         /* connections */
    struct buf request; /* what the server got */
    char url[128];
    int wanted;
    int done;
};

static struct scene *scene;
/* With credentials in its URL a request is libcurl's; without, it goes in clear by our own hand.
 * All that can go wrong is tested on both ways. */
static const char *scene_user = "user:hidden@";

static void answer_one(int fd)
{
    if (scene->reads_request && !peer_read(fd, &scene->request, "\r\n\r\n", 1))
        return;
    if (scene->reads_request && strstr(scene->request.ptr, "Content-Length: 6"))
        (void)peer_read(fd, &scene->request, "!", 1);
    if (scene->script != NULL)
        peer_send(fd, scene->script);
    for (size_t i = 0; i < scene->script_repeat; i++) {
        if (send(fd, "X-Filler: 01234567890123456789\r\n", 32, MSG_NOSIGNAL) < 0)
            break;
    }
    if (scene->resets) {
        struct linger now = {.l_onoff = 1};

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    if (scene->stays)
        (void)peer_read(fd, &scene->request, NULL, 0);
}

static void *serve(void *user)
{
    (void)user;
    for (int i = 0; i < scene->serves; i++) {
        struct timeval patience = {.tv_sec = PEER_PATIENCE_S};
        int fd = accept(scene->listener, NULL, NULL);

        if (fd < 0)
            return NULL;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        answer_one(fd);
        close(fd);
    }
    return NULL;
}

static void on_done(struct http_request *request)
{
    (void)request;
    if (++scene->done == scene->wanted)
        loop_stop(scene->loop);
}

static int set_up(void **state)
{
    struct err err = {0};

    (void)state;
    scene = calloc(1, sizeof(*scene));
    scene->reads_request = true;
    scene->serves = 1;
    scene->loop = loop_create(&err);
    scene->client = http_client_create(scene->loop, NULL, &err);
    assert_non_null(scene->client);
    scene->listener = peer_listen(&scene->port);
    snprintf(scene->url, sizeof(scene->url), "http://%s127.0.0.1:%d/p?token=hidden", scene_user,
             scene->port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_destroy(scene->client);
    loop_drain(scene->loop);
    loop_destroy(scene->loop);
    close(scene->listener);
    buf_finish(&scene->request);
    free(scene);
    return 0;
}

static void run(struct http_request *requests, int count,
                const struct http_destination_settings *settings)
{
    struct err err = {0};

    scene->destination = http_destination_create(scene->client, settings, &err);
    assert_non_null(scene->destination);
    assert_int_equal(pthread_create(&scene->server, NULL, serve, NULL), 0);
    scene->wanted = count;
    http_client_send(scene->destination, requests);
    http_destination_release(scene->destination);
    loop_run(scene->loop);
    assert_int_equal(scene->done, count);
    shutdown(scene->listener, SHUT_RDWR);
    pthread_join(scene->server, NULL);
}

static struct http_request post(const struct str *body)
{
    return (struct http_request){.method = "POST",
                                 .url = scene->url,
                                 .body_parts = body,
                                 .body_part_count = 1,
                                 .done = on_done};
}

static const struct http_destination_settings plain = {.max_connections = 1,
                                                       .timeout_ms = 5000,
                                                       .connect_timeout_ms = 2000,
                                                       .max_response_bytes = 1000,
                                                       .verify_tls = true};

static void expect_failure(struct http_request *request, enum http_failure failure,
                           const char *words)
{
    if (request->failure != failure || strstr(request->error, words) == NULL)
        fail_msg("failure %d, expected %d with '%s': %s", (int)request->failure, (int)failure,
                 words, request->error);
    assert_null(strstr(request->error, "hidden"));
    http_request_finish(request);
}

static void test_answer_is_taken_whole(void **state)
{
    static const char *const headers[] = {"Content-Type: text/plain", "X-Key: k"};
    struct str parts[] = {{"one", 3}, {"", 0}, {"two", 2}, {"!", 1}};
    struct http_request request = {.method = "PUT",
                                   .url = scene->url,
                                   .headers = headers,
                                   .header_count = 2,
                                   .body_parts = parts,
                                   .body_part_count = 4,
                                   .keep_headers = true,
                                   .done = on_done};

    (void)state;
    scene->script =
        "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nX-Mixed: Case\r\nContent-Length: 4\r\n\r\nwait";
    run(&request, 1, &plain);
    assert_int_equal(request.failure, HTTP_ANSWERED);
    assert_int_equal(request.status, 429);
    assert_int_equal(request.retry_after_ms, 7000);
    assert_true(str_is(buf_str(&request.answer), "wait"));
    assert_non_null(strstr(request.answer_headers.ptr, "x-mixed: Case\n"));
    assert_true(request.duration_us > 0 && request.started_ms > 0);
    assert_non_null(strstr(scene->request.ptr, "PUT /p?token=hidden HTTP/1.1\r\n"));
    assert_non_null(strstr(scene->request.ptr, "X-Key: k\r\n"));
    assert_non_null(strstr(scene->request.ptr, "\r\n\r\nonetw!"));
    assert_null(strstr(scene->request.ptr, "Expect"));
    http_request_finish(&request);
}

static void fail_with(const char *script, enum http_failure failure, const char *words)
{
    struct str body = {"hello!", 6};
    struct http_request request = post(&body);

    scene->script = script;
    run(&request, 1, &plain);
    expect_failure(&request, failure, words);
}

static void test_rate_headers_are_kept(void **state)
{
    struct str body = {"hello!", 6};
    struct http_request request = post(&body);

    (void)state;
    scene->script = "HTTP/1.1 200 OK\r\nRateLimit-Remaining: 5\r\nratelimit-reset: 3\r\n"
                    "X-Other: x\r\nX-RateLimit-Reset: 9\r\nContent-Length: 0\r\n\r\n";
    run(&request, 1, &plain);
    assert_int_equal(request.status, 200);
    assert_string_equal(request.rate_headers.ptr, "RateLimit-Remaining: 5\nRateLimit-Reset: 3\n");
    http_request_finish(&request);
}

/* Sends `count` and lets the loop run until `wanted` of all are done. */
static void send_some(struct http_request *requests, int count, int wanted)
{
    for (int i = 0; i + 1 < count; i++)
        requests[i].next = &requests[i + 1];
    scene->done = 0;
    scene->wanted = wanted;
    http_client_send(scene->destination, requests);
    if (wanted > 0)
        loop_run(scene->loop);
}

static int accept_one(void)
{
    struct timeval patience = {.tv_sec = PEER_PATIENCE_S};
    int fd = accept(scene->listener, NULL, NULL);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_true(peer_read(fd, &scene->request, "!", 1));
    return fd;
}

static void test_a_limit_holds_and_can_be_moved(void **state)
{
    enum { REQUESTS = 6 };
    static const char ok[] = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n";
    struct http_destination_settings wide = plain;
    struct str body = {"hello!", 6};
    struct http_request requests[REQUESTS];
    struct err err = {0};
    int fds[2];

    (void)state;
    wide.max_connections = 4;
    scene->destination = http_destination_create(scene->client, &wide, &err);
    http_destination_limit(scene->destination, 2);
    for (int i = 0; i < REQUESTS; i++)
        requests[i] = post(&body);
    send_some(requests, REQUESTS, 0);
    fds[0] = accept_one();
    fds[1] = accept_one();
    /* Two are on the wire; with none allowed the other four come back. */
    scene->wanted = REQUESTS - 2;
    http_destination_limit(scene->destination, 0);
    loop_run(scene->loop);
    scene->done = 0;
    scene->wanted = 2;
    for (int i = 0; i < 2; i++) {
        peer_send(fds[i], ok);
        close(fds[i]);
    }
    loop_run(scene->loop);
    int answered = 0;
    for (int i = 0; i < REQUESTS; i++) {
        answered += requests[i].failure == HTTP_ANSWERED;
        if (requests[i].failure != HTTP_ANSWERED)
            expect_failure(&requests[i], HTTP_REFUSED_LOCALLY, "held back");
        else
            http_request_finish(&requests[i]);
    }
    assert_int_equal(answered, 2);
    /* With one allowed, they go one by one, whatever thread they are given to. */
    http_destination_limit(scene->destination, 1);
    for (int i = 0; i < 3; i++)
        requests[i] = post(&body);
    send_some(requests, 3, 0);
    for (int i = 0; i < 3; i++) {
        fds[0] = accept_one();
        scene->done = 0;
        scene->wanted = 1;
        peer_send(fds[0], ok);
        close(fds[0]);
        loop_run(scene->loop);
        assert_int_equal(requests[i].status, 204);
        http_request_finish(&requests[i]);
    }
    http_destination_release(scene->destination);
}

static void test_what_waited_too_long_comes_back(void **state)
{
    enum { REQUESTS = 4 };
    static const char ok[] = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n";
    struct str body = {"hello!", 6};
    struct http_request requests[REQUESTS];
    struct err err = {0};

    (void)state;
    scene->destination = http_destination_create(scene->client, &plain, &err);
    for (int i = 0; i < REQUESTS; i++)
        requests[i] = post(&body);
    requests[0].start_by_ms =
        clock_due_ms() + 60000; /* begins at once, so this is no limit to it */
    requests[1].start_by_ms = requests[2].start_by_ms = clock_due_ms();
    send_some(requests, REQUESTS, 0);
    int fd = accept_one();
    while (clock_due_ms() <= requests[2].start_by_ms)
        (void)sched_yield(); /* it passes within a millisecond */
    scene->wanted = REQUESTS - 1;
    peer_send(fd, ok);
    close(fd);
    loop_run(scene->loop);
    expect_failure(&requests[1], HTTP_REFUSED_LOCALLY, "waited too long");
    expect_failure(&requests[2], HTTP_REFUSED_LOCALLY, "waited too long");
    assert_int_equal(requests[0].status, 204);
    http_request_finish(&requests[0]);
    fd = accept_one();
    scene->wanted = REQUESTS;
    peer_send(fd, ok);
    close(fd);
    loop_run(scene->loop);
    assert_int_equal(requests[3].status, 204);
    http_request_finish(&requests[3]);
    http_destination_release(scene->destination);
}

static void test_those_behind_a_row_of_failures_come_back(void **state)
{
    enum { REQUESTS = 50 };
    struct http_destination_settings settings = plain;
    struct str body = {"hello!", 6};
    struct http_request requests[REQUESTS];
    struct err err = {0};
    int failed = 0;

    (void)state;
    close(scene->listener);
    scene->listener = -1;
    settings.not_reached_max = 3;
    scene->destination = http_destination_create(scene->client, &settings, &err);
    for (int i = 0; i < REQUESTS; i++)
        requests[i] = post(&body);
    send_some(requests, REQUESTS, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        failed += requests[i].failure == HTTP_NOT_SENT;
        http_request_finish(&requests[i]);
    }
    assert_int_equal(failed, 3);
    http_destination_release(scene->destination);
}

static void test_closed_without_answer(void **state)
{
    (void)state;
    fail_with(NULL, HTTP_NO_ANSWER, "closed without an answer");
}

static void test_reset_without_answer(void **state)
{
    (void)state;
    scene->resets = true;
    fail_with(NULL, HTTP_NO_ANSWER, "127.0.0.1:");
}

static void test_closed_after_headers(void **state)
{
    (void)state;
    fail_with("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", HTTP_NO_ANSWER,
              "in the middle of the answer");
}

static void test_closed_in_the_body(void **state)
{
    (void)state;
    fail_with("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", HTTP_NO_ANSWER,
              "in the middle of the answer");
}

static void test_garbage(void **state)
{
    (void)state;
    fail_with("\x16\x03\x01 this is not HTTP\r\n\r\n", HTTP_NO_ANSWER, "127.0.0.1:");
}

static void test_endless_headers(void **state)
{
    (void)state;
    scene->script_repeat = 1000000;
    fail_with("HTTP/1.1 200 OK\r\n", HTTP_NO_ANSWER, "larger than 64 KB");
}

static void test_slow_answer_times_out(void **state)
{
    struct http_destination_settings hasty = plain;
    struct str body = {"hello!", 6};
    struct http_request request = post(&body);

    (void)state;
    hasty.timeout_ms = 200;
    scene->stays = true;
    run(&request, 1, &hasty);
    expect_failure(&request, HTTP_NO_ANSWER, "within 200 ms");
}

static void test_huge_answer_is_cut(void **state)
{
    struct str body = {"hello!", 6};
    struct http_request request = post(&body);

    (void)state;
    scene->script = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
    scene->script_repeat = 100000;
    run(&request, 1, &plain);
    assert_int_equal(request.failure, HTTP_ANSWERED);
    assert_int_equal(request.status, 200);
    assert_true(request.is_cut);
    assert_int_equal(request.answer.len, 1000);
    http_request_finish(&request);
}

static void test_nobody_listens(void **state)
{
    struct str body = {"hello!", 6};
    struct http_request request = post(&body);

    (void)state;
    close(scene->listener);
    scene->listener = -1;
    run(&request, 1, &plain);
    expect_failure(&request, HTTP_NOT_SENT, "Connection refused");
}

/* Three requests over TLS: the first looks whether there is a connection to be had, the others wait
 * for what it finds. */
static void fail_to_scout(int64_t connect_timeout_ms, const char *words)
{
    struct http_destination_settings hasty = plain;
    struct str body = {"hello!", 6};
    struct http_request requests[3];

    hasty.is_tls = true;
    hasty.max_connections = 3;
    hasty.connect_timeout_ms = connect_timeout_ms;
    snprintf(scene->url, sizeof(scene->url), "https://127.0.0.1:%d/", scene->port);
    scene->reads_request = false;
    for (int i = 0; i < 3; i++) {
        requests[i] = post(&body);
        requests[i].next = i < 2 ? &requests[i + 1] : NULL;
    }
    run(requests, 3, &hasty);
    expect_failure(&requests[0], HTTP_NOT_SENT, words);
    expect_failure(&requests[1], HTTP_REFUSED_LOCALLY, "held back");
    expect_failure(&requests[2], HTTP_REFUSED_LOCALLY, "held back");
}

static void test_no_tls_costs_one_handshake(void **state)
{
    (void)state;
    fail_to_scout(20000, "TLS handshake failed");
}

static void test_a_hanging_handshake_costs_one_timeout(void **state)
{
    (void)state;
    scene->stays = true;
    fail_to_scout(200, "cannot connect to 127.0.0.1:");
}

static void refuse_locally(struct http_request request, const char *words)
{
    struct str body = {"x", 1};

    request.done = on_done;
    request.body_parts = &body;
    scene->serves = 0;
    scene->done = 0;
    run(&request, 1, &plain);
    expect_failure(&request, HTTP_REFUSED_LOCALLY, words);
}

static void test_what_is_refused_locally(void **state)
{
    static const char *const split[] = {"X: a\r\nEvil: yes"};

    (void)state;
    refuse_locally((struct http_request){.method = "GET", .url = "ftp://127.0.0.1/x"}, "http://");
    refuse_locally((struct http_request){.method = "GET", .url = "file:///etc/passwd"}, "http://");
    refuse_locally((struct http_request){.method = "GET", .url = "http://"}, "");
    refuse_locally((struct http_request){.method = "GET"}, "URL");
    refuse_locally((struct http_request){.method = "GE T", .url = scene->url}, "method");
    refuse_locally(
        (struct http_request){
            .method = "GET", .url = scene->url, .headers = split, .header_count = 1},
        "line break");
}

static void test_shutdown_tells_sent_from_waiting(void **state)
{
    struct str body = {"hello!", 6};
    struct http_request second = post(&body);
    struct http_request first = post(&body);
    struct err err = {0};
    int fd;

    (void)state;
    first.next = &second;
    scene->destination = http_destination_create(scene->client, &plain, &err);
    http_client_send(scene->destination, &first);
    fd = accept(scene->listener, NULL, NULL);
    assert_true(peer_read(fd, &scene->request, "!", 1));
    http_client_destroy(scene->client);
    scene->client = NULL;
    assert_int_equal(scene->done, 2);
    expect_failure(&first, HTTP_NO_ANSWER, "shutting down");
    expect_failure(&second, HTTP_REFUSED_LOCALLY, "shutting down");
    close(fd);
}

/* A server that answers `answers` requests on each connection and closes it without a word. */
struct short_lived {
    int answers;
    int connections; /* seen */
    int requests;    /* the same */
};

static void *serve_shortly(void *user)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct short_lived *server = user;
    struct timeval patience = {.tv_sec = PEER_PATIENCE_S};
    int fd;

    while ((fd = accept(scene->listener, NULL, NULL)) >= 0) {
        struct buf seen = {0};

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        server->connections++;
        for (int i = 0; i < server->answers && peer_read(fd, &seen, "hello!", i + 1); i++) {
            server->requests++;
            peer_send(fd, answer);
        }
        /* One more is read and not answered: it was under way when the connection ended. */
        (void)peer_read(fd, &seen, "hello!", server->answers + 1);
        buf_finish(&seen);
        close(fd);
    }
    return NULL;
}

enum { SHORTLY = 9 };

static void send_shortly(struct http_request requests[SHORTLY], struct short_lived *server,
                         bool is_once)
{
    static struct str body = {"hello!", 6};
    struct err err = {0};

    for (int i = 0; i < SHORTLY; i++) {
        requests[i] = post(&body);
        requests[i].is_once = is_once;
        requests[i].next = i + 1 < SHORTLY ? &requests[i + 1] : NULL;
    }
    scene->destination = http_destination_create(scene->client, &plain, &err);
    assert_int_equal(pthread_create(&scene->server, NULL, serve_shortly, server), 0);
    scene->wanted = SHORTLY;
    http_client_send(scene->destination, requests);
    loop_run(scene->loop);
    http_destination_release(scene->destination);
    http_client_destroy(scene->client); /* hangs up, or the server waits for more */
    scene->client = NULL;
    shutdown(scene->listener, SHUT_RDWR);
    pthread_join(scene->server, NULL);
}

static void test_a_connection_that_died_unanswered_is_made_anew(void **state)
{
    struct short_lived server = {.answers = 3};
    struct http_request requests[SHORTLY];

    (void)state;
    send_shortly(requests, &server, false);
    for (int i = 0; i < SHORTLY; i++) {
        if (requests[i].failure != HTTP_ANSWERED || requests[i].status != 200)
            fail_msg("request %d: %s", i, requests[i].error);
        assert_true(str_is(buf_str(&requests[i].answer), "ok"));
        http_request_finish(&requests[i]);
    }
    assert_int_equal(server.requests, SHORTLY);
    assert_int_equal(server.connections, SHORTLY / 3);
}

/* It may have arrived, and whoever asked for that wants to know before it goes again. */
static void test_what_is_to_go_once_is_not_sent_again(void **state)
{
    struct short_lived server = {.answers = 3};
    struct http_request requests[SHORTLY];

    (void)state;
    send_shortly(requests, &server, true);
    for (int i = 0; i < SHORTLY; i++) {
        bool is_lost = i % 4 == 3;
        if (requests[i].failure != (is_lost ? HTTP_NO_ANSWER : HTTP_ANSWERED))
            fail_msg("request %d: %s", i, requests[i].error);
        if (is_lost)
            assert_non_null(strstr(requests[i].error, "closed without an answer"));
        http_request_finish(&requests[i]);
    }
    assert_int_equal(server.requests, SHORTLY - SHORTLY / 4);
}

enum { BIG_PARTS = 200, BIG_PART_BYTES = 40000 };

/* Reads slowly enough that no socket holds the whole. */
static void *serve_big(void *user)
{
    size_t *got = user;
    int fd = accept(scene->listener, NULL, NULL);
    char bytes[10000];
    ssize_t len;

    while (*got < (size_t)BIG_PARTS * BIG_PART_BYTES &&
           (len = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        for (ssize_t i = 0; i < len; i++)
            *got += bytes[i] == '#';
    peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    close(fd);
    return NULL;
}

static void test_a_body_larger_than_the_socket_arrives_whole(void **state)
{
    static char part[BIG_PART_BYTES];
    struct str parts[BIG_PARTS];
    struct http_request request = {.method = "POST",
                                   .url = scene->url,
                                   .body_parts = parts,
                                   .body_part_count = BIG_PARTS,
                                   .done = on_done};
    struct err err = {0};
    size_t got = 0;

    (void)state;
    memset(part, '#', sizeof(part));
    for (int i = 0; i < BIG_PARTS; i++)
        parts[i] = (struct str){part, sizeof(part)};
    scene->destination = http_destination_create(scene->client, &plain, &err);
    assert_int_equal(pthread_create(&scene->server, NULL, serve_big, &got), 0);
    scene->wanted = 1;
    http_client_send(scene->destination, &request);
    http_destination_release(scene->destination);
    loop_run(scene->loop);
    pthread_join(scene->server, NULL);
    assert_int_equal(request.failure, HTTP_ANSWERED);
    assert_int_equal(got, BIG_PARTS * BIG_PART_BYTES);
    http_request_finish(&request);
}

#define CLIENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(test_answer_is_taken_whole),
        CLIENT_TEST(test_rate_headers_are_kept),
        CLIENT_TEST(test_a_limit_holds_and_can_be_moved),
        CLIENT_TEST(test_what_waited_too_long_comes_back),
        CLIENT_TEST(test_those_behind_a_row_of_failures_come_back),
        CLIENT_TEST(test_closed_without_answer),
        CLIENT_TEST(test_reset_without_answer),
        CLIENT_TEST(test_closed_after_headers),
        CLIENT_TEST(test_closed_in_the_body),
        CLIENT_TEST(test_garbage),
        CLIENT_TEST(test_endless_headers),
        CLIENT_TEST(test_slow_answer_times_out),
        CLIENT_TEST(test_huge_answer_is_cut),
        CLIENT_TEST(test_nobody_listens),
        CLIENT_TEST(test_no_tls_costs_one_handshake),
        CLIENT_TEST(test_a_hanging_handshake_costs_one_timeout),
        CLIENT_TEST(test_what_is_refused_locally),
        CLIENT_TEST(test_a_connection_that_died_unanswered_is_made_anew),
        CLIENT_TEST(test_what_is_to_go_once_is_not_sent_again),
        CLIENT_TEST(test_a_body_larger_than_the_socket_arrives_whole),
        CLIENT_TEST(test_shutdown_tells_sent_from_waiting),
    };

    int failed = cmocka_run_group_tests_name("by libcurl", tests, NULL, NULL);

    scene_user = "";
    return failed + cmocka_run_group_tests_name("in clear", tests, NULL, NULL);
}
#undef CLIENT_TEST

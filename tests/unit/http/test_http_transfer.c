/* SPDX-License-Identifier: Apache-2.0
 * Answers whose headers have no end: none may grow in memory, and each is called what it is. */
#include "http_peer.h"

#include "base/err.h"
#include "http/http_client.h"

#define FILLER "X-Filler: 0123456789012345678901234567890123456789012345678\r\n"
#define INTERIM "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"

enum { WITHOUT_END = 1000000, FILLERS_THAT_FIT = 1000, FILLERS_TO_FOLLOW = 500 };

/* What the server says on each connection: `first`, `again` so often, `last`. */
struct script {
    const char *first, *again, *last;
    int times;
};

struct scene {
    struct loop *loop;
    struct http_client *client;
    int listener;
    pthread_t server;
    struct script script;
    char url[128];
    struct http_request request;
};

/* With credentials in its URL a request is libcurl's; without, it goes in clear by our own hand. */
static bool is_by_libcurl;

static void *serve(void *user)
{
    const struct scene *scene = user;
    struct timeval patience = {.tv_sec = PEER_PATIENCE_S};
    int fd;

    while ((fd = accept(scene->listener, NULL, NULL)) >= 0) {
        struct buf seen = {0};
        const char *again = scene->script.again;
        size_t len = strlen(again);

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (peer_read(fd, &seen, "\r\n\r\n", 1)) {
            peer_send(fd, scene->script.first);
            for (int i = 0; i < scene->script.times; i++)
                if (send(fd, again, len, MSG_NOSIGNAL) < 0)
                    break;
            peer_send(fd, scene->script.last);
        }
        buf_finish(&seen);
        close(fd);
    }
    return NULL;
}

static void on_done(struct http_request *request)
{
    loop_stop(request->user);
}

static void set_up(struct scene *scene)
{
    struct err err = {0};
    int port;

    scene->loop = loop_create(&err);
    scene->client = http_client_create(scene->loop, NULL, &err);
    assert_non_null(scene->client);
    scene->listener = peer_listen(&port);
    snprintf(scene->url, sizeof(scene->url), "http://%s127.0.0.1:%d/x",
             is_by_libcurl ? "user:word@" : "", port);
}

/* What became of one request is in scene->request, for http_request_finish. */
static void run(struct scene *scene, struct script script, bool follow_redirects)
{
    const struct http_destination_settings settings = {.max_connections = 1,
                                                       .timeout_ms = 1000 * PEER_PATIENCE_S,
                                                       .connect_timeout_ms = 2000,
                                                       .follow_redirects = follow_redirects};
    struct http_destination *destination;
    struct err err = {0};

    set_up(scene);
    scene->script = script;
    assert_int_equal(pthread_create(&scene->server, NULL, serve, scene), 0);
    destination = http_destination_create(scene->client, &settings, &err);
    assert_non_null(destination);
    scene->request = (struct http_request){.method = "GET",
                                           .url = scene->url,
                                           .keep_headers = true,
                                           .done = on_done,
                                           .user = scene->loop};
    http_client_send(destination, &scene->request);
    loop_run(scene->loop);
    http_destination_release(destination);
    http_client_destroy(scene->client);
    shutdown(scene->listener, SHUT_RDWR);
    pthread_join(scene->server, NULL);
    close(scene->listener);
    loop_drain(scene->loop);
    loop_destroy(scene->loop);
}

static void expect_failure(struct script script, const char *words)
{
    struct scene scene = {0};

    run(&scene, script, false);
    if (scene.request.failure != HTTP_NO_ANSWER || strstr(scene.request.error, words) == NULL)
        fail_msg("failure %d, not %d with '%s': %s", (int)scene.request.failure,
                 (int)HTTP_NO_ANSWER, words, scene.request.error);
    http_request_finish(&scene.request);
}

static void expect_answer(struct script script, bool follow_redirects, int status)
{
    struct scene scene = {0};

    run(&scene, script, follow_redirects);
    if (scene.request.failure != HTTP_ANSWERED || scene.request.status != status)
        fail_msg("failure %d, status %d: %s", (int)scene.request.failure, scene.request.status,
                 scene.request.error);
    http_request_finish(&scene.request);
}

static void test_a_head_without_end(void **state)
{
    (void)state;
    expect_failure((struct script){"HTTP/1.1 200 OK\r\n", FILLER, "", WITHOUT_END},
                   "headers of its answer are larger than 64 KB");
}

static void test_a_header_without_end(void **state)
{
    (void)state;
    expect_failure(
        (struct script){"HTTP/1.1 200 OK\r\nX: ", "01234567890123456789", "", WITHOUT_END},
        is_by_libcurl ? "a header of its answer is too long"
                      : "headers of its answer are larger than 64 KB");
}

static void test_trailers_without_end(void **state)
{
    (void)state;
    expect_failure((struct script){CHUNKED, FILLER, "", WITHOUT_END},
                   is_by_libcurl ? "headers of its answer are larger than 64 KB"
                                 : "what came is not an HTTP answer");
}

static void test_a_trailer_without_end(void **state)
{
    (void)state;
    expect_failure((struct script){CHUNKED "X: ", "01234567890123456789", "", WITHOUT_END},
                   "what came is not an HTTP answer");
}

static void test_interim_answers_without_end(void **state)
{
    (void)state;
    expect_failure((struct script){"", INTERIM, "", WITHOUT_END},
                   is_by_libcurl ? "headers of its answer are larger than 64 KB"
                                 : "what came is not an HTTP answer");
}

static void test_chunks_that_are_none(void **state)
{
    (void)state;
    expect_failure(
        (struct script){"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "oh\r\n", "", 1},
        "what came is not an HTTP answer");
}

static void test_a_long_head_is_taken(void **state)
{
    (void)state;
    expect_answer(
        (struct script){"HTTP/1.1 200 OK\r\n", FILLER, "\r\nbody to the end", FILLERS_THAT_FIT},
        false, 200);
}

static void test_a_few_trailers_are_taken(void **state)
{
    (void)state;
    expect_answer((struct script){CHUNKED, FILLER, "\r\n", 10}, false, 200);
}

/* Each answer on the way has its own 64 KB. Only libcurl follows. */
static void test_each_redirect_may_have_a_long_head(void **state)
{
    struct scene scene = {0};

    (void)state;
    run(&scene,
        (struct script){"HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n", FILLER,
                        "\r\n", FILLERS_TO_FOLLOW},
        true);
    assert_int_equal(scene.request.failure, HTTP_NO_ANSWER);
    assert_non_null(strstr(scene.request.error, "more than 5 redirects"));
    http_request_finish(&scene.request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_without_end),
        cmocka_unit_test(test_a_header_without_end),
        cmocka_unit_test(test_trailers_without_end),
        cmocka_unit_test(test_a_trailer_without_end),
        cmocka_unit_test(test_interim_answers_without_end),
        cmocka_unit_test(test_chunks_that_are_none),
        cmocka_unit_test(test_a_long_head_is_taken),
        cmocka_unit_test(test_a_few_trailers_are_taken),
        cmocka_unit_test(test_each_redirect_may_have_a_long_head),
    };
    int failed;

    is_by_libcurl = true;
    failed = cmocka_run_group_tests_name("by libcurl", tests, NULL, NULL);
    is_by_libcurl = false;
    return failed + cmocka_run_group_tests_name("in clear", tests, NULL, NULL);
}

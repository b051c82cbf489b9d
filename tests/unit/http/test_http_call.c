/* SPDX-License-Identifier: Apache-2.0
 * The command line's call against our own server over its socket. */
#include "http_peer.h"

#include "base/err.h"
#include "http/http_client.h"
#include "http/http_server.h"

struct outcome {
    struct http_call call;
    int status;
    int answer_status;
    struct err err;
};

static void on_request(void *user, struct http_exchange *exchange)
{
    struct buf body = {0};

    (void)user;
    assert_true(http_exchange_is_local(exchange));
    buf_printf(&body, "%.*s %.*s %.*s %.*s", STR_ARG(http_exchange_method(exchange)),
               STR_ARG(http_exchange_path(exchange)),
               STR_ARG(http_exchange_header(exchange, "authorization")),
               STR_ARG(http_exchange_body(exchange)));
    http_exchange_reply(exchange, 202, "text/plain", NULL, &body);
}

static void call(struct peer *peer)
{
    struct outcome *outcome = peer->user;

    outcome->status =
        http_call(&outcome->call, &outcome->answer_status, &peer->seen, &outcome->err);
}

static void test_call_over_the_socket(void **state)
{
    char path[] = "/tmp/tenon-test-XXXXXX";
    char name[64];
    struct http_server_settings settings = {.unix_socket = name};
    struct outcome outcome = {.call = {.unix_socket = name,
                                       .url = "http://tenon/api/v1/x%2Fy",
                                       .method = "DELETE",
                                       .token = "secret",
                                       .body = STR("{}"),
                                       .content_type = "application/json"}};
    struct err err = {0};
    struct peer peer = {.loop = loop_create(&err), .user = &outcome};
    struct http_server *server;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(name, sizeof(name), "%s/socket", path);
    server = http_server_create(peer.loop, &settings, on_request, NULL, &err);
    assert_non_null(server);
    peer_run(&peer, call);
    assert_int_equal(outcome.status, 0);
    assert_int_equal(outcome.answer_status, 202);
    assert_true(str_is(buf_str(&peer.seen), "DELETE /api/v1/x%2Fy Bearer secret {}"));
    http_server_destroy(server);
    peer_run(&peer, call);
    assert_int_equal(outcome.status, E_UNREACHABLE);
    assert_non_null(strstr(outcome.err.text, name));
    assert_non_null(strstr(outcome.err.text, "is tenond running?"));
    buf_finish(&peer.seen);
    loop_destroy(peer.loop);
    assert_int_equal(rmdir(path), 0);
}

/* Ids may be "." and "..": a path is what the caller says, and not what it comes to as a file's. */
static void test_dots_of_a_path_stay(void **state)
{
    static const char *const paths[] = {"/e/..",     "/e/.",     "/e/../a", "/e/./a?x=..",
                                        "/e/%2e%2e", "/e/%2E/a", "/e/%252e"};
    struct err err = {0};
    struct http_server_settings settings = {.unix_socket = NULL};
    char path[] = "/tmp/tenon-test-XXXXXX";
    char name[64];

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(name, sizeof(name), "%s/socket", path);
    settings.unix_socket = name;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char url[64];
        char line[64];
        struct outcome outcome = {.call = {.unix_socket = name, .url = url}};
        struct peer peer = {.loop = loop_create(&err), .user = &outcome};
        struct http_server *server =
            http_server_create(peer.loop, &settings, on_request, NULL, &err);
        assert_non_null(server);
        snprintf(url, sizeof(url), "http://tenon%s", paths[i]);
        snprintf(line, sizeof(line), "GET %.*s  ", (int)strcspn(paths[i], "?"), paths[i]);
        peer_run(&peer, call);
        assert_int_equal(outcome.status, 0);
        assert_string_equal(buf_str(&peer.seen).ptr, line);
        http_server_destroy(server);
        buf_finish(&peer.seen);
        loop_destroy(peer.loop);
    }
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_call_over_the_socket),
                                       cmocka_unit_test(test_dots_of_a_path_stay)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * An integration's log lines over a real socket: those that were kept, and those that come, also to
 * somebody who does not read for a while. */
#include "../http/http_peer.h"

#include "api/api.h"
#include "base/log_ring.h"
#include "catalog/setup.h"
#include "engine/engine.h"

#include <fcntl.h>

enum { LINES = 20000, TEXT_BYTES = 500 };

struct scene {
    struct peer peer;
    struct store *store;
    struct engine *engine;
    struct api *api;
    int null_fd;
};

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

/* One integration, x, that is configured and not enabled: it logs what the test logs for it. */
static void open_engine(struct scene *scene)
{
    static const char ini[] = "[integration]\nplugin = webhook\nenabled = no\n";
    const struct store_settings settings = {.url = "memory:"};
    char dir[] = "/tmp/tenon-logs-XXXXXX";
    char path[64];
    struct setup found = {0};
    struct err err = {0};

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/x.ini", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(ini, file) >= 0);
    assert_int_equal(fclose(file), 0);
    found.config = config_load(dir, NULL, NULL, &err);
    assert_non_null(found.config);
    (void)unlink(path);
    (void)rmdir(dir);
    scene->store = store_open(&settings, scene->peer.loop, &err);
    const struct engine_rooms rooms = {
        .loop = scene->peer.loop, .store = scene->store, .setup = &found};
    scene->engine = engine_create(&rooms, &err);
    if (scene->engine == NULL)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    char listen[32];
    const struct api_settings settings = {.access = {.listen = listen}, .idle_timeout_ms = 60000};
    struct err err = {0};

    assert_non_null(scene);
    scene->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_set_fd(scene->null_fd);
    scene->peer.loop = loop_create(&err);
    open_engine(scene);
    log_ring_forget_all(); /* what the engine said of x */
    scene->peer.port = free_port();
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%d", scene->peer.port);
    scene->api = api_create(scene->peer.loop, scene->engine, &settings, &err);
    if (scene->api == NULL)
        fail_msg("%s", err.text);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    api_destroy(scene->api);
    store_close(scene->store);
    engine_destroy(scene->engine);
    loop_drain(scene->peer.loop);
    loop_destroy(scene->peer.loop);
    buf_finish(&scene->peer.seen);
    log_ring_forget_all();
    log_set_fd(2);
    (void)close(scene->null_fd);
    free(scene);
    return 0;
}

static void ask(struct peer *peer, const char *target)
{
    _buf_ struct buf request = {0};
    int fd = peer_connect(peer->port);

    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
    peer_send(fd, request.ptr);
    peer->number = peer_read(fd, &peer->seen, NULL, 0);
    (void)close(fd);
}

static void ask_for_two(struct peer *peer)
{
    log_integration_scope("x");
    log_warn("one");
    log_info("two");
    log_error("three", F_INT("n", 3));
    log_warn("four");
    log_warn("four");
    ask(peer, "/api/v1/integrations/x/logs?level=warn&limit=2&since=1h");
}

static void kept_lines_are_chosen(void **state)
{
    struct scene *scene = *state;

    peer_run(&scene->peer, ask_for_two);
    const char *items = strstr(scene->peer.seen.ptr, "{\"items\":[{\"time\":\"");
    assert_non_null(items);
    assert_null(strstr(items, "\"one\""));
    assert_null(strstr(items, "\"two\""));
    const char *three = strstr(items, "\"level\":\"error\",\"msg\":\"three\",\"n\":3}");
    assert_non_null(three);
    assert_non_null(strstr(three, "\"level\":\"warn\",\"repeats\":1,\"msg\":\"four\"}]"));
}

static void ask_for_a_stranger(struct peer *peer)
{
    log_info("line", F_STR("integration", "y"));
    ask(peer, "/api/v1/integrations/y/logs");
}

static void what_is_not_configured_is_not_there(void **state)
{
    struct scene *scene = *state;

    peer_run(&scene->peer, ask_for_a_stranger);
    assert_non_null(strstr(scene->peer.seen.ptr, "HTTP/1.1 404 "));
}

/* The peer's thread logs more than socket and stream hold before it reads the first of it. */
static void follow_late(struct peer *peer)
{
    char text[TEXT_BYTES + 1];
    int fd = peer_connect(peer->port);

    log_integration_scope("x");
    log_info("before");
    peer_send(fd, "GET /api/v1/integrations/x/logs?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "\"before\"}", 1);
    memset(text, 'x', TEXT_BYTES);
    text[TEXT_BYTES] = '\0';
    for (int i = 0; i < LINES; i++)
        log_info("line", F_STR("text", text), F_INT("i", i));
    peer->number += peer_read(fd, &peer->seen, "\"i\":19999}", 1);
    (void)close(fd);
}

static void a_late_follower_is_told_what_gave_way(void **state)
{
    struct scene *scene = *state;
    long lines = 0;
    long lost = 0;

    peer_run(&scene->peer, follow_late);
    assert_int_equal(scene->peer.number, 2);
    for (const char *at = scene->peer.seen.ptr; (at = strstr(at, "\"msg\":\"line\"")) != NULL; at++)
        lines++;
    for (const char *at = scene->peer.seen.ptr; (at = strstr(at, "{\"lost\":")) != NULL; at++)
        lost += strtol(at + strlen("{\"lost\":"), NULL, 10);
    assert_true(lost > 0);
    assert_int_equal(lines + lost, LINES);
}

static void follow_and_leave(struct peer *peer)
{
    int fd = peer_connect(peer->port);

    log_integration_scope("x");
    log_info("before");
    peer_send(fd, "GET /api/v1/integrations/x/logs?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer->number = peer_read(fd, &peer->seen, "\"before\"}", 1);
    (void)close(fd);
    for (int i = 0; i < 100; i++)
        log_info("after", F_INT("i", i));
    ask(peer, "/api/v1/integrations/x/logs?limit=1");
}

static void who_left_is_forgotten(void **state)
{
    struct scene *scene = *state;

    peer_run(&scene->peer, follow_and_leave);
    assert_non_null(strstr(scene->peer.seen.ptr, "\"i\":99}]"));
}

#define LOGS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOGS_TEST(kept_lines_are_chosen),
        LOGS_TEST(what_is_not_configured_is_not_there),
        LOGS_TEST(a_late_follower_is_told_what_gave_way),
        LOGS_TEST(who_left_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

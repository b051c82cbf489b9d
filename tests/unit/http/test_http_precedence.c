/* SPDX-License-Identifier: Apache-2.0
 * What is sent steps back behind whoever is awaited, and comes to the same end. */
#include "base/err.h"
#include "base/loop.h"
#include "http/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { NICEST = 19 };

struct scene {
    struct loop *loop;
    bool others_are_awaited;
    atomic_int asked, asked_behind; /* so often; of those, by a thread behind the others */
};

/* On whichever thread has the turn, after each of its rounds. */
static bool is_awaited(const void *user)
{
    struct scene *scene = *(struct scene *const *)user;

    atomic_fetch_add(&scene->asked, 1);
    if (getpriority(PRIO_PROCESS, 0) > getpriority(PRIO_PROCESS, (id_t)getpid()))
        atomic_fetch_add(&scene->asked_behind, 1);
    return scene->others_are_awaited;
}

static void on_done(struct http_request *request)
{
    loop_stop(request->user);
}

/* To a port where nobody listens, twice: whatever is said after the rounds of the first is heeded
 * in those of the second. */
static void send_two(struct scene *scene)
{
    const struct http_destination_settings settings = {.max_connections = 1, .verify_tls = true};
    const struct http_precedence precedence = {.is_awaited = is_awaited, .user = &scene};
    struct err err = {0};

    if (getpriority(PRIO_PROCESS, 0) == NICEST)
        skip(); /* there is nothing behind this */
    scene->loop = loop_create(&err);
    struct http_client *client = http_client_create(scene->loop, &precedence, &err);
    assert_non_null(client);
    struct http_destination *destination = http_destination_create(client, &settings, &err);
    assert_non_null(destination);
    for (int i = 0; i < 2; i++) {
        struct http_request request = {
            .method = "GET", .url = "http://127.0.0.1:1/", .done = on_done, .user = scene->loop};

        http_client_send(destination, &request);
        loop_run(scene->loop);
        assert_int_equal(request.failure, HTTP_NOT_SENT);
        http_request_finish(&request);
    }
    http_destination_release(destination);
    http_client_destroy(client);
    loop_drain(scene->loop);
    loop_destroy(scene->loop);
    assert_true(scene->asked > 0);
}

static void test_it_steps_back_behind_who_is_awaited(void **state)
{
    struct scene scene = {.others_are_awaited = true};

    (void)state;
    send_two(&scene);
    assert_true(scene.asked_behind > 0);
}

static void test_it_steps_back_behind_nobody(void **state)
{
    struct scene scene = {.others_are_awaited = false};

    (void)state;
    send_two(&scene);
    assert_int_equal(scene.asked_behind, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_steps_back_behind_who_is_awaited),
        cmocka_unit_test(test_it_steps_back_behind_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const tenon_plugin *plugin;
static struct fake_host host;
static char directory[] = "/tmp/tenon-copier-XXXXXX";
static struct sockaddr_un address;
static int listener;

static void *create(void)
{
    tenon_err err = fake_err();
    char settings[256];
    void *self = NULL;

    snprintf(settings, sizeof settings, "{\"socket\":\"%s\"}", address.sun_path);
    assert_int_equal(plugin->create(&host.host, tenon_text("c"), tenon_text(settings), &self, &err),
                     TENON_OK);
    return self;
}

static int32_t submit(void *self, uint64_t job, const char *const *data, uint32_t count)
{
    static struct fake_verdicts verdicts;
    tenon_record records[8] = {{0}};
    tenon_batch batch = fake_batch(records, count);
    tenon_err err = fake_err();

    for (uint32_t i = 0; i < count; i++)
        records[i] = fake_record("x", data[i]);
    batch.job = job;
    fake_verdicts_init(&verdicts);
    return plugin->client->submit(self, &batch, &verdicts.verdicts, &err);
}

static void expect(int peer, const char *bytes)
{
    char got[256];
    size_t len = strlen(bytes);

    assert_int_equal(recv(peer, got, len, MSG_WAITALL), (ssize_t)len);
    assert_memory_equal(got, bytes, len);
}

static void completes_what_the_peer_answered(void **state)
{
    static const char *const data[] = {"{}", "{\"a\":1}", "[]"};
    void *self = create();
    int peer;

    (void)state;
    assert_int_equal(submit(self, 5, data, 3), TENON_PENDING);
    peer = accept(listener, NULL, NULL);
    expect(peer, "{}\n{\"a\":1}\n[]\n");
    assert_int_equal(write(peer, "+\n-no\n", 6), 6);
    close(peer); /* the third stays without an answer */
    assert_int_equal(fake_host_wait(&host, 1), 0);
    assert_int_equal(host.last_job, 5);
    assert_int_equal(host.last[0].verdict, TENON_ACCEPTED);
    assert_int_equal(host.last[1].verdict, TENON_REJECTED);
    assert_true(host.last[2].verdict == TENON_UNSURE || host.last_count == 2);

    /* A new job gets a new connection. */
    assert_int_equal(submit(self, 6, data, 1), TENON_PENDING);
    peer = accept(listener, NULL, NULL);
    expect(peer, "{}\n");
    assert_int_equal(write(peer, "+\n", 2), 2);
    assert_int_equal(fake_host_wait(&host, 2), 0);
    assert_int_equal(host.last[0].verdict, TENON_ACCEPTED);
    close(peer);
    plugin->deactivate(self, 100);
    plugin->destroy(self);
}

static void deactivate_ends_the_wait_and_the_thread(void **state)
{
    static const char *const data[] = {"{}"};
    size_t before = host.completions;
    void *self = create();

    (void)state;
    assert_int_equal(submit(self, 9, data, 1), TENON_PENDING);
    plugin->deactivate(self, 100);
    assert_int_equal(host.completions, before + 1);
    assert_int_equal(host.last_job, 9);
    assert_true(host.last_count == 0 || host.last[0].verdict != TENON_ACCEPTED);
    close(accept(listener, NULL, NULL));
    plugin->destroy(self);
}

static void nobody_listening_is_a_lost_connection(void **state)
{
    static const char *const data[] = {"{}"};
    void *self;

    (void)state;
    close(listener);
    unlink(address.sun_path);
    self = create();
    assert_int_equal(submit(self, 11, data, 1), TENON_E_CONNECTION);
    plugin->deactivate(self, 100);
    plugin->destroy(self);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_what_the_peer_answered),
        cmocka_unit_test(deactivate_ends_the_wait_and_the_thread),
        cmocka_unit_test(nobody_listening_is_a_lost_connection),
    };
    int failed;

    plugin = fake_host_load(argv[argc - 1]);
    fake_host_init(&host);
    if (mkdtemp(directory) == NULL)
        return 1;
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", directory);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 4) != 0)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_host_finish(&host);
    rmdir(directory);
    return failed;
}

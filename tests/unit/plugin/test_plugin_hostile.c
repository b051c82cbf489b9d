/* SPDX-License-Identifier: Apache-2.0
 * Plugins that go wrong: each is contained and named, its neighbour notices nothing, and its next
 * call works. */
#include "plugin_fixture.h"

#include "base/secret.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DELIVER = PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PREPARE,
    ANYWHERE = -2, /* the plugin ran on while its garbage was read */
};

struct mishap {
    const char *type, *at;
    unsigned steps;
    enum plugin_status status;
    const char *words; /* in the reply's words */
    int64_t culprit;
};

static const struct mishap mishaps[] = {
    {"null", "transform", DELIVER, PLUGIN_DIED,
     "worker died: signal 11 (SIGSEGV) in transform, integration bad, record evt-2 (2 of 3)", 1},
    {"overflow", "transform", DELIVER, PLUGIN_DIED,
     "signal 11 (SIGSEGV) in transform, integration bad, record evt-2 (2 of 3)", 1},
    {"abort", "transform", DELIVER, PLUGIN_DIED, "signal 6 (SIGABRT) in transform", 1},
    {"exit", "transform", DELIVER, PLUGIN_DIED,
     "exited with status 0 in transform, integration bad, record evt-2 (2 of 3)", 1},
    {"loop", "transform", DELIVER, PLUGIN_TIMED_OUT,
     "no answer within 300 ms in transform, integration bad, record evt-2 (2 of 3)", 1},
#ifdef __x86_64__
    {"x32", "transform", DELIVER, PLUGIN_DIED, "worker died: signal 31 (SIGSYS) in transform", 1},
    /* SIGSEGV where the kernel was built without it */
    {"i386", "transform", DELIVER, PLUGIN_DIED, "worker died: signal ", 1},
#endif
    {"allocate", "transform", DELIVER, PLUGIN_DIED, "signal 11 (SIGSEGV) in transform", 1},
    {"garbage", "transform", DELIVER, PLUGIN_GARBLED,
     "worker killed: it sent bytes that are not the worker protocol in", ANYWHERE},
    {"close", "transform", DELIVER, PLUGIN_DIED, "integration bad", ANYWHERE},
    {"null", "prepare", DELIVER, PLUGIN_DIED, "signal 11 (SIGSEGV) in prepare, integration bad",
     -1},
    {"loop", "submit", PLUGIN_STEP_SUBMIT, PLUGIN_TIMED_OUT,
     "no answer within 300 ms in submit, integration bad", -1},
    {"null", "submit", PLUGIN_STEP_SUBMIT, PLUGIN_DIED,
     "signal 11 (SIGSEGV) in submit, integration bad", -1},
    {"null", "select", PLUGIN_STEP_SELECT, PLUGIN_DIED,
     "signal 11 (SIGSEGV) in select, integration bad, record evt-2 (2 of 3)", 1},
};

static void every_mishap_is_contained_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer, other;

    fixture->memory_max_bytes = 64 << 20;
    struct plugin_instance *neighbour = fixture_open(fixture, "plain", "good", "none", &other);
    struct plugin_health before, after;
    plugin_instance_health(neighbour, &before);
    fixture->timeout_ms = 300;
    for (size_t i = 0; i < sizeof mishaps / sizeof *mishaps; i++) {
        const struct mishap *mishap = &mishaps[i];
        char types[64];
        snprintf(types, sizeof types, "fine %s fine", mishap->type);
        struct plugin_instance *instance =
            fixture_open(fixture, "hostile", "bad", mishap->at, &answer);
        assert_int_equal(answer.status, PLUGIN_OK);
        struct plugin_health health;
        plugin_instance_health(instance, &health);
        uint64_t crashes = health.crashes;
        if (strcmp(mishap->type, "allocate") == 0 &&
            strstr(health.confinement, "memory limit (sanitizer") != NULL) {
            plugin_instance_close(instance); /* nothing would stop it */
            continue;
        }
        struct plugin_reply *reply = fixture_deliver(instance, types, mishap->steps, &answer);
        assert_contains(reply->words, mishap->words);
        assert_int_equal(reply->status, mishap->status);
        if (mishap->culprit != ANYWHERE)
            assert_int_equal(reply->culprit, mishap->culprit);
        fixture_release(&answer);

        /* Its next call works, in a new worker. */
        reply = fixture_deliver(instance, "fine fine", DELIVER, &answer);
        assert_int_equal(reply->status, PLUGIN_OK);
        assert_int_equal(reply->request_count, 2);
        fixture_release(&answer);
        plugin_instance_health(instance, &health);
        assert_int_equal(health.crashes, crashes + 1);
        assert_contains(health.last_crash, mishap->words);
        assert_string_equal(health.state, "active");
        plugin_instance_close(instance);

        assert_int_equal(fixture_deliver(neighbour, "x x", DELIVER, &other)->status, PLUGIN_OK);
        fixture_release(&other);
    }
    plugin_instance_health(neighbour, &after);
    assert_int_equal(before.pid, after.pid);
    assert_int_equal(after.crashes, 0);
    plugin_instance_close(neighbour);
}

/* Two batches are in the worker when it dies: the one in hand fails, the one behind it is done by
 * the next worker. */
static void what_never_started_is_done_later(void **state)
{
    struct fixture *fixture = *state;
    struct answer opened;
    struct answer answers[4] = {
        {.fixture = fixture}, {.fixture = fixture}, {.fixture = fixture}, {.fixture = fixture}};
    struct plugin_instance *instance =
        fixture_open(fixture, "hostile", "bad", "transform", &opened);
    struct plugin_record lots[4];

    for (size_t i = 0; i < 4; i++) {
        fixture_records(fixture, i == 0 ? "null" : "fine");
        lots[i] = fixture->records[0];
        fixture_deliver_start(instance, &lots[i], 1, DELIVER, &answers[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        fixture_wait(fixture, &answers[i].count, 1);
        assert_int_equal(answers[i].status, i == 0 ? PLUGIN_DIED : PLUGIN_OK);
        fixture_release(&answers[i]);
    }
    plugin_instance_close(instance);
}

static void forbidden_things_fail_and_say_so(void **state)
{
    static const struct {
        const char *type, *payload;
    } tries[] = {
        {"fork", "{\"errno\":1}"},          {"socket", "{\"errno\":1}"},
        {"unix_socket", "{\"errno\":1}"},   {"shadow", "{\"errno\":13}"},
        {"home", "{\"errno\":13}"},         {"create", "{\"errno\":13}"},
        {"kill_parent", "{\"errno\":1}"},   {"ptrace", "{\"errno\":1}"},
        {"exec", "{\"errno\":1}"},          {"new_code", "{\"errno\":1}"},
        {"chmod", "{\"errno\":1}"},         {"open_for_nothing", "{\"errno\":1}"},
        {"limit_parent", "{\"errno\":1}"},  {"pin_nobody", "{\"errno\":1}"},
        {"shared_memory", "{\"errno\":1}"}, {"memory_file", "{\"errno\":1}"},
    };
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "bad", "none", &answer);
    struct plugin_health health;

    plugin_instance_health(instance, &health);
    if (strstr(health.confinement, "landlock") == NULL ||
        strstr(health.confinement, "missing") != NULL) {
        plugin_instance_close(instance);
        print_message("this kernel cannot confine fully: %s\n", health.confinement);
        skip();
    }
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct plugin_reply *reply = fixture_deliver(
            instance, tries[i].type, PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PAYLOADS, &answer);
        if (!str_is(reply->outcomes[0].payload, tries[i].payload))
            fail_msg("%s: %.*s", tries[i].type, (int)reply->outcomes[0].payload.len,
                     reply->outcomes[0].payload.ptr);
        fixture_release(&answer);
    }
    plugin_instance_close(instance);
}

static void a_write_path_can_be_written_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    fixture->write_path = "/tmp";
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "bad", "none", &answer);
    struct plugin_reply *reply =
        fixture_deliver(instance, "create", PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PAYLOADS, &answer);
    assert_true(str_is(reply->outcomes[0].payload, "{\"errno\":0}"));
    fixture_release(&answer);
    assert_int_equal(unlink("/tmp/tenon-hostile-was-here"), 0);
    plugin_instance_close(instance);
    fixture->write_path = "/nonexistent/tenon";
    instance = fixture_open(fixture, "hostile", "bad", "none", &answer);
    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_contains(answer.words, "'/nonexistent/tenon'");
    plugin_instance_close(instance);
}

static void a_constructor_is_confined_and_its_death_named(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "constructor", "bad", "none", &answer);

    assert_int_equal(answer.status, PLUGIN_DIED);
    assert_contains(answer.words, "signal 6 (SIGABRT) in dlopen (a constructor)");
    assert_int_not_equal(access("/tmp/tenon-hostile-was-here", F_OK), 0);
    plugin_instance_close(instance);
}

static void a_death_in_activate_is_told_to_the_opener(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "bad", "activate", &answer);

    assert_int_equal(answer.status, PLUGIN_DIED);
    assert_contains(answer.words, "exited with status 0 in activate, integration bad");
    plugin_instance_close(instance);
}

static void a_hanging_deactivate_is_killed(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance =
        fixture_open(fixture, "hostile", "bad", "deactivate", &answer);

    plugin_instance_close(instance);
    /* The teardown stops the host with a grace of half a second and waits for its end. */
}

static void count_one(void *user)
{
    (*(unsigned *)user)++;
}

static void many_crashes_lead_to_quarantine_and_a_pardon_out_of_it(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    char path[128];
    unsigned returns = 0;
    struct plugin_instance *instance =
        fixture_open(fixture, "hostile", "bad", "transform", &answer);

    plugin_instance_on_return(instance, count_one, &returns);

    for (int i = 0; i < 5; i++) {
        fixture_deliver(instance, "null", DELIVER, &answer);
        assert_int_equal(answer.status, PLUGIN_DIED);
        fixture_release(&answer);
    }
    fixture_deliver(instance, "fine", DELIVER, &answer);
    assert_int_equal(answer.status, PLUGIN_UNAVAILABLE);
    assert_contains(answer.words,
                    "quarantined, for it crashed too often; last: worker died: signal 11");
    assert_int_equal(answer.reply->retry_at_ms, 0);
    fixture_release(&answer);
    assert_int_equal(returns, 4); /* after each crash but the last */
    struct plugin_health health;
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "quarantined");
    snprintf(path, sizeof path, "%s/quarantine.json", fixture->state_dir);
    assert_int_equal(access(path, F_OK), 0);

    /* It outlives this host; only the file's digest counts. */
    fixture->host->settings.state_dir = NULL;
    plugin_quarantine_finish(fixture->host);
    plugin_quarantine_load(fixture->host);
    assert_non_null(plugin_quarantine_find(fixture->host, instance->worker->sha256));

    assert_true(plugin_host_pardon(fixture->host, "hostile"));
    assert_false(plugin_host_pardon(fixture->host, "hostile"));
    fixture_wait(fixture, &returns, 5);
    fixture_deliver(instance, "fine", DELIVER, &answer);
    assert_int_equal(answer.status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_close(instance);
}

/* A batch that is being bisected crashes many times in a row: that is one bad record, not a bad
 * plugin. */
static void crashes_on_batches_do_not_quarantine(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "bad", "transform", &answer);

    for (int i = 0; i < 8; i++) {
        fixture_deliver(instance, "fine null", DELIVER, &answer);
        assert_int_equal(answer.status, PLUGIN_DIED);
        fixture_release(&answer);
    }
    plugin_instance_close(instance);
}

/* What a record is to blame for is forgotten when the plugin works again; what it dies of in
 * between two good ones is the records' doing. */
static void crashes_of_single_records_do_not_quarantine_what_works(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "bad", "transform", &answer);

    for (int i = 0; i < 12; i++) {
        bool is_good = i % 4 == 3;

        fixture_deliver(instance, is_good ? "fine" : "null", DELIVER, &answer);
        assert_int_equal(answer.status, is_good ? PLUGIN_OK : PLUGIN_DIED);
        fixture_release(&answer);
    }
    plugin_instance_close(instance);
}

/* With nothing going well in between, even those of many records are too many at last. */
static void crashes_in_a_row_quarantine(void **state)
{
    struct answer answer;
    struct plugin_instance *instance = fixture_open(*state, "hostile", "bad", "transform", &answer);
    int crashes = 0;

    do {
        fixture_deliver(instance, "null null", DELIVER, &answer);
        crashes += answer.status == PLUGIN_DIED;
        assert_true(answer.status == PLUGIN_DIED || answer.status == PLUGIN_UNAVAILABLE);
        fixture_release(&answer);
    } while (answer.status == PLUGIN_DIED);
    assert_int_equal(crashes, PLUGIN_CRASHES_KEPT);
    plugin_instance_close(instance);
}

static void printed_lines_become_bounded_logs(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance =
        fixture_open(fixture, "hostile", "bad", "transform", &answer);

    fixture_deliver(instance, "print", DELIVER, &answer);
    fixture_release(&answer);
    fixture_wait_text(fixture, fixture->logs, "printed to stderr");
    assert_contains(fixture->logs, "2 -: printed to stdout");
    fixture->logs[0] = '\0';
    fixture->log_lines = 0;
    char zeros[1500];
    memset(zeros, '0', sizeof zeros); /* a value at the place where a line is cut */
    secret_register((struct str){zeros, sizeof zeros});
    fixture_deliver(instance, "flood", DELIVER, &answer);
    assert_int_equal(answer.status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_close(instance);
    while (fixture->host->workers != NULL)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    assert_true(fixture->log_lines <= 50);
    assert_contains(fixture->logs, "printed lines of this plugin were dropped");
    assert_null(strstr(fixture->logs, "0000"));
    secret_forget_all();
}

/* Whatever a dying worker left in the page is a hint, checked before it is used. */
static void lies_in_the_shared_page_are_harmless(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    fixture->timeout_ms = 200;
    struct plugin_instance *instance =
        fixture_open(fixture, "hostile", "bad", "transform", &answer);
    struct wire_page *page = instance->worker->process.page;
    fixture_records(fixture, "fine loop");
    fixture_deliver_start(instance, fixture->records, 2, DELIVER, &answer);
    loop_timer_set(fixture->watchdog, 60000);
    while (__atomic_load_n(&page->places[0].record, __ATOMIC_RELAXED) != 1)
        uv_run(loop_uv(fixture->loop), UV_RUN_NOWAIT);
    for (size_t i = 0; i < WIRE_PLACES; i++)
        page->places[i] =
            (struct wire_place){instance->worker->last_call, 99, 4000000000u, 4000000000u, 1, 0};
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_TIMED_OUT);
    assert_int_equal(answer.reply->culprit, -1);
    assert_contains(answer.words, "in a batch, integration bad");
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void a_killed_worker_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "bad", "none", &answer);
    struct plugin_health health;

    plugin_instance_health(instance, &health);
    assert_int_equal(kill(health.pid, SIGKILL), 0);
    fixture_wait_text(fixture, fixture->events,
                      "signal 9 (SIGKILL), by hand or for lack of memory between calls");
    assert_int_equal(fixture_deliver(instance, "fine", DELIVER, &answer)->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_close(instance);
}

/* What keeps a worker from starting passes: nobody has to do anything when it ran before. */
static void a_worker_that_cannot_start_again_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer, other;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "bad", "none", &answer);
    char *there = fixture->host->worker_path;
    struct plugin_health health;

    plugin_instance_health(instance, &health);
    fixture->host->worker_path = strdup("/nonexistent/tenon-worker");
    assert_int_equal(kill(health.pid, SIGKILL), 0);
    fixture_wait_text(fixture, fixture->events, "cannot be started: No such file");
    assert_contains(fixture->events, "host] worker_path; it starts again in");
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "restarting");
    assert_contains(health.words, "'/nonexistent/tenon-worker' cannot be started");
    assert_contains(health.last_crash, "SIGKILL");
    /* Whoever opens another one meanwhile is told. */
    struct plugin_instance *late = fixture_open(fixture, "hostile", "late", "none", &other);
    assert_int_equal(other.status, PLUGIN_FAILED);
    assert_contains(other.words, "cannot be started");
    assert_true(plugin_instance_has_failed(late));
    free(fixture->host->worker_path);
    fixture->host->worker_path = there;
    assert_int_equal(fixture_deliver(instance, "fine", DELIVER, &answer)->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_health(instance, &health);
    assert_int_equal(health.crashes, 1);
    plugin_instance_close(late);
    plugin_instance_close(instance);
}

/* The same of one that starts and does not load what it had loaded. */
static void a_plugin_that_does_not_load_again_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "bad", "none", &answer);
    struct plugin_worker *worker = instance->worker;
    char *version = worker->version;
    struct plugin_health health;

    worker->version = strdup("6.6");
    assert_int_equal(kill(worker->process.pid, SIGKILL), 0);
    fixture_wait_text(fixture, fixture->events, "note says hostile 6.6");
    free(worker->version);
    worker->version = version;
    assert_int_equal(fixture_deliver(instance, "fine", DELIVER, &answer)->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_health(instance, &health);
    assert_int_equal(health.crashes, 1);
    assert_contains(health.last_crash, "SIGKILL");
    plugin_instance_close(instance);
}

enum { UNTIL_OPEN = 3 }; /* activations of "activate_late" that fail in each life of a worker */

/* Each try is a new create(), and what the failed one left is destroyed before it. */
static void check_tried_again(struct fixture *fixture, const char *plugin)
{
    struct answer answer, other;
    struct plugin_instance *neighbour = fixture_open(fixture, plugin, "a", "none", &other);
    struct plugin_instance *instance;
    struct plugin_health health;

    /* Never active, so it is not tried again: only the worker's third try lets it in. */
    for (int i = 0; i < UNTIL_OPEN; i++) {
        instance = fixture_open(fixture, plugin, "bad", "activate_late", &answer);
        assert_int_equal(answer.status, PLUGIN_FAILED);
        assert_string_equal(answer.words, "activate: not yet");
        plugin_instance_close(instance);
    }
    instance = fixture_open(fixture, plugin, "bad", "activate_late", &answer);
    assert_int_equal(answer.status, PLUGIN_OK);
    fixture->logs[0] = fixture->events[0] = '\0';
    plugin_instance_health(instance, &health);
    assert_int_equal(kill(health.pid, SIGKILL), 0);
    fixture_wait_text(fixture, fixture->events, "integration bad: activate: not yet; it is tried");
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "restarting");
    assert_string_equal(health.words, "activate: not yet");
    assert_false(plugin_instance_has_failed(instance));
    assert_int_equal(fixture_deliver(instance, "fine", DELIVER, &answer)->status, PLUGIN_OK);
    fixture_release(&answer);
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "active");
    for (int i = 0; i < UNTIL_OPEN; i++) {
        char *told = strstr(fixture->logs, "bad: destroyed");
        assert_non_null(told);
        *told = '-';
    }
    assert_int_equal(fixture_deliver(neighbour, "fine", DELIVER, &other)->status, PLUGIN_OK);
    fixture_release(&other);
    plugin_instance_close(instance);
    plugin_instance_close(neighbour);
}

static void one_that_does_not_open_again_is_tried_again(void **state)
{
    check_tried_again(*state, "hostile");
    check_tried_again(*state, "hostile_per");
}

static void run_until(struct fixture *fixture, const struct plugin_instance *instance,
                      enum instance_state state, bool is_left)
{
    loop_timer_set(fixture->watchdog, 60000);
    while (instance->state != state || instance->is_left != is_left)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    loop_timer_clear(fixture->watchdog);
}

/* Closed while what the failed try left is destroyed, while it waits, and in the next try. */
static void one_that_is_tried_again_can_be_closed(void **state)
{
    enum { LEAVING, WAITING, CREATING, POINTS };
    struct fixture *fixture = *state;
    struct answer answer, other;
    struct plugin_instance *neighbour = fixture_open(fixture, "hostile", "a", "none", &other);

    for (int point = LEAVING; point < POINTS; point++) {
        struct plugin_instance *instance =
            fixture_open(fixture, "hostile", "bad", "activate_late", &answer);
        while (answer.status != PLUGIN_OK) {
            plugin_instance_close(instance);
            instance = fixture_open(fixture, "hostile", "bad", "activate_late", &answer);
        }
        fixture->events[0] = '\0';
        assert_int_equal(kill(instance->worker->process.pid, SIGKILL), 0);
        fixture_wait_text(fixture, fixture->events, "activate: not yet; it is tried");
        assert_int_equal(instance->state, INSTANCE_RETRYING);
        int pid = instance->worker->process.pid;
        if (point != LEAVING)
            run_until(fixture, instance, INSTANCE_RETRYING, false);
        assert_int_equal(kill(pid, SIGSTOP), 0); /* so that it is seen in that state */
        if (point == CREATING)
            run_until(fixture, instance, INSTANCE_CREATING, false);
        plugin_instance_close(instance);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_int_equal(fixture_deliver(neighbour, "fine", DELIVER, &other)->status, PLUGIN_OK);
        fixture_release(&other);
        while (neighbour->worker->instance_count > 1)
            uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    }
    plugin_instance_close(neighbour);
}

/* Closed while its activate is under way, which then fails: it is destroyed all the same. */
static void one_closed_in_an_activate_that_fails_is_destroyed(void **state)
{
    struct fixture *fixture = *state;
    struct answer other;
    struct catalog_entry entry;
    struct err err = {0};
    unsigned closings = 0;
    struct plugin_instance *neighbour = fixture_open(fixture, "hostile", "a", "none", &other);
    int pid = neighbour->worker->process.pid;

    fixture_entry("hostile", &entry);
    const struct plugin_instance_settings settings = {
        .entry = &entry, .name = "bad", .settings_json = STR("{\"at\":\"activate_slow\"}")};
    struct plugin_instance *instance =
        plugin_instance_open(fixture->host, &settings, NULL, NULL, &err);
    assert_non_null(instance);
    loop_timer_set(fixture->watchdog, 60000);
    while (instance->state != INSTANCE_ACTIVATING || instance->in_hand == 0)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    plugin_instance_close_then(instance, count_one, &closings);
    while (closings == 0)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    loop_timer_clear(fixture->watchdog);
    assert_contains(fixture->logs, "bad: destroyed");
    assert_int_equal(neighbour->worker->process.pid, pid);
    fixture_entry_finish(&entry);
    plugin_instance_close(neighbour);
}

/* What will never work is left until somebody mends it. */
static void one_that_never_opens_again_fails(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = fixture_open(fixture, "hostile", "bad", "none", &answer);
    struct plugin_health health;

    free(instance->settings_json);
    instance->settings_json = strdup("{\"at\":\"refused\"}");
    assert_int_equal(kill(instance->worker->process.pid, SIGKILL), 0);
    fixture_wait_text(fixture, fixture->events, "signal 9 (SIGKILL)");
    fixture_deliver(instance, "fine", DELIVER, &answer);
    assert_int_equal(answer.status, PLUGIN_UNAVAILABLE);
    assert_contains(answer.words, "validate: at: 'refused' is not wanted here");
    fixture_release(&answer);
    assert_true(plugin_instance_has_failed(instance));
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "failed");
    plugin_instance_close(instance);
}

static void a_missing_worker_program_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    free(fixture->host->worker_path);
    fixture->host->worker_path = strdup("/nonexistent/tenon-worker");
    struct plugin_instance *instance = fixture_open(fixture, "plain", "a", "none", &answer);
    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_contains(answer.words, "'/nonexistent/tenon-worker' cannot be started: No such file");
    plugin_instance_close(instance);
}

/* In this process a hang cannot be ended: it is named, and everything else goes on. */
static void a_hang_in_process_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer, other;

    fixture->is_inprocess = true;
    struct plugin_instance *neighbour = fixture_open(fixture, "plain", "good", "none", &other);
    fixture->timeout_ms = 200;
    struct plugin_instance *instance =
        fixture_open(fixture, "hostile", "bad", "transform", &answer);
    fixture_deliver(instance, "fine loop", DELIVER, &answer);
    assert_int_equal(answer.status, PLUGIN_TIMED_OUT);
    assert_int_equal(answer.reply->culprit, 1);
    assert_contains(answer.words, "cannot be stopped: restart tenond, and set isolation = worker");
    fixture_release(&answer);
    struct plugin_health health;
    plugin_instance_health(instance, &health);
    assert_string_equal(health.state, "failed");
    assert_int_equal(fixture_deliver(neighbour, "x", DELIVER, &other)->status, PLUGIN_OK);
    fixture_release(&other);
    plugin_instance_close(instance);
    plugin_instance_close(neighbour);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_mishap_is_contained_and_named),
        CASE(what_never_started_is_done_later),
        CASE(forbidden_things_fail_and_say_so),
        CASE(a_write_path_can_be_written_and_nothing_else),
        CASE(a_constructor_is_confined_and_its_death_named),
        CASE(a_death_in_activate_is_told_to_the_opener),
        CASE(a_hanging_deactivate_is_killed),
        CASE(many_crashes_lead_to_quarantine_and_a_pardon_out_of_it),
        CASE(crashes_on_batches_do_not_quarantine),
        CASE(crashes_of_single_records_do_not_quarantine_what_works),
        CASE(crashes_in_a_row_quarantine),
        CASE(printed_lines_become_bounded_logs),
        CASE(lies_in_the_shared_page_are_harmless),
        CASE(a_killed_worker_comes_back),
        CASE(a_worker_that_cannot_start_again_is_tried_again),
        CASE(a_plugin_that_does_not_load_again_is_tried_again),
        CASE(one_that_does_not_open_again_is_tried_again),
        CASE(one_that_is_tried_again_can_be_closed),
        CASE(one_closed_in_an_activate_that_fails_is_destroyed),
        CASE(one_that_never_opens_again_fails),
        CASE(a_missing_worker_program_is_named),
        CASE(a_hang_in_process_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_fixture.h"

#include "base/digest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

/* What is waited for happened: a round that runs callbacks before it polls must not poll for long.
 */
static void end_round(struct fixture *fixture)
{
    uv_stop(loop_uv(fixture->loop));
}

static void on_log(void *user, const char *plugin, const char *integration, enum log_level level,
                   struct str message, struct str fields)
{
    struct fixture *fixture = user;
    size_t len = strlen(fixture->logs);

    (void)plugin;
    end_round(fixture);
    fixture->log_lines++;
    snprintf(fixture->logs + len, sizeof fixture->logs - len, "%d %s: %.*s %.*s\n", (int)level,
             integration != NULL ? integration : "-", (int)message.len, message.ptr,
             (int)fields.len, fields.ptr != NULL ? fields.ptr : "");
}

static void on_worker(void *user, const char *plugin, bool is_trouble, const char *words)
{
    struct fixture *fixture = user;
    size_t len = strlen(fixture->events);

    (void)is_trouble;
    end_round(fixture);
    snprintf(fixture->events + len, sizeof fixture->events - len, "%s: %s\n", plugin, words);
}

static void on_ask(void *user, struct plugin_ask *ask)
{
    struct fixture *fixture = user;

    end_round(fixture);
    fixture->asks++;
    if (fixture->on_ask != NULL)
        fixture->on_ask(fixture, ask);
    else
        plugin_ask_fail(ask, TENON_E_UNSUPPORTED, "nobody answers here");
}

static void on_watchdog(void *user)
{
    (void)user;
    fail_msg("nothing happened for %d ms", PATIENCE_MS);
}

static struct plugin_host *make_host(struct fixture *fixture)
{
    struct err err = {0};
    struct plugin_host_settings settings = {
        .worker_path = getenv("TENON_TEST_WORKER"),
        .state_dir = fixture->state_dir,
        .restart_min_ms = 5,
        .restart_max_ms = 40,
        .events = {fixture, on_log, on_worker, on_ask},
    };
    struct plugin_host *host = plugin_host_create(fixture->loop, &settings, &err);

    if (host == NULL)
        fail_msg("%s", err.text);
    return host;
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct err err = {0};

    assert_int_equal(digest_init(), 0);
    fixture->loop = loop_create(&err);
    assert_non_null(fixture->loop);
    strcpy(fixture->state_dir, "/tmp/tenon-plugin-XXXXXX");
    assert_non_null(mkdtemp(fixture->state_dir));
    fixture->watchdog = loop_timer_create(fixture->loop, on_watchdog, fixture);
    fixture->timeout_ms = 20000;
    fixture->host = make_host(fixture);
    *state = fixture;
    return 0;
}

static void on_stopped(void *user)
{
    struct fixture *fixture = user;

    fixture->is_done = true;
    end_round(fixture);
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    plugin_host_stop(fixture->host, 500, on_stopped, fixture);
    loop_timer_set(fixture->watchdog, PATIENCE_MS);
    while (!fixture->is_done)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    plugin_host_destroy(fixture->host);
    loop_timer_destroy(fixture->watchdog);
    loop_destroy(fixture->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->state_dir);
    int status = system(command);
    free(fixture);
    return status;
}

void fixture_entry(const char *plugin, struct catalog_entry *out)
{
    char path[4096];
    struct err err = {0};

    snprintf(path, sizeof path, "%s/%s.so", getenv("TENON_TEST_PLUGINS"), plugin);
    memset(out, 0, sizeof *out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (plugin_note_read(fd, &out->note, &err) < 0)
        fail_msg("%s: %s", path, err.text);
    assert_int_equal(digest_file_sha256(fd, out->sha256), 0);
    close(fd);
    out->path = strdup(path);
    out->state = CATALOG_USABLE;
}

void fixture_entry_finish(struct catalog_entry *entry)
{
    plugin_note_finish(&entry->note);
    free(entry->path);
}

static void on_opened(void *user, enum plugin_status status, const char *words)
{
    struct answer *answer = user;

    answer->count++;
    answer->status = status;
    snprintf(answer->words, sizeof answer->words, "%s", words);
    end_round(answer->fixture);
}

struct plugin_instance *fixture_open_entry(struct fixture *fixture,
                                           const struct catalog_entry *entry, const char *name,
                                           const char *at, struct answer *out)
{
    char settings[128];
    struct err err = {0};
    const char *paths[] = {fixture->write_path};

    snprintf(settings, sizeof settings, "{\"at\":\"%s\"}", at);
    struct plugin_instance_settings wanted = {
        .entry = entry,
        .name = name,
        .settings_json = str_of(settings),
        .is_inprocess = fixture->is_inprocess,
        .sha256_pin = fixture->pin,
        .write_paths = paths,
        .write_path_count = fixture->write_path != NULL,
        .memory_max_bytes = fixture->memory_max_bytes,
        .call_timeout_ms = fixture->timeout_ms,
    };
    *out = (struct answer){.fixture = fixture};
    struct plugin_instance *instance =
        plugin_instance_open(fixture->host, &wanted, on_opened, out, &err);
    if (instance == NULL) {
        snprintf(out->words, sizeof out->words, "%s", err.text);
        return NULL;
    }
    fixture_wait(fixture, &out->count, 1);
    return instance;
}

struct plugin_instance *fixture_open(struct fixture *fixture, const char *plugin, const char *name,
                                     const char *at, struct answer *out)
{
    struct catalog_entry entry;

    fixture_entry(plugin, &entry);
    struct plugin_instance *instance = fixture_open_entry(fixture, &entry, name, at, out);
    fixture_entry_finish(&entry);
    return instance;
}

size_t fixture_records(struct fixture *fixture, const char *types)
{
    static char ids[FIXTURE_RECORDS_MAX][16];
    struct str rest = str_of(types);
    struct str type;
    size_t count = 0;

    while (count < FIXTURE_RECORDS_MAX && str_next(&rest, ' ', &type)) {
        snprintf(ids[count], sizeof ids[count], "evt-%zu", count + 1);
        fixture->records[count] = (struct plugin_record){
            .id = str_of(ids[count]),
            .type = type,
            .key = STR("key"),
            .data = STR("{\"title\":\"Concert\"}"),
            .version = count + 1,
            .attempt = 1,
        };
        count++;
    }
    return count;
}

void fixture_on_reply(void *user, struct plugin_reply *reply)
{
    struct answer *answer = user;

    answer->count++;
    answer->status = reply->status;
    snprintf(answer->words, sizeof answer->words, "%s", reply->words != NULL ? reply->words : "");
    answer->reply = plugin_reply_ref(reply);
    end_round(answer->fixture);
}

void fixture_deliver_start(struct plugin_instance *instance, const struct plugin_record *records,
                           size_t count, unsigned steps, struct answer *out)
{
    struct plugin_batch batch = {
        .records = records, .count = count, .steps = steps, .selector = "even"};

    out->count = 0;
    out->reply = NULL;
    plugin_deliver(instance, &batch, fixture_on_reply, out);
}

struct plugin_reply *fixture_deliver(struct plugin_instance *instance, const char *types,
                                     unsigned steps, struct answer *out)
{
    struct fixture *fixture = out->fixture;
    size_t count = fixture_records(fixture, types);

    fixture_deliver_start(instance, fixture->records, count, steps, out);
    fixture_wait(fixture, &out->count, 1);
    return out->reply;
}

void fixture_wait(struct fixture *fixture, const unsigned *count, unsigned least)
{
    loop_timer_set(fixture->watchdog, PATIENCE_MS);
    while (*count < least)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    loop_timer_clear(fixture->watchdog);
}

void fixture_wait_text(struct fixture *fixture, const char *text, const char *needle)
{
    loop_timer_set(fixture->watchdog, PATIENCE_MS);
    while (strstr(text, needle) == NULL)
        uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
    loop_timer_clear(fixture->watchdog);
}

void fixture_release(struct answer *answer)
{
    plugin_reply_unref(answer->reply);
    answer->reply = NULL;
}

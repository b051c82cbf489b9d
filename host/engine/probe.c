/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/probe.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"
#include "engine/engine_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct probe {
    struct lane *lane; /* held; NULL: it has been told, and waits for its own end alone */
    struct probe *next;
    probe_fn done;
    void *user;
    int64_t started_us;
    struct http_destination *destination;
    struct http_request http;
    struct arena arena;
};

static void probe_destroy(struct probe *probe)
{
    http_request_finish(&probe->http);
    http_destination_release(probe->destination);
    arena_finish(&probe->arena);
    free(probe);
}

/* Tells, and lets go of the lane. */
static void tell(struct probe *probe, bool is_well, const char *words)
{
    char text[512];
    const struct probe_result result = {
        .is_well = is_well, .words = text, .duration_us = clock_mono_us() - probe->started_us};
    struct lane *lane = probe->lane;
    struct probe **at = &lane->probes;

    while (*at != probe)
        at = &(*at)->next;
    *at = probe->next;
    probe->lane = NULL;
    secret_copy(text, sizeof text, str_of(words));
    probe->done(probe->user, &result);
    lane_release(lane);
}

static void finish(struct probe *probe, bool is_well, const char *words)
{
    tell(probe, is_well, words);
    probe_destroy(probe);
}

void probe_end_all(struct lane *lane)
{
    while (lane->probes != NULL)
        tell(lane->probes, false, "the integration is being closed");
}

/* "200", or "2xx" for all of a hundred. */
static bool status_is(struct str word, int status)
{
    char digits[8];

    (void)snprintf(digits, sizeof digits, "%d", status); /* three digits */
    if (word.len != 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (word.ptr[i] != digits[i] && !(i > 0 && (word.ptr[i] | 0x20) == 'x'))
            return false;
    return true;
}

static bool is_expected(const struct lane *lane, int status)
{
    struct str rest = str_of(config_text(lane->file, "health", "expect"));
    struct str word;
    bool is_any = true;

    while (config_list_next(&rest, &word)) {
        is_any = false;
        if (status_is(word, status))
            return true;
    }
    /* 501: somebody is there who does not know HEAD. */
    return is_any && (status < 500 || status == 501) && status != 401 && status != 403 &&
           status != 407;
}

static void answered(struct http_request *http)
{
    struct probe *probe = http->user;
    bool is_answered = http->failure == HTTP_ANSWERED;
    _buf_ struct buf words = {0};

    if (probe->lane == NULL) {
        probe_destroy(probe);
        return;
    }
    log_integration_scope(probe->lane->name);
    if (!is_answered)
        buf_printf(&words, "%s %s: %s", http->method, http->url, http->error);
    else
        buf_printf(&words, "%s %s answered %d", http->method, http->url, http->status);
    finish(probe, is_answered && is_expected(probe->lane, http->status),
           words.failed ? "out of memory" : words.ptr);
}

static int open_destination(struct probe *probe, struct err *err)
{
    const struct config_file *file = probe->lane->file;
    const char *ca_file = config_text(file, "integration", "ca_file");
    const char *proxy = config_text(file, "integration", "proxy");
    int64_t timeout_ms = config_integer(file, "health", "timeout");
    const struct http_destination_settings settings = {
        .max_connections = 1,
        .timeout_ms = timeout_ms,
        .connect_timeout_ms = timeout_ms,
        .max_response_bytes = config_integer(file, "integration", "max_response"),
        .is_tls = strncmp(config_text(file, "integration", "base_url"), "https:", 6) == 0,
        .verify_tls = config_is_true(file, "integration", "verify_tls"),
        .ca_file = ca_file[0] != '\0' ? ca_file : NULL,
        .proxy = proxy[0] != '\0' ? proxy : NULL,
    };

    probe->destination = http_destination_create(probe->lane->rooms->http, &settings, err);
    return probe->destination != NULL ? 0 : err->code;
}

static void ask_http(struct probe *probe)
{
    const struct lane *lane = probe->lane;
    const struct plugin_request request = {
        .method = str_of(config_text(lane->file, "health", "method")),
        .url = str_of(config_text(lane->file, "health", "path")),
    };
    struct outbound out;
    struct err err = {0};

    if (outbound_build(lane->outbound, &request, NULL, NULL, &probe->arena, &out, &err) < 0 ||
        outbound_keep(&out, &probe->arena, &err) < 0 || /* the lane may go before it ends */
        open_destination(probe, &err) < 0) {
        finish(probe, false, err.text);
        return;
    }
    probe->http = outbound_request(&out);
    probe->http.done = answered;
    probe->http.user = probe;
    http_client_send(probe->destination, &probe->http);
}

static void tested(void *user, struct plugin_reply *reply)
{
    struct probe *probe = user;

    if (probe->lane == NULL) {
        probe_destroy(probe);
        return;
    }
    log_integration_scope(probe->lane->name);
    finish(probe, reply->status == PLUGIN_OK,
           reply->status == PLUGIN_OK ? "the plugin's test passed" : reply->words);
}

void probe_start(struct lane *lane, probe_fn done, void *user)
{
    struct probe *probe = calloc(1, sizeof *probe);
    const struct plugin_facts *facts = &lane->facts;

    if (probe == NULL) {
        done(user, &(struct probe_result){.words = "out of memory"});
        return;
    }
    *probe =
        (struct probe){.lane = lane, .done = done, .user = user, .started_us = clock_mono_us()};
    probe->next = lane->probes;
    lane->probes = probe;
    lane_hold(lane);
    if ((facts->has_prepare || facts->has_submitter) &&
        config_text(lane->file, "integration", "base_url")[0] != '\0')
        ask_http(probe);
    else if (facts->has_test)
        plugin_test(lane->plugin, tested, probe);
    else
        finish(probe, true, "the plugin has no connection to test");
}

/* ---- the steps, for whoever asks ---- */

struct asker {
    struct asker *next;
    engine_test_fn done;
    void *user;
};

struct test {
    struct lane *lane;
    struct asker *askers; /* the last one first */
    struct engine_test_result result;
};

static void add_step(struct engine_test_result *result, const char *name, bool is_well,
                     const char *words, int64_t duration_us)
{
    if (!is_well && result->failed == NULL)
        result->failed = name;
    result->steps[result->count++] = (struct engine_step){name, words, is_well, duration_us};
}

static void connected(void *user, const struct probe_result *probed)
{
    struct test *test = user;
    struct asker *next;

    if (test->lane->test == test)
        test->lane->test = NULL;
    if (test->lane->state == LANE_ACTIVE)
        health_take(test->lane, probed);
    add_step(&test->result, "connection", probed->is_well, probed->words, probed->duration_us);
    for (struct asker *asker = test->askers; asker != NULL; asker = next) {
        next = asker->next;
        asker->done(asker->user, &test->result);
        free(asker);
    }
    free(test);
}

/* What is known of the way up to here without asking anybody. */
static bool add_known(struct engine_test_result *result, struct lane *lane)
{
    const char *words = lane_words(lane);
    bool is_file_well =
        config_file_is_valid(lane->file) && !(lane->state == LANE_FAILED && lane->plugin == NULL);

    add_step(result, "validate", is_file_well,
             !is_file_well                   ? lane->words
             : lane->former_words[0] != '\0' ? lane->former_words
                                             : "file and plugin are in order",
             0);
    if (!is_file_well)
        return false;
    if (lane->state == LANE_ACTIVE) {
        struct plugin_health health;

        plugin_instance_health(lane->plugin, &health);
        if (strcmp(health.state, "active") == 0) {
            add_step(result, "initialise", true, "the plugin is open", 0);
            return true;
        }
    }
    add_step(result, "initialise", false, words != NULL ? words : lane_state_name(lane), 0);
    return false;
}

/* Joins the test that is under way, or begins one. */
static int test_connection(struct lane *lane, const struct engine_test_result *known,
                           engine_test_fn done, void *user)
{
    struct asker *asker = calloc(1, sizeof *asker);
    struct test *test = lane->test;

    if (asker != NULL && test == NULL)
        test = calloc(1, sizeof *test);
    if (asker == NULL || test == NULL) {
        free(asker);
        return -ENOMEM;
    }
    *asker = (struct asker){test->askers, done, user};
    test->askers = asker;
    if (lane->test == test)
        return 0;
    test->lane = lane;
    test->result = *known;
    lane->test = test;
    probe_start(lane, connected, test); /* which may be the end of it */
    return 0;
}

void engine_test(struct engine *engine, const char *integration, engine_test_fn done, void *user)
{
    struct lane *lane = roster_find(&engine->roster, integration);
    struct engine_test_result result = {0};
    struct err err = {0};

    if (lane == NULL) {
        result.status = err_set(&err, E_NOT_FOUND, "there is no integration '%s'", integration);
    } else if (add_known(&result, lane)) {
        result.status = test_connection(lane, &result, done, user);
        if (result.status == 0)
            return;
        (void)err_set(&err, result.status, "out of memory");
    }
    result.err = &err;
    done(user, &result);
}

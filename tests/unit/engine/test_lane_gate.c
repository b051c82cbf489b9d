/* SPDX-License-Identifier: Apache-2.0
 * What a gate lets through, what it learns from answers, and what of it outlives the daemon. No
 * store and no destination: both are asked only where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "engine/lane_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <tenon/tenon.h>
#include <unistd.h>

struct fixture {
    struct config *config;
    struct lane_gate gate;
    int64_t now_ms;
};

static void load(struct fixture *f, const char *sections)
{
    char dir[] = "/tmp/tenon-gate-XXXXXX";
    char path[96];
    char ini[1024];
    struct err err = {0};

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/x.ini", dir);
    (void)snprintf(ini, sizeof ini, "[integration]\nplugin = hook\n%s", sections);
    assert_int_equal(file_write(path, str_of(ini), 0600, &err), 0);
    f->config = config_load(dir, NULL, NULL, &err);
    assert_non_null(f->config);
    assert_int_equal(config_error_count(f->config), 0);
    assert_int_equal(lane_gate_init(&f->gate, config_find(f->config, "x"), &err), 0);
    f->now_ms = clock_due_ms();
    (void)unlink(path);
    (void)rmdir(dir);
}

static void finish(struct fixture *f)
{
    lane_gate_finish(&f->gate);
    config_destroy(f->config);
}

/* One request through the gate, and its answer. False: it was not let in. */
static bool exchange(struct fixture *f, enum http_failure failure, int status,
                     int64_t retry_after_ms, const char *rate_headers)
{
    struct lane_gate_pass pass;
    struct http_request http = {
        .failure = failure,
        .status = status,
        .retry_after_ms = retry_after_ms,
        .duration_us = 1000,
        .error = "cannot connect to there",
    };
    uint32_t records = lane_gate_reserve(&f->gate, 1, false, f->now_ms, &pass);
    bool is_in = records > 0 && lane_gate_enter(&f->gate, &pass, false, f->now_ms);

    if (is_in) {
        buf_puts(&http.rate_headers, rate_headers);
        lane_gate_answered(&f->gate, &http, pass.is_probe);
    }
    lane_gate_return(&f->gate, &pass, records);
    http_request_finish(&http);
    return is_in;
}

static bool answer(struct fixture *f, int status)
{
    return exchange(f, HTTP_ANSWERED, status, -1, "");
}

static bool lose(struct fixture *f)
{
    return exchange(f, HTTP_NOT_SENT, 0, -1, "");
}

static enum lane_gate_hold look(struct fixture *f)
{
    int64_t until_ms;

    return lane_gate_look(&f->gate, f->now_ms, &until_ms);
}

static void nothing_holds_a_fresh_lane(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;

    (void)state;
    load(&f, "");
    assert_int_equal(look(&f), GATE_FREE);
    assert_int_equal(lane_gate_reserve(&f.gate, 256, false, f.now_ms, &pass), 256);
    assert_false(pass.is_limited);
    assert_null(lane_gate_words(&f.gate, f.now_ms));
    finish(&f);
}

static void a_lost_destination_opens_it_and_probes_close_it(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;

    (void)state;
    load(&f, "[breaker]\nconnection_failures = 3\nopen = 10m\nopen_max = 1h\n");
    for (int i = 0; i < 3; i++)
        assert_true(lose(&f));
    assert_int_equal(look(&f), GATE_BREAKER);
    assert_false(answer(&f, 200));
    assert_string_equal(lane_gate_state(&f.gate, f.now_ms), "breaker-open");
    assert_non_null(strstr(lane_gate_words(&f.gate, f.now_ms),
                           "(3 requests in a row without an answer: cannot connect to there)"));
    f.now_ms = f.gate.breaker.open_until_ms;
    assert_string_equal(lane_gate_state(&f.gate, f.now_ms), "probing");
    assert_int_equal(lane_gate_reserve(&f.gate, 256, false, f.now_ms, &pass), 3);
    assert_true(pass.is_probe);
    assert_int_equal(look(&f), GATE_PROBING); /* all are out */
    lane_gate_return(&f.gate, &pass, 3);      /* none was needed */
    for (int i = 0; i < 3; i++)
        assert_true(answer(&f, 200));
    assert_int_equal(look(&f), GATE_FREE);
    finish(&f);
}

static void a_first_retry_after_pauses_and_a_rare_one_does_not(void **state)
{
    struct fixture f = {0};
    int passed = 0;

    (void)state;
    load(&f, "[retry]\nretry_after_max = 10s\n");
    assert_true(exchange(&f, HTTP_ANSWERED, 429, 3600000, ""));
    assert_int_equal(look(&f), GATE_PAUSED);
    assert_in_range(f.gate.paused_until_ms, f.now_ms + 9000, f.now_ms + 11000); /* clamped */
    finish(&f);
    load(&f, "");
    for (int i = 0; i < 100; i++)
        assert_true(answer(&f, 200));
    for (int i = 0; i < 500; i++)
        assert_true(exchange(&f, HTTP_ANSWERED, i % 20 == 0 ? 503 : 200, 8000, ""));
    assert_int_equal(look(&f), GATE_FREE);
    while (passed < 100 && exchange(&f, HTTP_ANSWERED, 429, 60000, ""))
        passed++;
    assert_in_range(passed, 4, 10); /* from here on it means everybody */
    finish(&f);
}

static void a_told_quota_is_kept_to(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;

    (void)state;
    load(&f, "");
    assert_true(exchange(&f, HTTP_ANSWERED, 200, -1, "RateLimit: \"default\";r=5;t=30\n"));
    assert_int_equal(lane_gate_reserve(&f.gate, 256, false, f.now_ms, &pass), 5);
    assert_int_equal(look(&f), GATE_QUOTA);
    lane_gate_return(&f.gate, &pass, 0);
    assert_int_equal(look(&f), GATE_FREE);
    f.now_ms += 31000;
    assert_int_equal(lane_gate_reserve(&f.gate, 256, false, f.now_ms, &pass), 256);
    finish(&f);
}

static void a_claim_is_sized_by_what_records_come_to(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;
    uint32_t records = 0;

    (void)state;
    load(&f, "[rate_limit]\nrate = 10/s\nburst = 10\n");
    assert_int_equal(lane_gate_reserve(&f.gate, 256, true, f.now_ms, &pass), 10);
    lane_gate_return(&f.gate, &pass, 0);
    for (int i = 0; i < 20; i++) { /* a hundred records to a request */
        f.now_ms += 1000;
        records = lane_gate_reserve(&f.gate, 5000, false, f.now_ms, &pass);
        for (uint32_t n = 0; n < (records + 99) / 100; n++)
            assert_true(lane_gate_enter(&f.gate, &pass, false, f.now_ms));
        lane_gate_return(&f.gate, &pass, records);
    }
    assert_in_range(records, 500, 1100);
    finish(&f);
}

static void what_follows_from_an_answer_goes_beyond_the_rate(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;
    int64_t until_ms;

    (void)state;
    load(&f, "[rate_limit]\nrate = 1/s\nburst = 1\n");
    assert_int_equal(lane_gate_reserve(&f.gate, 64, true, f.now_ms, &pass), 1);
    assert_true(lane_gate_enter(&f.gate, &pass, false, f.now_ms));
    assert_false(lane_gate_enter(&f.gate, &pass, false, f.now_ms));
    for (int i = 0; i < 4; i++)
        assert_true(lane_gate_enter(&f.gate, &pass, true, f.now_ms));
    lane_gate_return(&f.gate, &pass, 64);
    assert_int_equal(lane_gate_look(&f.gate, f.now_ms + 4000, &until_ms), GATE_RATE);
    assert_int_equal(lane_gate_look(&f.gate, f.now_ms + 5000, &until_ms), GATE_FREE);
    lane_gate_pause(&f.gate, f.now_ms + 60000, "hush"); /* but not beyond a wish */
    assert_false(lane_gate_enter(&f.gate, &pass, true, f.now_ms + 5000));
    finish(&f);
}

/* The plugin's absence and the destination's wish hold apart, and only the latter outlives us. */
static void a_plugin_that_is_away_is_waited_for(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;
    _buf_ struct buf kept = {0};
    int64_t until_ms;

    (void)state;
    load(&f, "");
    lane_gate_away(&f.gate, f.now_ms + 60000, "quarantined");
    assert_int_equal(lane_gate_look(&f.gate, f.now_ms, &until_ms), GATE_PAUSED);
    assert_int_equal(until_ms, f.now_ms + 60000);
    assert_string_equal(lane_gate_words(&f.gate, f.now_ms), "quarantined");
    assert_false(lane_gate_is_shut(&f.gate, f.now_ms)); /* what was prepared may still go */
    lane_gate_write(&f.gate, f.now_ms, &kept);
    assert_null(strstr(kept.ptr, "pause"));
    lane_gate_pause(&f.gate, f.now_ms + 2000, "hush");
    lane_gate_back(&f.gate);
    assert_int_equal(lane_gate_look(&f.gate, f.now_ms, &until_ms), GATE_PAUSED);
    assert_int_equal(until_ms, f.now_ms + 2000);
    assert_string_equal(lane_gate_words(&f.gate, f.now_ms), "hush");
    assert_int_equal(lane_gate_look(&f.gate, f.now_ms + 2000, &until_ms), GATE_FREE);
    assert_int_equal(until_ms, 0);
    assert_int_equal(lane_gate_reserve(&f.gate, 64, false, f.now_ms + 2000, &pass), 64);
    finish(&f);
}

static void what_waits_too_long_is_called_back(void **state)
{
    struct fixture f = {0};
    struct lane_gate_pass pass;
    struct http_request http = {.failure = HTTP_ANSWERED, .status = 200, .duration_us = 5000000};

    (void)state;
    load(&f, "");
    for (int i = 0; i < 50; i++)
        assert_true(answer(&f, 200));
    assert_int_equal(lane_gate_reserve(&f.gate, 500, false, f.now_ms, &pass), 500);
    for (int i = 0; i < 500; i++)
        assert_true(lane_gate_enter(&f.gate, &pass, false, f.now_ms));
    for (int i = 0; i < 20; i++) /* it is slow all of a sudden */
        lane_gate_answered(&f.gate, &http, false);
    assert_int_equal(look(&f), GATE_RECALL);
    assert_false(lane_gate_enter(&f.gate, &pass, false, f.now_ms));
    while (f.gate.outstanding > 16)
        lane_gate_unsent(&f.gate, false);
    assert_int_equal(look(&f), GATE_FREE);
    finish(&f);
}

static void what_it_knows_outlives_the_daemon(void **state)
{
    static const char ini[] = "[breaker]\nconnection_failures = 3\nopen = 1m\nopen_max = 2m\n"
                              "[rate_limit]\nrate = 100/h\nburst = 50\n";
    struct fixture f = {0};
    struct fixture again = {0};
    struct buf text = {0};

    (void)state;
    load(&f, ini);
    for (int i = 0; i < 3; i++)
        assert_true(lose(&f));
    lane_gate_write(&f.gate, f.now_ms, &text);
    load(&again, ini);
    lane_gate_read(&again.gate, buf_str(&text), f.now_ms + 5000);
    assert_int_equal(again.gate.breaker.open_until_ms, f.gate.breaker.open_until_ms);
    assert_string_equal(again.gate.breaker_words, f.gate.breaker_words);
    assert_int_equal(concurrency_limit(&again.gate.concurrency), 8);
    assert_int_equal(bucket_tokens(&again.gate.bucket, f.now_ms + 5000), 47);
    finish(&again);
    load(&again, "[breaker]\nenabled = no\n");
    lane_gate_read(&again.gate, buf_str(&text), f.now_ms);
    assert_int_equal(look(&again), GATE_FREE);
    finish(&again);
    buf_finish(&text);
    finish(&f);
}

static void nonsense_in_the_store_changes_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "{\"limit\":\"many\",\"tokens\":null,\"open_until\":true,\"paused_until\":{}}",
        "{\"limit\":-5,\"paused_until\":-1,\"quota_until\":-1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fixture f = {0};

        load(&f, "[breaker]\nopen = 10ms\n");
        lane_gate_read(&f.gate, str_of(texts[i]), f.now_ms);
        f.now_ms += 100;
        assert_int_equal(concurrency_limit(&f.gate.concurrency), 16);
        assert_int_equal(look(&f), GATE_FREE);
        finish(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_holds_a_fresh_lane),
        cmocka_unit_test(a_lost_destination_opens_it_and_probes_close_it),
        cmocka_unit_test(a_first_retry_after_pauses_and_a_rare_one_does_not),
        cmocka_unit_test(a_told_quota_is_kept_to),
        cmocka_unit_test(a_claim_is_sized_by_what_records_come_to),
        cmocka_unit_test(what_follows_from_an_answer_goes_beyond_the_rate),
        cmocka_unit_test(a_plugin_that_is_away_is_waited_for),
        cmocka_unit_test(what_waits_too_long_is_called_back),
        cmocka_unit_test(what_it_knows_outlives_the_daemon),
        cmocka_unit_test(nonsense_in_the_store_changes_nothing),
    };

    if (digest_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("lane_gate", tests, NULL, NULL);
}

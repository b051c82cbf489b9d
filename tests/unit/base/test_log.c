/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "check.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *file;

static int start(void **state)
{
    (void)state;
    file = tmpfile();
    if (file == NULL)
        return -1;
    log_set_fd(fileno(file));
    clock_freeze(INT64_C(1795238640000), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    log_set_fd(2);
    log_set_level(LOG_INFO);
    log_set_form(LOG_LOGFMT);
    secret_forget_all();
    clock_freeze(-1, -1);
    return fclose(file);
}

/* What was written since the last call. */
static struct str written(struct buf *out)
{
    char piece[4096];
    ssize_t got;
    off_t at = 0;

    buf_clear(out);
    while ((got = pread(fileno(file), piece, sizeof(piece), at)) > 0) {
        buf_add(out, piece, (size_t)got);
        at += got;
    }
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    return buf_str(out);
}

static void logfmt_quotes_what_needs_it(void **state)
{
    _buf_ struct buf out = {0};
    struct err err = {.text = "line 1: \"x\""};

    (void)state;
    errno = ENOENT;
    log_warn("delivery failed, will retry", F_STR("integration", "stripe-eu"),
             F_INT("wait_ms", -30), F_ERR(&err));
    assert_int_equal(errno, ENOENT);
    assert_str(written(&out),
               "time=2026-11-21T05:24:00.000Z level=warn msg=\"delivery failed, will retry\" "
               "integration=stripe-eu wait_ms=-30 error=\"line 1: \\\"x\\\"\"\n");
    log_error("plain", F_STR("empty", ""), F_STR("none", NULL), F_STR("eq", "a=b"),
              F_STR("lines", "a\nb"), F_TEXT("part", ((struct str){"abcdef", 3})),
              F_DOUBLE("real", 0.25), F_STR("utf8", "\xc3\xa9\xff"));
    assert_str(
        written(&out),
        "time=2026-11-21T05:24:00.000Z level=error msg=plain empty=\"\" none=\"\" eq=\"a=b\" "
        "lines=\"a\\nb\" part=abc real=0.25 utf8=\"\xc3\xa9\xef\xbf\xbd\"\n");
    log_info("no fields");
    assert_str(written(&out), "time=2026-11-21T05:24:00.000Z level=info msg=\"no fields\"\n");
}

static void json_lines_are_json(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    log_set_form(LOG_JSON);
    log_info("it \"began\"", F_STR("id", "a\\b"), F_INT("n", 5), F_DOUBLE("real", 1e300),
             F_DOUBLE("none", NAN));
    struct str line = written(&out);
    assert_int_equal(json_check(line, NULL), 0);
    assert_str(
        line,
        "{\"time\":\"2026-11-21T05:24:00.000Z\",\"level\":\"info\",\"msg\":\"it \\\"began\\\"\","
        "\"id\":\"a\\\\b\",\"n\":5,\"real\":1e+300,\"none\":\"nan\"}\n");
}

static void levels_hold_lines_back(void **state)
{
    _buf_ struct buf out = {0};
    enum log_level level;

    (void)state;
    log_debug("not yet");
    assert_str(written(&out), "");
    log_set_level(LOG_DEBUG);
    assert_true(log_is_on(LOG_DEBUG));
    log_debug("now");
    assert_non_null(strstr(written(&out).ptr, "level=debug msg=now\n"));
    log_set_level(LOG_ERROR);
    assert_false(log_is_on(LOG_WARN));
    assert_int_equal(log_level_parse(STR("warn"), &level), 0);
    assert_int_equal(level, LOG_WARN);
    assert_int_equal(log_level_parse(STR("loud"), &level), -EINVAL);
}

static void secrets_are_masked(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    secret_register(STR("hunter\"2"));
    secret_register(STR("12345678"));
    log_info("words with hunter\"2", F_STR("url", "https://x/?k=hunter\"2"),
             F_INT("pin", 12345678));
    assert_str(written(&out),
               "time=2026-11-21T05:24:00.000Z level=info msg=\"words with ********\" "
               "url=\"https://x/?k=********\" pin=********\n");
    log_set_form(LOG_JSON);
    log_info("x", F_STR("a", "hunter\"2"), F_INT("pin", 12345678));
    assert_non_null(strstr(written(&out).ptr, "\"a\":\"********\",\"pin\":\"********\"}"));
}

static void lines_carry_their_integration(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    {
        log_integration_scope("stripe-eu");
        log_info("one");
        const char *before = log_integration_enter("archive");
        log_info("two", F_INT("n", 1));
        log_info("three", F_STR("integration", "other"));
        const char *inner = log_integration_enter(NULL);
        log_info("four");
        log_integration_leave(inner);
        log_integration_leave(before);
        log_info("five");
    }
    log_info("six");
    struct str rest = written(&out);
    static const char *const ends[] = {
        "msg=one integration=stripe-eu",  "msg=two integration=archive n=1",
        "msg=three integration=other",    "msg=four",
        "msg=five integration=stripe-eu", "msg=six"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct str line;
        assert_true(str_next(&rest, '\n', &line));
        size_t lead = strlen("time=2026-11-21T05:24:00.000Z level=info ");
        assert_str(((struct str){line.ptr + lead, line.len - lead}), ends[i]);
    }
}

static void long_lines_are_cut(void **state)
{
    enum { MANY = 40 };
    struct log_field fields[MANY + 1] = {0};
    _buf_ struct buf out = {0};
    _buf_ struct buf text = {0};

    (void)state;
    for (int i = 0; i < LOG_VALUE_MAX; i++)
        buf_puts(&text, "\xc3\xa9"); /* two bytes a letter, so the cut falls on a border */
    for (int i = 0; i < MANY; i++)
        fields[i] = F_TEXT("field", buf_str(&text));
    fields[MANY].kind = LOG_FIELD_END;
    log_set_form(LOG_JSON);
    log_write(LOG_INFO, "long", fields);
    struct str line = written(&out);
    assert_int_equal(json_check(line, NULL), 0);
    assert_in_range(line.len, LOG_LINE_MAX - LOG_VALUE_MAX - 100, LOG_LINE_MAX + 100);
    assert_non_null(strstr(line.ptr, "\xc3\xa9\xe2\x80\xa6\",\"field\""));
    assert_non_null(strstr(line.ptr, ",\"cut\":33}"));
}

static void controls_drive_no_terminal(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    log_info("x\x1b[2J", F_STR("del", "a\x7f"),
             F_STR("csi", "b\xc2\x9b"
                          "31m"));
    assert_str(written(&out), "time=2026-11-21T05:24:00.000Z level=info msg=\"x\\u001b[2J\" "
                              "del=\"a\xef\xbf\xbd\" csi=\"b\xef\xbf\xbd"
                              "31m\"\n");
}

static void a_limit_tells_what_it_held_back(void **state)
{
    struct log_limit limit = {0};
    uint64_t held_back = 0;

    (void)state;
    clock_freeze(0, 5000000);
    assert_true(log_limit_passes(&limit, 2, &held_back));
    assert_true(log_limit_passes(&limit, 2, &held_back));
    for (int i = 0; i < 7; i++)
        assert_false(log_limit_passes(&limit, 2, &held_back));
    clock_freeze(0, 6000000);
    assert_true(log_limit_passes(&limit, 2, &held_back));
    assert_int_equal(held_back, 7);
    assert_true(log_limit_passes(&limit, 2, &held_back));
    assert_int_equal(held_back, 0);
}

enum { LINES = 200, THREADS = 4 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("from a thread", F_STR("name", arg), F_INT("i", i));
    return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
    _buf_ struct buf out = {0};
    char name[] = "worker";
    pthread_t threads[THREADS];
    struct str line;
    int count = 0;

    (void)state;
    log_set_form(LOG_JSON);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, name), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct str rest = written(&out);
    while (str_next(&rest, '\n', &line)) {
        assert_int_equal(json_check(line, NULL), 0);
        count++;
    }
    assert_int_equal(count, LINES * THREADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logfmt_quotes_what_needs_it, start, stop),
        cmocka_unit_test_setup_teardown(json_lines_are_json, start, stop),
        cmocka_unit_test_setup_teardown(levels_hold_lines_back, start, stop),
        cmocka_unit_test_setup_teardown(secrets_are_masked, start, stop),
        cmocka_unit_test_setup_teardown(lines_carry_their_integration, start, stop),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, start, stop),
        cmocka_unit_test_setup_teardown(controls_drive_no_terminal, start, stop),
        cmocka_unit_test_setup_teardown(a_limit_tells_what_it_held_back, start, stop),
        cmocka_unit_test_setup_teardown(lines_of_threads_stay_whole, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

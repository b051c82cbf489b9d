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
    log_set_tap(NULL, NULL);
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

static void keep_line(void *user, enum log_level level, struct str line)
{
    struct buf *kept = user;

    buf_printf(kept, "%d:%.*s;", (int)level, STR_ARG(line));
}

static void tap_sees_each_line(void **state)
{
    _buf_ struct buf kept = {0};

    (void)state;
    log_set_tap(keep_line, &kept);
    log_warn("one");
    log_debug("none");
    log_info("two");
    log_set_tap(NULL, NULL);
    log_info("three");
    assert_str(buf_str(&kept), "1:time=2026-11-21T05:24:00.000Z level=warn msg=one;"
                               "2:time=2026-11-21T05:24:00.000Z level=info msg=two;");
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
        cmocka_unit_test_setup_teardown(tap_sees_each_line, start, stop),
        cmocka_unit_test_setup_teardown(lines_of_threads_stay_whole, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

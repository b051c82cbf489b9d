/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_ring.h"

#include "base/clock.h"
#include "base/secret.h"
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static int null_fd;

static int start(void **state)
{
    (void)state;
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_set_fd(null_fd);
    clock_freeze(1000, 0);
    return null_fd < 0 ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    log_set_fd(2);
    log_set_level(LOG_INFO);
    log_ring_watch(NULL, NULL);
    log_ring_forget_all();
    secret_forget_all();
    clock_freeze(-1, -1);
    return close(null_fd);
}

static bool put_line(void *user, const struct log_ring_line *line)
{
    buf_printf(user, "%s@%lld%s%.*s;", log_level_name(line->level), (long long)line->time_ms,
               line->repeats > 0 ? "+" : " ", STR_ARG(line->members));
    return true;
}

static struct str lines_of(const char *name, uint64_t after, struct buf *out)
{
    buf_clear(out);
    log_ring_each(str_of(name), after, put_line, out);
    return buf_str(out);
}

static void each_integration_has_its_own(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    secret_register(STR("hunter22"));
    {
        log_integration_scope("a");
        log_info("one", F_STR("key", "hunter22"));
        log_debug("held back by the level");
    }
    log_info("nobody's");
    log_warn("two", F_STR("integration", "b"), F_INT("n", 2));
    assert_str(lines_of("a", 0, &out), "info@1000 \"msg\":\"one\",\"key\":\"********\";");
    assert_str(lines_of("b", 0, &out), "warn@1000 \"msg\":\"two\",\"n\":2;");
    assert_str(lines_of("c", 0, &out), "");
}

static bool keep_seq(void *user, const struct log_ring_line *line)
{
    *(uint64_t *)user = line->seq;
    return true;
}

static void repeats_are_counted(void **state)
{
    _buf_ struct buf out = {0};
    uint64_t seq = 0;

    (void)state;
    log_integration_scope("a");
    log_info("first");
    log_ring_each(STR("a"), 0, keep_seq, &seq);
    log_info("same");
    log_info("same");
    clock_freeze(2000, 0);
    log_info("same");
    log_warn("same");
    assert_str(lines_of("a", 0, &out), "info@1000 \"msg\":\"first\";info@2000+\"msg\":\"same\";"
                                       "warn@2000 \"msg\":\"same\";");
    assert_str(lines_of("a", seq, &out), "info@2000+\"msg\":\"same\";warn@2000 \"msg\":\"same\";");
}

struct tally {
    size_t count, bytes;
    char first[64];
};

static bool add_up(void *user, const struct log_ring_line *line)
{
    struct tally *tally = user;

    if (tally->count++ == 0)
        (void)snprintf(tally->first, sizeof(tally->first), "%.*s", STR_ARG(line->members));
    tally->bytes += line->members.len;
    return true;
}

static void what_it_keeps_is_bounded(void **state)
{
    struct tally tally = {0};
    _buf_ struct buf text = {0};

    (void)state;
    log_integration_scope("a");
    for (int i = 0; i < 1000; i++)
        log_info("line", F_INT("i", i));
    log_ring_each(STR("a"), 0, add_up, &tally);
    assert_int_equal(tally.count, LOG_RING_LINES_MAX);
    assert_string_equal(tally.first, "\"msg\":\"line\",\"i\":744");
    for (int i = 0; i < LOG_VALUE_MAX; i++)
        buf_putc(&text, 'x');
    for (int i = 0; i < 1000; i++)
        log_info("line", F_INT("i", i), F_TEXT("text", buf_str(&text)));
    tally = (struct tally){0};
    log_ring_each(STR("a"), 0, add_up, &tally);
    assert_in_range(tally.bytes, LOG_RING_BYTES_MAX / 2, LOG_RING_BYTES_MAX);
}

static void so_is_their_number(void **state)
{
    struct tally tally = {0};
    char name[16];

    (void)state;
    for (int i = 0; i <= LOG_RINGS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "i%d", i);
        log_info("line", F_STR("integration", name));
    }
    log_ring_each(STR("i0"), 0, add_up, &tally);
    assert_int_equal(tally.count, 0);
    log_ring_each(STR("i1"), 0, add_up, &tally);
    assert_int_equal(tally.count, 1);
}

static void count_call(void *user)
{
    ++*(int *)user;
}

static void a_watcher_is_told(void **state)
{
    int calls = 0;

    (void)state;
    log_ring_watch(count_call, &calls);
    log_info("one", F_STR("integration", "a"));
    log_info("nobody's");
    log_info("two", F_STR("integration", "b"));
    log_ring_watch(NULL, NULL);
    log_info("three", F_STR("integration", "a"));
    assert_int_equal(calls, 2);
}

enum { LINES = 500, THREADS = 4 };

static void *write_lines(void *name)
{
    log_integration_scope(name);
    for (int i = 0; i < LINES; i++)
        log_info("from a thread", F_INT("i", i));
    return NULL;
}

static void count_news(void *user)
{
    (void)atomic_fetch_add((atomic_int *)user, 1);
}

/* Each thread is another integration's; somebody reads meanwhile. */
static void threads_do_not_mix(void **state)
{
    static char names[THREADS][8] = {"t0", "t1", "t2", "t3"};
    pthread_t threads[THREADS];
    struct tally tally;
    atomic_int news = 0;

    (void)state;
    log_ring_watch(count_news, &news);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    for (int i = 0; i < LINES; i++) {
        tally = (struct tally){0};
        log_ring_each(str_of(names[i % THREADS]), 0, add_up, &tally);
        assert_in_range(tally.count, 0, LOG_RING_LINES_MAX);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&news), LINES * THREADS);
    for (int i = 0; i < THREADS; i++) {
        tally = (struct tally){0};
        log_ring_each(str_of(names[i]), 0, add_up, &tally);
        assert_int_equal(tally.count, LOG_RING_LINES_MAX);
        assert_string_equal(tally.first, "\"msg\":\"from a thread\",\"i\":244");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_integration_has_its_own, start, stop),
        cmocka_unit_test_setup_teardown(repeats_are_counted, start, stop),
        cmocka_unit_test_setup_teardown(what_it_keeps_is_bounded, start, stop),
        cmocka_unit_test_setup_teardown(so_is_their_number, start, stop),
        cmocka_unit_test_setup_teardown(a_watcher_is_told, start, stop),
        cmocka_unit_test_setup_teardown(threads_do_not_mix, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Check and backup of a store on disk, beside its work. */
#include "store_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int back_up(struct fixture *f, const char *path, int64_t *out_bytes)
{
    struct store_job job = {.op.done = fixture_stop, .work = JOB_BACKUP, .path = path};

    store_job(f->store, &job);
    fixture_wait(f, &job.op);
    *out_bytes = job.bytes;
    assert_true(job.op.status < 0 || (job.done == job.total && job.total > 0));
    return job.op.status;
}

/* The first problem holds these words; then what broke it is mended. */
static void assert_problem(struct fixture *f, const char *damage, const char *words,
                           const char *mend)
{
    struct store_job job = {.op.done = fixture_stop, .work = JOB_CHECK};

    fixture_sql(f->path, damage);
    store_job(f->store, &job);
    fixture_wait(f, &job.op);
    assert_int_equal(job.op.status, 0);
    assert_true(job.problem_count >= 1);
    if (strstr(job.problems.ptr, words) == NULL)
        fail_msg("'%s' is not in: %s", words, job.problems.ptr);
    buf_finish(&job.problems);
    fixture_sql(f->path, mend);
}

static void test_check_finds_what_does_not_hold(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "{}");
    put(f, "b", "{}");
    struct store_claimed a = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &a, EVENT_ACCEPTED, 0);
    take_one(f, WALK_CHANGED, "b", 1);
    assert_problem(f, "UPDATE counts SET count = count + 1 WHERE state = 2", "the counts",
                   "UPDATE counts SET count = count - 1 WHERE state = 2");
    assert_problem(f, "UPDATE life SET entities = 3", "the number of entities",
                   "UPDATE life SET entities = 2");
    assert_problem(f, "UPDATE life SET submission = 1", "no number was given out",
                   "UPDATE life SET submission = 2");
    assert_problem(f, "UPDATE leases SET integration = 7", "on a lease",
                   "UPDATE leases SET integration = 1");
    assert_problem(f,
                   "INSERT INTO attempts (num, state, started_ms, duration_us, http_status, "
                   "error_class) VALUES (99 << 16 | 1, 2, 0, 0, 0, 0)",
                   "each attempt has its submission", "DELETE FROM attempts WHERE num >> 16 = 99");
}

static void test_a_backup_is_a_store(void **state)
{
    struct fixture *f = *state;
    struct fixture copy = {0};
    struct stat found;
    char path[90];
    int64_t bytes;

    put(f, "a", "{\"n\":1}");
    struct store_claimed a = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &a, EVENT_ACCEPTED, 0);
    put(f, "b", "{\"n\":2}");
    snprintf(path, sizeof(path), "%s/copy.db", f->directory);
    if (back_up(f, path, &bytes) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(found.st_size, bytes);
    put(f, "c", "{}"); /* not in the copy any more */

    fixture_open(&copy, "sqlite");
    snprintf(copy.path, sizeof(copy.path), "%s", path);
    snprintf(copy.url, sizeof(copy.url), "sqlite:%s", path);
    fixture_reopen(&copy);
    assert_int_equal(ask(&copy, (struct store_query){.query = QUERY_ENTITIES}, NULL), 2);
    assert_string_equal(ask_submission(&copy, a.submission).key, a.key);
    take_one(&copy, WALK_CHANGED, "b", 1);
    fixture_close(&copy);
}

static void test_a_backup_overwrites_nothing(void **state)
{
    struct fixture *f = *state;
    char path[90];
    char part[160];
    int64_t bytes;

    put(f, "a", "{}");
    assert_int_equal(back_up(f, "relative.db", &bytes), -EINVAL);
    snprintf(path, sizeof(path), "%s/copy.db", f->directory);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    assert_int_equal(back_up(f, path, &bytes), E_REFUSED);
    assert_non_null(strstr(f->err.text, path));
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 4);
    snprintf(path, sizeof(path), "%s/nowhere/copy.db", f->directory);
    assert_int_equal(back_up(f, path, &bytes), -ENOENT);
    snprintf(part, sizeof(part), "%s/copy.db.part", f->directory);
    assert_int_equal(access(part, F_OK), -1); /* nothing is left behind */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_check_finds_what_does_not_hold),
        CASE(test_a_backup_is_a_store),
        CASE(test_a_backup_overwrites_nothing),
    };

    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}

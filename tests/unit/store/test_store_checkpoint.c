/* SPDX-License-Identifier: Apache-2.0
 * The log is folded into the file beside the commits: it stays short, whoever does it, and
 * whatever stands in the way. */
#include "disk_vfs.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    RESERVE_BYTES = 1 << 20,
    LOG_MAX_BYTES = RESERVE_BYTES / 2, /* so that a full disk has room for folding it in */
    COMMIT_MAX_BYTES = 64 << 10,       /* of a single put, with room to spare */
    DATA_BYTES = 2000,
};

/* ---- the disk: syncs of the store's file can fail ---- */

static void replace_sync(sqlite3_io_methods *methods);

static struct disk disk = {.kind = SQLITE_OPEN_MAIN_DB, .replace = replace_sync};
static atomic_int fail_next; /* so many syncs fail */

static int disk_sync(sqlite3_file *file, int flags)
{
    if (atomic_load(&fail_next) > 0) {
        atomic_fetch_sub(&fail_next, 1);
        return SQLITE_IOERR_FSYNC;
    }
    return disk.methods->xSync(file, flags);
}

static void replace_sync(sqlite3_io_methods *methods)
{
    methods->xSync = disk_sync;
}

static int disk_setup(void **state)
{
    (void)state;
    return disk_register(&disk) == SQLITE_OK ? 0 : -1;
}

/* ---- a store ---- */

static void open_with_reserve(struct fixture *f)
{
    const struct store_settings settings = {
        .url = f->url, .is_sync_full = true, .reserve_bytes = RESERVE_BYTES};

    if (f->store != NULL)
        store_close(f->store);
    f->store = store_open(&settings, f->loop, &f->err);
    if (f->store == NULL)
        fail_msg("%s", f->err.text);
}

static int64_t wal_bytes(struct fixture *f)
{
    struct store_figures figures;

    store_figures(f->store, &figures);
    return figures.wal_bytes;
}

/* Puts entities number `from` up to `to`, each in a commit of its own; returns the longest log. */
static int64_t put_range(struct fixture *f, int from, int to)
{
    char id[32];
    char data[DATA_BYTES];
    int64_t longest = 0;

    for (int i = from; i < to; i++) {
        snprintf(id, sizeof(id), "e%d", i);
        int len = snprintf(data, sizeof(data), "{\"n\":%d,\"filling\":\"", i);
        memset(data + len, 'a' + i % 26, sizeof(data) - (size_t)len - 3);
        memcpy(data + sizeof(data) - 3, "\"}", 3);
        assert_int_equal(put(f, id, data).outcome, PUT_CREATED);
        if (wal_bytes(f) > longest)
            longest = wal_bytes(f);
    }
    return longest;
}

static void assert_stored(struct fixture *f, size_t count)
{
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL), count);
}

static void test_the_log_stays_short(void **state)
{
    struct fixture *f = *state;

    open_with_reserve(f);
    assert_in_range(put_range(f, 0, 1500), LOG_MAX_BYTES / 2, LOG_MAX_BYTES + COMMIT_MAX_BYTES);
    assert_stored(f, 1500);
    open_with_reserve(f);
    assert_stored(f, 1500);
}

static void test_a_reader_holds_it_and_lets_it_go(void **state)
{
    struct fixture *f = *state;
    sqlite3 *reader;

    open_with_reserve(f);
    put_range(f, 0, 10);
    assert_int_equal(sqlite3_open(f->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM entities", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_true(put_range(f, 10, 300) > LOG_MAX_BYTES + COMMIT_MAX_BYTES);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    put_range(f, 300, 310);
    assert_in_range(put_range(f, 310, 600), LOG_MAX_BYTES / 2, LOG_MAX_BYTES + COMMIT_MAX_BYTES);
    assert_stored(f, 600);
}

static void test_it_may_be_closed_at_any_moment(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 12; round++) {
        open_with_reserve(f);
        put_range(f, round * 30, (round + 1) * 30); /* half of the log, more or less */
    }
    open_with_reserve(f);
    assert_stored(f, 360);
}

static int64_t size_of_log(const struct fixture *f)
{
    char path[128];
    struct stat found;

    snprintf(path, sizeof(path), "%s-wal", f->path);
    return stat(path, &found) == 0 ? (int64_t)found.st_size : 0;
}

/* What it should have made durable may be lost, and a second sync would not tell. */
static void test_after_a_sync_that_failed_the_log_is_kept(void **state)
{
    struct fixture *f = *state;

    open_with_reserve(f);
    put_range(f, 0, 10);
    atomic_store(&fail_next, 1);
    assert_true(put_range(f, 10, 400) > 2 * LOG_MAX_BYTES);
    assert_int_equal(atomic_load(&fail_next), 0);
    store_close(f->store);
    f->store = NULL;
    assert_true(size_of_log(f) > 2 * LOG_MAX_BYTES);
    open_with_reserve(f);
    assert_stored(f, 400);
    put_range(f, 400, 410);
    assert_in_range(put_range(f, 410, 700), LOG_MAX_BYTES / 2, LOG_MAX_BYTES + COMMIT_MAX_BYTES);
    assert_stored(f, 700);
}

/* As the limit it leaves what is open, and no more. */
static rlim_t lowest_free_descriptor(void)
{
    int fd = dup(STDERR_FILENO);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    return (rlim_t)fd;
}

static void test_without_a_handle_the_writer_does_it(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;

    open_with_reserve(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {lowest_free_descriptor(), before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int64_t longest = put_range(f, 0, 500);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_in_range(longest, LOG_MAX_BYTES / 4, LOG_MAX_BYTES / 2 + COMMIT_MAX_BYTES);
    assert_stored(f, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_log_stays_short, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_holds_it_and_lets_it_go, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_it_may_be_closed_at_any_moment, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_after_a_sync_that_failed_the_log_is_kept,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_without_a_handle_the_writer_does_it, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, disk_setup, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The log written a commit at a time, over a disk that counts its writes and fails when told to.
 * What a power cut would leave is looked at in a copy of the files, opened by SQLite's own VFS. */
#include "store/store_sqlite.h"

#include "disk_vfs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the disk: its logs are watched ---- */

static void replace_writing(sqlite3_io_methods *methods);

static struct disk system_disk = {.kind = SQLITE_OPEN_WAL, .replace = replace_writing};
static struct {
    unsigned writes, syncs;
    bool is_synced;     /* the last that came was a sync */
    unsigned fail_next; /* so many writes fail */
} disk;

static int disk_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 at)
{
    disk.is_synced = false;
    if (disk.fail_next > 0) {
        disk.fail_next--;
        return SQLITE_FULL;
    }
    disk.writes++;
    return system_disk.methods->xWrite(file, bytes, count, at);
}

static int disk_sync(sqlite3_file *file, int flags)
{
    disk.is_synced = true;
    disk.syncs++;
    return system_disk.methods->xSync(file, flags);
}

static void replace_writing(sqlite3_io_methods *methods)
{
    methods->xWrite = disk_write;
    methods->xSync = disk_sync;
}

static int disk_setup(void **state)
{
    (void)state;
    if (disk_register(&system_disk) != SQLITE_OK)
        return -1;
    return store_sqlite_log_register() == SQLITE_OK ? 0 : -1;
}

/* ---- a database ---- */

struct base {
    char directory[64];
    char path[96];
    sqlite3 *db;
};

static int run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void run_well(sqlite3 *db, const char *sql)
{
    if (run(db, sql) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return number;
}

static sqlite3 *open_at(const char *path, const char *vfs)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
                     SQLITE_OK);
    run_well(db, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA cache_size = 8;"
                 "PRAGMA wal_autocheckpoint = 200");
    return db;
}

static int base_setup(void **state)
{
    struct base *base = calloc(1, sizeof(*base));

    snprintf(base->directory, sizeof(base->directory), "/tmp/tenon-log-XXXXXX");
    if (mkdtemp(base->directory) == NULL)
        return -1;
    snprintf(base->path, sizeof(base->path), "%s/db", base->directory);
    base->db = open_at(base->path, STORE_SQLITE_LOG_VFS);
    run_well(base->db, "CREATE TABLE rows (num INTEGER PRIMARY KEY, round INTEGER, data BLOB);"
                       "CREATE INDEX rows_round ON rows (round)");
    disk.fail_next = 0;
    *state = base;
    return 0;
}

static int base_teardown(void **state)
{
    struct base *base = *state;
    char command[128];

    assert_int_equal(sqlite3_close(base->db), SQLITE_OK);
    snprintf(command, sizeof(command), "rm -rf %s", base->directory);
    assert_int_equal(system(command), 0);
    free(base);
    return 0;
}

/* As many rows of that round as `sql` says, in what the files hold now. */
static void assert_survives(const struct base *base, int rows, int round)
{
    char command[512];
    char path[96];
    char sql[80];

    snprintf(path, sizeof(path), "%s/copy", base->directory);
    snprintf(command, sizeof(command), "rm -f %s*; cp %s %s && cp %s-wal %s-wal", path, base->path,
             path, base->path, path);
    assert_int_equal(system(command), 0);
    sqlite3 *copy;
    assert_int_equal(sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, system_disk.system->zName),
                     SQLITE_OK);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM rows WHERE round = %d", round);
    assert_int_equal(number_of(copy, sql), rows);
    assert_int_equal(number_of(copy, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
                     1);
    assert_int_equal(sqlite3_close(copy), SQLITE_OK);
}

/* `count` rows of 700 bytes. */
static int insert(sqlite3 *db, int round, int count)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO rows (round, data) SELECT %d, randomblob(700) FROM n",
             count, round);
    return run(db, sql);
}

static void test_a_commit_is_one_write(void **state)
{
    struct base *base = *state;

    assert_int_equal(insert(base->db, 1, 10), SQLITE_OK);
    disk.writes = disk.syncs = 0;
    assert_int_equal(insert(base->db, 2, 50), SQLITE_OK);
    assert_int_equal(disk.writes, 1);
    assert_int_equal(disk.syncs, 1);
    assert_true(disk.is_synced); /* and not the other way round */
    assert_survives(base, 50, 2);
}

/* With nothing synced, nothing but the write itself says that the commit is whole. */
static void test_a_commit_is_in_the_file_before_a_reader_may_look(void **state)
{
    struct base *base = *state;
    sqlite3 *reader = open_at(base->path, STORE_SQLITE_LOG_VFS);

    run_well(base->db, "PRAGMA synchronous = NORMAL");
    for (int round = 1; round <= 60; round++) {
        run_well(base->db, "BEGIN");
        assert_int_equal(insert(base->db, round, round * 5), SQLITE_OK); /* more than the cache */
        run_well(base->db, "UPDATE rows SET data = randomblob(900) WHERE num % 3 = 0");
        assert_int_equal(number_of(reader, "SELECT ifnull(max(round), 0) FROM rows"), round - 1);
        run_well(base->db, "COMMIT");
        assert_int_equal(number_of(reader, "SELECT max(round) FROM rows"), round);
        assert_int_equal(
            number_of(reader, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
        assert_survives(base, round * 5, round);
    }
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
}

static void test_what_was_rolled_back_leaves_nothing(void **state)
{
    struct base *base = *state;

    run_well(base->db, "BEGIN");
    assert_int_equal(insert(base->db, 1, 300), SQLITE_OK);
    run_well(base->db, "ROLLBACK");
    assert_int_equal(insert(base->db, 2, 40), SQLITE_OK);
    assert_survives(base, 0, 1);
    assert_survives(base, 40, 2);
}

/* Nothing of round 2, which was lost, is there, and what comes behind it is whole. */
static void assert_lost_alone(const struct base *base)
{
    if (sqlite3_get_autocommit(base->db) == 0)
        run_well(base->db, "ROLLBACK");
    assert_int_equal(insert(base->db, 3, 20), SQLITE_OK);
    assert_survives(base, 0, 2);
    assert_survives(base, 20, 3);
}

static void test_a_write_that_fails_fails_its_commit(void **state)
{
    struct base *base = *state;

    assert_int_equal(insert(base->db, 1, 20), SQLITE_OK);
    disk.fail_next = 1;
    assert_int_equal(insert(base->db, 2, 20), SQLITE_FULL);
    assert_survives(base, 0, 2);
    assert_lost_alone(base);
    assert_survives(base, 20, 1);
}

/* Frames that made room in the cache were lost: the transaction cannot be committed as if they were
 * there, however well the disk is by then. */
static void test_what_was_lost_before_the_commit_fails_it(void **state)
{
    struct base *base = *state;

    assert_int_equal(insert(base->db, 1, 20), SQLITE_OK);
    run_well(base->db, "BEGIN");
    disk.fail_next = 1;
    int code = insert(base->db, 2, 2000);
    assert_int_equal(disk.fail_next, 0);
    if (code == SQLITE_OK)
        code = run(base->db, "COMMIT");
    assert_int_equal(code, SQLITE_FULL);
    assert_lost_alone(base);
}

/* They were lost when a page was read again, by a statement that is undone alone. */
static void test_what_one_statement_lost_fails_the_commit(void **state)
{
    struct base *base = *state;

    run_well(base->db, "BEGIN");
    assert_int_equal(insert(base->db, 2, 2000), SQLITE_OK);
    disk.fail_next = 1;
    assert_int_equal(run(base->db, "INSERT INTO rows SELECT num + 9999, 2, data FROM rows"),
                     SQLITE_FULL);
    assert_int_equal(disk.fail_next, 0);
    assert_int_equal(sqlite3_get_autocommit(base->db), 0);
    assert_int_equal(run(base->db, "COMMIT"), SQLITE_FULL);
    assert_lost_alone(base);
}

static void test_a_log_that_was_left_goes_on(void **state)
{
    struct base *base = *state;
    char command[512];
    char path[96];

    assert_int_equal(insert(base->db, 1, 20), SQLITE_OK);
    snprintf(path, sizeof(path), "%s/left", base->directory);
    snprintf(command, sizeof(command), "cp %s %s && cp %s-wal %s-wal", base->path, path, base->path,
             path);
    assert_int_equal(system(command), 0);
    struct base left = {.db = open_at(path, STORE_SQLITE_LOG_VFS)};
    snprintf(left.directory, sizeof(left.directory), "%s", base->directory);
    snprintf(left.path, sizeof(left.path), "%s/left", base->directory);
    assert_int_equal(insert(left.db, 2, 30), SQLITE_OK);
    assert_survives(&left, 20, 1);
    assert_survives(&left, 30, 2);
    assert_int_equal(sqlite3_close(left.db), SQLITE_OK);
}

/* Whatever comes together: the rows are those of the commits that were acknowledged. */
static void test_at_random(void **state)
{
    struct base *base = *state;
    int rows[8] = {0};

    srandom(1);
    for (int step = 0; step < 400; step++) {
        int round = (int)(random() % 8);
        int count = 1 + (int)(random() % (random() % 4 == 0 ? 400 : 12));
        bool is_kept = random() % 4 != 0;

        run_well(base->db,
                 random() % 2 == 0 ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
        disk.fail_next = random() % 8 == 0 ? 1 : 0;
        run_well(base->db, "BEGIN");
        int code = insert(base->db, round, count);
        if (code == SQLITE_OK && random() % 3 == 0)
            code = run(base->db, "UPDATE rows SET data = randomblob(650) WHERE num % 5 = 1");
        if (code == SQLITE_OK)
            code = run(base->db, is_kept ? "COMMIT" : "ROLLBACK");
        if (sqlite3_get_autocommit(base->db) == 0)
            run_well(base->db, "ROLLBACK");
        disk.fail_next = 0;
        if (code == SQLITE_OK && is_kept)
            rows[round] += count;
        if (step % 10 == 0)
            assert_survives(base, rows[round], round);
    }
    for (int round = 0; round < 8; round++)
        assert_survives(base, rows[round], round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_commit_is_one_write, base_setup, base_teardown),
        cmocka_unit_test_setup_teardown(test_a_commit_is_in_the_file_before_a_reader_may_look,
                                        base_setup, base_teardown),
        cmocka_unit_test_setup_teardown(test_what_was_rolled_back_leaves_nothing, base_setup,
                                        base_teardown),
        cmocka_unit_test_setup_teardown(test_a_write_that_fails_fails_its_commit, base_setup,
                                        base_teardown),
        cmocka_unit_test_setup_teardown(test_what_was_lost_before_the_commit_fails_it, base_setup,
                                        base_teardown),
        cmocka_unit_test_setup_teardown(test_what_one_statement_lost_fails_the_commit, base_setup,
                                        base_teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_was_left_goes_on, base_setup,
                                        base_teardown),
        cmocka_unit_test_setup_teardown(test_at_random, base_setup, base_teardown),
    };

    return cmocka_run_group_tests(tests, disk_setup, NULL);
}

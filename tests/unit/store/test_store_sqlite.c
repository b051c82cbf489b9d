/* SPDX-License-Identifier: Apache-2.0
 * What only a store on disk can get wrong: a second owner, a full disk, death in the middle, files
 * that are not ours. */
#include "store_fixture.h"

#include "base/clock.h"
#include "base/digest.h"
#include "store/store_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Opening fails, and the sentence holds these words. */
static void assert_refused(struct fixture *f, int status, const char *words, const char *more_words)
{
    const struct store_settings settings = {.url = f->url, .is_sync_full = true};
    struct err err = {0};

    assert_null(store_open(&settings, f->loop, &err));
    assert_int_equal(err.code, status);
    if (strstr(err.text, words) == NULL || strstr(err.text, more_words) == NULL)
        fail_msg("'%s' and '%s' are not in: %s", words, more_words, err.text);
}

static void test_a_second_owner_is_refused(void **state)
{
    struct fixture *f = *state;
    char owner[32];

    snprintf(owner, sizeof(owner), "process %ld", (long)getpid());
    assert_refused(f, -EBUSY, f->path, owner);
    fixture_reopen(f); /* and the first owner's end makes room */
}

static void test_files_are_private(void **state)
{
    struct fixture *f = *state;
    struct stat found;

    put(f, "a", "{}");
    assert_int_equal(stat(f->path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    char wal[128];
    snprintf(wal, sizeof(wal), "%s-wal", f->path);
    assert_int_equal(stat(wal, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

static void test_everything_is_there_after_a_restart(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;

    put(f, "a", "{}");
    struct store_claimed before = take_one(f, WALK_UNSUBMITTED, "a", 1);
    tell_event(f, &before, EVENT_RETRY, NOW_MS + 10);
    put(f, "b", "{}");
    drop(f, "b"); /* the last number of the sequence belongs to nothing that can be seen */
    fixture_reopen(f);
    assert_int_equal(count_of(f, SUBMISSION_RETRYING), 1);
    fixture_at(NOW_MS + 10);
    struct store_claimed after = take_one(f, WALK_NONE, "a", 1);
    assert_string_equal(after.key, before.key);
    assert_int_equal(after.attempt, 2);
    put(f, "c", "{}");
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("c")}, &rows), 1);
    assert_int_equal(rows[0].row.seq, 4);
}

/* Left by a former version, which ended what stood before it without waking it. */
static void test_recovery_wakes_what_waits_for_nobody(void **state)
{
    struct fixture *f = *state;
    uint64_t count;

    put(f, "a", "{}");
    assert_int_equal(enqueue(f, "a", 0, &count), 0);
    fixture_sql(f->path, "UPDATE submissions SET due_ms = NULL");
    fixture_reopen(f);
    take_none(f, WALK_NONE);
    assert_int_equal(recover(f), 0);
    (void)take_one(f, WALK_NONE, "a", 1);
}

static void test_foreign_files_are_refused(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    f->store = NULL;
    fixture_sql(f->path, "PRAGMA user_version = 99");
    assert_refused(f, E_REFUSED, "schema version 99", "knows up to");
    fixture_sql(f->path, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert_refused(f, E_REFUSED, f->path, "another program");

    int fd = open(f->path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, "this is no database\n", 20), 20);
    assert_int_equal(close(fd), 0);
    assert_refused(f, E_SYNTAX, f->path, "damaged");

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_refused(f, -EINVAL, f->path, "not a regular file");
    snprintf(f->url, sizeof(f->url), "sqlite:");
    assert_refused(f, -EINVAL, "names no file", "sqlite:PATH");
    snprintf(f->url, sizeof(f->url), "oracle:x");
    assert_refused(f, -EINVAL, "oracle:x", "memory:");
}

static size_t told; /* of 64 */

static void note_one(struct store_op *op)
{
    if (++told == 64)
        fixture_stop(op);
}

/* A foreign writer holds the file, so what is asked meanwhile has to pile up, and is one group
 * afterwards. */
static void test_what_piles_up_is_one_commit(void **state)
{
    struct fixture *f = *state;
    static struct store_put puts[64];
    static struct store_entity entities[64];
    static struct store_put_result results[64];
    static char ids[64][8];
    struct store_figures before;
    struct store_figures after;
    sqlite3 *db;

    store_figures(f->store, &before);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    told = 0;
    for (size_t i = 0; i < 64; i++) {
        snprintf(ids[i], sizeof(ids[i]), "e%zu", i);
        entities[i] =
            (struct store_entity){str_of(ids[i]), STR("event"), STR("{}"), false, 0, STR_NONE, 0};
        puts[i] = (struct store_put){
            .op.done = note_one, .entities = &entities[i], .count = 1, .results = &results[i]};
        store_put(f->store, &puts[i]);
    }
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fixture_wait(f, &puts[63].op);
    store_figures(f->store, &after);
    assert_int_equal(told, 64);
    assert_true(after.commits - before.commits <=
                2); /* the first begins with what had come by then */
    assert_true(after.largest_group >= 32);
    assert_true(after.wal_bytes > 0);
}

/* Two ids whose hashes are the same in this store. */
static void find_collision(const struct fixture *f, char one[16], char other[16])
{
    enum { FIRST = '!', KINDS = '~' - '!' + 1, IDS = KINDS * KINDS };
    static int64_t hashes[IDS];
    sqlite3 *db;
    sqlite3_stmt *life;
    char uuid[33];

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT uuid FROM life", -1, &life, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(life), SQLITE_ROW);
    snprintf(uuid, sizeof(uuid), "%s", (const char *)sqlite3_column_text(life, 0));
    assert_int_equal(sqlite3_finalize(life), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    for (int prefix = 0;; prefix++) {
        for (int i = 0; i < IDS; i++) {
            snprintf(other, 16, "event-%04d%c%c", prefix % 10000, FIRST + i / KINDS,
                     FIRST + i % KINDS);
            hashes[i] = store_rules_hash(uuid, str_of(other));
            for (int before = 0; before < i; before++) {
                if (hashes[before] == hashes[i]) {
                    snprintf(one, 16, "event-%04d%c%c", prefix % 10000, FIRST + before / KINDS,
                             FIRST + before % KINDS);
                    return;
                }
            }
        }
    }
}

static void test_ids_of_one_hash_stay_apart(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    char one[16];
    char other[16];
    uint64_t count;

    find_collision(f, one, other);
    assert_string_not_equal(one, other);
    assert_int_equal(put(f, one, "1").outcome, PUT_CREATED);
    assert_int_equal(put(f, other, "1").outcome, PUT_CREATED);
    assert_int_equal(put(f, one, "1").outcome, PUT_UNCHANGED);
    assert_int_equal(put(f, other, "2").version, 2);
    assert_int_equal(put(f, one, "3").version, 2);
    fixture_reopen(f);
    assert_int_equal(put(f, other, "2").outcome, PUT_UNCHANGED);
    const struct store_query by_id = {.query = QUERY_ENTITY, .id = str_of(one)};
    assert_int_equal(ask(f, by_id, &rows), 1);
    assert_string_equal(rows[0].data, "3");
    assert_int_equal(enqueue(f, other, ENQUEUE_UNSUBMITTED, &count), 0);
    struct store_claimed record = take_one(f, WALK_NONE, other, 2);
    tell_event(f, &record, EVENT_ACCEPTED, 0);
    struct store_query submissions = {.query = QUERY_SUBMISSIONS, .id = str_of(one)};
    assert_int_equal(ask(f, submissions, NULL), 0);
    submissions.id = str_of(other);
    assert_int_equal(ask(f, submissions, NULL), 1);
    assert_int_equal(drop(f, one).outcome, PUT_DELETED);
    assert_int_equal(put(f, other, "2").outcome, PUT_UNCHANGED);
    assert_int_equal(put(f, one, "4").version, 4);
}

static void test_kept_texts_outlive_the_daemon(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;

    assert_int_equal(keep_text(f, f->integration, "lane", "open"), 0);
    fixture_reopen(f);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_KEPT}, &rows), 1);
    assert_string_equal(rows[0].data, "open");
}

/* What malloc has given out; the sanitizers' own says 0. */
static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static bool count_row(struct store_query *query, const struct store_row *row)
{
    (void)row;
    ++*(size_t *)query->user;
    return true;
}

static void test_memory_is_bounded_by_the_cache(void **state)
{
    struct fixture *f = *state;
    enum { CACHE = 1 << 20, SLACK = 512 << 10, GROUP = 500, GROUPS = 40, DATA = 1000 };
    static char data[DATA];
    static char ids[GROUP][24];
    static struct store_entity entities[GROUP];
    static struct store_put_result results[GROUP];
    size_t count = 0;

    store_close(f->store);
    size_t before = heap_bytes();
    const struct store_settings settings = {
        .url = f->url, .is_sync_full = true, .cache_bytes = CACHE};
    f->store = store_open(&settings, f->loop, &f->err);
    assert_non_null(f->store);
    memset(data, 'd', sizeof(data));
    for (int group = 0; group < GROUPS; group++) { /* 20 MB, all of it dirty once */
        for (int i = 0; i < GROUP; i++) {
            snprintf(ids[i], sizeof(ids[i]), "%08x-%d", (unsigned)(group * GROUP + i) * 2654435761u,
                     i);
            entities[i] = (struct store_entity){
                str_of(ids[i]), STR("event"), {data, DATA}, false, 0, STR_NONE, 0};
        }
        assert_int_equal(put_many(f, entities, GROUP, results), 0);
    }
    struct store_query all = {
        .op.done = fixture_stop, .query = QUERY_ENTITIES, .row = count_row, .user = &count};
    store_query(f->store, &all);
    fixture_wait(f, &all.op);
    assert_int_equal(count, GROUP * GROUPS);
    size_t after = heap_bytes();
    if (after > before + CACHE + CACHE / 4 + SLACK)
        fail_msg("the heap grew by %zu bytes", after - before);
}

/* ---- in a child ---- */

enum { CHILD_GROUP = 10, CHILD_DATA = 4000 };

/* Puts the next group, claims it and leaves it in flight; the status of the put. */
static int child_put(struct fixture *f, int group)
{
    static char data[CHILD_DATA];
    char ids[CHILD_GROUP][16];
    struct store_entity entities[CHILD_GROUP];
    struct store_put_result results[CHILD_GROUP];

    memset(data, 'd', sizeof(data));
    for (int i = 0; i < CHILD_GROUP; i++) {
        snprintf(ids[i], sizeof(ids[i]), "g%d-%d", group, i);
        entities[i] = (struct store_entity){
            str_of(ids[i]), STR("event"), {data, sizeof(data)}, false, 0, STR_NONE, 0};
    }
    return put_many(f, entities, CHILD_GROUP, results);
}

static void child_acknowledge(struct fixture *f, int pipe_fd)
{
    for (int group = 0;; group++) {
        struct store_claim claim;
        if (child_put(f, group) < 0)
            _exit(3);
        take(f, WALK_UNSUBMITTED, CHILD_GROUP, &claim);
        store_claim_finish(&claim);
        if (write(pipe_fd, "x", 1) != 1)
            _exit(4);
    }
}

static void fixture_paths(struct fixture *f)
{
    *f = (struct fixture){0};
    snprintf(f->directory, sizeof(f->directory), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/t.db", f->directory);
    snprintf(f->url, sizeof(f->url), "sqlite:%s", f->path);
    fixture_at(NOW_MS);
}

/* The child's own store on the parent's paths. */
static void child_open(struct fixture *f)
{
    const struct store_settings settings = {.url = f->url, .is_sync_full = true};

    f->loop = loop_create(&f->err);
    f->store = f->loop != NULL ? store_open(&settings, f->loop, &f->err) : NULL;
    if (f->store == NULL)
        _exit(2);
    f->integration = add_integration(f, "hook");
}

static void test_death_loses_nothing_acknowledged(void **state)
{
    struct fixture f;
    int ends[2];
    char byte;
    size_t acknowledged = 0;
    int how;

    (void)state;
    fixture_paths(&f);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork(); /* no thread is alive in this process here */
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        child_open(&f);
        child_acknowledge(&f, ends[1]);
    }
    assert_int_equal(close(ends[1]), 0);
    while (read(ends[0], &byte, 1) == 1)
        if (++acknowledged == 20)
            assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    assert_int_equal(close(ends[0]), 0);

    child_open(&f);
    size_t stored = ask(&f, (struct store_query){.query = QUERY_ENTITIES}, NULL);
    assert_true(stored >= acknowledged * CHILD_GROUP);
    assert_int_equal(stored % CHILD_GROUP, 0); /* a put is there as a whole, or not at all */
    uint64_t in_flight = count_of(&f, SUBMISSION_IN_FLIGHT);
    assert_true(in_flight >= acknowledged * CHILD_GROUP);
    assert_int_equal(recover(&f), in_flight);
    assert_int_equal(count_of(&f, SUBMISSION_UNKNOWN), in_flight);
    fixture_close(&f);
}

/* Exit code 0 when all is as it should be; the others say where it was not. */
static int child_on_a_full_disk(struct fixture *f)
{
    struct rlimit limit;
    struct store_claim claim;
    int groups = 0;
    int status = 0;

    (void)signal(SIGXFSZ, SIG_IGN); /* writes then fail with EFBIG */
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 10;
    rlim_t soft = limit.rlim_cur;
    child_open(f);
    limit.rlim_cur = 1 << 20;
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 11;
    while (groups < 10000 && (status = child_put(f, groups)) == 0)
        groups++;
    if (status != -EFBIG && status != -EIO) /* SQLite knows a full disk by ENOSPC alone */
        return 12;
    if (strstr(f->err.text, f->path) == NULL || strstr(f->err.text, "nothing was stored") == NULL)
        return 13;
    limit.rlim_cur = soft;
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 14;
    if (ask(f, (struct store_query){.query = QUERY_ENTITIES}, NULL) != (size_t)groups * CHILD_GROUP)
        return 15;
    if (child_put(f, groups) != 0) /* and with room again it goes on */
        return 16;
    take(f, WALK_UNSUBMITTED, 10000, &claim);
    size_t claimed = claim.count;
    store_claim_finish(&claim);
    store_close(f->store);
    loop_destroy(f->loop);
    return claimed == ((size_t)groups + 1) * CHILD_GROUP ? 0 : 17;
}

static void test_a_full_disk_half_stores_nothing(void **state)
{
    struct fixture f;
    int how;

    (void)state;
    fixture_paths(&f);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_on_a_full_disk(&f));
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    child_open(&f);
    fixture_close(&f);
}

/* Delivers 4,000 entities with long answers. */
static void deliver_many(struct fixture *f)
{
    static char ids[1000][16];
    static char answer[1000];
    static struct store_entity entities[1000];
    static struct store_put_result results[1000];
    static struct store_outcome outcomes[1000];
    struct store_claim claim;

    memset(answer, 'x', sizeof(answer));
    for (int group = 0; group < 4; group++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(ids[i], sizeof(ids[i]), "n-%d-%d", group, i);
            entities[i] = (struct store_entity){
                str_of(ids[i]), STR("event"), STR("{}"), false, 0, STR_NONE, 0};
        }
        assert_int_equal(put_many(f, entities, 1000, results), 0);
        take(f, WALK_CHANGED, 1000, &claim);
        assert_int_equal(claim.count, 1000);
        for (size_t i = 0; i < 1000; i++)
            outcomes[i] = (struct store_outcome){.submission = claim.records[i].submission,
                                                 .attempt = 1,
                                                 .is_attempt = true,
                                                 .event = EVENT_ACCEPTED,
                                                 .answer = {answer, sizeof(answer)}};
        assert_int_equal(tell(f, outcomes, 1000), 0);
        store_claim_finish(&claim);
    }
}

/* What was in flight and is delivered takes the room that it had: the pages, filled to the last
 * byte, are not split for it. The last page is still being filled. */
static void test_a_verdict_makes_no_row_larger(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    sqlite3_stmt *unused;

    deliver_many(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*), max(unused) FROM (SELECT unused FROM"
                                        " dbstat WHERE name = 'submissions' AND pagetype = 'leaf'"
                                        " ORDER BY pageno DESC LIMIT -1 OFFSET 1)",
                                        -1, &unused, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(unused), SQLITE_ROW);
    assert_true(sqlite3_column_int(unused, 0) > 5);
    assert_in_range(sqlite3_column_int(unused, 1), 0, 40); /* of 4096: less than two rows */
    assert_int_equal(sqlite3_finalize(unused), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_what_is_removed_makes_the_file_smaller(void **state)
{
    struct fixture *f = *state;
    const struct store_retention a_second = {.keep_ms = {[SUBMISSION_SUCCEEDED] = 1000}};
    struct store_figures figures;
    struct stat before;
    struct stat after;

    deliver_many(f);
    compact(f, &(struct store_retention){.signals_ms = 0}); /* folds the log in */
    assert_int_equal(stat(f->path, &before), 0);
    fixture_at(NOW_MS + 1000);
    struct store_compact done = compact(f, &a_second);
    assert_int_equal(done.trimmed, 4000);
    assert_true(done.freed_bytes > 4000 * 1000);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(before.st_size - after.st_size, done.freed_bytes);
    store_figures(f->store, &figures);
    assert_int_equal(figures.free_bytes, 0);
    assert_int_equal(figures.file_bytes, after.st_size);
    assert_int_equal(figures.wal_bytes, 0);
    assert_int_equal(figures.checkpoint_ms, NOW_MS + 1000);

    fixture_reopen(f); /* how far it had come is on disk */
    assert_int_equal(compact(f, &a_second).trimmed, 0);
    assert_int_equal(count_of(f, SUBMISSION_SUCCEEDED), 4000);
}

/* The line that all have is kept once, those of one record with their attempt. */
static void test_request_lines_are_kept_once(void **state)
{
    struct fixture *f = *state;
    struct store_claim claim;
    char lines[12][32];
    sqlite3 *db;
    sqlite3_stmt *count;
    const struct kept_row *rows;

    for (int i = 0; i < 12; i++) {
        snprintf(lines[i], sizeof(lines[i]), "r-%d", i);
        put(f, lines[i], "{}");
    }
    take(f, WALK_CHANGED, 12, &claim);
    for (int i = 0; i < 12; i++) {
        snprintf(lines[i], sizeof(lines[i]), i % 2 == 0 ? "POST /all" : "PUT /one/%d", i);
        const struct store_outcome outcome = {.submission = claim.records[i].submission,
                                              .attempt = 1,
                                              .is_attempt = true,
                                              .event = EVENT_ACCEPTED,
                                              .request = str_of(lines[i])};
        assert_int_equal(tell(f, &outcome, 1), 0);
        if (i == 7)
            fixture_reopen(f);
    }
    for (int i = 0; i < 12; i++) {
        assert_int_equal(ask(f,
                             (struct store_query){.query = QUERY_ATTEMPTS,
                                                  .number = claim.records[i].submission},
                             &rows),
                         1);
        assert_string_equal(rows[0].request, lines[i]);
    }
    store_claim_finish(&claim);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT (SELECT count(*) FROM attempts WHERE request ="
                                        " 'POST /all'), (SELECT group_concat(line) FROM requests)",
                                        -1, &count, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(count, 0), 1); /* the first one */
    assert_string_equal((const char *)sqlite3_column_text(count, 1), "POST /all");
    assert_int_equal(sqlite3_finalize(count), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int data_version(sqlite3 *db)
{
    sqlite3_stmt *version;

    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &version, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(version), SQLITE_ROW);
    int number = sqlite3_column_int(version, 0);
    assert_int_equal(sqlite3_finalize(version), SQLITE_OK);
    return number;
}

static void test_upkeep_of_a_store_at_rest_writes_nothing(void **state)
{
    struct fixture *f = *state;
    const struct store_retention a_day = {.keep_ms = {[SUBMISSION_SUCCEEDED] = 86400000},
                                          .signals_ms = 86400000};
    struct store_figures figures;
    sqlite3 *foreign;

    put(f, "a", "{}");
    compact(f, &a_day);
    store_figures(f->store, &figures);
    uint64_t slices = figures.slices;
    assert_int_equal(sqlite3_open(f->path, &foreign), SQLITE_OK);
    int before = data_version(foreign);
    fixture_at(NOW_MS + 3600000);
    store_retain(f->store, &a_day); /* has a slice run at once */
    while (figures.slices == slices) {
        (void)ask(f, (struct store_query){.query = QUERY_TOTALS}, NULL);
        store_figures(f->store, &figures);
    }
    assert_int_equal(data_version(foreign), before);
    put(f, "b", "{}");
    assert_int_not_equal(data_version(foreign), before);
    assert_int_equal(sqlite3_close(foreign), SQLITE_OK);
}

static void test_a_reader_that_holds_the_log_is_seen(void **state)
{
    struct fixture *f = *state;
    struct store_figures figures;
    sqlite3 *foreign;

    put(f, "a", "{}");
    assert_int_equal(sqlite3_open(f->path, &foreign), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(foreign, "BEGIN; SELECT count(*) FROM entities", NULL, NULL, NULL), SQLITE_OK);
    put(f, "b", "{}");
    compact(f, &(struct store_retention){.signals_ms = 0}); /* cannot fold the log in, and ends */
    fixture_at(NOW_MS + 5000);
    compact(f, &(struct store_retention){.signals_ms = 0});
    store_figures(f->store, &figures);
    assert_int_equal(figures.oldest_reader_ms, 5000);
    assert_true(figures.wal_bytes > 0);
    assert_int_equal(sqlite3_exec(foreign, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    compact(f, &(struct store_retention){.signals_ms = 0});
    store_figures(f->store, &figures);
    assert_int_equal(figures.oldest_reader_ms, 0);
    assert_int_equal(figures.wal_bytes, 0);
    assert_int_equal(sqlite3_close(foreign), SQLITE_OK);
}

/* More numbers than a claim's window holds, all but the last one without an entity. */
static void test_a_walk_jumps_over_numbers_that_updates_left_empty(void **state)
{
    struct fixture *fixture = *state;
    struct store_entity *versions = calloc(STORE_WALK_MAX + 2, sizeof(*versions));
    struct store_put_result *results = calloc(STORE_WALK_MAX + 2, sizeof(*results));

    assert_non_null(versions);
    assert_non_null(results);
    for (int i = 0; i < STORE_WALK_MAX + 2; i++)
        versions[i] = (struct store_entity){.id = STR("a"),
                                            .type = STR("event"),
                                            .data = i % 2 == 0 ? STR("{}") : STR("{\"n\":1}")};
    assert_int_equal(put_many(fixture, versions, STORE_WALK_MAX + 2, results), 0);
    take_one(fixture, WALK_CHANGED, "a", STORE_WALK_MAX + 2);
    assert_false(fixture->has_more);
    free(results);
    free(versions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_second_owner_is_refused, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_files_are_private, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_everything_is_there_after_a_restart, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_recovery_wakes_what_waits_for_nobody, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_foreign_files_are_refused, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_piles_up_is_one_commit, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ids_of_one_hash_stay_apart, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_kept_texts_outlive_the_daemon, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded_by_the_cache, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_verdict_makes_no_row_larger, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_removed_makes_the_file_smaller, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_request_lines_are_kept_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_upkeep_of_a_store_at_rest_writes_nothing,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_that_holds_the_log_is_seen, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_walk_jumps_over_numbers_that_updates_left_empty,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test(test_death_loses_nothing_acknowledged),
        cmocka_unit_test(test_a_full_disk_half_stores_nothing),
    };

    if (digest_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("sqlite on disk", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include "base/clock.h"
#include "base/digest.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *waiting_in;
static struct kept_row rows[ROWS_MAX];
static size_t row_count;

void fixture_at(int64_t wall_ms)
{
    clock_freeze(wall_ms, wall_ms * 1000);
}

static void open_store(struct fixture *fixture)
{
    const struct store_settings settings = {.url = fixture->url, .is_sync_full = true};

    fixture->store = store_open(&settings, fixture->loop, &fixture->err);
    if (fixture->store == NULL)
        fail_msg("%s", fixture->err.text);
    fixture->integration = add_integration(fixture, "hook");
}

void fixture_open(struct fixture *fixture, const char *scheme)
{
    *fixture = (struct fixture){0};
    assert_int_equal(digest_init(), 0);
    fixture_at(NOW_MS);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/state/t.db", fixture->directory);
    snprintf(fixture->url, sizeof(fixture->url), "%s:%s", scheme,
             strcmp(scheme, "sqlite") == 0 ? fixture->path : "");
    fixture->loop = loop_create(&fixture->err);
    assert_non_null(fixture->loop);
    open_store(fixture);
}

void fixture_reopen(struct fixture *fixture)
{
    store_close(fixture->store);
    open_store(fixture);
}

/* Whatever a test did, what the store says of itself must hold. */
static void check(struct fixture *fixture)
{
    struct store_job job = {.op.done = fixture_stop, .work = JOB_CHECK};

    store_job(fixture->store, &job);
    fixture_wait(fixture, &job.op);
    if (job.op.status < 0)
        fail_msg("%s", job.op.error.text);
    if (job.problem_count > 0)
        fail_msg("%s", job.problems.ptr);
    buf_finish(&job.problems);
}

void fixture_close(struct fixture *fixture)
{
    char command[160];

    if (fixture->store != NULL)
        check(fixture);
    store_close(fixture->store);
    loop_drain(fixture->loop); /* a message of the closed store may still be under way */
    loop_destroy(fixture->loop);
    clock_freeze(-1, -1);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
}

void fixture_stop(struct store_op *op)
{
    (void)op;
    loop_stop(waiting_in);
}

const char *fixture_scheme = "sqlite";

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture_open(fixture, fixture_scheme);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

void fixture_wait(struct fixture *fixture, struct store_op *op)
{
    waiting_in = fixture->loop;
    loop_run(fixture->loop);
    fixture->err = op->error;
}

int put_many(struct fixture *fixture, const struct store_entity *entities, size_t count,
             struct store_put_result *results)
{
    struct store_put put = {
        .op.done = fixture_stop, .entities = entities, .count = count, .results = results};

    store_put(fixture->store, &put);
    fixture_wait(fixture, &put.op);
    return put.op.status;
}

struct store_put_result put(struct fixture *fixture, const char *id, const char *data)
{
    struct store_put_result result;
    const struct store_entity entity = {
        .id = str_of(id), .type = STR("event"), .data = str_of(data)};

    assert_int_equal(put_many(fixture, &entity, 1, &result), 0);
    return result;
}

struct store_put_result drop(struct fixture *fixture, const char *id)
{
    struct store_put_result result;
    const struct store_entity entity = {.id = str_of(id), .is_delete = true};

    assert_int_equal(put_many(fixture, &entity, 1, &result), 0);
    return result;
}

uint32_t add_integration(struct fixture *fixture, const char *name)
{
    struct store_integration integration = {.op.done = fixture_stop, .name = str_of(name)};

    store_integration(fixture->store, &integration);
    fixture_wait(fixture, &integration.op);
    assert_int_equal(integration.op.status, 0);
    return integration.number;
}

void take(struct fixture *fixture, enum store_walk walk, uint32_t max, struct store_claim *out)
{
    *out = (struct store_claim){
        .op.done = fixture_stop,
        .integration = fixture->integration,
        .walk = walk,
        .max = max,
        .lease_until_ms = clock_wall_ms() + LEASE_MS,
    };
    store_claim(fixture->store, out);
    fixture_wait(fixture, &out->op);
    if (out->op.status < 0)
        fail_msg("%s", out->op.error.text);
    fixture->next_due_ms = out->next_due_ms;
    fixture->has_more = out->has_more;
}

struct store_claimed take_one(struct fixture *fixture, enum store_walk walk, const char *id,
                              uint64_t version)
{
    struct store_claim claim;

    take(fixture, walk, 1, &claim);
    assert_int_equal(claim.count, 1);
    struct store_claimed record = claim.records[0];
    assert_true(str_is(record.id, id));
    assert_int_equal(record.version, version);
    record.id = record.type = record.data = STR_NONE;
    store_claim_finish(&claim);
    return record;
}

void take_none(struct fixture *fixture, enum store_walk walk)
{
    struct store_claim claim;

    take(fixture, walk, 100, &claim);
    assert_int_equal(claim.count, 0);
    store_claim_finish(&claim);
}

int tell(struct fixture *fixture, const struct store_outcome *outcomes, size_t count)
{
    struct store_record record = {.op.done = fixture_stop,
                                  .integration = fixture->integration,
                                  .outcomes = outcomes,
                                  .count = count};

    store_record(fixture->store, &record);
    fixture_wait(fixture, &record.op);
    fixture->next_due_ms = record.next_due_ms;
    return record.op.status;
}

void tell_event(struct fixture *fixture, const struct store_claimed *record,
                enum submission_event event, int64_t due_ms)
{
    const struct store_outcome outcome = {
        .submission = record->submission,
        .attempt = record->attempt,
        .event = event,
        .due_ms = due_ms,
        .is_attempt = true,
        .started_ms = clock_wall_ms(),
        .reason = STR("because"),
    };

    assert_int_equal(tell(fixture, &outcome, 1), 0);
}

int enqueue(struct fixture *fixture, const char *entity, int selector, uint64_t *out_count)
{
    struct store_enqueue enqueue = {
        .op.done = fixture_stop, .integration = fixture->integration, .entity = str_of(entity)};

    enqueue.selector = selector;
    store_enqueue(fixture->store, &enqueue);
    fixture_wait(fixture, &enqueue.op);
    *out_count = enqueue.count;
    return enqueue.op.status;
}

int keep_text(struct fixture *fixture, uint32_t integration, const char *name, const char *value)
{
    struct store_keep keep = {.op.done = fixture_stop,
                              .integration = integration,
                              .name = str_of(name),
                              .value = str_of(value)};

    store_keep(fixture->store, &keep);
    fixture_wait(fixture, &keep.op);
    return keep.op.status;
}

uint64_t recover(struct fixture *fixture)
{
    struct store_recover recover = {.op.done = fixture_stop};

    store_recover(fixture->store, &recover);
    fixture_wait(fixture, &recover.op);
    assert_int_equal(recover.op.status, 0);
    return recover.count;
}

struct store_compact compact(struct fixture *fixture, const struct store_retention *retention)
{
    struct store_compact compact = {.op.done = fixture_stop};
    struct store_figures before;
    struct store_figures after;

    store_figures(fixture->store, &before);
    store_retain(fixture->store, retention);
    store_compact(fixture->store, &compact);
    fixture_wait(fixture, &compact.op);
    if (compact.op.status < 0)
        fail_msg("%s", compact.op.error.text);
    /* Upkeep may have been quicker than the compact that was to do it. */
    store_figures(fixture->store, &after);
    compact.removed = after.removed - before.removed;
    compact.trimmed = after.trimmed - before.trimmed;
    return compact;
}

static void keep(char *to, size_t size, struct str text)
{
    snprintf(to, size, "%.*s", STR_ARG(text));
}

static bool keep_row(struct store_query *query, const struct store_row *row)
{
    (void)query;
    if (row_count == ROWS_MAX)
        return false; /* the count then tells; a failed assertion may not leave this thread */
    struct kept_row *kept = &rows[row_count++];
    kept->row = *row;
    keep(kept->id, sizeof(kept->id), row->id);
    keep(kept->type, sizeof(kept->type), row->type);
    keep(kept->name, sizeof(kept->name), row->name);
    keep(kept->reason, sizeof(kept->reason), row->reason);
    keep(kept->external_id, sizeof(kept->external_id), row->external_id);
    keep(kept->key, sizeof(kept->key), row->key);
    keep(kept->data, sizeof(kept->data), row->data);
    keep(kept->request, sizeof(kept->request), row->request);
    keep(kept->answer, sizeof(kept->answer), row->answer);
    keep(kept->trace, sizeof(kept->trace), row->trace);
    keep(kept->sender, sizeof(kept->sender), row->sender);
    return true;
}

size_t ask(struct fixture *fixture, struct store_query query, const struct kept_row **out)
{
    query.op.done = fixture_stop;
    query.row = keep_row;
    row_count = 0;
    store_query(fixture->store, &query);
    fixture_wait(fixture, &query.op);
    if (query.op.status < 0)
        fail_msg("%s", query.op.error.text);
    if (out != NULL)
        *out = rows;
    return row_count;
}

struct kept_row ask_submission(struct fixture *fixture, uint64_t number)
{
    assert_int_equal(
        ask(fixture, (struct store_query){.query = QUERY_SUBMISSION, .number = number}, NULL), 1);
    return rows[0];
}

uint64_t count_of(struct fixture *fixture, enum submission_state state)
{
    size_t counted = ask(fixture,
                         (struct store_query){.query = QUERY_SUBMISSIONS,
                                              .integration = fixture->integration,
                                              .filter.states = submission_state_bit(state)},
                         NULL);
    uint64_t count = 0;

    ask(fixture, (struct store_query){.query = QUERY_COUNTS, .integration = fixture->integration},
        NULL);
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].row.state == state)
            count = rows[i].row.count;
    assert_int_equal(count, counted);
    return count;
}

void fixture_sql(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t fixture_number(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *question;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &question, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(question), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(question, 0);
    assert_int_equal(sqlite3_finalize(question), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

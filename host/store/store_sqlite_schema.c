/* SPDX-License-Identifier: Apache-2.0
 * The tables, as numbered steps. PRAGMA user_version holds the number of the last step done; a
 * released step never changes, a new one is a row at the end.
 *
 * Everything that is written per record is either appended at the end of its tree or found by
 * number. The one tree with keys from outside is entities_id: hashes of ids, in an order that keeps
 * neighbours together (store_rules_hash). It is not unique: hashes may fall together, and then the
 * ids themselves are compared.
 *
 * - submissions_due: what waits, and what is in flight on a second or later attempt (due when its
 *   lease ends).
 * - submissions_state: all that is neither in flight nor succeeded, for lists and replays.
 * - attempts.num: submission << 16 | attempt, which makes an index unnecessary.
 * - life.due_ms: about what clock_due_ms said at the last commit, all due_ms being by that clock.
 * - attempts.request_num: in place of request, a line of requests (store_sqlite_request.c).
 * - spans: numbers that one integration's submissions got in a row, see store_sqlite_span.c.
 * - leases: the claims under way, see struct store_sqlite_lease.
 * - deliveries.key: a digest, see store_rules_delivery_key.
 * - cleaned, aging: how far retention has looked, and what ended behind that; see
 *   store_sqlite_clean.c. */
#include "store/store_sqlite.h"

#include <inttypes.h>
#include <stdio.h>

enum { APPLICATION_ID = 0x54656e6f }; /* "Teno" */

static const char *const steps[] = {
    "CREATE TABLE life (one INTEGER PRIMARY KEY CHECK (one = 1), uuid TEXT NOT NULL, seq INTEGER "
    "NOT NULL,"
    " entity INTEGER NOT NULL, submission INTEGER NOT NULL, entities INTEGER NOT NULL);"
    "INSERT INTO life VALUES (1, lower(hex(randomblob(16))), 0, 0, 0, 0);"
    "CREATE TABLE types (num INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE entities (num INTEGER PRIMARY KEY, type INTEGER NOT NULL, version INTEGER NOT "
    "NULL,"
    " seq INTEGER NOT NULL, deleted INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms "
    "INTEGER NOT NULL,"
    " id_hash INTEGER NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL);"
    "CREATE INDEX entities_id ON entities (id_hash);"
    "CREATE INDEX entities_walk ON entities (seq, type) WHERE deleted = 0;"
    "CREATE TABLE relationships (from_entity INTEGER NOT NULL, type INTEGER NOT NULL, to_entity "
    "INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, data TEXT, PRIMARY KEY (from_entity, type, to_entity)) WITHOUT "
    "ROWID;"
    "CREATE INDEX relationships_to ON relationships (to_entity);"
    "CREATE TABLE signals (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, entity INTEGER NOT NULL,"
    " version INTEGER NOT NULL, at_ms INTEGER NOT NULL);"
    "CREATE TABLE integrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cursor "
    "INTEGER NOT NULL,"
    " by_hand INTEGER NOT NULL, by_hand_end INTEGER NOT NULL);"
    "CREATE TABLE counts (integration INTEGER NOT NULL, state INTEGER NOT NULL, count INTEGER NOT "
    "NULL,"
    " PRIMARY KEY (integration, state)) WITHOUT ROWID;"
    "CREATE TABLE submissions (num INTEGER PRIMARY KEY, integration INTEGER NOT NULL, entity "
    "INTEGER NOT NULL,"
    " version INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, base INTEGER "
    "NOT NULL,"
    " flags INTEGER NOT NULL, changed_ms INTEGER NOT NULL, due_ms INTEGER, reason TEXT);"
    "CREATE INDEX submissions_entity ON submissions (entity, integration);"
    "CREATE INDEX submissions_due ON submissions (integration, due_ms, state) WHERE due_ms IS NOT "
    "NULL;"
    "CREATE INDEX submissions_state ON submissions (state, integration) WHERE state NOT IN (1, 2);"
    "CREATE TABLE leases (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, integration INTEGER "
    "NOT NULL,"
    " until_ms INTEGER NOT NULL);"
    "CREATE TABLE attempts (num INTEGER PRIMARY KEY, state INTEGER NOT NULL, started_ms INTEGER "
    "NOT NULL, duration_us INTEGER NOT NULL,"
    " http_status INTEGER NOT NULL, error_class INTEGER NOT NULL, reason TEXT, request TEXT, "
    "answer TEXT);"
    "CREATE TABLE integration_keys (integration INTEGER NOT NULL, entity INTEGER NOT NULL,"
    " external_id TEXT NOT NULL, PRIMARY KEY (integration, entity)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX integration_keys_external ON integration_keys (integration, external_id);",
    "CREATE TABLE kept (integration INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (integration, name)) WITHOUT ROWID;",
    "ALTER TABLE life ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0;",
    /* How often a new idempotency key was asked for; see store_rules_key. */
    "ALTER TABLE submissions ADD COLUMN salt INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE cleaned (state INTEGER PRIMARY KEY, submission INTEGER NOT NULL);"
    "CREATE TABLE aging (state INTEGER NOT NULL, ended_ms INTEGER NOT NULL, submission INTEGER NOT "
    "NULL, PRIMARY KEY (state, ended_ms, submission)) WITHOUT ROWID;",
    /* Behind the data, so that no row without one is read any further for it. */
    "ALTER TABLE entities ADD COLUMN trace TEXT; ALTER TABLE attempts ADD COLUMN trace TEXT;",
    "CREATE TABLE spans (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, integration INTEGER NOT "
    "NULL, born_ms INTEGER NOT NULL);"
    "CREATE INDEX spans_integration ON spans (integration, first);"
    "INSERT INTO spans SELECT min(num), max(num), integration, min(changed_ms) FROM (SELECT num,"
    " integration, changed_ms, num - row_number() OVER (PARTITION BY integration ORDER BY num) AS"
    " start FROM submissions) GROUP BY integration, start;",
    "ALTER TABLE life ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE integrations ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE requests (num INTEGER PRIMARY KEY, line TEXT NOT NULL);"
    "ALTER TABLE attempts ADD COLUMN request_num INTEGER;",
    /* Texts of the signals of kind SIGNAL_OWN, under the same number. */
    "CREATE TABLE published (seq INTEGER PRIMARY KEY, name TEXT NOT NULL, sender TEXT NOT NULL,"
    " hops INTEGER NOT NULL, data TEXT);",
    /* Numbered, so that a page has a place to go on from that no write moves. */
    "CREATE TABLE edges (num INTEGER PRIMARY KEY AUTOINCREMENT, from_entity INTEGER NOT NULL, type"
    " INTEGER NOT NULL, to_entity INTEGER NOT NULL, created_ms INTEGER NOT NULL, data TEXT);"
    "INSERT INTO edges (from_entity, type, to_entity, created_ms, data) SELECT from_entity, type,"
    " to_entity, created_ms, data FROM relationships ORDER BY created_ms;"
    "DROP TABLE relationships; ALTER TABLE edges RENAME TO relationships;"
    "CREATE UNIQUE INDEX relationships_one ON relationships (from_entity, type, to_entity);"
    "CREATE INDEX relationships_from ON relationships (from_entity);"
    "CREATE INDEX relationships_to ON relationships (to_entity);",
    "CREATE TABLE deliveries (key TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX deliveries_until ON deliveries (until_ms);",
    "ALTER TABLE entities ADD COLUMN origin INTEGER;", /* see store_origin_pack; NULL: 0 */
    "CREATE TABLE attributes (entity INTEGER NOT NULL, integration INTEGER NOT NULL, name TEXT NOT"
    " NULL, value TEXT NOT NULL, PRIMARY KEY (entity, integration, name)) WITHOUT ROWID;",
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

int store_sqlite_number(struct store_sqlite_db *handle, const char *sql, int64_t *out,
                        struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle->db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return code == SQLITE_ROW ? 0 : store_sqlite_fail(handle, "cannot be opened as a store", err);
}

static int migrate_step(struct store_sqlite_db *handle, int step, struct err *err)
{
    char pragmas[96];
    char doing[64];

    snprintf(doing, sizeof(doing), "cannot take schema step %d", step + 1);
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, step + 1);
    int status = store_sqlite_exec(handle, "BEGIN IMMEDIATE", doing, err);
    if (status == 0)
        status = store_sqlite_exec(handle, steps[step], doing, err);
    if (status == 0)
        status = store_sqlite_exec(handle, pragmas, doing, err);
    if (status == 0)
        status = store_sqlite_exec(handle, "COMMIT", doing, err);
    if (status < 0)
        (void)store_sqlite_exec(handle, "ROLLBACK", doing,
                                NULL); /* the first error is the one to tell */
    return status;
}

int store_sqlite_migrate(struct store_sqlite_db *handle, struct err *err)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int status = store_sqlite_number(handle, "PRAGMA application_id", &application, err);

    if (status == 0)
        status = store_sqlite_number(handle, "PRAGMA user_version", &version, err);
    if (status == 0)
        status = store_sqlite_number(handle, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (status < 0)
        return status;
    if (application != APPLICATION_ID && (tables > 0 || version > 0))
        return err_set(err, E_REFUSED,
                       "%s is a database of another program, not a Tenon store: name another file",
                       handle->path);
    if (version > STEPS)
        return err_set(err, E_REFUSED,
                       "%s has schema version %" PRId64
                       ", this tenond knows up to %d: it was written by a newer"
                       " release; run that one, or restore a backup made before it",
                       handle->path, version, (int)STEPS);
    for (int step = (int)version; step < STEPS && status == 0; step++)
        status = migrate_step(handle, step, err);
    return status;
}

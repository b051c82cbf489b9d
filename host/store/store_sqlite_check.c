/* SPDX-License-Identifier: Apache-2.0
 * Is the file whole, and does what it says of itself hold? All questions see one commit, on a
 * handle of their own; the log cannot be folded in behind that commit meanwhile. */
#include "store/store_sqlite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { PROBLEMS_MAX = 20, INTERRUPT_OPCODES = 10000 };

/* Each counts what breaks the rule. */
static const struct {
    const char *rule;
    const char *sql;
} rules[] = {
    {"the counts by integration and state are those of the submissions",
     "SELECT count(*) FROM (SELECT * FROM (SELECT integration, state, count(*) FROM submissions"
     " GROUP BY 1, 2 EXCEPT SELECT integration, state, count FROM counts) UNION ALL SELECT * FROM"
     " (SELECT integration, state, count FROM counts WHERE count <> 0 EXCEPT SELECT integration,"
     " state, count(*) FROM submissions GROUP BY 1, 2))"},
    {"the number of entities is that of the entities",
     "SELECT abs((SELECT count(*) FROM entities WHERE deleted = 0) - (SELECT entities FROM life))"},
    {"no number was given out that the store does not know of",
     "SELECT (SELECT ifnull(max(seq), 0) FROM entities) > seq OR (SELECT ifnull(max(num), 0) FROM"
     " entities) > entity OR (SELECT ifnull(max(num), 0) FROM submissions) > submission OR (SELECT"
     " ifnull(max(cursor), 0) FROM integrations) > seq FROM life"},
    {"no two entities have one id",
     "SELECT count(*) FROM entities a JOIN entities b ON b.id_hash = a.id_hash AND b.num > a.num"
     " AND b.id = a.id"},
    {"each submission has its entity and its integration",
     "SELECT count(*) FROM submissions s WHERE NOT EXISTS (SELECT 1 FROM entities e WHERE e.num ="
     " s.entity) OR NOT EXISTS (SELECT 1 FROM integrations i WHERE i.number = s.integration)"},
    {"each submission stands in a span of its integration",
     "SELECT count(*) FROM submissions s WHERE NOT EXISTS (SELECT 1 FROM spans p WHERE p.first ="
     " (SELECT max(first) FROM spans WHERE first <= s.num) AND s.num <= p.last AND p.integration ="
     " s.integration)"},
    {"each attempt has its submission",
     "SELECT count(*) FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM submissions s WHERE s.num ="
     " a.num >> 16)"},
    {"what is in flight is on a lease",
     "SELECT count(*) FROM submissions s WHERE s.state = 1 AND s.due_ms IS NULL AND NOT EXISTS"
     " (SELECT 1 FROM leases l WHERE s.num BETWEEN l.first AND l.last AND l.integration ="
     " s.integration)"},
    {"one version of an entity is in flight at a time",
     "SELECT count(*) FROM (SELECT 1 FROM submissions WHERE state = 1 GROUP BY entity, integration"
     " HAVING count(*) > 1)"},
    {"what waits without a time waits behind an older version in flight",
     "SELECT count(*) FROM submissions s WHERE s.state = 0 AND s.due_ms IS NULL AND NOT EXISTS"
     " (SELECT 1 FROM submissions f INDEXED BY submissions_entity WHERE f.entity = s.entity AND"
     " f.integration = s.integration AND f.state = 1 AND f.flags & 1)"},
    {"what is over is due no more",
     "SELECT count(*) FROM submissions INDEXED BY submissions_due WHERE due_ms IS NOT NULL AND"
     " state IN (2, 4, 6, 7)"},
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

static int on_progress(void *user)
{
    return store_job_is_over(user); /* not 0: interrupt */
}

static void add_problem(struct store_job *job, const char *rule, struct str what)
{
    if (job->problem_count++ < PROBLEMS_MAX)
        buf_printf(&job->problems, "%s%s: %.*s", job->problems.len > 0 ? "\n" : "", rule,
                   STR_ARG(what));
}

static int check_file(struct store_sqlite_db *reader, struct store_job *job, struct err *err)
{
    sqlite3_stmt *check = NULL;
    int code = sqlite3_prepare_v2(reader->db, "PRAGMA integrity_check(20)", -1, &check, NULL);

    while (check != NULL && (code = sqlite3_step(check)) == SQLITE_ROW) {
        struct str row = store_sqlite_column(check, 0);
        if (!str_is(row, "ok"))
            add_problem(job, "the file", row);
    }
    (void)sqlite3_finalize(check); /* repeats the step's code */
    return code == SQLITE_DONE ? 0 : store_sqlite_fail(reader, "cannot be checked", err);
}

static int check_rule(struct store_sqlite_db *reader, struct store_job *job, size_t which,
                      struct err *err)
{
    sqlite3_stmt *rule = NULL;
    char words[64];
    int code = sqlite3_prepare_v2(reader->db, rules[which].sql, -1, &rule, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(rule);
    if (code == SQLITE_ROW && sqlite3_column_int64(rule, 0) != 0) {
        snprintf(words, sizeof(words), "broken %" PRId64 " times",
                 (int64_t)sqlite3_column_int64(rule, 0));
        add_problem(job, rules[which].rule, str_of(words));
    }
    (void)sqlite3_finalize(rule); /* repeats the step's code */
    return code == SQLITE_ROW ? 0 : store_sqlite_fail(reader, "cannot be checked", err);
}

int store_sqlite_check(void *pointer, struct store_job *job, struct err *err)
{
    struct store_sqlite_db *reader = pointer;

    atomic_store(&job->total, RULES + 1);
    sqlite3_progress_handler(reader->db, INTERRUPT_OPCODES, on_progress, job);
    int status = store_sqlite_exec(reader, "BEGIN", "cannot be checked", err);
    if (status == 0)
        status = check_file(reader, job, err);
    for (size_t i = 0; i < RULES && status == 0; i++) {
        atomic_store(&job->done, i + 1);
        status = check_rule(reader, job, i, err);
    }
    atomic_store(&job->done, RULES + 1);
    sqlite3_progress_handler(reader->db, 0, NULL, NULL);
    (void)store_sqlite_exec(reader, "COMMIT", "cannot be checked", NULL); /* it only read */
    return status == 0 && job->problems.failed ? err_set(err, -ENOMEM, "no memory for problems")
                                               : status;
}

/* SPDX-License-Identifier: Apache-2.0
 * Submissions listed, newest first, at a cost that depends on what is shown and not on how many
 * there are. Where the numbers come from:
 *
 * - one entity's: the index of its submissions.
 * - states that the index by state holds (all but in flight and succeeded): one head per state and
 *   integration stands in that index at its newest number, and the largest head is the next one.
 *   What is in flight joins them from the leases.
 * - everything else: the submissions themselves, from the newest down.
 *
 * At most STORE_LOOK_MAX numbers are looked at; then the caller goes on behind query->next. */
#include "store/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

enum { STATES_UNINDEXED = 1 << SUBMISSION_IN_FLIGHT | 1 << SUBMISSION_SUCCEEDED };

/* A submission, before its row is read. */
struct met {
    uint64_t number; /* 0: none */
    uint32_t integration;
    enum submission_state state;
    uint32_t flags;
    int64_t changed_ms;
};

struct head {
    int state;
    uint32_t integration;
    struct met met;
};

struct list {
    struct store_sqlite_db *reader;
    struct store_query *query;
    sqlite3_stmt *rows; /* gives the numbers in order; NULL: heads alone do */
    struct met met;     /* the one that `rows` stands on */
    struct head *heads;
    size_t head_count;
    uint64_t below; /* numbers from here on are done */
    uint32_t given;
};

static void list_finish(struct list *list)
{
    if (list->rows != NULL)
        (void)sqlite3_reset(list->rows); /* repeats the step's code */
    free(list->heads);
}

static int failed(struct list *list, struct err *err)
{
    return store_sqlite_fail(list->reader, "cannot list submissions", err);
}

/* ---- rows ---- */

static void read_row(struct store_sqlite_db *reader, sqlite3_stmt *columns, struct store_row *row)
{
    row->submission = (uint64_t)sqlite3_column_int64(columns, 0);
    row->integration = (uint32_t)sqlite3_column_int64(columns, 1);
    row->version = (uint64_t)sqlite3_column_int64(columns, 2);
    row->state = (enum submission_state)sqlite3_column_int(columns, 3);
    row->attempts = (uint32_t)sqlite3_column_int64(columns, 4);
    row->due_ms = sqlite3_column_int64(columns, 5);
    row->reason = store_sqlite_column(columns, 6);
    row->id = store_sqlite_column(columns, 7);
    row->type = store_sqlite_column(columns, 8);
    row->name = store_sqlite_column(columns, 9);
    row->external_id = store_sqlite_column(columns, 10);
    row->started_ms = sqlite3_column_int64(columns, 11);
    row->duration_us = sqlite3_column_int64(columns, 12);
    row->http_status = sqlite3_column_int(columns, 13);
    row->error_class = flags_class((uint32_t)sqlite3_column_int64(columns, 18), row->state);
    row->updated_ms = sqlite3_column_int64(columns, 15);
    row->data = store_sqlite_column(columns, 17);
    row->is_trimmed = (sqlite3_column_int64(columns, 18) & FLAG_TRIMMED) != 0;
    row->trace = store_sqlite_column(columns, 19);
    row->seq = row->submission;
    store_rules_key(reader->uuid, row->name, row->id, row->version,
                    (uint32_t)sqlite3_column_int64(columns, 16), row->key_space);
    row->key = (struct str){row->key_space, 32};
}

/* The row of one number, with the last attempt's figures. *out_goes_on: the caller wants more. */
static int give(struct list *list, uint64_t number, bool *out_goes_on, struct err *err)
{
    struct store_query *query = list->query;
    sqlite3_stmt *one = store_sqlite_use(
        list->reader, S_LIST_ROW,
        "SELECT s.num, s.integration, s.version, s.state, s.attempts, s.due_ms, s.reason, e.id,"
        " t.name, i.name, k.external_id, a.started_ms, a.duration_us, a.http_status, a.error_class,"
        " s.changed_ms, s.salt, CASE WHEN ?2 THEN e.data END, s.flags,"
        " CASE WHEN s.version = e.version THEN e.trace END FROM submissions s"
        " CROSS JOIN entities e ON e.num = s.entity CROSS JOIN types t ON t.num = e.type"
        " CROSS JOIN integrations i ON i.number = s.integration"
        " LEFT JOIN integration_keys k ON k.integration = s.integration AND k.entity = s.entity"
        " LEFT JOIN attempts a ON a.num = (s.num << 16 | min(s.attempts, 65535)) WHERE s.num = ?1");
    int status = 0;

    (void)sqlite3_bind_int64(one, 1, (int64_t)number);
    (void)sqlite3_bind_int(one, 2, query->with_data);
    int code = one != NULL ? sqlite3_step(one) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        struct store_row row = {0};
        read_row(list->reader, one, &row);
        list->given++;
        *out_goes_on = query->row(query, &row) && (query->limit == 0 || list->given < query->limit);
    } else if (code != SQLITE_DONE) {
        status = failed(list, err);
    }
    (void)sqlite3_reset(one); /* repeats the step's code */
    return status;
}

/* ---- numbers in order ---- */

/* The newest below list->below of the head's state and integration. */
static int head_move(struct list *list, struct head *head, struct err *err)
{
    sqlite3_stmt *next = store_sqlite_use(
        list->reader, S_LIST_HEAD,
        "SELECT num, flags, changed_ms FROM submissions INDEXED BY submissions_state WHERE state ="
        " ?1 AND state NOT IN (1, 2) AND integration = ?2 AND num < ?3 ORDER BY num DESC LIMIT 1");

    (void)sqlite3_bind_int(next, 1, head->state);
    (void)sqlite3_bind_int64(next, 2, head->integration);
    (void)sqlite3_bind_int64(next, 3, (int64_t)list->below);
    int code = next != NULL ? sqlite3_step(next) : SQLITE_ERROR;
    head->met = (struct met){0};
    if (code == SQLITE_ROW)
        head->met =
            (struct met){(uint64_t)sqlite3_column_int64(next, 0), head->integration,
                         (enum submission_state)head->state,
                         (uint32_t)sqlite3_column_int64(next, 1), sqlite3_column_int64(next, 2)};
    int status = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(list, err);
    (void)sqlite3_reset(next); /* repeats the step's code */
    return status;
}

static int rows_move(struct list *list, struct err *err)
{
    int code = sqlite3_step(list->rows);

    list->met = (struct met){0};
    if (code == SQLITE_ROW)
        list->met = (struct met){(uint64_t)sqlite3_column_int64(list->rows, 0),
                                 (uint32_t)sqlite3_column_int64(list->rows, 1),
                                 (enum submission_state)sqlite3_column_int(list->rows, 2),
                                 (uint32_t)sqlite3_column_int64(list->rows, 3),
                                 sqlite3_column_int64(list->rows, 4)};
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(list, err);
}

/* Takes the largest number that is left; number 0: none is. */
static int list_next(struct list *list, struct met *out, struct err *err)
{
    struct head *best = NULL;

    for (size_t i = 0; i < list->head_count; i++)
        if (list->heads[i].met.number > (best != NULL ? best->met.number : 0))
            best = &list->heads[i];
    if (best != NULL && best->met.number > list->met.number) {
        *out = best->met;
        list->below = out->number;
        return head_move(list, best, err);
    }
    *out = list->met;
    list->below = out->number;
    return out->number != 0 ? rows_move(list, err) : 0;
}

/* ---- where they come from ---- */

static int add_head(struct list *list, uint32_t integration, struct err *err)
{
    struct head *more =
        realloc(list->heads, (list->head_count + SUBMISSION_STATES) * sizeof(*more));
    uint32_t states = list->query->filter.states & ~(uint32_t)STATES_UNINDEXED;
    int status = 0;

    if (more == NULL)
        return err_set(err, -ENOMEM, "no memory for a list of submissions");
    list->heads = more;
    for (int state = 0; state < SUBMISSION_STATES && status == 0; state++) {
        if ((states & submission_state_bit((enum submission_state)state)) == 0)
            continue;
        struct head *head = &list->heads[list->head_count++];
        *head = (struct head){.state = state, .integration = integration};
        status = head_move(list, head, err);
    }
    return status;
}

static int add_heads(struct list *list, struct err *err)
{
    if (list->query->integration != 0)
        return add_head(list, list->query->integration, err);
    sqlite3_stmt *all = store_sqlite_use(list->reader, S_LIST_INTEGRATIONS,
                                         "SELECT number FROM integrations ORDER BY number");
    int code = SQLITE_ERROR;
    int status = 0;
    while (status == 0 && all != NULL && (code = sqlite3_step(all)) == SQLITE_ROW)
        status = add_head(list, (uint32_t)sqlite3_column_int64(all, 0), err);
    if (status == 0 && code != SQLITE_DONE)
        status = failed(list, err);
    (void)sqlite3_reset(all); /* repeats the step's code */
    return status;
}

/* The statement that gives numbers below ?1, and what more it is about. */
static sqlite3_stmt *rows_of(struct list *list)
{
    const struct store_query *query = list->query;

    if (query->id.len > 0) {
        sqlite3_stmt *rows = store_sqlite_use(
            list->reader, S_LIST_ENTITY,
            "SELECT num, integration, state, flags, changed_ms FROM submissions INDEXED BY"
            " submissions_entity WHERE entity = (SELECT num FROM entities WHERE id_hash = ?2 AND"
            " id = ?3) AND num < ?1 ORDER BY num DESC");
        (void)sqlite3_bind_int64(rows, 2, store_rules_hash(list->reader->uuid, query->id));
        store_sqlite_bind_text(rows, 3, query->id);
        return rows;
    }
    if (list->head_count > 0 || query->filter.states == 1u << SUBMISSION_IN_FLIGHT)
        return store_sqlite_use(
            list->reader, S_LIST_FLIGHT,
            "SELECT b.num, b.integration, b.state, b.flags, b.changed_ms FROM leases l CROSS JOIN"
            " submissions b ON b.num BETWEEN l.first AND l.last WHERE b.state = 1 AND b.due_ms IS"
            " NULL AND b.num < ?1 UNION ALL"
            " SELECT num, integration, state, flags, changed_ms FROM submissions d INDEXED BY"
            " submissions_due WHERE d.due_ms IS NOT NULL AND d.state = 1 AND d.num < ?1"
            " ORDER BY 1 DESC");
    if (query->integration != 0) {
        sqlite3_stmt *rows = store_sqlite_use(
            list->reader, S_LIST_SPANS,
            "SELECT s.num, s.integration, s.state, s.flags, s.changed_ms FROM spans p INDEXED BY"
            " spans_integration CROSS JOIN submissions s ON s.num BETWEEN p.first AND"
            " min(p.last, ?1 - 1) WHERE p.integration = ?2 AND p.first < ?1"
            " ORDER BY p.first DESC, s.num DESC");
        (void)sqlite3_bind_int64(rows, 2, query->integration);
        return rows;
    }
    return store_sqlite_use(list->reader, S_LIST_WALK,
                            "SELECT num, integration, state, flags, changed_ms FROM submissions"
                            " WHERE num < ?1 ORDER BY num DESC");
}

/* What was born after `until` has not changed before. */
static int skip_younger(struct list *list, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(list->reader, S_LIST_UNTIL,
                         "SELECT last FROM spans WHERE born_ms < ?1 ORDER BY first DESC LIMIT 1");
    uint64_t last = 0;

    (void)sqlite3_bind_int64(find, 1, list->query->filter.until_ms);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        last = (uint64_t)sqlite3_column_int64(find, 0);
    int status = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(list, err);
    (void)sqlite3_reset(find); /* repeats the step's code */
    if (status == 0 && last + 1 < list->below)
        list->below = last + 1;
    return status;
}

static int list_start(struct list *list, struct err *err)
{
    uint32_t states = list->query->filter.states;
    bool has_heads = list->query->id.len == 0 && states != 0 &&
                     (states & submission_state_bit(SUBMISSION_SUCCEEDED)) == 0 &&
                     (states & ~(uint32_t)STATES_UNINDEXED) != 0;
    int status = list->query->filter.until_ms > 0 ? skip_younger(list, err) : 0;

    if (status == 0 && has_heads)
        status = add_heads(list, err);
    if (status < 0 || (has_heads && (states & STATES_UNINDEXED) == 0))
        return status;
    list->rows = rows_of(list);
    if (list->rows == NULL)
        return failed(list, err);
    (void)sqlite3_bind_int64(list->rows, 1, (int64_t)list->below);
    return rows_move(list, err);
}

static int run(struct list *list, struct err *err)
{
    const struct store_query *query = list->query;
    struct met met;
    /* Failed ones of one class stand far apart, so each look is a page of its own. */
    int most = query->filter.error_class != 0 ? STORE_LOOK_MAX / 3 : STORE_LOOK_MAX;
    int status = list_start(list, err);

    for (int looked = 0; status == 0; looked++) {
        bool goes_on = looked < most;
        status = list_next(list, &met, err);
        if (status < 0 || met.number == 0)
            break;
        if (goes_on && (query->integration == 0 || met.integration == query->integration) &&
            store_rules_filter(&query->filter, met.state, met.flags, met.changed_ms))
            status = give(list, met.number, &goes_on, err);
        if (status == 0 && !goes_on) {
            list->query->next = looked < most ? met.number : met.number + 1;
            break;
        }
    }
    return status;
}

int store_sqlite_list(struct store_sqlite_db *reader, struct store_query *query, struct err *err)
{
    bool unused;
    struct list list = {.reader = reader, .query = query, .below = INT64_MAX};

    if (query->after > 0)
        list.below = query->after;
    if (query->query == QUERY_SUBMISSION)
        return give(&list, query->number, &unused, err);
    /* All of it sees one commit. */
    int status = store_sqlite_read_begin(reader, err);
    if (status < 0)
        return status;
    status = run(&list, err);
    list_finish(&list);
    store_sqlite_read_end(reader);
    return status;
}

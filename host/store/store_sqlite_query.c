/* SPDX-License-Identifier: Apache-2.0
 * Questions, on the reader's handle: each is one statement, so it sees one commit. */
#include "store/store_sqlite.h"

#include "base/cleanup.h"

#include <inttypes.h>

struct question {
    struct buf sql;
    struct store_sqlite_db *reader;
    const char *uuid;
    struct {
        bool is_text;
        int64_t number;
        struct str text;
    } values[8];
    int count;
    void (*read)(struct store_sqlite_db *reader, sqlite3_stmt *columns, struct store_row *row);
};

static int number(struct question *question, uint64_t value)
{
    question->values[question->count].number = (int64_t)value;
    return ++question->count;
}

static int text(struct question *question, struct str value)
{
    question->values[question->count].is_text = true;
    question->values[question->count].text = value;
    return ++question->count;
}

static void add_id(struct question *question, struct str id)
{
    int hash = number(question, (uint64_t)store_rules_hash(question->uuid, id));

    buf_printf(&question->sql, "id_hash = ?%d AND id = ?%d", hash, text(question, id));
}

static void add_limit(struct question *question, const struct store_query *query)
{
    if (query->limit > 0)
        buf_printf(&question->sql, " LIMIT %u", query->limit);
}

static uint64_t unsigned_column(sqlite3_stmt *columns, int index)
{
    return (uint64_t)sqlite3_column_int64(columns, index);
}

static void read_entity(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                        struct store_row *row)
{
    (void)reader;
    store_sqlite_read_entity(columns, row);
}

static void read_entity_for(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                            struct store_row *row)
{
    struct str integration = store_sqlite_column(columns, 10);
    uint32_t salt = (uint32_t)sqlite3_column_int64(columns, 11);

    read_entity(reader, columns, row);
    if (integration.len == 0)
        return; /* nobody was named, or nobody whom the store knows */
    store_rules_key(reader->uuid, integration, row->id, row->version, salt, row->key_space);
    row->key = (struct str){row->key_space, 32};
}

static void ask_entity(struct question *question, const struct store_query *query)
{
    int integration = number(question, query->integration);

    buf_printf(&question->sql,
               "SELECT " STORE_SQLITE_ENTITY ", (SELECT name FROM integrations WHERE number = ?%d),"
               " (SELECT s.salt FROM submissions s INDEXED BY submissions_entity WHERE"
               " s.entity = e.num AND s.integration = ?%d AND s.version = e.version)"
               " FROM entities e JOIN types t ON t.num = e.type WHERE ",
               integration, integration);
    add_id(question, query->id);
    question->read = read_entity_for;
}

static void ask_key(struct question *question, const struct store_query *query)
{
    int integration = number(question, query->integration);

    buf_printf(&question->sql,
               "SELECT " STORE_SQLITE_ENTITY " FROM integration_keys k INDEXED BY"
               " integration_keys_external CROSS JOIN entities e ON e.num = k.entity CROSS JOIN"
               " types t ON t.num = e.type WHERE k.integration = ?%d AND k.external_id = ?%d"
               " AND e.deleted = 0",
               integration, text(question, query->text));
    question->read = read_entity;
}

static void read_attempt(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                         struct store_row *row)
{
    uint64_t both = unsigned_column(columns, 0);

    (void)reader;
    row->submission = both >> STORE_ATTEMPT_BITS;
    row->attempt = (uint32_t)(both & ((1u << STORE_ATTEMPT_BITS) - 1));
    row->started_ms = sqlite3_column_int64(columns, 1);
    row->duration_us = sqlite3_column_int64(columns, 2);
    row->http_status = sqlite3_column_int(columns, 3);
    row->error_class = sqlite3_column_int(columns, 4);
    row->reason = store_sqlite_column(columns, 5);
    row->request = store_sqlite_column(columns, 6);
    row->answer = store_sqlite_column(columns, 7);
    row->state = (enum submission_state)sqlite3_column_int(columns, 8);
    row->trace = store_sqlite_column(columns, 9);
}

static void ask_attempts(struct question *question, const struct store_query *query)
{
    int first = number(question, (uint64_t)store_sqlite_attempt_number(query->number, 0));
    int last = number(question, (uint64_t)store_sqlite_attempt_number(query->number, UINT32_MAX));

    buf_printf(&question->sql,
               "SELECT num, started_ms, duration_us, http_status, error_class, reason,"
               " ifnull(request, (SELECT line FROM requests q WHERE q.num = request_num)), answer,"
               " state, trace FROM attempts WHERE num BETWEEN ?%d AND ?%d ORDER BY num",
               first, last);
    add_limit(question, query);
    question->read = read_attempt;
}

static void read_signal(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                        struct store_row *row)
{
    int kind = sqlite3_column_int(columns, 1);

    (void)reader;
    row->seq = unsigned_column(columns, 0);
    row->version = unsigned_column(columns, 2);
    row->created_ms = sqlite3_column_int64(columns, 3);
    row->id = store_sqlite_column(columns, 4);
    row->type = store_sqlite_column(columns, 5);
    row->name = kind == SIGNAL_OWN ? store_sqlite_column(columns, 6) : store_signal_name(kind);
    row->sender = kind == SIGNAL_OWN ? store_sqlite_column(columns, 7) : STR("tenon");
    row->hops = (uint32_t)sqlite3_column_int64(columns, 8);
    row->data = store_sqlite_column(columns, 9);
}

/* Times rise with the numbers, but for a clock that was set back; so the first number of a time is
 * found by halves, in place of a walk over all that is older. */
static uint64_t number_before(struct store_sqlite_db *reader, int64_t since_ms)
{
    sqlite3_stmt *at = store_sqlite_use(
        reader, S_SIGNAL_AT, "SELECT seq, at_ms FROM signals WHERE seq >= ?1 ORDER BY seq LIMIT 1");
    uint64_t before = 0;
    uint64_t after = INT64_MAX;

    while (at != NULL && after - before > 1) {
        uint64_t middle = before + (after - before) / 2;
        (void)sqlite3_bind_int64(at, 1, (int64_t)middle);
        bool is_there = sqlite3_step(at) == SQLITE_ROW;
        if (is_there && sqlite3_column_int64(at, 1) < since_ms)
            before = unsigned_column(at, 0);
        else
            after = middle;
        (void)sqlite3_reset(at); /* repeats the step's code; the question itself meets it again */
    }
    return before;
}

static void ask_signals(struct question *question, const struct store_query *query)
{
    uint64_t after = query->after;

    if (query->filter.since_ms > 0) {
        uint64_t before = number_before(question->reader, query->filter.since_ms);
        after = before > after ? before : after;
    }
    /* What is about an entity goes with it, and is not told without. */
    buf_printf(&question->sql,
               "SELECT g.seq, g.kind, g.version, g.at_ms, e.id, t.name, p.name, p.sender, p.hops,"
               " p.data FROM %s LEFT JOIN entities e ON e.num = g.entity"
               " LEFT JOIN types t ON t.num = e.type WHERE %s > ?%d AND (g.kind = %d OR"
               " e.num IS NOT NULL) ORDER BY %s",
               query->own_only ? "published p CROSS JOIN signals g ON g.seq = p.seq"
                               : "signals g LEFT JOIN published p ON p.seq = g.seq",
               query->own_only ? "p.seq" : "g.seq", number(question, after), SIGNAL_OWN,
               query->own_only ? "p.seq" : "g.seq");
    add_limit(question, query);
    question->read = read_signal;
}

static void read_count(struct store_sqlite_db *reader, sqlite3_stmt *columns, struct store_row *row)
{
    (void)reader;
    row->integration = (uint32_t)unsigned_column(columns, 0);
    row->state = (enum submission_state)sqlite3_column_int(columns, 1);
    row->count = unsigned_column(columns, 2);
    row->name = store_sqlite_column(columns, 3);
}

static void ask_counts(struct question *question, const struct store_query *query)
{
    buf_puts(&question->sql,
             "SELECT c.integration, c.state, c.count, i.name FROM counts c JOIN integrations i"
             " ON i.number = c.integration WHERE c.count > 0");
    if (query->integration != 0)
        buf_printf(&question->sql, " AND c.integration = ?%d",
                   number(question, query->integration));
    buf_puts(&question->sql, " ORDER BY c.integration, c.state");
    question->read = read_count;
}

static void read_integration(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                             struct store_row *row)
{
    (void)reader;
    row->integration = (uint32_t)unsigned_column(columns, 0);
    row->name = store_sqlite_column(columns, 1);
    row->cursor = unsigned_column(columns, 2);
    row->count = unsigned_column(columns, 3);
    row->created_ms = sqlite3_column_int64(columns, 4);
}

static void ask_integrations(struct question *question, const struct store_query *query)
{
    /* The numbers behind the cursor are at least as many as the entities there, and counting those
     * would be a walk. */
    buf_puts(
        &question->sql,
        "SELECT i.number, i.name, i.cursor, min(l.seq - i.cursor, l.entities), (SELECT s.at_ms FROM"
        " signals s WHERE s.seq > i.cursor ORDER BY s.seq LIMIT 1) FROM integrations i"
        " CROSS JOIN life l");
    if (query->integration != 0)
        buf_printf(&question->sql, " WHERE i.number = ?%d", number(question, query->integration));
    buf_puts(&question->sql, " ORDER BY i.number");
    question->read = read_integration;
}

static void read_totals(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                        struct store_row *row)
{
    (void)reader;
    row->count = unsigned_column(columns, 0);
    row->seq = unsigned_column(columns, 1);
    row->bytes = unsigned_column(columns, 2);
}

static void ask_totals(struct question *question, const struct store_query *query)
{
    (void)query;
    buf_puts(&question->sql, "SELECT l.entities, l.seq, c.page_count * s.page_size FROM life l,"
                             " pragma_page_count() c, pragma_page_size() s");
    question->read = read_totals;
}

static void read_kept(struct store_sqlite_db *reader, sqlite3_stmt *columns, struct store_row *row)
{
    (void)reader;
    row->integration = (uint32_t)unsigned_column(columns, 0);
    row->name = store_sqlite_column(columns, 1);
    row->data = store_sqlite_column(columns, 2);
}

static void ask_kept(struct question *question, const struct store_query *query)
{
    buf_puts(&question->sql, "SELECT integration, name, value FROM kept");
    if (query->integration != 0)
        buf_printf(&question->sql, " WHERE integration = ?%d",
                   number(question, query->integration));
    buf_puts(&question->sql, " ORDER BY integration, name");
    question->read = read_kept;
}

static int read_step(struct store_sqlite_db *reader, enum store_sqlite_statement which,
                     const char *sql, struct err *err)
{
    sqlite3_stmt *statement = store_sqlite_use(reader, which, sql);
    int code = statement != NULL ? sqlite3_step(statement) : SQLITE_ERROR;

    (void)sqlite3_reset(statement); /* repeats the step's code */
    return code == SQLITE_DONE ? 0 : store_sqlite_fail(reader, "cannot answer a query", err);
}

int store_sqlite_read_begin(struct store_sqlite_db *reader, struct err *err)
{
    return read_step(reader, S_READ_BEGIN, "BEGIN", err);
}

void store_sqlite_read_end(struct store_sqlite_db *reader)
{
    (void)read_step(reader, S_READ_END, "COMMIT", NULL); /* it only read */
}

static void read_attribute(struct store_sqlite_db *reader, sqlite3_stmt *columns,
                           struct store_row *row)
{
    (void)reader;
    row->integration = (uint32_t)unsigned_column(columns, 0);
    row->name = store_sqlite_column(columns, 1);
    row->key = store_sqlite_column(columns, 2);
    row->data = store_sqlite_column(columns, 3);
}

static void ask_attributes(struct question *question, const struct store_query *query)
{
    buf_puts(&question->sql,
             "SELECT a.integration, i.name, a.name, a.value FROM attributes a JOIN integrations i"
             " ON i.number = a.integration WHERE a.entity = (SELECT num FROM entities WHERE"
             " deleted = 0 AND ");
    add_id(question, query->id);
    buf_putc(&question->sql, ')');
    if (query->integration != 0)
        buf_printf(&question->sql, " AND a.integration = ?%d",
                   number(question, query->integration));
    buf_puts(&question->sql, " ORDER BY a.integration, a.name");
    question->read = read_attribute;
}

static void (*const askers[])(struct question *question, const struct store_query *query) = {
    [QUERY_ENTITY] = ask_entity,
    [QUERY_KEY] = ask_key,
    [QUERY_ATTEMPTS] = ask_attempts,
    [QUERY_SIGNALS] = ask_signals,
    [QUERY_ATTRIBUTES] = ask_attributes,
    [QUERY_COUNTS] = ask_counts,
    [QUERY_INTEGRATIONS] = ask_integrations,
    [QUERY_KEPT] = ask_kept,
    [QUERY_TOTALS] = ask_totals,
};

static int run_question(struct store_sqlite_db *reader, struct question *question,
                        struct store_query *query, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(reader->db, question->sql.ptr, -1, &statement, NULL);
    bool goes_on = true;

    for (int i = 0; i < question->count && code == SQLITE_OK; i++) {
        if (question->values[i].is_text)
            store_sqlite_bind_text(statement, i + 1, question->values[i].text);
        else
            code = sqlite3_bind_int64(statement, i + 1, question->values[i].number);
    }
    while (goes_on && statement != NULL && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_row row = {0};
        question->read(reader, statement, &row);
        goes_on = query->row(query, &row);
    }
    int status = code == SQLITE_DONE || code == SQLITE_ROW
                     ? 0
                     : store_sqlite_fail(reader, "cannot answer a query", err);
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return status;
}

int store_sqlite_query(void *pointer, struct store_query *query, struct err *err)
{
    if (query->query == QUERY_SUBMISSIONS || query->query == QUERY_SUBMISSION)
        return store_sqlite_list(pointer, query, err);
    if (query->query == QUERY_ENTITIES)
        return store_sqlite_search(pointer, query, err);
    if (query->query == QUERY_RELATIONSHIPS)
        return store_sqlite_relationships(pointer, query, err);
    struct question question = {
        .reader = pointer,
        .uuid = ((const struct store_sqlite_db *)pointer)->uuid,
    };

    if ((size_t)query->query >= sizeof(askers) / sizeof(askers[0]))
        return err_set(err, -EINVAL, "the store has no query of kind %d", (int)query->query);
    askers[query->query](&question, query);
    int status = question.sql.failed ? err_set(err, -ENOMEM, "no memory for a query")
                                     : run_question(pointer, &question, query, err);
    buf_finish(&question.sql);
    return status;
}

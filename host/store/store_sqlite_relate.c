/* SPDX-License-Identifier: Apache-2.0
 * Relationships: one row each, numbered in the order they were made, found from both ends. */
#include "store/store_sqlite.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>

/* A deleted one still has its relationships, and they can be removed. */
static int find_end(struct store_sqlite_writer *writer, struct str id, bool may_be_deleted,
                    struct store_sqlite_met *out, struct err *err)
{
    const struct store_entity wanted = {.id = id};
    int status = store_sqlite_find_entity(writer, &wanted, 0, out, err);

    if (status < 0)
        return status;
    if (status == 0 || (out->is_deleted && !may_be_deleted))
        return err_set(err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(id));
    return 0;
}

struct edge {
    uint64_t from, to;
    uint32_t type;
};

static void bind_edge(sqlite3_stmt *statement, const struct edge *edge)
{
    (void)sqlite3_bind_int64(statement, 1, (int64_t)edge->from);
    (void)sqlite3_bind_int64(statement, 2, edge->type);
    (void)sqlite3_bind_int64(statement, 3, (int64_t)edge->to);
}

/* PUT_NOT_FOUND, PUT_UNCHANGED when it is there with these data, or PUT_UPDATED. */
static int look(struct store_sqlite_writer *writer, const struct edge *edge, struct str data,
                enum store_put_outcome *out, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(&writer->handle, S_RELATED,
                         "SELECT data FROM relationships WHERE from_entity = ?1 AND type = ?2 AND"
                         " to_entity = ?3");
    int status = 0;

    bind_edge(find, edge);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *out = str_equals(store_sqlite_column(find, 0), data) ? PUT_UNCHANGED : PUT_UPDATED;
    else if (code == SQLITE_DONE)
        *out = PUT_NOT_FOUND;
    else
        status = store_sqlite_spoil(writer, "cannot look for a relationship", err);
    (void)sqlite3_reset(find); /* repeats the step's code */
    return status;
}

static int add(struct store_sqlite_writer *writer, const struct edge *edge, struct str data,
               int64_t now_ms, struct err *err)
{
    sqlite3_stmt *statement = store_sqlite_use(
        &writer->handle, S_RELATE,
        "INSERT INTO relationships (from_entity, type, to_entity, created_ms, data)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET data = ?5");

    bind_edge(statement, edge);
    (void)sqlite3_bind_int64(statement, 4, now_ms);
    store_sqlite_bind_text(statement, 5, data);
    return store_sqlite_run(writer, statement, "cannot relate two entities", err);
}

static int drop(struct store_sqlite_writer *writer, const struct edge *edge, struct err *err)
{
    sqlite3_stmt *statement =
        store_sqlite_use(&writer->handle, S_UNRELATE,
                         "DELETE FROM relationships WHERE from_entity = ?1 AND type = ?2 AND"
                         " to_entity = ?3");

    bind_edge(statement, edge);
    return store_sqlite_run(writer, statement, "cannot remove a relationship", err);
}

static int change(struct store_sqlite_writer *writer, struct store_relate *relate,
                  const struct edge *edge, uint64_t version, struct err *err)
{
    enum store_put_outcome was = PUT_NOT_FOUND;
    int64_t now_ms = clock_wall_ms();
    int status = look(writer, edge, relate->data, &was, err);

    if (status < 0)
        return status;
    if (relate->is_delete && was == PUT_NOT_FOUND)
        return err_set(err, E_NOT_FOUND, "'%.*s' has no relationship '%.*s' to '%.*s'",
                       STR_ARG(relate->from), STR_ARG(relate->type), STR_ARG(relate->to));
    relate->outcome = relate->is_delete ? PUT_DELETED : was == PUT_NOT_FOUND ? PUT_CREATED : was;
    if (relate->outcome == PUT_UNCHANGED)
        return 0;
    status =
        relate->is_delete ? drop(writer, edge, err) : add(writer, edge, relate->data, now_ms, err);
    if (status < 0)
        return status;
    relate->last_seq = ++writer->life.seq;
    relate->version = version;
    relate->at_ms = now_ms;
    return store_sqlite_add_signal(writer, relate->is_delete ? SIGNAL_UNRELATED : SIGNAL_RELATED,
                                   edge->from, version, now_ms, err);
}

int store_sqlite_relate(void *pointer, struct store_relate *relate, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct store_sqlite_met from = {0};
    struct store_sqlite_met to = {0};
    uint32_t type = 0;
    int status = store_rules_check_name(relate->type, "relationship's type", STORE_TYPE_MAX, err);

    if (status == 0 && !relate->is_delete && relate->data.len > STORE_DATA_MAX)
        status = err_set(err, E_TOO_LARGE, "the data has %zu bytes: at most %d are allowed",
                         relate->data.len, (int)STORE_DATA_MAX);
    if (status == 0)
        status = find_end(writer, relate->from, relate->is_delete, &from, err);
    if (status == 0)
        status = find_end(writer, relate->to, relate->is_delete, &to, err);
    if (status < 0)
        return status;
    if (relate->is_delete)
        type = store_sqlite_type_find(writer, relate->type);
    else
        status = store_sqlite_type_intern(writer, relate->type, &type, err);
    if (status < 0)
        return status;
    const struct edge edge = {from.number, to.number, type};
    return change(writer, relate, &edge, from.version, err);
}

/* ---- queries ---- */

/* ?1 after, ?2 type, ?3 limit; ?4 hash and ?5 id of the one, ?6 and ?7 of the other. */
static const char edges[] =
    "SELECT r.num, f.id, t.name, o.id, r.data, r.created_ms FROM relationships r %s"
    " CROSS JOIN entities f ON f.num = r.from_entity CROSS JOIN entities o ON o.num = r.to_entity"
    " CROSS JOIN types t ON t.num = r.type WHERE r.num > ?1 AND f.deleted = 0 AND o.deleted = 0"
    " AND (?2 IS NULL OR r.type = (SELECT num FROM types WHERE name = ?2))";
static const char ends[] =
    " AND r.%s = (SELECT num FROM entities WHERE id_hash = ?4 AND id = ?5)"
    " AND (?7 IS NULL OR r.%s = (SELECT num FROM entities WHERE id_hash = ?6 AND id = ?7))";

/* Each arm comes in the order of its index, so no page sorts what lies behind it. */
static void put_question(struct buf *sql, const struct store_query *query)
{
    bool is_both = query->direction == DIRECTION_BOTH;

    if (query->id.len == 0) {
        buf_printf(sql, edges, "NOT INDEXED");
        buf_puts(sql, " AND r.num <= ?4");
    }
    if (query->id.len > 0 && query->direction != DIRECTION_IN) {
        buf_printf(sql, edges, "INDEXED BY relationships_from");
        buf_printf(sql, ends, "from_entity", "to_entity");
    }
    if (query->id.len > 0 && is_both)
        buf_puts(sql, " UNION ALL ");
    if (query->id.len > 0 && query->direction != DIRECTION_OUT) {
        buf_printf(sql, edges, "INDEXED BY relationships_to");
        buf_printf(sql, ends, "to_entity", "from_entity");
        if (is_both)
            buf_puts(sql, " AND r.from_entity <> r.to_entity");
    }
    buf_puts(sql, " ORDER BY 1 LIMIT ?3");
}

/* Of all relationships a window is looked at, however few of those in it fit. */
static int find_window(struct store_sqlite_db *reader, const struct store_query *query,
                       uint64_t *out_last, bool *out_is_full, struct err *err)
{
    sqlite3_stmt *find = store_sqlite_use(
        reader, S_EDGES_WINDOW,
        "SELECT max(num), count(*) FROM (SELECT num FROM relationships NOT INDEXED WHERE num > ?1"
        " ORDER BY num LIMIT ?2)");

    (void)sqlite3_bind_int64(find, 1, (int64_t)query->after);
    (void)sqlite3_bind_int64(find, 2, STORE_SEARCH_MAX);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        *out_last = (uint64_t)sqlite3_column_int64(find, 0);
        *out_is_full = sqlite3_column_int64(find, 1) == STORE_SEARCH_MAX;
    }
    (void)sqlite3_reset(find); /* repeats the step's code */
    return code == SQLITE_ROW ? 0 : store_sqlite_fail(reader, "cannot list relationships", err);
}

static void bind_question(struct store_sqlite_db *reader, sqlite3_stmt *rows,
                          const struct store_query *query, uint64_t last)
{
    (void)sqlite3_bind_int64(rows, 1, (int64_t)query->after);
    store_sqlite_bind_text(rows, 2, query->type);
    (void)sqlite3_bind_int64(rows, 3, query->limit > 0 ? (int64_t)query->limit : -1);
    if (query->id.len == 0) {
        (void)sqlite3_bind_int64(rows, 4, (int64_t)last);
        return;
    }
    (void)sqlite3_bind_int64(rows, 4, store_rules_hash(reader->uuid, query->id));
    store_sqlite_bind_text(rows, 5, query->id);
    (void)sqlite3_bind_int64(rows, 6, store_rules_hash(reader->uuid, query->other));
    store_sqlite_bind_text(rows, 7, query->other);
}

static int give_all(struct store_sqlite_db *reader, sqlite3_stmt *rows, struct store_query *query,
                    uint32_t *out_given, struct err *err)
{
    bool goes_on = true;
    int code = SQLITE_DONE;

    while (goes_on && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        const struct store_row row = {
            .seq = (uint64_t)sqlite3_column_int64(rows, 0),
            .id = store_sqlite_column(rows, 1),
            .type = store_sqlite_column(rows, 2),
            .name = store_sqlite_column(rows, 3),
            .data = store_sqlite_column(rows, 4),
            .created_ms = sqlite3_column_int64(rows, 5),
        };
        goes_on = query->row(query, &row);
        ++*out_given;
    }
    if (!goes_on)
        *out_given = UINT32_MAX;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? 0
               : store_sqlite_fail(reader, "cannot list relationships", err);
}

int store_sqlite_relationships(struct store_sqlite_db *reader, struct store_query *query,
                               struct err *err)
{
    _buf_ struct buf sql = {0};
    sqlite3_stmt *rows = NULL;
    uint64_t last = INT64_MAX;
    uint32_t given = 0;
    bool is_full = false;
    int status = query->id.len == 0 ? find_window(reader, query, &last, &is_full, err) : 0;

    put_question(&sql, query);
    if (status == 0 && sql.failed)
        status = err_set(err, -ENOMEM, "no memory for a query");
    if (status < 0)
        return status;
    if (sqlite3_prepare_v2(reader->db, sql.ptr, -1, &rows, NULL) != SQLITE_OK)
        return store_sqlite_fail(reader, "cannot list relationships", err);
    bind_question(reader, rows, query, last);
    status = give_all(reader, rows, query, &given, err);
    (void)sqlite3_finalize(rows); /* repeats the step's code */
    if (is_full && (query->limit == 0 || given < query->limit))
        query->next = last;
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * Entities in the order of their last change. What is asked of their type is read from the index of
 * the walk; what is asked of their data is read from the data itself (store_search.h). A narrow
 * question looks at a window of the index at a time, however few of those in it fit. */
#include "store/store_sqlite.h"

#include "base/cleanup.h"
#include "store/store_search.h"

void store_sqlite_read_entity(sqlite3_stmt *columns, struct store_row *row)
{
    row->id = store_sqlite_column(columns, 0);
    row->type = store_sqlite_column(columns, 1);
    row->data = store_sqlite_column(columns, 2);
    row->version = (uint64_t)sqlite3_column_int64(columns, 3);
    row->seq = (uint64_t)sqlite3_column_int64(columns, 4);
    row->is_deleted = sqlite3_column_int(columns, 5) != 0;
    row->created_ms = sqlite3_column_int64(columns, 6);
    row->updated_ms = sqlite3_column_int64(columns, 7);
    row->trace = store_sqlite_column(columns, 8);
    row->origin = store_origin_unpack(sqlite3_column_int64(columns, 9)).integration;
}

/* The last number of the window behind query->after; it is full when there may be more behind. */
static int find_window(struct store_sqlite_db *reader, const struct store_query *query,
                       uint64_t *out_last, bool *out_is_full, struct err *err)
{
    sqlite3_stmt *find =
        store_sqlite_use(reader, S_SEARCH_WINDOW,
                         "SELECT max(seq), count(*) FROM (SELECT seq FROM entities INDEXED BY"
                         " entities_walk WHERE deleted = 0 AND seq > ?1 ORDER BY seq LIMIT ?2)");

    (void)sqlite3_bind_int64(find, 1, (int64_t)query->after);
    (void)sqlite3_bind_int64(find, 2, STORE_SEARCH_MAX);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        *out_last = (uint64_t)sqlite3_column_int64(find, 0);
        *out_is_full = sqlite3_column_int64(find, 1) == STORE_SEARCH_MAX;
    }
    (void)sqlite3_reset(find); /* repeats the step's code */
    return code == SQLITE_ROW ? 0 : store_sqlite_fail(reader, "cannot search entities", err);
}

static sqlite3_stmt *rows_of(struct store_sqlite_db *reader, const struct store_query *query,
                             uint64_t last)
{
    sqlite3_stmt *rows;

    if (query->type.len > 0) {
        rows = store_sqlite_use(
            reader, S_SEARCH_TYPE,
            "SELECT " STORE_SQLITE_ENTITY " FROM entities e INDEXED BY entities_walk CROSS JOIN"
            " types t ON t.num = e.type WHERE e.deleted = 0 AND e.seq > ?1 AND e.seq <= ?2"
            " AND e.type = (SELECT num FROM types WHERE name = ?3) ORDER BY e.seq");
        store_sqlite_bind_text(rows, 3, query->type);
    } else {
        rows = store_sqlite_use(
            reader, S_SEARCH_ALL,
            "SELECT " STORE_SQLITE_ENTITY " FROM entities e INDEXED BY entities_walk CROSS JOIN"
            " types t ON t.num = e.type WHERE e.deleted = 0 AND e.seq > ?1 AND e.seq <= ?2"
            " ORDER BY e.seq");
    }
    (void)sqlite3_bind_int64(rows, 1, (int64_t)query->after);
    (void)sqlite3_bind_int64(rows, 2, (int64_t)last);
    return rows;
}

static int search(struct store_sqlite_db *reader, struct store_query *query, struct err *err)
{
    bool is_narrow = store_search_is_narrow(query);
    bool is_full = false;
    bool goes_on = true;
    uint64_t last = INT64_MAX;
    size_t bytes = 0;
    uint32_t given = 0;
    int status = is_narrow ? find_window(reader, query, &last, &is_full, err) : 0;

    if (status < 0)
        return status;
    sqlite3_stmt *rows = rows_of(reader, query, last);
    int code = SQLITE_ERROR;
    while (goes_on && rows != NULL && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct store_row row = {0};
        store_sqlite_read_entity(rows, &row);
        if (store_search_fits(query, row.data)) {
            goes_on = query->row(query, &row);
            goes_on &= query->limit == 0 || ++given < query->limit;
        }
        bytes += row.data.len;
        if (goes_on && is_narrow && bytes > STORE_SEARCH_BYTES) {
            is_full = true;
            last = row.seq;
            break;
        }
    }
    if (goes_on && is_full)
        query->next = last;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = store_sqlite_fail(reader, "cannot search entities", err);
    (void)sqlite3_reset(rows); /* repeats the step's code */
    return status;
}

int store_sqlite_search(struct store_sqlite_db *reader, struct store_query *query, struct err *err)
{
    /* The window and what is in it are of one commit. */
    int status = store_sqlite_read_begin(reader, err);

    if (status < 0)
        return status;
    status = search(reader, query, err);
    store_sqlite_read_end(reader);
    return status;
}

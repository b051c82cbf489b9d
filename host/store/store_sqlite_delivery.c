/* SPDX-License-Identifier: Apache-2.0
 * Deliveries from outside that are remembered, so that what comes again is stored once. Their key
 * is a digest: of one length, whatever a caller takes for an id. */
#include "store/store_sqlite.h"
#include "store/store_sqlite_clean.h"

enum { WINDOW = 1000 };

int store_sqlite_delivery_find(struct store_sqlite_writer *writer, struct store_delivery *delivery,
                               struct err *err)
{
    sqlite3_stmt *find = store_sqlite_use(&writer->handle, S_DELIVERY_FIND,
                                          "SELECT 1 FROM deliveries WHERE key = ?1");
    char key[33];

    store_rules_delivery_key(delivery, key);
    store_sqlite_bind_text(find, 1, (struct str){key, 32});
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    (void)sqlite3_reset(find); /* repeats the step's code */
    delivery->is_duplicate = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return 0;
    return store_sqlite_spoil(writer, "cannot look for a delivery", err);
}

int store_sqlite_delivery_add(struct store_sqlite_writer *writer,
                              const struct store_delivery *delivery, struct err *err)
{
    sqlite3_stmt *add = store_sqlite_use(&writer->handle, S_DELIVERY_ADD,
                                         "INSERT INTO deliveries (key, until_ms) VALUES (?1, ?2)");
    char key[33];

    store_rules_delivery_key(delivery, key);
    store_sqlite_bind_text(add, 1, (struct str){key, 32});
    (void)sqlite3_bind_int64(add, 2, delivery->until_ms);
    return store_sqlite_run(writer, add, "cannot remember a delivery", err);
}

int store_sqlite_delivery_clean(struct clean *clean, bool *out_more, struct err *err)
{
    sqlite3_stmt *drop = store_sqlite_use(
        &clean->writer->handle, S_DELIVERY_CLEAN,
        "DELETE FROM deliveries WHERE key IN (SELECT key FROM deliveries WHERE until_ms <= ?1"
        " LIMIT ?2)");

    (void)sqlite3_bind_int64(drop, 1, clean->now_ms);
    (void)sqlite3_bind_int(drop, 2, WINDOW);
    int status = store_sqlite_run(clean->writer, drop, "cannot forget deliveries", err);
    int gone = status == 0 ? sqlite3_changes(clean->writer->handle.db) : 0;
    clean->slice->looked += (uint32_t)gone;
    *out_more = gone == WINDOW;
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * Signals that are published: a row among all signals, which gives the number and the time, and one
 * with its texts under the same number. */
#include "store/store_sqlite.h"

#include "base/clock.h"

static int publish_one(struct store_sqlite_writer *writer, const struct store_own_signal *signal,
                       int64_t now_ms, struct err *err)
{
    writer->life.seq++;
    int status = store_sqlite_add_signal(writer, SIGNAL_OWN, 0, 0, now_ms, err);
    if (status < 0)
        return status;
    sqlite3_stmt *add = store_sqlite_use(&writer->handle, S_PUBLISH,
                                         "INSERT INTO published (seq, name, sender, hops, data)"
                                         " VALUES (?1, ?2, ?3, ?4, ?5)");
    (void)sqlite3_bind_int64(add, 1, (int64_t)writer->life.seq);
    store_sqlite_bind_text(add, 2, signal->name);
    store_sqlite_bind_text(add, 3, signal->sender);
    (void)sqlite3_bind_int64(add, 4, signal->hops);
    store_sqlite_bind_text(add, 5, signal->data);
    return store_sqlite_run(writer, add, "cannot add a published signal", err);
}

int store_sqlite_publish(void *pointer, struct store_publish *publish, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    int status = store_rules_check_publish(publish, err);

    publish->at_ms = clock_wall_ms();
    for (size_t i = 0; i < publish->count && status == 0; i++)
        status = publish_one(writer, &publish->signals[i], publish->at_ms, err);
    if (status == 0)
        publish->last_seq = writer->life.seq;
    return status;
}

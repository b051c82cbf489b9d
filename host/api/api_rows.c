/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_rows.h"

#include "api/api_figures.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

/* [pool] One row more than asked for tells whether there is a next page. */
static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct api_rows *rows = (struct api_rows *)query;

    if (rows->wants != NULL && ++rows->looked % STORE_LOOK_MAX == 0)
        query->next = row->seq;
    if (rows->wants != NULL && !rows->wants(rows, row))
        return query->next == 0;
    if (rows->seen == rows->limit) {
        rows->seen++;
        return false;
    }
    api_put_comma(&rows->body);
    buf_putc(&rows->body, '{');
    rows->put(&rows->body, row);
    buf_putc(&rows->body, '}');
    rows->seen++;
    if (rows->key != NULL)
        rows->last = rows->key(row);
    return rows->wants == NULL || query->next == 0;
}

/* One answer's time for looking; then the caller asks on behind `next`. */
enum { LOOK_US = 1000000 };

static bool must_look_on(const struct api_rows *rows)
{
    return rows->goes_on && rows->query.op.status == 0 && rows->query.next != 0 &&
           rows->seen <= rows->limit && rows->call->exchange != NULL &&
           clock_mono_us() - rows->started_us < LOOK_US;
}

static void on_done(struct store_op *op)
{
    struct api_rows *rows = (struct api_rows *)op;

    if (must_look_on(rows)) {
        rows->query.after = rows->query.next;
        if (rows->wants == NULL)
            rows->query.limit = (uint32_t)(rows->limit + 1 - rows->seen);
        store_query(engine_store(rows->call->engine), &rows->query);
        return;
    }
    if (op->status < 0) {
        api_reply_error(rows->call, op->status, &op->error);
    } else if (rows->seen == 0 && rows->missing != NULL) {
        api_reply_problem(rows->call, 404, "not_found", "There is no %s '%s'.", rows->missing,
                          buf_str(&rows->id).ptr);
    } else {
        buf_putc(&rows->body, ']');
        if (rows->seen > rows->limit && rows->key != NULL)
            json_put_int(&rows->body, "next", (int64_t)rows->last);
        else if (rows->query.next != 0)
            json_put_int(&rows->body, "next", (int64_t)rows->query.next);
        else
            json_put_raw(&rows->body, "next", STR("null"));
        buf_puts(&rows->body, "}\n");
        api_reply_json(rows->call, 200, &rows->body);
    }
    rows->call = NULL;
    api_rows_destroy(rows);
}

struct api_rows *api_rows_create(struct api_call *call, enum store_query_kind kind)
{
    uint64_t limit;
    uint64_t after;

    if (!api_argument_number(call, "limit", 1, API_LIMIT_MAX, API_LIMIT_DEFAULT, &limit) ||
        !api_argument_number(call, "after", 0, INT64_MAX, 0, &after))
        return NULL;
    struct api_rows *rows = calloc(1, sizeof(*rows));
    if (rows == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return NULL;
    }
    rows->call = call;
    rows->limit = limit;
    rows->query.query = kind;
    rows->query.op.done = on_done;
    rows->query.row = on_row;
    rows->query.after = after;
    rows->query.limit = (uint32_t)limit + 1;
    rows->started_us = clock_mono_us();
    buf_puts(&rows->body, "{\"items\":[");
    return rows;
}

void api_rows_send(struct api_rows *rows)
{
    if (rows->wants != NULL) {
        rows->query.limit = 0; /* counted where they are wanted */
        rows->goes_on = true;
    }
    if (rows->goes_on && !api_take_place_or_reply(rows->call, API_PLACE_SEARCH)) {
        api_rows_destroy(rows);
        return;
    }
    store_query(engine_store(rows->call->engine), &rows->query);
}

void api_rows_destroy(struct api_rows *rows)
{
    if (rows == NULL)
        return;
    buf_finish(&rows->body);
    buf_finish(&rows->id);
    buf_finish(&rows->other);
    buf_finish(&rows->type);
    buf_finish(&rows->text);
    for (size_t i = 0; i <= API_FIELDS_MAX; i++)
        buf_finish(&rows->field_texts[i]);
    free(rows);
}

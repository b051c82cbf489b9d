/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_counts.h"

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN_MAX = 4096 };

/* The three questions, in the order in which the rows of one help to place those of the next. */
static const enum store_query_kind steps[] = {QUERY_INTEGRATIONS, QUERY_COUNTS, QUERY_TOTALS};

struct counting {
    struct store_query query; /* first: the query is the whole */
    struct api_call *call;
    api_counts_fn done;
    struct api_counts counts;
    size_t step;
    bool is_out_of_memory;
};

static void counting_destroy(struct counting *counting)
{
    for (size_t i = 0; i < counting->counts.count; i++)
        free(counting->counts.rows[i].name);
    free(counting->counts.rows);
    free(counting);
}

static struct api_count *row_of(struct counting *counting, uint32_t integration)
{
    struct api_counts *counts = &counting->counts;

    for (size_t i = 0; i < counts->count; i++)
        if (counts->rows[i].integration == integration)
            return &counts->rows[i];
    struct api_count *rows = realloc(counts->rows, (counts->count + 1) * sizeof(*rows));
    if (rows == NULL) {
        counting->is_out_of_memory = true;
        return NULL;
    }
    counts->rows = rows;
    rows[counts->count] = (struct api_count){.integration = integration};
    return &rows[counts->count++];
}

/* [pool] */
static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct counting *counting = (struct counting *)query;

    if (query->query == QUERY_TOTALS) {
        counting->counts.entities = row->count;
        counting->counts.last_seq = row->seq;
        counting->counts.bytes = row->bytes;
        return true;
    }
    struct api_count *count = row_of(counting, row->integration);
    if (count == NULL)
        return false;
    if (query->query == QUERY_COUNTS) {
        if (row->state < SUBMISSION_STATES)
            count->submissions[row->state] += row->count;
        return true;
    }
    count->name = count->name != NULL ? count->name : str_dup(row->name);
    count->cursor = row->cursor;
    count->behind = row->count;
    count->behind_since_ms = row->count > 0 ? row->created_ms : 0;
    return true;
}

bool api_counts_takes_by_hand(const struct engine_integration *integration)
{
    const char *selector = config_text(integration->file, "select", "selector");

    return strcmp(selector, "failed") == 0 || strcmp(selector, "none") == 0;
}

static void forget_backlogs_by_hand(struct counting *counting)
{
    for (size_t i = 0; i < counting->counts.count; i++) {
        struct api_count *count = &counting->counts.rows[i];
        struct engine_integration integration;

        if (count->name != NULL &&
            engine_integration_find(counting->call->engine, count->name, &integration) &&
            api_counts_takes_by_hand(&integration)) {
            count->behind = 0;
            count->behind_since_ms = 0;
        }
    }
}

static void ask_next(struct counting *counting)
{
    counting->query.query = steps[counting->step++];
    counting->query.limit = KNOWN_MAX * SUBMISSION_STATES;
    store_query(engine_store(counting->call->engine), &counting->query);
}

static void on_done(struct store_op *op)
{
    struct counting *counting = (struct counting *)op;

    if (op->status < 0 || counting->is_out_of_memory) {
        api_reply_error(counting->call, op->status < 0 ? op->status : -ENOMEM, &op->error);
    } else if (counting->step < sizeof(steps) / sizeof(steps[0])) {
        ask_next(counting);
        return;
    } else {
        forget_backlogs_by_hand(counting);
        counting->done(counting->call, &counting->counts);
    }
    counting_destroy(counting);
}

void api_counts_ask(struct api_call *call, api_counts_fn done)
{
    struct counting *counting;

    if (api_reply_if_over(call))
        return;
    counting = calloc(1, sizeof(*counting));
    if (counting == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    counting->call = call;
    counting->done = done;
    counting->query.row = on_row;
    counting->query.op.done = on_done;
    ask_next(counting);
}

const struct api_count *api_counts_find(const struct api_counts *counts, const char *name)
{
    for (size_t i = 0; i < counts->count; i++)
        if (counts->rows[i].name != NULL && strcmp(counts->rows[i].name, name) == 0)
            return &counts->rows[i];
    return NULL;
}

void api_counts_put(struct buf *out, const struct api_count *count)
{
    json_put_int(out, "backlog", (int64_t)count->behind);
    api_put_time(out, "backlog_since", count->behind_since_ms);
    api_put_comma(out);
    buf_puts(out, "\"submissions\":{");
    for (int state = 0; state < SUBMISSION_STATES; state++)
        if (count->submissions[state] > 0)
            json_put_int(out, submission_state_name(state), (int64_t)count->submissions[state]);
    buf_putc(out, '}');
}

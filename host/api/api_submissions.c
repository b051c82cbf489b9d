/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_filter.h"
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t key_of_submission(const struct store_row *row)
{
    return row->submission;
}

/* ---- the list ---- */

static void list_plainly(struct api_filter *filter)
{
    struct api_rows *rows = api_rows_create(filter->call, QUERY_SUBMISSIONS);

    if (rows != NULL) {
        buf_add_str(&rows->id, filter->query.entity);
        rows->query.id = buf_str(&rows->id);
        rows->query.integration = filter->query.integration;
        rows->query.filter = filter->query.filter;
        rows->put = api_put_submission;
        rows->key = key_of_submission;
        api_rows_send(rows);
    }
    api_filter_destroy(filter);
}

static void on_found(struct by_query *query)
{
    struct api_filter *filter = (struct api_filter *)query;
    struct buf body = {0};

    if (query->status < 0) {
        api_reply_error(filter->call, query->status, &query->error);
    } else {
        buf_puts(&body, "{\"items\":[");
        buf_add_str(&body, buf_str(&query->shown));
        buf_putc(&body, ']');
        api_put_by_query(&body, query);
        buf_puts(&body, "}\n");
        api_reply_json(filter->call, 200, &body);
    }
    api_filter_destroy(filter);
}

static void list_by_query(struct api_filter *filter)
{
    struct by_query *query = &filter->query;
    struct api_call *call = filter->call;
    uint64_t limit;

    if (!api_argument_number(call, "limit", 1, API_LIMIT_MAX, API_LIMIT_DEFAULT, &limit) ||
        !api_argument_number(call, "after", 0, INT64_MAX, 0, &query->after)) {
        api_filter_destroy(filter);
        return;
    }
    query->limit = query->show_max = (uint32_t)limit;
    query->show = api_put_submission;
    query->done = on_found;
    query->user = filter;
    api_filter_start(filter);
}

static void list(struct api_filter *filter)
{
    if (api_reply_if_over(filter->call)) {
        api_filter_destroy(filter);
    } else if (filter->query.where.len > 0) {
        list_by_query(filter);
    } else {
        list_plainly(filter);
    }
}

void api_submissions_list(struct api_call *call)
{
    struct api_filter *filter = api_filter_of_arguments(call);

    if (filter != NULL)
        api_filter_resolve(filter, list);
}

/* ---- one with its attempts ---- */

struct submission_query {
    struct store_query query; /* first: the query is the whole */
    struct api_call *call;
    struct buf body;
    bool is_found;
};

/* [pool] */
static bool on_submission_row(struct store_query *query, const struct store_row *row)
{
    struct submission_query *submission = (struct submission_query *)query;

    if (query->query == QUERY_SUBMISSION) {
        submission->is_found = true;
        buf_putc(&submission->body, '{');
        api_put_submission(&submission->body, row);
        buf_puts(&submission->body, ",\"history\":[");
        return false;
    }
    api_put_attempt(&submission->body, row);
    return true;
}

static void on_submission_done(struct store_op *op)
{
    struct submission_query *submission = (struct submission_query *)op;
    struct api_call *call = submission->call;

    if (op->status < 0 && op->status != E_NOT_FOUND) {
        api_reply_error(call, op->status, &op->error);
    } else if (!submission->is_found) {
        api_reply_problem(call, 404, "not_found", "There is no submission %s.",
                          buf_str(&call->id).ptr);
    } else if (submission->query.query == QUERY_SUBMISSION) {
        submission->query.query = QUERY_ATTEMPTS;
        submission->query.limit = API_LIMIT_MAX;
        store_query(engine_store(call->engine), &submission->query);
        return;
    } else {
        buf_puts(&submission->body, "]}\n");
        api_reply_json(call, 200, &submission->body);
    }
    buf_finish(&submission->body);
    free(submission);
}

void api_submission_get(struct api_call *call)
{
    int64_t number;

    if (str_to_i64(buf_str(&call->id), &number) < 0 || number < 1) {
        api_reply_problem(call, 400, "bad_request",
                          "A submission has a number from 1; '%s' is none.",
                          buf_str(&call->id).ptr);
        return;
    }
    struct submission_query *submission = calloc(1, sizeof(*submission));
    if (submission == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    submission->call = call;
    submission->query.query = QUERY_SUBMISSION;
    submission->query.number = (uint64_t)number;
    submission->query.limit = 1;
    submission->query.row = on_submission_row;
    submission->query.op.done = on_submission_done;
    store_query(engine_store(call->engine), &submission->query);
}

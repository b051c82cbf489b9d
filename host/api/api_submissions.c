/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_counts.h"
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t key_of_submission(const struct store_row *row)
{
    return row->submission;
}

/* "failed,unknown" as a set; the empty one takes all. */
static bool states_argument(struct api_call *call, uint32_t *out)
{
    _buf_ struct buf text = {0};
    _buf_ struct buf known = {0};
    enum submission_state state;
    struct str name;

    *out = 0;
    (void)http_exchange_argument(call->exchange, "state", &text); /* absent: all */
    struct str rest = buf_str(&text);
    while (str_next(&rest, ',', &name)) {
        if (submission_state_parse(name, &state)) {
            *out |= submission_state_bit(state);
            continue;
        }
        for (int i = 0; i < SUBMISSION_STATES; i++)
            buf_printf(&known, "%s%s", i > 0 ? ", " : "", submission_state_name(i));
        api_reply_problem(call, 400, "bad_argument", "Argument state: '%.*s' is none of %s.",
                          STR_ARG(name), known.ptr);
        return false;
    }
    return true;
}

static void list(struct api_call *call, uint32_t integration)
{
    uint32_t states;

    if (!states_argument(call, &states))
        return;
    struct api_rows *rows = api_rows_create(call, QUERY_SUBMISSIONS);
    if (rows == NULL)
        return;
    (void)http_exchange_argument(call->exchange, "entity", &rows->id); /* absent: all */
    rows->query.id = buf_str(&rows->id);
    rows->query.integration = integration;
    rows->query.filter.states = states;
    rows->put = api_put_submission;
    rows->key = key_of_submission;
    api_rows_send(rows);
}

/* The integration's ini may be gone while the store still has its submissions: the store knows the
 * number. */
static void list_of_former(struct api_call *call, const struct api_counts *counts)
{
    _buf_ struct buf name = {0};

    if (call->exchange == NULL) {
        api_reply_problem(call, 503, "stopping", "The daemon is stopping.");
        return;
    }
    (void)http_exchange_argument(call->exchange, "integration",
                                 &name); /* present, or we would not be here */
    const struct api_count *count = api_counts_find(counts, buf_str(&name).ptr);
    if (count == NULL)
        api_reply_no_integration(call, buf_str(&name).ptr);
    else
        list(call, count->integration);
}

void api_submissions_list(struct api_call *call)
{
    _buf_ struct buf name = {0};
    struct engine_integration integration;

    if (!http_exchange_argument(call->exchange, "integration", &name) || name.len == 0)
        list(call, 0);
    else if (engine_integration_find(call->engine, name.ptr, &integration) &&
             integration.number != 0)
        list(call, integration.number);
    else
        api_counts_ask(call, list_of_former);
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

/* SPDX-License-Identifier: Apache-2.0
 * Submissions retried and discarded by hand, by number or by query. One request does a bounded
 * piece and tells where the next begins, so a client that goes away has ended the work. */
#include "api/api_figures.h"
#include "api/api_filter.h"
#include "api/api_handlers.h"
#include "base/json.h"

enum { SHOWN_FIRST = 5 };

void api_put_by_query(struct buf *out, const struct by_query *query)
{
    if (query->where_failed > 0) {
        json_put_int(out, "where_failed", (int64_t)query->where_failed);
        api_put_masked(out, "where_words", str_of(query->where_words));
    }
    if (query->next != 0)
        json_put_int(out, "next", (int64_t)query->next);
    else
        json_put_raw(out, "next", STR("null"));
}

static void on_moved(struct by_query *query)
{
    struct api_filter *filter = (struct api_filter *)query;
    struct buf body = {0};

    if (query->status < 0) {
        api_reply_error(filter->call, query->status, &query->error);
        api_filter_destroy(filter);
        return;
    }
    buf_putc(&body, '{');
    api_put_bool(&body, "dry_run", query->is_dry_run);
    json_put_int(&body, "matched", (int64_t)query->matched);
    json_put_int(&body, "moved", (int64_t)query->moved);
    buf_puts(&body, ",\"not_moved\":{");
    for (int i = 0; i < REFUSALS; i++)
        if (query->refused[i] > 0)
            json_put_int(&body, store_refusal_name((enum store_refusal)i),
                         (int64_t)query->refused[i]);
    buf_puts(&body, "},\"first\":[");
    buf_add_str(&body, buf_str(&query->shown));
    buf_putc(&body, ']');
    api_put_by_query(&body, query);
    buf_puts(&body, "}\n");
    api_reply_json(filter->call, 200, &body);
    api_filter_destroy(filter);
}

static void cancel(struct api_call *call)
{
    struct api_filter *filter = call->stream_user;

    by_query_cancel(&filter->query);
}

static void on_gone(void *user)
{
    cancel(user);
}

void api_filter_start(struct api_filter *filter)
{
    struct api_call *call = filter->call;
    const struct by_query *query = &filter->query;

    /* A few rows by number are nothing to wait for. */
    if (query->number_count == 0 && !api_take_place_or_reply(call, API_PLACE_QUERY)) {
        api_filter_destroy(filter);
        return;
    }
    call->stream_user = filter;
    call->stop = cancel;
    /* Who ends his sending behind a move still gets it, and the answer. */
    if (query->action == BY_QUERY_LOOK && call->exchange != NULL)
        http_exchange_on_gone(call->exchange, on_gone);
    by_query_start(call->engine, &filter->query);
}

static void move(struct api_call *call, enum by_query_action action)
{
    struct api_filter *filter = api_filter_of_body(call);

    if (filter == NULL)
        return;
    struct by_query *query = &filter->query;
    bool has_numbers = query->number_count > 0;
    if (has_numbers == (filter->is_narrow || filter->is_all)) {
        api_reply_problem(
            call, 400, "bad_request",
            "Which ones? Either numbers, or integration, entity, state, since, until, "
            "class or where; or say \"all\": true.");
        api_filter_destroy(filter);
        return;
    }
    if (!has_numbers && query->filter.states == 0)
        query->filter.states = submission_state_bit(SUBMISSION_FAILED);
    query->action = action;
    query->show = api_put_submission;
    query->show_max = query->is_dry_run ? SHOWN_FIRST : 0;
    query->done = on_moved;
    query->user = filter;
    api_filter_resolve(filter, api_filter_start);
}

void api_submissions_retry(struct api_call *call)
{
    move(call, BY_QUERY_RETRY);
}

void api_submissions_discard(struct api_call *call)
{
    move(call, BY_QUERY_DISCARD);
}

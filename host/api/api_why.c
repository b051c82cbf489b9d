/* SPDX-License-Identifier: Apache-2.0
 * Everything the store knows of one entity's way, asked step by step: the entity, the integrations'
 * cursors, the submissions, the attempts of the newest of them. */
#include "api/api_why.h"

#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void why_destroy(struct why *why)
{
    for (size_t i = 0; i < why->submission_count; i++) {
        free(why->submissions[i].name);
        buf_finish(&why->submissions[i].members);
        buf_finish(&why->submissions[i].attempts);
    }
    for (size_t i = 0; i < why->integration_count; i++)
        free(why->integrations[i].name);
    free(why->submissions);
    free(why->integrations);
    buf_finish(&why->entity);
    buf_finish(&why->only);
    buf_finish(&why->entity_json);
    buf_finish(&why->entity_type);
    api_why_now_destroy(why);
    free(why);
}
DEFINE_GUARD(why, struct why *, why_destroy);

/* ---- rows: [pool] ---- */

static void take_entity(struct why *why, const struct store_row *row)
{
    why->is_found = true;
    why->is_deleted = row->is_deleted;
    why->version = row->version;
    why->seq = row->seq;
    why->origin = row->origin;
    buf_add_str(&why->entity_type, row->type);
    json_put_member(&why->entity_json, "id", row->id);
    json_put_member(&why->entity_json, "type", row->type);
    json_put_int(&why->entity_json, "version", (int64_t)row->version);
    api_put_time(&why->entity_json, "created_at", row->created_ms);
    api_put_time(&why->entity_json, "updated_at", row->updated_ms);
    api_put_bool(&why->entity_json, "deleted", row->is_deleted);
    api_put_trace(&why->entity_json, row->trace, false);
}

static bool take_integration(struct why *why, const struct store_row *row)
{
    struct why_integration *all =
        realloc(why->integrations, (why->integration_count + 1) * sizeof(*all));

    if (all == NULL)
        return false;
    why->integrations = all;
    all[why->integration_count++] = (struct why_integration){
        .number = row->integration, .cursor = row->cursor, .name = str_dup(row->name)};
    return true;
}

static bool take_submission(struct why *why, const struct store_row *row)
{
    struct why_submission *all =
        realloc(why->submissions, (why->submission_count + 1) * sizeof(*all));

    if (all == NULL)
        return false;
    why->submissions = all;
    struct why_submission *submission = &all[why->submission_count++];
    *submission = (struct why_submission){
        .number = row->submission,
        .version = row->version,
        .integration = row->integration,
        .state = row->state,
        .due_ms = row->due_ms,
        .changed_ms = row->updated_ms,
        .is_trimmed = row->is_trimmed,
        .name = str_dup(row->name),
    };
    api_put_submission(&submission->members, row);
    return true;
}

static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct why *why = (struct why *)query;
    bool is_kept = true;

    switch (why->step) {
    case WHY_ENTITY:
        take_entity(why, row);
        break;
    case WHY_INTEGRATIONS:
        is_kept = take_integration(why, row);
        break;
    case WHY_SUBMISSIONS:
        is_kept = take_submission(why, row);
        break;
    case WHY_ATTEMPTS:
        if (why->submissions[why->asked].started_ms == 0)
            why->submissions[why->asked].started_ms = row->started_ms;
        why->submissions[why->asked].has_request = row->request.len > 0;
        why->submissions[why->asked].error_class = row->error_class;
        api_put_attempt(&why->submissions[why->asked].attempts, row);
        break;
    }
    why->is_out_of_memory |= !is_kept;
    return is_kept;
}

/* ---- steps ---- */

static void ask(struct why *why, enum store_query_kind kind, uint32_t limit)
{
    why->query.query = kind;
    why->query.limit = limit;
    store_query(engine_store(why->call->engine), &why->query);
}

/* The number of the integration that was asked for; 0: all. */
static uint32_t only_number(const struct why *why)
{
    for (size_t i = 0; i < why->integration_count; i++)
        if (why->integrations[i].name != NULL &&
            str_is(buf_str(&why->only), why->integrations[i].name))
            return why->integrations[i].number;
    return 0;
}

void api_why_finish(struct why *why)
{
    struct buf body = {0};

    if (!why->is_told) {
        why->is_told = true;
        api_why_tell(why, &body);
        api_reply_json(why->call, 200, &body);
    }
    if (why->open == 0)
        why_destroy(why);
}

/* Each integration's newest has its history told, and the newest of all, so that an entity with a
 * thousand versions stays readable. */
static void pick_histories(struct why *why)
{
    for (size_t i = 0; i < why->submission_count; i++) {
        struct why_submission *submission = &why->submissions[i];
        submission->wants_history =
            i < WHY_HISTORIES_MAX ||
            api_why_newest(why, submission->integration, submission->name) == submission;
    }
}

static void ask_attempts(struct why *why)
{
    while (why->asked < why->submission_count && !why->submissions[why->asked].wants_history)
        why->asked++;
    if (why->asked == why->submission_count) {
        api_why_ask_now(why);
        return;
    }
    why->step = WHY_ATTEMPTS;
    why->query.number = why->submissions[why->asked].number;
    ask(why, QUERY_ATTEMPTS, WHY_ATTEMPTS_MAX);
}

/* An integration that is configured, or that the store remembers. */
static bool only_is_known(const struct why *why)
{
    struct engine_integration integration;

    return why->only.len == 0 || only_number(why) != 0 ||
           engine_integration_find(why->call->engine, why->only.ptr, &integration);
}

static void on_done(struct store_op *op)
{
    struct why *why = (struct why *)op;

    if ((op->status < 0 && op->status != E_NOT_FOUND) || why->is_out_of_memory) {
        api_reply_error(why->call, op->status < 0 ? op->status : -ENOMEM, &op->error);
        why_destroy(why);
        return;
    }
    switch (why->step) {
    case WHY_ENTITY:
        if (!why->is_found) {
            api_reply_problem(why->call, 404, "not_found", "There is no entity '%s'.",
                              why->entity.ptr);
            why_destroy(why);
            return;
        }
        why->step = WHY_INTEGRATIONS;
        ask(why, QUERY_INTEGRATIONS, UINT16_MAX);
        break;
    case WHY_INTEGRATIONS:
        if (!only_is_known(why)) {
            api_reply_no_integration(why->call, why->only.ptr);
            why_destroy(why);
            return;
        }
        why->step = WHY_SUBMISSIONS;
        why->query.integration = only_number(why);
        ask(why, QUERY_SUBMISSIONS, WHY_SUBMISSIONS_MAX);
        break;
    case WHY_ATTEMPTS:
        why->asked++;
        ask_attempts(why);
        break;
    case WHY_SUBMISSIONS:
        pick_histories(why);
        ask_attempts(why);
        break;
    }
}

void api_why(struct api_call *call)
{
    _guard_(why) struct why *why = calloc(1, sizeof(*why));

    if (why == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    if (!http_exchange_argument(call->exchange, "entity", &why->entity) || why->entity.len == 0) {
        api_reply_problem(call, 400, "bad_argument",
                          "Which entity? Ask why?entity=ID, and &integration=NAME if wanted.");
        return;
    }
    (void)http_exchange_argument(call->exchange, "integration", &why->only); /* absent: all */
    why->is_rendered = api_argument_is_set(call, "rendered");
    why->call = call;
    why->query.id = buf_str(&why->entity);
    why->query.row = on_row;
    why->query.op.done = on_done;
    ask(steal(why), QUERY_ENTITY, 1);
}

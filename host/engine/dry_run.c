/* SPDX-License-Identifier: Apache-2.0
 * `tenon submit --dry-run`: one entity through the same selectors, transformers, client and
 * outbound rules as a delivery, up to the request itself, which is shown instead of sent. Stores
 * nothing. */
#include "engine/dry_run.h"

#include "base/json.h"
#include "base/secret.h"
#include "engine/clause.h"
#include "rules/names.h"

#include <stdlib.h>
#include <tenon/tenon.h>

struct dry_run {
    struct store_query query;
    struct lane *lane;
    engine_dry_run_fn done;
    void *user;
    struct arena arena;
    bool is_found;
    bool is_jq_next;
    struct plugin_record record;
    struct buf json;
};

static void finish(struct dry_run *run, int status, const struct err *err)
{
    struct buf masked = {0};

    if (status == 0)
        secret_mask(buf_str(&run->json), &masked);
    run->done(run->user, status, err, buf_str(&masked));
    buf_finish(&masked);
    buf_finish(&run->json);
    arena_finish(&run->arena);
    lane_release(run->lane);
    free(run);
}

static void fail(struct dry_run *run, int status, const char *words)
{
    struct err err = {0};

    (void)err_set(&err, status, "%s", words);
    finish(run, status, &err);
}

static void begin_json(struct dry_run *run, bool is_wanted)
{
    buf_putc(&run->json, '{');
    json_put_member(&run->json, "integration", str_of(run->lane->name));
    json_put_member(&run->json, "entity", run->record.id);
    json_put_int(&run->json, "version", (int64_t)run->record.version);
    json_put_raw(&run->json, "wanted", is_wanted ? STR("true") : STR("false"));
}

/* `verdict`: what it would become. */
static void not_wanted(struct dry_run *run, const struct clause *clause, const char *verdict,
                       struct str reason)
{
    begin_json(run, false);
    json_put_member(&run->json, "refused_by", str_of(clause->name));
    json_put_member(&run->json, "reason", reason);
    json_put_member(&run->json, "verdict", str_of(verdict));
    if (clause->line > 0) {
        json_put_member(&run->json, "file", str_of(clause->file));
        json_put_int(&run->json, "line", clause->line);
    }
    buf_putc(&run->json, '}');
    finish(run, 0, NULL);
}

/* "Name: value" as a member. */
static void put_header(struct buf *json, const char *line)
{
    const char *colon = strchr(line, ':');
    struct str name = {line, colon != NULL ? (size_t)(colon - line) : strlen(line)};

    if (json->ptr[json->len - 1] != '{')
        buf_putc(json, ',');
    json_put_string(json, name);
    buf_putc(json, ':');
    json_put_string(json, str_trim(str_of(colon != NULL ? colon + 1 : "")));
}

static void put_request(struct dry_run *run, const struct outbound *out)
{
    struct buf body = {0};

    buf_putc(&run->json, '{');
    json_put_member(&run->json, "method", str_of(out->method));
    json_put_member(&run->json, "url", str_of(out->url));
    buf_puts(&run->json, ",\"headers\":{");
    for (size_t i = 0; i < out->header_count; i++)
        put_header(&run->json, out->headers[i]);
    buf_putc(&run->json, '}');
    for (size_t i = 0; i < out->body_part_count; i++)
        buf_add_str(&body, out->body_parts[i]);
    json_put_member(&run->json, "body", buf_str(&body));
    buf_finish(&body);
    buf_putc(&run->json, '}');
}

static void show_requests(struct dry_run *run, const struct plugin_reply *reply)
{
    struct err err = {0};
    struct outbound out;

    begin_json(run, true);
    buf_puts(&run->json, ",\"requests\":[");
    for (size_t i = 0; i < reply->request_count; i++) {
        if (outbound_build(run->lane->outbound, &reply->requests[i], &run->record.key,
                           reply->payloads, &run->arena, &out, &err) < 0) {
            finish(run, err.code, &err);
            return;
        }
        if (i > 0)
            buf_putc(&run->json, ',');
        put_request(run, &out);
    }
    buf_puts(&run->json, "]}");
    finish(run, 0, NULL);
}

static void call_next(struct dry_run *run);

static void refused(struct dry_run *run, const struct plugin_outcome *outcome)
{
    const struct clause clause = clause_of(run->lane, run->is_jq_next, outcome);

    not_wanted(run, &clause,
               outcome->kind == OUTCOME_SKIPPED ? "skipped"
               : outcome->kind == OUTCOME_RETRY ? "retrying"
                                                : "failed",
               clause_words(run->lane, run->is_jq_next, outcome, &run->arena));
}

static void called(void *user, struct plugin_reply *reply)
{
    struct dry_run *run = user;
    const struct plugin_outcome *outcome = reply->outcomes;

    if (reply->status != PLUGIN_OK || reply->outcome_count != 1) {
        fail(run, E_REFUSED, reply->words != NULL ? reply->words : "the plugin gave no answer");
    } else if (outcome->kind != OUTCOME_GOES_ON) {
        refused(run, outcome);
    } else if (run->is_jq_next) {
        run->is_jq_next = false;
        run->record.data = arena_copy(&run->arena, outcome->payload);
        call_next(run);
    } else if (reply->request_count > 0) {
        show_requests(run, reply);
    } else {
        begin_json(run, true);
        buf_puts(&run->json, ",\"requests\":[]");
        json_put_member(&run->json, "payload", outcome->payload);
        buf_putc(&run->json, '}');
        finish(run, 0, NULL);
    }
}

static void call_next(struct dry_run *run)
{
    struct lane *lane = run->lane;
    struct plugin_batch call = {.records = &run->record, .count = 1, .steps = PLUGIN_STEP_PAYLOADS};

    if (run->is_jq_next) {
        call.selector = "where";
        call.steps |= (lane->has_where ? PLUGIN_STEP_SELECT : 0u) |
                      (lane->has_transform ? PLUGIN_STEP_TRANSFORM : 0u);
        plugin_deliver(lane->jq, &call, called, run);
        return;
    }
    call.selector = lane->selector;
    call.steps |= PLUGIN_STEP_TRANSFORM | (lane->selector != NULL ? PLUGIN_STEP_SELECT : 0u);
    if (!lane->facts.has_submit)
        call.steps |= PLUGIN_STEP_PREPARE;
    plugin_deliver(lane->plugin, &call, called, run);
}

/* [pool] */
static bool take_row(struct store_query *query, const struct store_row *row)
{
    struct dry_run *run = query->user;

    run->is_found = !row->is_deleted;
    run->record = (struct plugin_record){
        .id = arena_copy(&run->arena, row->id),
        .type = arena_copy(&run->arena, row->type),
        .key = arena_copy(&run->arena, row->key),
        .data = arena_copy(&run->arena, row->data),
        .version = row->version,
        .attempt = 1,
        .created_ms = row->created_ms,
        .updated_ms = row->updated_ms,
    };
    return false;
}

static void entity_found(struct store_op *op)
{
    struct dry_run *run =
        (struct dry_run *)(void *)((char *)op - offsetof(struct dry_run, query.op));
    struct buf words = {0};

    if (op->status < 0) {
        finish(run, op->status, &op->error);
        return;
    }
    if (!run->is_found) {
        buf_printf(&words, "there is no entity '%.*s'; `tenon entity search` finds them",
                   STR_ARG(run->query.id));
        fail(run, E_NOT_FOUND, words.ptr != NULL ? words.ptr : "there is no such entity");
        buf_finish(&words);
        return;
    }
    if (!names_want(&run->lane->types, run->record.type)) {
        const struct clause clause = clause_of_type(run->lane);
        buf_printf(&words, "type '%.*s' is not wanted: [select] type = %s (%s:%d)",
                   STR_ARG(run->record.type), config_text(run->lane->file, "select", "type"),
                   clause.file, clause.line);
        not_wanted(run, &clause, "skipped", buf_str(&words));
        buf_finish(&words);
        return;
    }
    call_next(run);
}

void dry_run_start(struct lane *lane, struct str entity, engine_dry_run_fn done, void *user)
{
    struct dry_run *run = calloc(1, sizeof *run);
    struct err err = {0};

    if (run == NULL) {
        done(user, err_set(&err, -ENOMEM, "out of memory"), &err, STR_NONE);
        return;
    }
    run->lane = lane;
    lane_hold(lane);
    run->done = done;
    run->user = user;
    run->is_jq_next = lane->jq != NULL;
    run->query = (struct store_query){
        .op.done = entity_found,
        .query = QUERY_ENTITY,
        .integration = lane->number, /* for the idempotency key that it would carry */
        .id = arena_copy(&run->arena, entity),
        .limit = 1,
        .row = take_row,
        .user = run,
    };
    store_query(lane->rooms->store, &run->query);
}

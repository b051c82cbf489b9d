/* SPDX-License-Identifier: Apache-2.0
 * Entities over REST. POST is the way of every record, thousands a second: its answer is written
 * straight into a buffer, and nothing is parsed here. */
#include "api/api_filter.h"
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/json.h"
#include "engine/amend.h"
#include "engine/intake.h"
#include "engine/model.h"

#include <errno.h>
#include <stdlib.h>

/* ---- taking in ---- */

static void on_taken_in(void *user, const struct intake_result *result)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (result->status < 0) {
        api_reply_error(call, result->status, result->err);
        return;
    }
    (void)buf_reserve(&body, 120); /* failing shows when bytes are added */
    buf_putc(&body, '{');
    bool with_ids =
        result->count == 1 || (call->exchange != NULL && api_argument_is_set(call, "ids"));
    intake_result_put(result, with_ids, &body);
    if (result->count == 1)
        json_put_int(&body, "version", (int64_t)result->results[0].version);
    buf_puts(&body, "}\n");
    api_reply_json(call, result->count == 1 && result->created == 1 ? 201 : 200, &body);
}

/* `type` is borrowed until the intake is done, so it lives in the call. */
static struct str type_argument(struct api_call *call)
{
    if (http_exchange_query(call->exchange).len > 0)
        (void)http_exchange_argument(call->exchange, "type", &call->type); /* absent: stays empty */
    return buf_str(&call->type);
}

static struct intake_source source_of(struct api_call *call)
{
    return (struct intake_source){.trace = api_call_trace(call)};
}

void api_entities_post(struct api_call *call)
{
    intake_put(call->engine, http_exchange_body(call->exchange), type_argument(call),
               source_of(call), on_taken_in, call);
}

/* ---- one ---- */

static void reply_outcome(struct api_call *call, const struct intake_result *result)
{
    struct buf body = {0};
    _buf_ struct buf etag = {0};
    const struct store_put_result *put = &result->results[0];

    buf_puts(&body, "{");
    json_put_member(&body, "id", result->entities[0].id);
    json_put_member(&body, "outcome", str_of(model_outcome_name(put->outcome)));
    json_put_int(&body, "version", (int64_t)put->version);
    buf_puts(&body, "}\n");
    buf_printf(&etag, "ETag: \"%llu\"\r\n", (unsigned long long)put->version);
    api_reply(call, put->outcome == PUT_CREATED ? 201 : 200, "application/json", etag.ptr, &body);
}

static void on_one_done(void *user, const struct intake_result *result)
{
    struct api_call *call = user;
    enum store_put_outcome outcome = result->count > 0 ? result->results[0].outcome : PUT_NOT_FOUND;

    if (result->status == E_NOT_FOUND || (result->status == 0 && outcome == PUT_NOT_FOUND))
        api_reply_problem(call, 404, "not_found", "There is no entity '%s'.",
                          buf_str(&call->id).ptr);
    else if (result->status == 0 && outcome == PUT_CONFLICT)
        api_reply_problem(call, 412, "version_conflict",
                          "Entity '%s' is at version %llu, not the one that was asked for.",
                          buf_str(&call->id).ptr, (unsigned long long)result->results[0].version);
    else if (result->status < 0)
        api_reply_error(call, result->status, result->err);
    else
        reply_outcome(call, result);
}

/* If-Match: 3, "3" or *, which is STORE_VERSION_ANY; 0: none. */
static bool if_match(struct api_call *call, uint64_t *out)
{
    struct str text = str_trim(http_exchange_header(call->exchange, "if-match"));
    int64_t version = 0;

    *out = str_is(text, "*") ? STORE_VERSION_ANY : 0;
    if (text.len == 0 || str_is(text, "*"))
        return true;
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = (struct str){text.ptr + 1, text.len - 2};
    if (str_to_i64(text, &version) < 0 || version < 1) {
        api_reply_problem(call, 400, "bad_if_match",
                          "If-Match: '%.*s' is not a version (a whole number from 1).",
                          STR_ARG(text));
        return false;
    }
    *out = (uint64_t)version;
    return true;
}

static void put_now(struct api_call *call, uint64_t version)
{
    intake_put_as(call->engine, buf_str(&call->id), buf_str(&call->type),
                  http_exchange_body(call->exchange), source_of(call), version, on_one_done, call);
}

struct type_query {
    struct store_query query; /* first: the query is the whole */
    struct api_call *call;
    uint64_t version;
};

/* [pool] */
static bool on_type_row(struct store_query *query, const struct store_row *row)
{
    struct api_call *call = ((struct type_query *)query)->call;

    if (!row->is_deleted)
        buf_add_str(&call->type, row->type);
    return false;
}

static void on_type_known(struct store_op *op)
{
    struct type_query *ask = (struct type_query *)op;

    if (op->status < 0 && op->status != E_NOT_FOUND)
        api_reply_error(ask->call, op->status, &op->error);
    else if (!api_reply_if_over(ask->call))
        put_now(ask->call, ask->version);
    free(ask);
}

/* Neither the request nor the data says the type: an entity that is there keeps its own. */
static void put_with_old_type(struct api_call *call, uint64_t version)
{
    struct type_query *ask = calloc(1, sizeof(*ask));

    if (ask == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    ask->call = call;
    ask->version = version;
    ask->query.query = QUERY_ENTITY;
    ask->query.id = buf_str(&call->id);
    ask->query.limit = 1;
    ask->query.row = on_type_row;
    ask->query.op.done = on_type_known;
    store_query(engine_store(call->engine), &ask->query);
}

/* What If-Match or version= asks for; 0: any, or none. */
static bool wanted_version(struct api_call *call, uint64_t *out)
{
    _buf_ struct buf text = {0};

    if (http_exchange_argument(call->exchange, "version", &text) && str_is(buf_str(&text), "*")) {
        *out = STORE_VERSION_ANY;
        return true;
    }
    return if_match(call, out) && api_argument_number(call, "version", 1, INT64_MAX, *out, out);
}

void api_entity_put(struct api_call *call)
{
    uint64_t version;

    if (!wanted_version(call, &version))
        return;
    if (type_argument(call).len > 0 || intake_has_type(http_exchange_body(call->exchange)))
        put_now(call, version);
    else
        put_with_old_type(call, version);
}

void api_entity_patch(struct api_call *call)
{
    struct amend amend = {.id = buf_str(&call->id), .patch = http_exchange_body(call->exchange)};

    if (!wanted_version(call, &amend.if_version))
        return;
    if (amend.if_version == STORE_VERSION_ANY) /* as it is anyway */
        amend.if_version = 0;
    amend.type = type_argument(call);
    amend.source = source_of(call);
    amend_start(call->engine, &amend, on_one_done, call);
}

void api_entity_delete(struct api_call *call)
{
    uint64_t version;

    if (wanted_version(call, &version))
        intake_delete(call->engine, buf_str(&call->id), source_of(call), version, on_one_done,
                      call);
}

struct entity_query {
    struct store_query query; /* first: the query is the whole */
    struct api_call *call;
    struct buf body;
    uint64_t version;
    bool is_found, is_deleted;
};

/* [pool] */
static bool on_entity_row(struct store_query *query, const struct store_row *row)
{
    struct entity_query *entity = (struct entity_query *)query;

    entity->is_found = true;
    entity->is_deleted = row->is_deleted;
    entity->version = row->version;
    buf_putc(&entity->body, '{');
    model_put_entity(&entity->body, row);
    buf_puts(&entity->body, "}\n");
    return false;
}

static void on_entity_done(struct store_op *op)
{
    struct entity_query *entity = (struct entity_query *)op;
    struct api_call *call = entity->call;
    _buf_ struct buf etag = {0};

    if (op->status < 0 && op->status != E_NOT_FOUND) {
        api_reply_error(call, op->status, &op->error);
    } else if (!entity->is_found || entity->is_deleted) {
        api_reply_problem(call, 404, entity->is_deleted ? "deleted" : "not_found",
                          entity->is_deleted ? "Entity '%s' was deleted."
                                             : "There is no entity '%s'.",
                          buf_str(&call->id).ptr);
    } else {
        buf_printf(&etag, "ETag: \"%llu\"\r\n", (unsigned long long)entity->version);
        api_reply(call, 200, "application/json", etag.ptr, &entity->body);
    }
    buf_finish(&entity->body);
    free(entity);
}

void api_entity_get(struct api_call *call)
{
    struct entity_query *entity = calloc(1, sizeof(*entity));

    if (entity == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    entity->call = call;
    entity->query.query = QUERY_ENTITY;
    entity->query.id = buf_str(&call->id);
    entity->query.limit = 1;
    entity->query.row = on_entity_row;
    entity->query.op.done = on_entity_done;
    store_query(engine_store(call->engine), &entity->query);
}

/* ---- many ---- */

static uint64_t key_of_entity(const struct store_row *row)
{
    return row->seq;
}

static bool add_field(struct api_rows *rows, struct str text)
{
    const char *equals = text.len > 0 ? memchr(text.ptr, '=', text.len) : NULL;

    if (equals == NULL || equals == text.ptr || rows->query.field_count == API_FIELDS_MAX) {
        api_reply_problem(rows->call, 400, "bad_argument",
                          "Argument field: '%.*s' is not PATH=VALUE, such as city=Berlin or "
                          "address.city=Berlin, at most %d of them.",
                          STR_ARG(text), API_FIELDS_MAX);
        return false;
    }
    rows->fields[rows->query.field_count++] = (struct store_field){
        .path = {text.ptr, (size_t)(equals - text.ptr)},
        .value = {equals + 1, text.len - 1 - (size_t)(equals - text.ptr)},
    };
    return true;
}

static bool add_fields(struct api_rows *rows)
{
    struct buf text = {0};

    rows->query.fields = rows->fields;
    for (size_t i = 0; http_exchange_argument_at(rows->call->exchange, "field", i, &text); i++) {
        rows->field_texts[i < API_FIELDS_MAX ? i : API_FIELDS_MAX] = text;
        if (!add_field(rows, buf_str(&text)))
            return false;
        text = (struct buf){0};
    }
    return true;
}

static void send_search(struct api_rows *rows)
{
    (void)http_exchange_argument(rows->call->exchange, "text", &rows->text); /* absent: all */
    rows->query.type = type_argument(rows->call);
    rows->query.text = buf_str(&rows->text);
    rows->put = model_put_entity;
    rows->key = key_of_entity;
    if (!add_fields(rows)) {
        api_rows_destroy(rows);
        return;
    }
    rows->goes_on =
        rows->query.type.len > 0 || rows->query.text.len > 0 || rows->query.field_count > 0;
    api_rows_send(rows);
}

/* By integration key: the integration's number first. */
static void find_by_key(struct api_filter *filter)
{
    struct api_call *call = filter->call;
    struct api_rows *rows = NULL;

    if (!api_reply_if_over(call))
        rows = api_rows_create(call, QUERY_KEY);
    if (rows != NULL) {
        (void)http_exchange_argument(call->exchange, "key", &rows->text); /* is there */
        rows->query.text = buf_str(&rows->text);
        rows->query.integration = filter->query.integration;
        rows->put = model_put_entity;
        api_rows_send(rows);
    }
    api_filter_destroy(filter);
}

void api_entities_list(struct api_call *call)
{
    _buf_ struct buf key = {0};
    _buf_ struct buf integration = {0};
    bool has_key = http_exchange_argument(call->exchange, "key", &key) && key.len > 0;
    bool has_integration =
        http_exchange_argument(call->exchange, "integration", &integration) && integration.len > 0;

    if (has_key != has_integration) {
        api_reply_problem(call, 400, "bad_argument",
                          "Arguments integration and key go together: the entity that this "
                          "integration knows by this key.");
        return;
    }
    if (has_key) {
        struct api_filter *filter = api_filter_of_integration(call, buf_str(&integration));
        if (filter != NULL)
            api_filter_resolve(filter, find_by_key);
        return;
    }
    struct api_rows *rows = api_rows_create(call, QUERY_ENTITIES);
    if (rows != NULL)
        send_search(rows);
}

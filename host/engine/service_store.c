/* SPDX-License-Identifier: Apache-2.0
 * tenon.store/1: who may do what, and the functions that change something. What an integration
 * stores carries its number, so that it is not given it back (store.h, struct store_entity). */
#include "engine/service_store.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/amend.h"
#include "engine/lane.h"
#include "engine/model.h"

#include <errno.h>
#include <stdlib.h>
#include <tenon/store.h>

/* ---- answers ---- */

void service_store_refuse(struct plugin_ask *ask, int error_class, int http_status,
                          const char *words)
{
    const struct plugin_refusal refusal = {
        .error_class = error_class, .http_status = http_status, .words = words};

    plugin_ask_refuse(ask, &refusal);
}

void service_store_fail(struct plugin_ask *ask, int status, const struct err *err)
{
    static const struct {
        int status, error_class, http_status;
    } meanings[] = {
        {E_NOT_FOUND, TENON_E_VALIDATION, 404}, {E_SYNTAX, TENON_E_VALIDATION, 400},
        {E_USAGE, TENON_E_VALIDATION, 400},     {-EINVAL, TENON_E_VALIDATION, 400},
        {E_TOO_LARGE, TENON_E_VALIDATION, 413}, {E_CONFLICT, TENON_E_VALIDATION, 412},
        {E_REFUSED, TENON_E_PERMANENT, 409},    {-ENOSPC, TENON_E_SERVER, 507},
        {-EDQUOT, TENON_E_SERVER, 507},         {-ENOMEM, TENON_E_NO_MEMORY, 503},
        {E_STOPPED, TENON_E_CANCELLED, 503},
    };
    const char *words = err != NULL && err->text[0] != '\0' ? err->text : err_name(status);

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].status == status) {
            service_store_refuse(ask, meanings[i].error_class, meanings[i].http_status, words);
            return;
        }
    }
    service_store_refuse(ask, TENON_E_SERVER, 503, words);
}

void service_store_answer(struct plugin_ask *ask, struct buf *json)
{
    const struct str text = buf_str(json);

    if (json->failed)
        service_store_fail(ask, -ENOMEM, NULL);
    else
        plugin_ask_answer(ask, &text, 1);
    buf_finish(json);
}

bool service_store_number(struct plugin_ask *ask, size_t index, uint64_t most, uint64_t *out)
{
    struct str text = plugin_ask_question(ask)->texts[index];
    int64_t number = 0;

    if (text.len > 0 && (str_to_i64(text, &number) < 0 || number < 0 || (uint64_t)number > most)) {
        service_store_refuse(ask, TENON_E_VALIDATION, 400,
                             "a limit, a version or a place to go on from is beyond what there is");
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

/* ---- changes of entities ---- */

static const char *const by_turns =
    "integrations have changed this entity by turns, each within a minute of the other, too often: "
    "it would go on for ever, so nothing is stored";

static void on_added(void *user, const struct intake_result *result)
{
    struct plugin_ask *ask = user;
    struct buf json = {0};

    if (result->status < 0) {
        service_store_fail(ask, result->status, result->err);
        return;
    }
    for (size_t i = 0; i < result->count; i++) {
        if (result->results[i].outcome == PUT_BY_TURNS) {
            service_store_refuse(ask, TENON_E_PERMANENT, 409, by_turns);
            return;
        }
    }
    buf_putc(&json, '{');
    intake_result_put(result, true, &json);
    buf_putc(&json, '}');
    service_store_answer(ask, &json);
}

static void answer_outcome(struct plugin_ask *ask, struct str id,
                           const struct store_put_result *put)
{
    struct buf json = {0};

    buf_putc(&json, '{');
    json_put_member(&json, "id", id);
    json_put_member(&json, "outcome", str_of(model_outcome_name(put->outcome)));
    json_put_int(&json, "version", (int64_t)put->version);
    buf_putc(&json, '}');
    service_store_answer(ask, &json);
}

static void on_changed(void *user, const struct intake_result *result)
{
    struct plugin_ask *ask = user;
    struct err err = {0};

    if (result->status < 0 || result->count == 0) {
        service_store_fail(ask, result->status < 0 ? result->status : E_NOT_FOUND, result->err);
        return;
    }
    const struct store_put_result *put = &result->results[0];
    struct str id = result->entities[0].id;
    switch (put->outcome) {
    case PUT_NOT_FOUND:
        err_set(&err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(id));
        break;
    case PUT_CONFLICT:
        err_set(&err, E_CONFLICT, "entity '%.*s' is at version %llu, not the one asked for",
                STR_ARG(id), (unsigned long long)put->version);
        break;
    case PUT_BY_TURNS:
        err_set(&err, E_REFUSED, "%s", by_turns);
        break;
    default:
        answer_outcome(ask, id, put);
        return;
    }
    service_store_fail(ask, err.code, &err);
}

static struct intake_source source_of(const struct lane *lane)
{
    return (struct intake_source){.origin = lane->number};
}

static void add(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);

    intake_put(engine, question->texts[1], question->texts[0], source_of(lane), on_added, ask);
}

static void merge(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct amend amend = {
        .id = question->texts[0],
        .type = question->texts[1],
        .patch = question->texts[2],
        .source = source_of(lane),
    };

    if (service_store_number(ask, 3, INT64_MAX, &amend.if_version))
        amend_start(engine, &amend, on_changed, ask);
}

static void drop(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    uint64_t if_version;

    if (service_store_number(ask, 1, INT64_MAX, &if_version))
        intake_delete(engine, plugin_ask_question(ask)->texts[0], source_of(lane), if_version,
                      on_changed, ask);
}

/* ---- put: an entity that is there keeps its type when nobody says another ---- */

struct put {
    struct store_query query; /* first: the query is the whole */
    struct engine *engine;
    struct plugin_ask *ask;
    struct intake_source source;
    uint64_t if_version;
    struct buf type;
};

static void on_put(void *user, const struct intake_result *result)
{
    struct put *put = user;

    on_changed(put->ask, result);
    buf_finish(&put->type);
    free(put);
}

/* [pool] */
static bool on_type(struct store_query *query, const struct store_row *row)
{
    if (!row->is_deleted)
        buf_add_str(&((struct put *)query)->type, row->type);
    return false;
}

static void put_now(struct put *put)
{
    const struct plugin_question *question = plugin_ask_question(put->ask);

    intake_put_as(put->engine, question->texts[0], buf_str(&put->type), question->texts[2],
                  put->source, put->if_version, on_put, put);
}

static void on_type_known(struct store_op *op)
{
    struct put *put = (struct put *)op;

    if (op->status == 0 || op->status == E_NOT_FOUND) {
        put_now(put);
        return;
    }
    service_store_fail(put->ask, op->status, &op->error);
    buf_finish(&put->type);
    free(put);
}

static void put_whole(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    uint64_t if_version;

    if (!service_store_number(ask, 3, INT64_MAX, &if_version))
        return;
    struct put *put = calloc(1, sizeof *put);
    if (put == NULL) {
        service_store_fail(ask, -ENOMEM, NULL);
        return;
    }
    put->engine = engine;
    put->ask = ask;
    put->source = source_of(lane);
    put->if_version = if_version;
    buf_add_str(&put->type, question->texts[1]);
    if (put->type.len > 0 || intake_has_type(question->texts[2])) {
        put_now(put);
        return;
    }
    put->query = (struct store_query){.op.done = on_type_known,
                                      .query = QUERY_ENTITY,
                                      .id = question->texts[0],
                                      .limit = 1,
                                      .row = on_type};
    store_query(engine_store(engine), &put->query);
}

/* ---- relationships ---- */

struct edge {
    struct store_relate relate; /* first: the operation is the whole */
    struct plugin_ask *ask;
};

static void on_related(struct store_op *op)
{
    struct edge *edge = (struct edge *)op;
    struct buf json = {0};

    if (op->status < 0) {
        service_store_fail(edge->ask, op->status, &op->error);
    } else {
        buf_putc(&json, '{');
        json_put_member(&json, "from", edge->relate.from);
        json_put_member(&json, "type", edge->relate.type);
        json_put_member(&json, "to", edge->relate.to);
        json_put_member(&json, "outcome", str_of(model_outcome_name(edge->relate.outcome)));
        buf_putc(&json, '}');
        service_store_answer(edge->ask, &json);
    }
    free(edge);
}

static void change_edge(struct engine *engine, struct plugin_ask *ask, bool is_delete)
{
    const struct str *texts = plugin_ask_question(ask)->texts;
    struct str data = str_trim(texts[5]);
    struct err err = {0};

    if (data.len > 0 && json_check(data, &err) < 0) {
        service_store_fail(ask, E_SYNTAX, &err);
        return;
    }
    struct edge *edge = calloc(1, sizeof *edge);
    if (edge == NULL) {
        service_store_fail(ask, -ENOMEM, NULL);
        return;
    }
    edge->ask = ask;
    edge->relate = (struct store_relate){
        .op.done = on_related,
        .from = texts[2],
        .type = texts[3],
        .to = texts[4],
        .data = is_delete ? STR_NONE : data,
        .is_delete = is_delete,
    };
    store_relate(engine_store(engine), &edge->relate);
}

static void relate(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    (void)lane;
    change_edge(engine, ask, false);
}

static void unrelate(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    (void)lane;
    change_edge(engine, ask, true);
}

/* ---- attributes ---- */

struct attribute {
    struct store_attribute asked; /* first: the operation is the whole */
    struct plugin_ask *ask;
};

static void on_set(struct store_op *op)
{
    struct attribute *attribute = (struct attribute *)op;
    const struct str done = STR("{}");

    if (op->status < 0)
        service_store_fail(attribute->ask, op->status, &op->error);
    else
        plugin_ask_answer(attribute->ask, &done, 1);
    free(attribute);
}

static void set_attribute(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    const struct str *texts = plugin_ask_question(ask)->texts;
    struct err err = {0};

    if (texts[2].len > 0 && json_check(texts[2], &err) < 0) {
        service_store_fail(ask, E_SYNTAX, &err);
        return;
    }
    struct attribute *attribute = calloc(1, sizeof *attribute);
    if (attribute == NULL) {
        service_store_fail(ask, -ENOMEM, NULL);
        return;
    }
    attribute->ask = ask;
    attribute->asked = (struct store_attribute){
        .op.done = on_set,
        .integration = lane->number,
        .entity = texts[0],
        .name = texts[1],
        .value = str_trim(texts[2]),
    };
    store_attribute(engine_store(engine), &attribute->asked);
}

/* ---- the door ---- */

static const struct {
    const char *name;
    size_t texts;
    bool writes;
    void (*ask)(struct engine *engine, struct lane *lane, struct plugin_ask *take_ask);
} functions[] = {
    {"get", 1, false, service_store_get},
    {"search", 6, false, service_store_search},
    {"relations", 6, false, service_store_relations},
    {"attributes", 1, false, service_store_attributes},
    {"set_attribute", 3, true, set_attribute},
    {"add", 2, true, add},
    {"put", 4, true, put_whole},
    {"merge", 4, true, merge},
    {"remove", 2, true, drop},
    {"relate", 6, true, relate},
    {"unrelate", 6, true, unrelate},
};

static bool may(const struct lane *lane, bool writes)
{
    const char *right = config_text(lane->file, "integration", "store");

    return strcmp(right, "write") == 0 || (!writes && strcmp(right, "read") == 0);
}

static void refuse_right(struct plugin_ask *ask, const struct lane *lane, bool writes)
{
    char words[400];

    snprintf(words, sizeof words,
             "the integration may not %s the store: set [integration] store = %s in %s to allow it",
             writes ? "write to" : "read", writes ? "write" : "read",
             lane != NULL ? config_file_path(lane->file) : "its ini");
    service_store_refuse(ask, TENON_E_PERMANENT, 403, words);
}

void service_store(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct lane *lane = service_lane(engine, ask);

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!str_is(question->function, functions[i].name) ||
            question->text_count != functions[i].texts)
            continue;
        if (lane == NULL || !may(lane, functions[i].writes))
            refuse_right(ask, lane, functions[i].writes);
        else
            functions[i].ask(engine, lane, ask);
        return;
    }
    plugin_ask_fail(ask, TENON_E_UNSUPPORTED, "tenon.store/1 has no such function");
}

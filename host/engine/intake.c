/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/intake.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct intake {
    struct store_put put;
    struct engine *engine;
    intake_done_fn done;
    void *user;
    int64_t started_us;
    struct intake_source source;    /* of all of them */
    struct store_delivery delivery; /* its id empty: none */
    size_t ids_made;                /* of records that brought none */
    struct arena arena;             /* ids and rewritten records */
    size_t room;
    struct store_entity *entities; /* `one` until there is a second */
    struct store_put_result *results;
    struct store_entity one;
    struct store_put_result one_result;
};

static void intake_destroy(struct intake *intake)
{
    if (intake == NULL)
        return;
    arena_finish(&intake->arena);
    if (intake->entities != &intake->one)
        free(intake->entities);
    if (intake->results != &intake->one_result)
        free(intake->results);
    free(intake);
}
DEFINE_GUARD(intake, struct intake *, intake_destroy);

static struct intake *intake_create(struct engine *engine, intake_done_fn done, void *user)
{
    struct intake *intake = calloc(1, sizeof *intake);

    if (intake == NULL)
        return NULL;
    intake->engine = engine;
    intake->done = done;
    intake->user = user;
    intake->started_us = clock_mono_us();
    intake->room = 1;
    intake->entities = &intake->one;
    intake->results = &intake->one_result;
    return intake;
}

static void fail(intake_done_fn done, void *user, int status, const struct err *err)
{
    const struct intake_result result = {.status = status, .err = err};

    done(user, &result);
}

static void put_done(struct store_op *op)
{
    struct intake *intake = (struct intake *)(void *)((char *)op - offsetof(struct intake, put.op));
    struct intake_result result = {
        .status = op->status,
        .err = &op->error,
        .entities = intake->entities,
        .results = intake->results,
        .count = op->status == 0 && !intake->delivery.is_duplicate ? intake->put.count : 0,
        .is_duplicate = op->status == 0 && intake->delivery.is_duplicate,
    };

    for (size_t i = 0; i < result.count; i++) {
        result.created += intake->results[i].outcome == PUT_CREATED;
        result.updated += intake->results[i].outcome == PUT_UPDATED;
        result.unchanged += intake->results[i].outcome == PUT_UNCHANGED;
    }
    if (op->status == 0 && !result.is_duplicate) {
        struct engine_figures *figures = engine_figures(intake->engine);

        histogram_add(&figures->intake_us, &histogram_microseconds,
                      (uint64_t)(clock_mono_us() - intake->started_us));
        histogram_add(&figures->intake_records, &histogram_items, result.count);
    }
    if (op->status == 0 && intake->put.last_seq > 0)
        engine_wake(intake->engine);
    intake->done(intake->user, &result);
    intake_destroy(intake);
}

static void put(struct intake *intake)
{
    intake->put.op.done = put_done;
    intake->put.entities = intake->entities;
    intake->put.results = intake->results;
    intake->put.delivery = intake->delivery.id.len > 0 ? &intake->delivery : NULL;
    store_put(engine_store(intake->engine), &intake->put);
}

/* ---- records ---- */

static int grow(struct intake *intake)
{
    size_t room = intake->room * 4 < 64 ? 64 : intake->room * 4;
    struct store_entity *entities = malloc(room * sizeof *entities);

    if (entities == NULL)
        return -ENOMEM;
    memcpy(entities, intake->entities, intake->put.count * sizeof *entities);
    if (intake->entities != &intake->one)
        free(intake->entities);
    intake->entities = entities;
    intake->room = room;
    return 0;
}

/* A JSON string's text: itself between the quotes when nothing is escaped. */
static struct str string_text(struct str value, struct arena *arena)
{
    struct str inside = {value.ptr + 1, value.len - 2};
    struct buf plain = {0};
    struct str copy;

    if (memchr(inside.ptr, '\\', inside.len) == NULL)
        return inside;
    json_unquote(value, &plain);
    copy = plain.failed ? STR_NONE : arena_copy(arena, buf_str(&plain));
    buf_finish(&plain);
    return copy;
}

static int content_id(struct str data, struct arena *arena, struct str *out)
{
    char key[33];

    digest_key(&data, 1, key);
    *out = arena_printf(arena, "c-%s", key);
    return out->ptr != NULL ? 0 : -ENOMEM;
}

static int read_id(struct intake *intake, struct str value, struct str data, size_t index,
                   struct str *out, struct err *err)
{
    enum json_kind kind = value.ptr != NULL ? json_kind_of(value) : JSON_NULL;

    if (kind == JSON_NULL) {
        intake->ids_made++;
        return content_id(data, &intake->arena, out);
    }
    if (kind != JSON_STRING && kind != JSON_NUMBER)
        return err_set(
            err, E_SYNTAX,
            "record %zu: \"id\" is neither a string nor a number; leave it out to have one made "
            "from the content",
            index + 1);
    *out = kind == JSON_NUMBER ? value : string_text(value, &intake->arena);
    if (out->ptr == NULL)
        return -ENOMEM;
    if (out->len == 0)
        return err_set(
            err, E_SYNTAX,
            "record %zu: \"id\" is empty; leave it out to have one made from the content",
            index + 1);
    if (out->len > INTAKE_ID_MAX)
        return err_set(err, E_TOO_LARGE, "record %zu: \"id\" has %zu bytes; the most is %d",
                       index + 1, out->len, INTAKE_ID_MAX);
    return 0;
}

static int read_type(struct intake *intake, struct str given, struct str value, size_t index,
                     struct str *out, struct err *err)
{
    *out = given.len > 0 ? given : STR("record");
    if (given.len == 0 && value.ptr != NULL && json_kind_of(value) == JSON_STRING)
        *out = string_text(value, &intake->arena);
    if (out->ptr == NULL)
        return -ENOMEM;
    if (out->len == 0 || out->len > INTAKE_TYPE_MAX)
        return err_set(err, E_SYNTAX, "record %zu: \"type\" has %zu bytes; it must have 1 to %d",
                       index + 1, out->len, INTAKE_TYPE_MAX);
    return 0;
}

/* Line ends between a record's members become blanks (inside strings JSON has none), so that a
 * record is one line wherever lines matter. */
static struct str one_line(struct str data, struct arena *arena)
{
    struct str copy;
    char *c;

    if (memchr(data.ptr, '\n', data.len) == NULL && memchr(data.ptr, '\r', data.len) == NULL)
        return data;
    copy = arena_copy(arena, data);
    for (c = (char *)(uintptr_t)copy.ptr; c != NULL && *c != '\0'; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return copy;
}

static int add_record(struct intake *intake, struct str data, const struct str values[2],
                      struct str type, struct err *err)
{
    size_t index = intake->put.count;
    struct store_entity *entity;
    int status;

    if (data.len > INTAKE_RECORD_MAX)
        return err_set(err, E_TOO_LARGE, "record %zu has %zu bytes; the most is %d", index + 1,
                       data.len, INTAKE_RECORD_MAX);
    if (index == INTAKE_RECORDS_MAX)
        return err_set(err, E_TOO_LARGE,
                       "more than %d records in one request; send them in several",
                       INTAKE_RECORDS_MAX);
    if (index == intake->room && grow(intake) < 0)
        return -ENOMEM;
    entity = &intake->entities[index];
    *entity = (struct store_entity){
        .data = one_line(data, &intake->arena),
        .trace = intake->source.trace,
        .origin = intake->source.origin,
    };
    if (entity->data.ptr == NULL)
        return -ENOMEM;
    status = read_id(intake, values[0], entity->data, index, &entity->id, err);
    if (status == 0)
        status = read_type(intake, type, values[1], index, &entity->type, err);
    if (status == 0)
        intake->put.count++;
    return status;
}

static int read_records(struct intake *intake, struct str body, struct str type, struct err *err)
{
    static const char *const names[] = {"id", "type"};
    struct json_records reader = {.rest = body};
    struct str values[2];
    struct str data;
    int status;

    while ((status = json_records_next(&reader, names, 2, &data, values, err)) > 0) {
        status = add_record(intake, data, values, type, err);
        if (status < 0)
            break;
    }
    if (status == -ENOMEM)
        return err_set(err, -ENOMEM, "out of memory");
    if (status == 0 && intake->put.count == 0)
        return err_set(
            err, E_SYNTAX,
            "the body holds no record: send a JSON object, an array of objects, or one object a "
            "line");
    return status;
}

/* What was read goes to the store, or why it does not to whoever asked. */
static void put_or_fail(struct intake *take_intake, int status, struct err *err)
{
    _guard_(intake) struct intake *intake = take_intake;

    if (status == 0 && intake->put.count > 1) {
        intake->results = calloc(intake->put.count, sizeof *intake->results);
        if (intake->results == NULL)
            status = err_set(err, -ENOMEM, "out of memory");
    }
    if (status < 0)
        fail(intake->done, intake->user, status, err);
    else
        put(steal(intake));
}

void intake_put(struct engine *engine, struct str body, struct str type,
                struct intake_source source, intake_done_fn done, void *user)
{
    struct intake *intake = intake_create(engine, done, user);
    struct err err = {0};

    if (intake == NULL) {
        fail(done, user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return;
    }
    intake->source = source;
    put_or_fail(intake, read_records(intake, body, type, &err), &err);
}

/* ---- deliveries ---- */

static int add_mapped(struct intake *intake, const struct str values[3], struct str type,
                      size_t index, struct err *err)
{
    if (values[2].ptr == NULL || json_kind_of(values[2]) != JSON_OBJECT)
        return err_set(err, E_SYNTAX,
                       "entity %zu of the mapping has no \"data\" that is an object; expected "
                       "{\"id\": ..., \"type\": ..., \"data\": {...}}",
                       index + 1);
    bool has_type = values[1].ptr != NULL && json_kind_of(values[1]) == JSON_STRING;
    return add_record(intake, values[2], values, has_type ? STR_NONE : type, err);
}

static int read_mapped(struct intake *intake, struct str body, struct str type, struct err *err)
{
    static const char *const names[] = {"id", "type", "data"};
    struct json_records reader = {.rest = body};
    struct str values[3];
    struct str record;
    int status;

    if (str_is(str_trim(body), "null"))
        return 0;
    while ((status = json_records_next(&reader, names, 3, &record, values, err)) > 0) {
        status = add_mapped(intake, values, type, reader.index, err);
        if (status < 0)
            break;
    }
    return status == -ENOMEM ? err_set(err, -ENOMEM, "out of memory") : status;
}

void intake_put_delivery(struct engine *engine, struct str body,
                         const struct intake_delivery *delivery, struct str trace,
                         intake_done_fn done, void *user)
{
    struct intake *intake = intake_create(engine, done, user);
    struct err err = {0};
    int status;

    if (intake == NULL) {
        fail(done, user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return;
    }
    intake->source.trace = trace;
    intake->delivery = (struct store_delivery){
        .integration = delivery->integration,
        .id = delivery->id,
        .until_ms = clock_wall_ms() + delivery->keep_ms,
    };
    status = delivery->is_mapped ? read_mapped(intake, body, delivery->type, &err)
                                 : read_records(intake, body, delivery->type, &err);
    if (status == 0 && delivery->entity.len > 0 && intake->put.count == 1 && intake->ids_made == 1)
        intake->entities[0].id = delivery->entity;
    put_or_fail(intake, status, &err);
}

/* ---- one by its id ---- */

void intake_put_as(struct engine *engine, struct str id, struct str type, struct str data,
                   struct intake_source source, uint64_t if_version, intake_done_fn done,
                   void *user)
{
    _guard_(intake) struct intake *intake = intake_create(engine, done, user);
    static const char *const names[] = {"id", "type"};
    struct str rest = data;
    struct str values[2];
    struct str value;
    struct err err = {0};
    int status;

    if (intake == NULL) {
        fail(done, user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return;
    }
    intake->source = source;
    status = json_next_picked(&rest, names, 2, &value, values, &err);
    if (status > 0 && json_kind_of(value) != JSON_OBJECT)
        status = E_SYNTAX;
    if (status == 0 || (status > 0 && str_trim(rest).len > 0) ||
        (status == E_SYNTAX && err.code == 0))
        status = err_set(&err, E_SYNTAX, "the body must be one JSON object");
    if (status > 0) {
        values[0] = STR_NONE;
        status = id.len == 0 || id.len > INTAKE_ID_MAX
                     ? err_set(&err, E_TOO_LARGE, "the id has %zu bytes; it must have 1 to %d",
                               id.len, INTAKE_ID_MAX)
                     : add_record(intake, value, values, type, &err);
    }
    if (status < 0) {
        fail(done, user, status, &err);
        return;
    }
    intake->entities[0].id = arena_copy(&intake->arena, id);
    intake->entities[0].if_version = if_version;
    put(steal(intake));
}

void intake_delete(struct engine *engine, struct str id, struct intake_source source,
                   uint64_t if_version, intake_done_fn done, void *user)
{
    _guard_(intake) struct intake *intake = intake_create(engine, done, user);
    struct err err = {0};

    if (intake == NULL) {
        fail(done, user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return;
    }
    intake->entities[0] = (struct store_entity){
        .id = arena_copy(&intake->arena, id),
        .is_delete = true,
        .if_version = if_version,
        .origin = source.origin,
    };
    intake->put.count = 1;
    put(steal(intake));
}

void intake_result_put(const struct intake_result *result, bool with_ids, struct buf *out)
{
    json_put_int(out, "received", (int64_t)result->count);
    json_put_int(out, "created", (int64_t)result->created);
    json_put_int(out, "updated", (int64_t)result->updated);
    json_put_int(out, "unchanged", (int64_t)result->unchanged);
    if (!with_ids)
        return;
    buf_puts(out, ",\"ids\":[");
    for (size_t i = 0; i < result->count; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_put_string(out, result->entities[i].id);
    }
    buf_putc(out, ']');
}

bool intake_has_type(struct str record)
{
    struct str type = json_find(record, "type");

    return json_check(record, NULL) < 0 || (type.len > 0 && json_kind_of(type) == JSON_STRING);
}

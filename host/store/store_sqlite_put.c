/* SPDX-License-Identifier: Apache-2.0
 * Entities and what hangs on them: the intake's side of the hot path. A new entity is two
 * inserts, the entity and its signal, behind a look for its id. Nothing but that look keeps ids
 * unique, as the index is one of hashes: there is no other writer, see take_lock. */
#include "store/store_sqlite.h"

#include "base/clock.h"

#include <stdlib.h>

int store_sqlite_add_signal(struct store_sqlite_writer *writer, enum store_signal_kind kind,
                            uint64_t entity, uint64_t version, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *add = store_sqlite_use(&writer->handle, S_SIGNAL,
                                         "INSERT INTO signals (seq, kind, entity, version, at_ms)"
                                         " VALUES (?1, ?2, ?3, ?4, ?5)");

    (void)sqlite3_bind_int64(add, 1, (int64_t)writer->life.seq);
    (void)sqlite3_bind_int(add, 2, kind);
    (void)sqlite3_bind_int64(add, 3, (int64_t)entity);
    (void)sqlite3_bind_int64(add, 4, (int64_t)version);
    (void)sqlite3_bind_int64(add, 5, now_ms);
    return store_sqlite_run(writer, add, "cannot add a signal", err);
}

static void bind_origin(sqlite3_stmt *statement, int index, struct store_origin origin)
{
    if (origin.integration == 0)
        (void)sqlite3_bind_null(statement, index);
    else
        (void)sqlite3_bind_int64(statement, index, store_origin_pack(origin));
}

/* The id is not there yet. */
static int insert_entity(struct store_sqlite_writer *writer, const struct store_entity *entity,
                         uint32_t type, int64_t hash, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *add =
        store_sqlite_use(&writer->handle, S_ENTITY_ADD,
                         "INSERT INTO entities (num, type, version, seq, deleted, created_ms,"
                         " updated_ms, id, data, id_hash, trace, origin)"
                         " VALUES (?1, ?2, ?9, ?3, 0, ?4, ?4, ?5, ?6, ?7, ?8, ?10)");

    (void)sqlite3_bind_int64(add, 1, (int64_t)writer->life.entity + 1);
    (void)sqlite3_bind_int64(add, 2, type);
    (void)sqlite3_bind_int64(add, 3, (int64_t)writer->life.seq + 1);
    (void)sqlite3_bind_int64(add, 4, now_ms);
    store_sqlite_bind_text(add, 5, entity->id);
    (void)sqlite3_bind_text64(add, 6, entity->data.ptr != NULL ? entity->data.ptr : "",
                              entity->data.len, SQLITE_STATIC, SQLITE_UTF8);
    (void)sqlite3_bind_int64(add, 7, hash);
    store_sqlite_bind_text(add, 8, entity->trace);
    (void)sqlite3_bind_int64(add, 9, (int64_t)writer->life.floor + 1);
    bind_origin(add, 10, (struct store_origin){entity->origin, entity->origin != 0});
    int status = store_sqlite_run(writer, add, "cannot add an entity", err);
    if (status < 0)
        return status;
    writer->life.entity++;
    writer->life.seq++;
    writer->life.entities++;
    return store_sqlite_add_signal(writer, SIGNAL_CREATED, writer->life.entity,
                                   writer->life.floor + 1, now_ms, err);
}

int store_sqlite_find_entity(struct store_sqlite_writer *writer, const struct store_entity *entity,
                             uint32_t type, struct store_sqlite_met *out, struct err *err)
{
    sqlite3_stmt *find = store_sqlite_use(
        &writer->handle, S_ENTITY_FIND,
        "SELECT num, version, created_ms, deleted, type, data, updated_ms, origin FROM entities"
        " WHERE id_hash = ?2 AND id = ?1");

    out->hash = store_rules_hash(writer->handle.uuid, entity->id);
    store_sqlite_bind_text(find, 1, entity->id);
    (void)sqlite3_bind_int64(find, 2, out->hash);
    int code = find != NULL ? sqlite3_step(find) : SQLITE_ERROR;
    int status = code == SQLITE_ROW ? 1 : 0;
    if (code == SQLITE_ROW) {
        out->number = (uint64_t)sqlite3_column_int64(find, 0);
        out->version = (uint64_t)sqlite3_column_int64(find, 1);
        out->created_ms = sqlite3_column_int64(find, 2);
        out->is_deleted = sqlite3_column_int(find, 3) != 0;
        out->updated_ms = sqlite3_column_int64(find, 6);
        out->origin = store_origin_unpack(sqlite3_column_int64(find, 7));
        out->is_same = (uint32_t)sqlite3_column_int64(find, 4) == type &&
                       str_equals(store_sqlite_column(find, 5), entity->data);
    } else if (code != SQLITE_DONE) {
        status = store_sqlite_spoil(writer, "cannot look for an entity", err);
    }
    (void)sqlite3_reset(find); /* repeats the step's code */
    return status;
}

static int update_entity(struct store_sqlite_writer *writer, const struct store_entity *entity,
                         uint32_t type, const struct store_sqlite_met *found, int64_t now_ms,
                         struct store_put_result *result, struct err *err)
{
    uint64_t version = found->version + 1;
    enum store_signal_kind kind = entity->is_delete   ? SIGNAL_DELETED
                                  : found->is_deleted ? SIGNAL_CREATED
                                                      : SIGNAL_UPDATED;
    struct str data = entity->is_delete ? STR("") : entity->data;
    sqlite3_stmt *update = store_sqlite_use(
        &writer->handle, S_ENTITY_UPDATE,
        "UPDATE entities SET type = ifnull(?2, type), version = ?3, seq = ?4,"
        " deleted = ?5, created_ms = ?6, updated_ms = ?7, data = ?8, trace = ?9, origin = ?10"
        " WHERE num = ?1");
    struct store_origin origin;

    if (!store_rules_origin(entity->origin, found->origin, now_ms - found->updated_ms, &origin)) {
        result->outcome = PUT_BY_TURNS;
        return 0;
    }
    writer->life.seq++;
    (void)sqlite3_bind_int64(update, 1, (int64_t)found->number);
    if (entity->is_delete)
        (void)sqlite3_bind_null(update, 2);
    else
        (void)sqlite3_bind_int64(update, 2, type);
    (void)sqlite3_bind_int64(update, 3, (int64_t)version);
    (void)sqlite3_bind_int64(update, 4, (int64_t)writer->life.seq);
    (void)sqlite3_bind_int(update, 5, entity->is_delete);
    (void)sqlite3_bind_int64(update, 6, kind == SIGNAL_CREATED ? now_ms : found->created_ms);
    (void)sqlite3_bind_int64(update, 7, now_ms);
    (void)sqlite3_bind_text64(update, 8, data.ptr != NULL ? data.ptr : "", data.len, SQLITE_STATIC,
                              SQLITE_UTF8);
    store_sqlite_bind_text(update, 9, entity->trace);
    bind_origin(update, 10, origin);
    int status = store_sqlite_run(writer, update, "cannot update an entity", err);
    if (status < 0)
        return status;
    if (kind == SIGNAL_CREATED)
        writer->life.entities++;
    else if (kind == SIGNAL_DELETED)
        writer->life.entities--;
    result->version = version;
    result->outcome = kind == SIGNAL_DELETED   ? PUT_DELETED
                      : kind == SIGNAL_CREATED ? PUT_CREATED
                                               : PUT_UPDATED;
    return store_sqlite_add_signal(writer, kind, found->number, version, now_ms, err);
}

static int put_one(struct store_sqlite_writer *writer, const struct store_entity *entity,
                   int64_t now_ms, struct store_put_result *result, struct err *err)
{
    struct store_sqlite_met found = {0};
    uint32_t type = 0;
    bool may_create = !entity->is_delete && entity->if_version == 0;
    int status = 0;

    if (!entity->is_delete)
        status = store_sqlite_type_intern(writer, entity->type, &type, err);
    if (status == 0)
        status = store_sqlite_find_entity(writer, entity, type, &found, err);
    if (status == 0 && may_create) {
        *result = (struct store_put_result){PUT_CREATED, writer->life.floor + 1};
        return insert_entity(writer, entity, type, found.hash, now_ms, err);
    }
    if (status < 0)
        return status;
    result->version = found.version;
    if (status == 0 || (found.is_deleted && !may_create))
        result->outcome = PUT_NOT_FOUND;
    else if (entity->if_version != 0 && entity->if_version != STORE_VERSION_ANY &&
             entity->if_version != found.version)
        result->outcome = PUT_CONFLICT;
    else if (!entity->is_delete && !found.is_deleted && found.is_same)
        result->outcome = PUT_UNCHANGED;
    else
        return update_entity(writer, entity, type, &found, now_ms, result, err);
    return 0;
}

/* Before anything is written: a put that is refused for its types changes nothing. With room for
 * as many types as entities none of them is refused, so that mostly there is nothing to do. */
static int intern_types(struct store_sqlite_writer *writer, const struct store_put *put,
                        struct err *err)
{
    uint32_t before = writer->type_count;
    uint32_t type;
    int status = 0;

    if (before + put->count <= STORE_TYPES_MAX)
        return 0;
    for (size_t i = 0; i < put->count && status == 0; i++)
        if (!put->entities[i].is_delete)
            status = store_sqlite_type_intern(writer, put->entities[i].type, &type, err);
    if (status == E_TOO_LARGE && writer->type_count > before) {
        int dropped = store_sqlite_types_drop(writer, before, err);
        return dropped < 0 ? dropped : status;
    }
    return status;
}

int store_sqlite_put(void *pointer, struct store_put *put, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    int64_t now_ms = clock_wall_ms();
    uint64_t seq_before = writer->life.seq;
    int status = store_rules_check_put(put, err);

    if (status == 0 && put->delivery != NULL)
        status = store_sqlite_delivery_find(writer, put->delivery, err);
    if (status == 0 && put->delivery != NULL && put->delivery->is_duplicate)
        return 0;
    if (status == 0)
        status = intern_types(writer, put, err);
    for (size_t i = 0; i < put->count && status == 0; i++) {
        put->results[i] = (struct store_put_result){PUT_NOT_FOUND, 0};
        status = put_one(writer, &put->entities[i], now_ms, &put->results[i], err);
    }
    if (status == 0 && put->delivery != NULL)
        status = store_sqlite_delivery_add(writer, put->delivery, err);
    if (status == 0 && writer->life.seq != seq_before)
        put->last_seq = writer->life.seq;
    put->at_ms = now_ms;
    return status;
}

int store_sqlite_integration(void *pointer, struct store_integration *wanted, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    int status = store_rules_check_name(wanted->name, "integration's name", STORE_TYPE_MAX, err);

    if (status < 0)
        return status;
    for (size_t i = 0; i < writer->integration_count; i++) {
        if (str_is(wanted->name, writer->integrations[i].name)) {
            wanted->number = writer->integrations[i].number;
            wanted->cursor = writer->integrations[i].cursor;
            return store_sqlite_lane_open(writer, wanted->number, clock_wall_ms(), err);
        }
    }
    size_t count = writer->integration_count;
    struct store_sqlite_integration *grown =
        realloc(writer->integrations, (count + 1) * sizeof(*grown));
    if (grown == NULL)
        return err_set(err, -ENOMEM, "no memory for an integration");
    writer->integrations = grown;
    char *name = str_dup(wanted->name);
    if (name == NULL)
        return err_set(err, -ENOMEM, "no memory for an integration");
    uint32_t number = count > 0 ? grown[count - 1].number + 1 : 1;
    grown[count] = (struct store_sqlite_integration){.name = name, .number = number};
    writer->integration_count++;
    sqlite3_stmt *add =
        store_sqlite_use(&writer->handle, S_INTEGRATION_ADD,
                         "INSERT INTO integrations (number, name, cursor, by_hand, by_hand_end)"
                         " VALUES (?1, ?2, 0, 0, 0)");
    (void)sqlite3_bind_int64(add, 1, number);
    store_sqlite_bind_text(add, 2, wanted->name);
    wanted->number = number;
    wanted->cursor = 0;
    status = store_sqlite_run(writer, add, "cannot add an integration", err);
    return status < 0 ? status : store_sqlite_lane_open(writer, number, clock_wall_ms(), err);
}

int store_sqlite_keep(void *pointer, struct store_keep *keep, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    sqlite3_stmt *statement;

    if (store_rules_check_keep(keep, err) < 0)
        return err->code;
    if (store_sqlite_integration_find(writer, keep->integration, err) == NULL)
        return err->code;
    if (keep->value.len == 0)
        statement = store_sqlite_use(&writer->handle, S_KEEP_NOT,
                                     "DELETE FROM kept WHERE integration = ?1 AND name = ?2");
    else
        statement = store_sqlite_use(&writer->handle, S_KEEP,
                                     "INSERT INTO kept (integration, name, value) VALUES (?1, ?2, "
                                     "?3) ON CONFLICT DO UPDATE SET value = ?3");
    (void)sqlite3_bind_int64(statement, 1, keep->integration);
    store_sqlite_bind_text(statement, 2, keep->name);
    if (keep->value.len > 0)
        store_sqlite_bind_text(statement, 3, keep->value);
    return store_sqlite_run(writer, statement, "cannot keep an integration's text", err);
}

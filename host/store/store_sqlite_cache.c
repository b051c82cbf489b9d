/* SPDX-License-Identifier: Apache-2.0
 * What the writer keeps in memory so that a record costs no statement for it: the last numbers
 * given out, type names, the integrations with their cursors and counts, the leases. Changes are
 * written once per commit; a rollback reads all of it back. */
#include "store/store_sqlite.h"

#include "base/clock.h"

#include <stdlib.h>

enum { DUE_SAVED_EVERY_MS = 1000 };

static uint32_t hash_name(struct str name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.ptr[i]) * 16777619u;
    return hash;
}

/* The slot of the name, or the free one where it would stand. */
static size_t type_slot(const struct store_sqlite_writer *writer, struct str name)
{
    size_t slot = hash_name(name) % TYPE_SLOTS;

    while (writer->type_slots[slot] != 0) {
        const struct store_sqlite_type *type = &writer->types[writer->type_slots[slot]];
        if (type->len == name.len && memcmp(type->name, name.ptr, name.len) == 0)
            break;
        slot = (slot + 1) % TYPE_SLOTS;
    }
    return slot;
}

uint32_t store_sqlite_type_find(struct store_sqlite_writer *writer, struct str name)
{
    return name.len == 0 ? 0 : writer->type_slots[type_slot(writer, name)];
}

static int type_keep(struct store_sqlite_writer *writer, struct str name, uint32_t number,
                     struct err *err)
{
    if (number != writer->type_count + 1 || number > STORE_TYPES_MAX)
        return err_set(err, E_SYNTAX,
                       "store %s: the table of types is damaged at number %u; restore a backup",
                       writer->handle.path, number);
    char *copy = str_dup(name);
    if (copy == NULL)
        return err_set(err, -ENOMEM, "no memory for a type's name");
    writer->type_slots[type_slot(writer, name)] = (uint16_t)number;
    writer->types[number] = (struct store_sqlite_type){copy, name.len};
    writer->type_count = number;
    return 0;
}

int store_sqlite_type_intern(struct store_sqlite_writer *writer, struct str name, uint32_t *out,
                             struct err *err)
{
    uint32_t number = store_sqlite_type_find(writer, name);

    if (number != 0) {
        *out = number;
        return 0;
    }
    if (writer->type_count == STORE_TYPES_MAX)
        return err_set(
            err, E_TOO_LARGE,
            "type '%.*s' would be one more than the %d types a store can have: a type names"
            " a kind of entity, not one of them",
            STR_ARG(name), (int)STORE_TYPES_MAX);
    sqlite3_stmt *add = store_sqlite_use(&writer->handle, S_TYPE_ADD,
                                         "INSERT INTO types (num, name) VALUES (?1, ?2)");
    number = writer->type_count + 1;
    (void)sqlite3_bind_int64(add, 1, number);
    store_sqlite_bind_text(add, 2, name);
    int status = store_sqlite_run(writer, add, "cannot add a type", err);
    if (status == 0 && (status = type_keep(writer, name, number, err)) < 0)
        writer->is_spoiled = true;
    if (status == 0)
        *out = number;
    return status;
}

static void types_forget(struct store_sqlite_writer *writer, uint32_t keep)
{
    if (writer->type_count == keep)
        return;
    for (uint32_t i = keep + 1; i <= writer->type_count; i++)
        free(writer->types[i].name);
    writer->type_count = keep;
    memset(writer->type_slots, 0, sizeof(writer->type_slots));
    for (uint32_t i = 1; i <= keep; i++) {
        struct str name = {writer->types[i].name, writer->types[i].len};
        writer->type_slots[type_slot(writer, name)] = (uint16_t)i;
    }
}

int store_sqlite_types_drop(struct store_sqlite_writer *writer, uint32_t keep, struct err *err)
{
    sqlite3_stmt *drop =
        store_sqlite_use(&writer->handle, S_TYPES_DROP, "DELETE FROM types WHERE num > ?1");

    (void)sqlite3_bind_int64(drop, 1, keep);
    types_forget(writer, keep);
    return store_sqlite_run(writer, drop, "cannot remove types", err);
}

struct store_sqlite_integration *store_sqlite_integration_find(struct store_sqlite_writer *writer,
                                                               uint32_t number, struct err *err)
{
    for (size_t i = 0; i < writer->integration_count; i++)
        if (writer->integrations[i].number == number)
            return &writer->integrations[i];
    err_set(err, E_NOT_FOUND, "the store knows no integration number %u", number);
    return NULL;
}

void store_sqlite_count(struct store_sqlite_integration *integration, enum submission_state from,
                        enum submission_state to)
{
    if (from == to)
        return;
    if (from != SUBMISSION_NONE)
        integration->deltas[from]--;
    if (to != SUBMISSION_NONE)
        integration->deltas[to]++;
    integration->is_counted = true;
}

static size_t lease_index(const struct store_sqlite_writer *writer, uint64_t submission)
{
    size_t low = 0;
    size_t high = writer->lease_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (writer->leases[middle].last < submission)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int lease_keep(struct store_sqlite_writer *writer, const struct store_sqlite_lease *lease,
                      struct err *err)
{
    if (writer->lease_count == writer->lease_capacity) {
        size_t capacity = writer->lease_capacity == 0 ? 16 : writer->lease_capacity * 2;
        struct store_sqlite_lease *leases = realloc(writer->leases, capacity * sizeof(*leases));
        if (leases == NULL)
            return err_set(err, -ENOMEM, "no memory for a lease");
        writer->leases = leases;
        writer->lease_capacity = capacity;
    }
    writer->leases[writer->lease_count++] = *lease; /* numbers only grow, so the order holds */
    return 0;
}

int store_sqlite_lease_add(struct store_sqlite_writer *writer,
                           const struct store_sqlite_lease *lease, struct err *err)
{
    sqlite3_stmt *add = store_sqlite_use(
        &writer->handle, S_LEASE_ADD,
        "INSERT INTO leases (first, last, integration, until_ms) VALUES (?1, ?2, ?3, ?4)");

    (void)sqlite3_bind_int64(add, 1, (int64_t)lease->first);
    (void)sqlite3_bind_int64(add, 2, (int64_t)lease->last);
    (void)sqlite3_bind_int64(add, 3, lease->integration);
    (void)sqlite3_bind_int64(add, 4, lease->until_ms);
    writer->leases_changed = true;
    int status = store_sqlite_run(writer, add, "cannot claim", err);
    if (status == 0 && (status = lease_keep(writer, lease, err)) < 0)
        writer->is_spoiled = true;
    return status;
}

int store_sqlite_lease_drop(struct store_sqlite_writer *writer, size_t index, struct err *err)
{
    sqlite3_stmt *drop =
        store_sqlite_use(&writer->handle, S_LEASE_DROP, "DELETE FROM leases WHERE first = ?1");

    (void)sqlite3_bind_int64(drop, 1, (int64_t)writer->leases[index].first);
    writer->lease_count--;
    memmove(&writer->leases[index], &writer->leases[index + 1],
            (writer->lease_count - index) * sizeof(*writer->leases));
    writer->leases_changed = true;
    return store_sqlite_run(writer, drop, "cannot end a lease", err);
}

int store_sqlite_lease_release(struct store_sqlite_writer *writer, uint64_t submission,
                               struct err *err)
{
    size_t index = lease_index(writer, submission);

    if (index == writer->lease_count || writer->leases[index].first > submission)
        return 0; /* it had run out before the verdict came */
    writer->leases_changed = true;
    if (--writer->leases[index].outstanding > 0)
        return 0;
    return store_sqlite_lease_drop(writer, index, err);
}

/* Runs a query that is needed once, row by row. */
static int each_row(struct store_sqlite_writer *writer, const char *sql,
                    int (*row)(struct store_sqlite_writer *writer, sqlite3_stmt *row,
                               struct err *err),
                    struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int status = 0;
    int code = sqlite3_prepare_v2(writer->handle.db, sql, -1, &statement, NULL);

    while (status == 0 && code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        status = row(writer, statement, err);
        code = SQLITE_OK;
    }
    if (status == 0 && code != SQLITE_DONE)
        status = store_sqlite_fail(&writer->handle, "cannot be read", err);
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return status;
}

static int load_life(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    struct str uuid = store_sqlite_column(row, 0);

    if (uuid.len != sizeof(writer->handle.uuid) - 1)
        return err_set(err, E_SYNTAX, "store %s: its identity is damaged; restore a backup",
                       writer->handle.path);
    memcpy(writer->handle.uuid, uuid.ptr, uuid.len);
    writer->life.seq = (uint64_t)sqlite3_column_int64(row, 1);
    writer->life.entity = (uint64_t)sqlite3_column_int64(row, 2);
    writer->life.submission = (uint64_t)sqlite3_column_int64(row, 3);
    writer->life.entities = (uint64_t)sqlite3_column_int64(row, 4);
    writer->life.due_ms = sqlite3_column_int64(row, 5);
    writer->life.floor = (uint64_t)sqlite3_column_int64(row, 6);
    clock_due_from(writer->life.due_ms);
    return 0;
}

static int load_type(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    return type_keep(writer, store_sqlite_column(row, 1), (uint32_t)sqlite3_column_int64(row, 0),
                     err);
}

static int load_integration(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    size_t count = writer->integration_count;
    struct store_sqlite_integration *grown =
        realloc(writer->integrations, (count + 1) * sizeof(*grown));

    if (grown == NULL)
        return err_set(err, -ENOMEM, "no memory for an integration");
    writer->integrations = grown;
    grown[count] = (struct store_sqlite_integration){
        .number = (uint32_t)sqlite3_column_int64(row, 0),
        .name = str_dup(store_sqlite_column(row, 1)),
        .cursor = (uint64_t)sqlite3_column_int64(row, 2),
        .by_hand = (enum store_walk)sqlite3_column_int(row, 3),
        .by_hand_end = (uint64_t)sqlite3_column_int64(row, 4),
        .entity_max = writer->life.entity,
    };
    if (grown[count].name == NULL)
        return err_set(err, -ENOMEM, "no memory for an integration");
    writer->integration_count++;
    return 0;
}

static int load_lease(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    const struct store_sqlite_lease lease = {
        .first = (uint64_t)sqlite3_column_int64(row, 0),
        .last = (uint64_t)sqlite3_column_int64(row, 1),
        .integration = (uint32_t)sqlite3_column_int64(row, 2),
        .until_ms = sqlite3_column_int64(row, 3),
        .outstanding = (uint32_t)sqlite3_column_int64(row, 4),
    };

    return lease_keep(writer, &lease, err);
}

static int load_cleaned(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    int64_t state = sqlite3_column_int64(row, 0);

    (void)err;
    if (state >= 0 && state < SUBMISSION_STATES)
        writer->cleaned[state] = (uint64_t)sqlite3_column_int64(row, 1);
    return 0;
}

static int load_request(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    return store_sqlite_requests_load(writer, store_sqlite_column(row, 1),
                                      (uint32_t)sqlite3_column_int64(row, 0), err);
}

static int load_span(struct store_sqlite_writer *writer, sqlite3_stmt *row, struct err *err)
{
    uint64_t last = (uint64_t)sqlite3_column_int64(row, 1);

    (void)err;
    writer->span = (struct store_sqlite_span){
        .first = (uint64_t)sqlite3_column_int64(row, 0),
        .last = last < writer->life.submission ? last : writer->life.submission,
        .written_last = last,
        .integration = (uint32_t)sqlite3_column_int64(row, 2),
        .born_ms = sqlite3_column_int64(row, 3),
    };
    return 0;
}

static void integrations_forget(struct store_sqlite_writer *writer)
{
    for (size_t i = 0; i < writer->integration_count; i++)
        free(writer->integrations[i].name);
    writer->integration_count = 0;
}

static int load_rest(struct store_sqlite_writer *writer, struct err *err)
{
    integrations_forget(writer);
    int status = each_row(
        writer,
        "SELECT number, name, cursor, by_hand, by_hand_end FROM integrations ORDER BY number",
        load_integration, err);
    if (status < 0)
        return status;
    writer->lease_count = 0;
    return each_row(
        writer,
        "SELECT first, last, integration, until_ms, (SELECT count(*) FROM submissions s WHERE s.num"
        " BETWEEN l.first AND l.last AND s.state = 1 AND s.due_ms IS NULL) FROM leases l ORDER BY "
        "first",
        load_lease, err);
}

int store_sqlite_cache_load(struct store_sqlite_writer *writer, struct err *err)
{
    int status =
        each_row(writer, "SELECT uuid, seq, entity, submission, entities, due_ms, floor FROM life",
                 load_life, err);

    if (status == 0 && writer->handle.uuid[0] == '\0')
        status = err_set(err, E_SYNTAX, "store %s: its identity is missing; restore a backup",
                         writer->handle.path);
    if (status == 0)
        status = each_row(writer, "SELECT num, name FROM types ORDER BY num", load_type, err);
    if (status == 0)
        status = each_row(writer, "SELECT state, submission FROM cleaned", load_cleaned, err);
    if (status == 0)
        status = each_row(writer, "SELECT num, line FROM requests ORDER BY num", load_request, err);
    if (status == 0)
        status = each_row(writer,
                          "SELECT first, last, integration, born_ms FROM spans"
                          " ORDER BY first DESC LIMIT 1",
                          load_span, err);
    if (status == 0)
        status = load_rest(writer, err);
    store_sqlite_cache_committed(writer);
    return status;
}

static int flush_integration(struct store_sqlite_writer *writer,
                             struct store_sqlite_integration *integration, struct err *err)
{
    int status = 0;

    if (integration->is_changed) {
        sqlite3_stmt *save =
            store_sqlite_use(&writer->handle, S_INTEGRATION_SAVE,
                             "UPDATE integrations SET cursor = ?2, by_hand = ?3, by_hand_end = ?4"
                             " WHERE number = ?1");
        (void)sqlite3_bind_int64(save, 1, integration->number);
        (void)sqlite3_bind_int64(save, 2, (int64_t)integration->cursor);
        (void)sqlite3_bind_int(save, 3, integration->by_hand);
        (void)sqlite3_bind_int64(save, 4, (int64_t)integration->by_hand_end);
        status = store_sqlite_run(writer, save, "cannot save a cursor", err);
    }
    for (int state = 0; state < SUBMISSION_STATES && status == 0 && integration->is_counted;
         state++) {
        if (integration->deltas[state] == 0)
            continue;
        sqlite3_stmt *count =
            store_sqlite_use(&writer->handle, S_COUNT,
                             "INSERT INTO counts (integration, state, count) VALUES (?1, ?2, ?3)"
                             " ON CONFLICT DO UPDATE SET count = count + ?3");
        (void)sqlite3_bind_int64(count, 1, integration->number);
        (void)sqlite3_bind_int(count, 2, state);
        (void)sqlite3_bind_int64(count, 3, integration->deltas[state]);
        status = store_sqlite_run(writer, count, "cannot save the counts", err);
    }
    return status;
}

int store_sqlite_cache_flush(struct store_sqlite_writer *writer, struct err *err)
{
    int64_t due_ms = clock_due_ms();
    int status = store_sqlite_span_flush(writer, err);

    if (due_ms - writer->life.due_ms >= DUE_SAVED_EVERY_MS)
        writer->life.due_ms = due_ms;
    if (status == 0 && memcmp(&writer->life, &writer->life_committed, sizeof(writer->life)) != 0) {
        sqlite3_stmt *save = store_sqlite_use(
            &writer->handle, S_LIFE,
            "UPDATE life SET seq = ?1, entity = ?2, submission = ?3, entities = ?4, due_ms = ?5,"
            " floor = ?6");
        (void)sqlite3_bind_int64(save, 1, (int64_t)writer->life.seq);
        (void)sqlite3_bind_int64(save, 2, (int64_t)writer->life.entity);
        (void)sqlite3_bind_int64(save, 3, (int64_t)writer->life.submission);
        (void)sqlite3_bind_int64(save, 4, (int64_t)writer->life.entities);
        (void)sqlite3_bind_int64(save, 5, writer->life.due_ms);
        (void)sqlite3_bind_int64(save, 6, (int64_t)writer->life.floor);
        status = store_sqlite_run(writer, save, "cannot commit", err);
    }
    for (size_t i = 0; i < writer->integration_count && status == 0; i++)
        status = flush_integration(writer, &writer->integrations[i], err);
    return status;
}

void store_sqlite_cache_committed(struct store_sqlite_writer *writer)
{
    writer->life_committed = writer->life;
    writer->types_committed = writer->type_count;
    writer->leases_changed = false;
    memcpy(writer->cleaned_committed, writer->cleaned, sizeof(writer->cleaned));
    writer->span_committed = writer->span;
    writer->requests.committed = writer->requests.count;
    for (size_t i = 0; i < writer->integration_count; i++) {
        struct store_sqlite_integration *integration = &writer->integrations[i];
        integration->is_changed = false;
        integration->is_counted = false;
        memset(integration->deltas, 0, sizeof(integration->deltas));
    }
}

int store_sqlite_cache_rollback(struct store_sqlite_writer *writer, struct err *err)
{
    writer->life = writer->life_committed;
    memcpy(writer->cleaned, writer->cleaned_committed, sizeof(writer->cleaned));
    writer->span = writer->span_committed;
    store_sqlite_requests_forget(&writer->requests, writer->requests.committed);
    types_forget(writer, writer->types_committed);
    int status = load_rest(writer, err);
    store_sqlite_cache_committed(writer);
    return status;
}

void store_sqlite_cache_finish(struct store_sqlite_writer *writer)
{
    types_forget(writer, 0);
    store_sqlite_requests_forget(&writer->requests, 0);
    integrations_forget(writer);
    free(writer->integrations);
    free(writer->leases);
    free(writer->lanes);
}

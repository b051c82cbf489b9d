/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: tables and intake. */
#include "store/store_memory.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

int store_memory_reserve(void *rows, size_t *capacity, size_t count, size_t more, size_t row_bytes,
                         struct err *err)
{
    size_t wanted = *capacity == 0 ? 16 : *capacity;
    void *grown;

    if (count + more <= *capacity)
        return 0;
    while (wanted < count + more)
        wanted *= 2;
    memcpy(&grown, rows, sizeof(grown));
    grown = realloc(grown, wanted * row_bytes);
    if (grown == NULL)
        return err_set(err, -ENOMEM, "no memory for %zu more rows in the memory store", more);
    memcpy(rows, &grown, sizeof(grown));
    *capacity = wanted;
    return 0;
}

bool store_memory_copy(struct str from, struct store_memory_text *out)
{
    *out = (struct store_memory_text){NULL, 0};
    if (from.len == 0)
        return true;
    out->ptr = malloc(from.len);
    if (out->ptr == NULL)
        return false;
    memcpy(out->ptr, from.ptr, from.len);
    out->len = from.len;
    return true;
}

struct str store_memory_str(const struct store_memory_text *text)
{
    return (struct str){text->ptr, text->len};
}

static uint64_t hash_id(struct str id)
{
    uint64_t hash = 1469598103934665603u;

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 1099511628211u;
    return hash;
}

static size_t slot_of(const struct store_memory *memory, struct str id)
{
    size_t slot = hash_id(id) & (memory->slot_count - 1);

    while (memory->slots[slot] != 0 &&
           !str_equals(store_memory_str(&memory->entities.rows[memory->slots[slot] - 1].id), id))
        slot = (slot + 1) & (memory->slot_count - 1);
    return slot;
}

struct store_memory_entity *store_memory_find(struct store_memory *memory, struct str id)
{
    uint64_t found = memory->slot_count == 0 ? 0 : memory->slots[slot_of(memory, id)];
    return found == 0 ? NULL : &memory->entities.rows[found - 1];
}

static int slots_reserve(struct store_memory *memory, size_t more, struct err *err)
{
    size_t wanted = memory->slot_count == 0 ? 64 : memory->slot_count;

    while (wanted < 2 * (memory->entities.count + more))
        wanted *= 2;
    if (wanted == memory->slot_count)
        return 0;
    uint64_t *slots = calloc(wanted, sizeof(*slots));
    if (slots == NULL)
        return err_set(err, -ENOMEM, "no memory for %zu more entities in the memory store", more);
    free(memory->slots);
    memory->slots = slots;
    memory->slot_count = wanted;
    for (size_t i = 0; i < memory->entities.count; i++)
        slots[slot_of(memory, store_memory_str(&memory->entities.rows[i].id))] = i + 1;
    return 0;
}

struct store_memory_integration *store_memory_integration_get(struct store_memory *memory,
                                                              uint32_t number, struct err *err)
{
    if (number >= 1 && number <= memory->integrations.count)
        return &memory->integrations.rows[number - 1];
    err_set(err, E_NOT_FOUND, "the store knows no integration number %u", number);
    return NULL;
}

uint64_t store_memory_add_signal(struct store_memory *memory, enum store_signal_kind kind,
                                 uint64_t entity, int64_t now_ms)
{
    memory->signals.rows[memory->signals.count++] =
        (struct store_memory_signal){.kind = kind,
                                     .entity = entity,
                                     .version = memory->entities.rows[entity].version,
                                     .at_ms = now_ms};
    return memory->signals.count;
}

/* The copies that one entity of a put needs, made before anything changes. */
struct copies {
    struct store_memory_text id, type, data, trace;
    uint32_t origin;
};

static bool copies_make(const struct store_put *put, struct copies *copies)
{
    for (size_t i = 0; i < put->count; i++) {
        const struct store_entity *entity = &put->entities[i];
        bool is_made = store_memory_copy(entity->id, &copies[i].id);
        is_made &= store_memory_copy(entity->is_delete ? STR_NONE : entity->type, &copies[i].type);
        is_made &= store_memory_copy(entity->is_delete ? STR_NONE : entity->data, &copies[i].data);
        is_made &= store_memory_copy(entity->trace, &copies[i].trace);
        copies[i].origin = entity->origin;
        if (!is_made)
            return false;
    }
    return true;
}

void store_memory_text_move(struct store_memory_text *to, struct store_memory_text *from)
{
    free(to->ptr);
    *to = *from;
    *from = (struct store_memory_text){NULL, 0};
}

static void create(struct store_memory *memory, struct copies *copies, int64_t now_ms,
                   struct store_put_result *result)
{
    uint64_t index = memory->entities.count++;
    struct store_memory_entity *row = &memory->entities.rows[index];

    *row = (struct store_memory_entity){
        .version = memory->floor + 1, .created_ms = now_ms, .updated_ms = now_ms};
    (void)store_rules_origin(copies->origin, row->origin, 0, &row->origin); /* the first turn */
    store_memory_text_move(&row->id, &copies->id);
    store_memory_text_move(&row->type, &copies->type);
    store_memory_text_move(&row->data, &copies->data);
    store_memory_text_move(&row->trace, &copies->trace);
    memory->slots[slot_of(memory, store_memory_str(&row->id))] = index + 1;
    row->seq = store_memory_add_signal(memory, SIGNAL_CREATED, index, now_ms);
    memory->live++;
    *result = (struct store_put_result){PUT_CREATED, row->version};
}

static void put_one(struct store_memory *memory, const struct store_entity *entity,
                    struct copies *copies, int64_t now_ms, struct store_put_result *result)
{
    struct store_memory_entity *row = store_memory_find(memory, entity->id);
    bool may_create = !entity->is_delete && entity->if_version == 0;

    struct store_origin origin;

    bool is_known = row != NULL && !row->is_forgotten;
    *result = (struct store_put_result){PUT_NOT_FOUND, is_known ? row->version : 0};
    if (row == NULL && may_create)
        create(memory, copies, now_ms, result);
    if (row == NULL || (row->is_deleted && !may_create))
        return;
    if (entity->if_version != 0 && entity->if_version != STORE_VERSION_ANY &&
        entity->if_version != row->version) {
        result->outcome = PUT_CONFLICT;
        return;
    }
    if (!entity->is_delete && !row->is_deleted &&
        str_equals(store_memory_str(&row->data), entity->data) &&
        str_equals(store_memory_str(&row->type), entity->type)) {
        result->outcome = PUT_UNCHANGED;
        return;
    }
    enum store_signal_kind kind = entity->is_delete ? SIGNAL_DELETED
                                  : row->is_deleted ? SIGNAL_CREATED
                                                    : SIGNAL_UPDATED;
    if (!store_rules_origin(entity->origin, row->origin, now_ms - row->updated_ms, &origin)) {
        result->outcome = PUT_BY_TURNS;
        return;
    }
    row->origin = origin;
    row->is_deleted = entity->is_delete;
    if (kind == SIGNAL_CREATED)
        row->created_ms = now_ms;
    if (!entity->is_delete)
        store_memory_text_move(&row->type, &copies->type);
    store_memory_text_move(&row->data, &copies->data);
    store_memory_text_move(&row->trace, &copies->trace);
    row->updated_ms = now_ms;
    if (row->is_forgotten && row->version < memory->floor)
        row->version = memory->floor;
    row->is_forgotten = false;
    result->version = ++row->version;
    row->seq =
        store_memory_add_signal(memory, kind, (uint64_t)(row - memory->entities.rows), now_ms);
    result->outcome = kind == SIGNAL_DELETED   ? PUT_DELETED
                      : kind == SIGNAL_CREATED ? PUT_CREATED
                                               : PUT_UPDATED;
    if (kind != SIGNAL_UPDATED)
        memory->live += kind == SIGNAL_CREATED ? 1 : (size_t)-1;
}

static bool is_remembered(const struct store_memory *memory, const struct store_delivery *delivery)
{
    char key[33];

    store_rules_delivery_key(delivery, key);
    for (size_t i = 0; i < memory->deliveries.count; i++)
        if (strcmp(memory->deliveries.rows[i].key, key) == 0)
            return true;
    return false;
}

static void remember(struct store_memory *memory, const struct store_delivery *delivery)
{
    struct store_memory_delivery *row = &memory->deliveries.rows[memory->deliveries.count++];

    row->until_ms = delivery->until_ms;
    store_rules_delivery_key(delivery, row->key);
}

static int memory_put(void *pointer, struct store_put *put, struct err *err)
{
    struct store_memory *memory = pointer;
    size_t signals_before = memory->signals.count;
    int64_t now_ms = clock_wall_ms();
    int status = store_rules_check_put(put, err);

    if (status == 0 && put->delivery != NULL) {
        put->delivery->is_duplicate = is_remembered(memory, put->delivery);
        if (put->delivery->is_duplicate)
            return 0;
        status = STORE_MEMORY_RESERVE(memory->deliveries, 1, err);
    }
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->entities, put->count, err);
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->signals, put->count, err);
    if (status == 0)
        status = slots_reserve(memory, put->count, err);
    if (status == 0)
        status = store_memory_types_add(memory, put, err);
    if (status < 0)
        return status;
    struct copies *copies = calloc(put->count + 1, sizeof(*copies));
    if (copies == NULL || !copies_make(put, copies))
        status = err_set(err, -ENOMEM, "no memory for %zu entities", put->count);
    for (size_t i = 0; i < put->count && status == 0; i++)
        put_one(memory, &put->entities[i], &copies[i], now_ms, &put->results[i]);
    for (size_t i = 0; i < put->count && copies != NULL; i++) {
        free(copies[i].id.ptr);
        free(copies[i].type.ptr);
        free(copies[i].data.ptr);
        free(copies[i].trace.ptr);
    }
    free(copies);
    if (status == 0 && put->delivery != NULL)
        remember(memory, put->delivery);
    if (memory->signals.count > signals_before)
        put->last_seq = memory->signals.count;
    put->at_ms = now_ms;
    return status;
}

static void publish_one(struct store_memory *memory, struct store_memory_published *own,
                        int64_t now_ms)
{
    memory->published.rows[memory->published.count] = *own;
    memory->signals.rows[memory->signals.count++] = (struct store_memory_signal){
        .kind = SIGNAL_OWN, .entity = memory->published.count++, .at_ms = now_ms};
}

static void published_finish(struct store_memory_published *own)
{
    free(own->name.ptr);
    free(own->sender.ptr);
    free(own->data.ptr);
}

static int memory_publish(void *pointer, struct store_publish *publish, struct err *err)
{
    struct store_memory *memory = pointer;
    struct store_memory_published *copies = calloc(publish->count + 1, sizeof *copies);
    int status = store_rules_check_publish(publish, err);

    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->signals, publish->count, err);
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->published, publish->count, err);
    for (size_t i = 0; i < publish->count && status == 0; i++) {
        const struct store_own_signal *signal = &publish->signals[i];
        bool is_made = copies != NULL && store_memory_copy(signal->name, &copies[i].name) &&
                       store_memory_copy(signal->sender, &copies[i].sender) &&
                       store_memory_copy(signal->data, &copies[i].data);
        if (!is_made)
            status = err_set(err, -ENOMEM, "no memory for %zu signals", publish->count);
        else
            copies[i].hops = signal->hops;
    }
    publish->at_ms = clock_wall_ms();
    for (size_t i = 0; i < publish->count && copies != NULL; i++)
        if (status == 0)
            publish_one(memory, &copies[i], publish->at_ms);
        else
            published_finish(&copies[i]);
    if (status == 0)
        publish->last_seq = memory->signals.count;
    free(copies);
    return status;
}

static int memory_integration(void *pointer, struct store_integration *wanted, struct err *err)
{
    struct store_memory *memory = pointer;
    int status = store_rules_check_name(wanted->name, "integration's name", STORE_TYPE_MAX, err);

    for (uint32_t i = 0; i < memory->integrations.count && status == 0; i++) {
        if (str_equals(store_memory_str(&memory->integrations.rows[i].name), wanted->name)) {
            wanted->number = i + 1;
            wanted->cursor = memory->integrations.rows[i].walk.cursor;
            return 0;
        }
    }
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->integrations, 1, err);
    if (status < 0)
        return status;
    struct store_memory_integration *row = &memory->integrations.rows[memory->integrations.count];
    *row = (struct store_memory_integration){.counts = {0}};
    if (!store_memory_copy(wanted->name, &row->name))
        return err_set(err, -ENOMEM, "no memory for an integration");
    wanted->number = (uint32_t)++memory->integrations.count;
    wanted->cursor = 0;
    return 0;
}

static int kept_compare(const struct store_memory_kept *row, const struct store_keep *keep)
{
    struct str name = store_memory_str(&row->name);
    size_t common = name.len < keep->name.len ? name.len : keep->name.len;
    int order;

    if (row->integration != keep->integration)
        return row->integration < keep->integration ? -1 : 1;
    order = memcmp(name.ptr, keep->name.ptr, common);
    return order != 0 ? order : (name.len > keep->name.len) - (name.len < keep->name.len);
}

/* Where a text is kept, or would be. */
static size_t kept_place(const struct store_memory *memory, const struct store_keep *keep,
                         bool *out_is_there)
{
    size_t i = 0;

    while (i < memory->kept.count && kept_compare(&memory->kept.rows[i], keep) < 0)
        i++;
    *out_is_there = i < memory->kept.count && kept_compare(&memory->kept.rows[i], keep) == 0;
    return i;
}

static void kept_drop(struct store_memory *memory, size_t place)
{
    struct store_memory_kept *row = &memory->kept.rows[place];

    free(row->name.ptr);
    free(row->value.ptr);
    memory->kept.count--;
    memmove(row, row + 1, (memory->kept.count - place) * sizeof *row);
}

static int memory_keep(void *pointer, struct store_keep *keep, struct err *err)
{
    struct store_memory *memory = pointer;
    struct store_memory_kept fresh = {.integration = keep->integration};
    bool is_there = false;
    int status = store_rules_check_keep(keep, err);

    if (status < 0)
        return status;
    if (store_memory_integration_get(memory, keep->integration, err) == NULL)
        return err->code;
    size_t place = kept_place(memory, keep, &is_there);
    if (keep->value.len == 0) {
        if (is_there)
            kept_drop(memory, place);
        return 0;
    }
    if (STORE_MEMORY_RESERVE(memory->kept, 1, err) < 0)
        return err->code;
    bool is_copied = store_memory_copy(keep->value, &fresh.value);
    is_copied &= is_there || store_memory_copy(keep->name, &fresh.name);
    if (!is_copied) {
        free(fresh.name.ptr);
        free(fresh.value.ptr);
        return err_set(err, -ENOMEM, "no memory for a text to keep");
    }
    struct store_memory_kept *row = &memory->kept.rows[place];
    if (is_there) {
        store_memory_text_move(&row->value, &fresh.value);
        return 0;
    }
    memmove(row + 1, row, (memory->kept.count - place) * sizeof *row);
    memory->kept.count++;
    *row = fresh;
    return 0;
}

static void memory_close(void *pointer)
{
    struct store_memory *memory = pointer;

    for (size_t i = 0; i < memory->entities.count; i++) {
        free(memory->entities.rows[i].id.ptr);
        free(memory->entities.rows[i].type.ptr);
        free(memory->entities.rows[i].data.ptr);
        free(memory->entities.rows[i].trace.ptr);
    }
    for (size_t i = 0; i < memory->submissions.count; i++)
        free(memory->submissions.rows[i].reason.ptr);
    for (size_t i = 0; i < memory->attempts.count; i++) {
        free(memory->attempts.rows[i].reason.ptr);
        free(memory->attempts.rows[i].request.ptr);
        free(memory->attempts.rows[i].answer.ptr);
        free(memory->attempts.rows[i].trace.ptr);
    }
    for (size_t i = 0; i < memory->relationships.count; i++) {
        free(memory->relationships.rows[i].type.ptr);
        free(memory->relationships.rows[i].data.ptr);
    }
    for (size_t i = 0; i < memory->keys.count; i++)
        free(memory->keys.rows[i].external_id.ptr);
    for (size_t i = 0; i < memory->integrations.count; i++)
        free(memory->integrations.rows[i].name.ptr);
    store_memory_free_attributes(memory);
    store_memory_free_types(memory);
    while (memory->kept.count > 0)
        kept_drop(memory, memory->kept.count - 1);
    free(memory->kept.rows);
    free(memory->deliveries.rows);
    free(memory->entities.rows);
    for (size_t i = 0; i < memory->published.count; i++)
        published_finish(&memory->published.rows[i]);
    free(memory->signals.rows);
    free(memory->published.rows);
    free(memory->submissions.rows);
    free(memory->attempts.rows);
    free(memory->relationships.rows);
    free(memory->keys.rows);
    free(memory->integrations.rows);
    free(memory->slots);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static int memory_open(const struct store_settings *settings, const char *place, void **out_writer,
                       struct err *err)
{
    uint8_t random[16];
    struct store_memory *memory = calloc(1, sizeof(*memory));

    (void)settings;
    (void)place;
    if (memory == NULL)
        return err_set(err, -ENOMEM, "no memory for the store");
    pthread_mutex_init(&memory->lock, NULL);
    if (digest_init() < 0 || getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        memory_close(memory);
        return err_set(err, -EIO, "no random numbers for the store's identity");
    }
    hex_encode(random, sizeof(random), memory->uuid);
    *out_writer = memory;
    return 0;
}

static int memory_open_reader(void *writer, void **out_reader, struct err *err)
{
    (void)err;
    *out_reader = writer;
    return 0;
}

static void memory_close_reader(void *reader)
{
    (void)reader; /* the writer's close frees what both see */
}

static int memory_begin(void *pointer, struct err *err)
{
    (void)err;
    pthread_mutex_lock(&((struct store_memory *)pointer)->lock);
    return 0;
}

static int memory_commit(void *pointer, struct err *err)
{
    (void)err;
    pthread_mutex_unlock(&((struct store_memory *)pointer)->lock);
    return 0;
}

static void memory_rollback(void *pointer)
{
    pthread_mutex_unlock(&((struct store_memory *)pointer)->lock);
}

/* Each write reserves its memory before it changes anything, so none fails half-way. */
static bool memory_is_spoiled(void *writer)
{
    (void)writer;
    return false;
}

static int64_t memory_wal_bytes(void *writer)
{
    (void)writer;
    return 0;
}

static int memory_shrink(void *writer, struct store_slice *slice, struct err *err)
{
    (void)writer;
    (void)slice; /* there is no file */
    (void)err;
    return 0;
}

static int memory_checkpoint(void *writer, struct err *err)
{
    (void)writer;
    (void)err;
    return 0;
}

static void memory_space(void *writer, struct store_space *out)
{
    (void)writer;
    *out = (struct store_space){.bytes = 0};
}

static int memory_reserve(void *writer, bool must_take, struct err *err)
{
    (void)writer;
    (void)must_take; /* there is no disk */
    (void)err;
    return 0;
}

static int memory_backup(void *reader, struct store_job *job, struct err *err)
{
    (void)reader;
    (void)job;
    return err_set(err, E_REFUSED,
                   "a store in memory has no file to back up: set [store] url to "
                   "sqlite:PATH");
}

const struct store_backend memory_backend = {
    .scheme = "memory",
    .open = memory_open,
    .open_reader = memory_open_reader,
    .close_reader = memory_close_reader,
    .close = memory_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .is_spoiled = memory_is_spoiled,
    .wal_bytes = memory_wal_bytes,
    .put = memory_put,
    .relate = store_memory_relate,
    .publish = memory_publish,
    .integration = memory_integration,
    .claim = store_memory_claim,
    .record = store_memory_record,
    .enqueue = store_memory_enqueue,
    .keep = memory_keep,
    .attribute = store_memory_attribute,
    .move = store_memory_move,
    .recover = store_memory_recover,
    .clean = store_memory_clean,
    .shrink = memory_shrink,
    .checkpoint = memory_checkpoint,
    .space = memory_space,
    .reserve = memory_reserve,
    .check = store_memory_check,
    .backup = memory_backup,
    .query = store_memory_query,
};

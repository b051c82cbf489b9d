/* SPDX-License-Identifier: Apache-2.0
 * The tables of the memory backend: arrays in the order of birth, so that an index is a number. For
 * tests and for trying things out; nothing survives. One lock, held by the writer from begin to
 * commit, makes the reader see commits only. */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "store/store_backend.h"
#include "store/store_rules.h"

#include <pthread.h>

struct store_memory_text {
    char *ptr; /* owned; NULL: empty */
    size_t len;
};

struct store_memory_entity {
    struct store_memory_text id, type, data, trace;
    uint64_t version, seq;
    int64_t created_ms, updated_ms;
    bool is_deleted;
    bool is_forgotten; /* by retention, and a tombstone with it; its place is for who comes again */
    uint64_t last_submission; /* of any integration; 0: none */
    struct store_origin origin;
};

/* Signal n has seq n + 1: every number of the sequence belongs to one signal, so this is the walk's
 * index as well. */
struct store_memory_signal {
    enum store_signal_kind kind;
    uint64_t entity; /* index; of SIGNAL_OWN in `published` */
    uint64_t version;
    int64_t at_ms;
    bool is_removed; /* by retention; its number is still the walk's */
};

struct store_memory_published {
    struct store_memory_text name, sender, data;
    uint32_t hops;
};

struct store_memory_submission {
    uint64_t entity; /* index */
    uint64_t version;
    uint64_t before;       /* the entity's former submission, of any integration; 0: none */
    uint64_t last_attempt; /* number in attempts; 0: none */
    int64_t changed_ms;
    int64_t due_ms; /* in flight: the lease's end; has_due false: ended or blocked */
    struct store_memory_text reason;
    uint32_t integration;
    uint32_t attempts, base, flags, salt;
    enum submission_state state;
    bool has_due;
    bool is_removed; /* by retention */
};

struct store_memory_attempt {
    uint64_t submission;
    uint64_t before; /* of the same submission; 0: none */
    int64_t started_ms, duration_us;
    uint32_t attempt;
    enum submission_state state;
    int http_status, error_class;
    struct store_memory_text reason, request, answer, trace;
};

struct store_memory_relationship {
    uint64_t from, to;
    struct store_memory_text type, data;
    int64_t created_ms;
    bool is_removed; /* its place is its number, and is not given again */
};

struct store_memory_key {
    uint32_t integration;
    uint64_t entity;
    struct store_memory_text external_id;
};

struct store_memory_kept {
    uint32_t integration;
    struct store_memory_text name, value;
};

struct store_memory_attribute {
    uint64_t entity;
    uint32_t integration;
    struct store_memory_text name, value;
};

struct store_memory_integration {
    struct store_memory_text name;
    struct store_by_hand walk;
    bool is_walkless; /* its last claim named no walk: where it stands does not count */
    uint64_t counts[SUBMISSION_STATES];
    uint64_t first_live; /* no submission before this index is live */
};

struct store_memory_delivery {
    char key[33];
    int64_t until_ms;
};

#define STORE_MEMORY_TABLE(type)                                                                   \
    struct {                                                                                       \
        type *rows;                                                                                \
        size_t count, capacity;                                                                    \
    }

struct store_memory {
    pthread_mutex_t lock;
    char uuid[33];
    uint64_t *slots; /* entities by id, open addressing; index + 1 */
    size_t slot_count;
    size_t live;    /* entities that are no tombstones */
    uint64_t floor; /* the highest version of an entity that retention removed */
    STORE_MEMORY_TABLE(struct store_memory_entity) entities;
    STORE_MEMORY_TABLE(struct store_memory_signal) signals;
    STORE_MEMORY_TABLE(struct store_memory_published) published;
    STORE_MEMORY_TABLE(struct store_memory_submission) submissions;
    STORE_MEMORY_TABLE(struct store_memory_attempt) attempts;
    STORE_MEMORY_TABLE(struct store_memory_relationship) relationships;
    STORE_MEMORY_TABLE(struct store_memory_key) keys;
    STORE_MEMORY_TABLE(struct store_memory_kept) kept;            /* by integration and name */
    STORE_MEMORY_TABLE(struct store_memory_attribute) attributes; /* by entity and so on */
    STORE_MEMORY_TABLE(struct store_memory_integration) integrations;
    STORE_MEMORY_TABLE(struct store_memory_delivery) deliveries;
    STORE_MEMORY_TABLE(struct store_memory_text) types; /* all that were ever named */
};

/* Room for `more` rows, so that what follows cannot fail half-way. 0 or -ENOMEM. */
int store_memory_reserve(void *rows, size_t *capacity, size_t count, size_t more, size_t row_bytes,
                         struct err *err);
#define STORE_MEMORY_RESERVE(table, more, err)                                                     \
    store_memory_reserve(&(table).rows, &(table).capacity, (table).count, (more),                  \
                         sizeof(*(table).rows), (err))
bool store_memory_copy(struct str from,
                       struct store_memory_text *out); /* out is overwritten, not freed */
struct str store_memory_str(const struct store_memory_text *text);
/* The entity that signal `index` is about; NULL: none, it was published. */
static inline struct store_memory_entity *store_memory_about(const struct store_memory *memory,
                                                             uint64_t index)
{
    const struct store_memory_signal *signal = &memory->signals.rows[index];

    return signal->kind == SIGNAL_OWN ? NULL : &memory->entities.rows[signal->entity];
}
struct store_memory_entity *store_memory_find(struct store_memory *memory,
                                              struct str id); /* tombstones too, or NULL */
struct store_memory_integration *store_memory_integration_get(struct store_memory *memory,
                                                              uint32_t number, struct err *err);

uint64_t store_memory_add_signal(struct store_memory *memory, enum store_signal_kind kind,
                                 uint64_t entity, int64_t now_ms);
void store_memory_text_move(struct store_memory_text *to, struct store_memory_text *from);

/* A store has STORE_TYPES_MAX types: one more is E_TOO_LARGE, and then none of these is kept. */
int store_memory_type_add(struct store_memory *memory, struct str name, struct err *err);
int store_memory_types_add(struct store_memory *memory, const struct store_put *put,
                           struct err *err);
void store_memory_free_types(struct store_memory *memory);

int store_memory_relate(void *writer, struct store_relate *relate, struct err *err);
void store_memory_relationships(struct store_memory *memory, struct store_query *query);
int store_memory_attribute(void *writer, struct store_attribute *attribute, struct err *err);
void store_memory_attributes(struct store_memory *memory, struct store_query *query);
void store_memory_forget_attributes(struct store_memory *memory, uint64_t entity);
void store_memory_free_attributes(struct store_memory *memory);
int store_memory_claim(void *writer, struct store_claim *claim, struct err *err);
int store_memory_record(void *writer, struct store_record *record, struct err *err);
int store_memory_enqueue(void *writer, struct store_enqueue *enqueue, struct err *err);
int store_memory_move(void *writer, struct store_move *move, struct err *err);
int store_memory_recover(void *writer, struct store_recover *recover, struct err *err);
int store_memory_clean(void *writer, struct store_slice *slice, struct err *err);
int store_memory_check(void *reader, struct store_job *job, struct err *err);
int store_memory_query(void *reader, struct store_query *query, struct err *err);

#endif

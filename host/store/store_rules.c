/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_rules.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/pattern.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

const char *const store_text_deleted = "the entity was deleted";

struct str store_signal_name(int kind)
{
    static const char *const names[] = {
        [SIGNAL_CREATED] = "entity.created",         [SIGNAL_UPDATED] = "entity.updated",
        [SIGNAL_DELETED] = "entity.deleted",         [SIGNAL_RELATED] = "relationship.created",
        [SIGNAL_UNRELATED] = "relationship.deleted",
    };

    return kind >= 0 && kind < SIGNAL_KINDS && kind != SIGNAL_OWN ? str_of(names[kind]) : STR("?");
}

int store_rules_check_publish(const struct store_publish *publish, struct err *err)
{
    for (size_t i = 0; i < publish->count; i++) {
        const struct store_own_signal *signal = &publish->signals[i];
        int status = pattern_check_name(signal->name, "the signal's type", err);
        if (status == 0)
            status = pattern_check_name(signal->sender, "the signal's sender", err);
        if (status == 0 && signal->data.len > STORE_SIGNAL_MAX)
            status = err_set(err, E_TOO_LARGE, "the signal's data has %zu bytes; the most is %d",
                             signal->data.len, (int)STORE_SIGNAL_MAX);
        if (status < 0)
            return status;
    }
    return 0;
}

struct str store_text_lost(enum submission_event event)
{
    return event == EVENT_RECOVERED ? STR("sent, answer never seen: the daemon stopped")
                                    : STR("sent, answer never seen: the lease ran out");
}

struct str store_text_superseded(uint64_t version, char space[48])
{
    int len = snprintf(space, 48, "version %" PRIu64 " goes instead", version);
    return (struct str){space, (size_t)len};
}

struct str store_text_once(uint64_t version, char space[96])
{
    int len = snprintf(space, 96,
                       "version %" PRIu64
                       " was delivered, and selector = unsubmitted delivers an entity once",
                       version);
    return (struct str){space, (size_t)len};
}

int store_rules_check_name(struct str name, const char *what, size_t max, struct err *err)
{
    if (name.len == 0)
        return err_set(err, -EINVAL, "the %s is empty: expected 1 to %zu bytes", what, max);
    if (name.len > max)
        return err_set(err, E_TOO_LARGE, "the %s has %zu bytes: at most %zu are allowed", what,
                       name.len, max);
    if (memchr(name.ptr, '\0', name.len) != NULL)
        return err_set(err, -EINVAL, "the %s holds a NUL byte, which no text may", what);
    return 0;
}

int store_rules_check_keep(const struct store_keep *keep, struct err *err)
{
    if (keep->value.len > STORE_KEPT_MAX)
        return err_set(err, E_TOO_LARGE, "the value of '%.*s' has %zu bytes: at most %d are kept",
                       STR_ARG(keep->name), keep->value.len, (int)STORE_KEPT_MAX);
    return store_rules_check_name(keep->name, "kept text's name", STORE_TYPE_MAX, err);
}

int store_rules_check_attribute(const struct store_attribute *attribute, struct err *err)
{
    if (attribute->value.len > STORE_KEPT_MAX)
        return err_set(err, E_TOO_LARGE, "attribute '%.*s' has %zu bytes: at most %d are kept",
                       STR_ARG(attribute->name), attribute->value.len, (int)STORE_KEPT_MAX);
    return store_rules_check_name(attribute->name, "attribute's name", STORE_TYPE_MAX, err);
}

int store_rules_no_attribute(const struct store_attribute *attribute, struct err *err)
{
    return err_set(err, E_NOT_FOUND, "entity '%.*s' has no attribute '%.*s' of this integration",
                   STR_ARG(attribute->entity), STR_ARG(attribute->name));
}

int store_rules_check_put(const struct store_put *put, struct err *err)
{
    if (put->delivery != NULL &&
        store_rules_check_name(put->delivery->id, "delivery's id", STORE_ID_MAX, err) < 0)
        return err->code;
    for (size_t i = 0; i < put->count; i++) {
        const struct store_entity *entity = &put->entities[i];
        int status = store_rules_check_name(entity->id, "id", STORE_ID_MAX, err);
        if (status == 0 && !entity->is_delete)
            status = store_rules_check_name(entity->type, "type", STORE_TYPE_MAX, err);
        if (status == 0 && entity->data.len > STORE_DATA_MAX)
            status = err_set(err, E_TOO_LARGE, "the data has %zu bytes: at most %d are allowed",
                             entity->data.len, (int)STORE_DATA_MAX);
        if (status < 0) {
            err_prefix(err, "entity %zu of %zu: ", i, put->count);
            return status;
        }
    }
    return 0;
}

int store_rules_check_record(const struct store_record *record, struct err *err)
{
    for (size_t i = 0; i < record->count; i++) {
        enum submission_event event = record->outcomes[i].event;
        if (!submission_event_is_verdict(event))
            return err_set(err, -EINVAL, "outcome %zu of %zu: '%s' is no verdict", i, record->count,
                           submission_event_name(event));
    }
    return 0;
}

void store_look_add(struct submission_look *look, uint64_t present_version, uint64_t submission,
                    uint64_t version, enum submission_state state, uint32_t flags)
{
    look->down_to = submission;
    if (state == SUBMISSION_SUCCEEDED)
        look->has_succeeded = true;
    if (version == present_version) {
        look->same = submission;
        look->same_state = state;
        look->is_same_once = (flags & FLAG_ONCE) != 0;
    } else if (state == SUBMISSION_IN_FLIGHT) {
        look->in_flight = submission;
    } else if (submission_is_live(state) && look->waiting_count < LOOK_WAITING_MAX) {
        look->waiting[look->waiting_count] = submission;
        look->waiting_states[look->waiting_count++] = state;
        look->is_asked_for = look->is_asked_for || (flags & FLAG_ONCE) == 0;
    }
}

bool store_rules_origin(uint32_t integration, struct store_origin before, int64_t age_ms,
                        struct store_origin *out)
{
    bool is_answer =
        before.integration != 0 && before.integration != integration && age_ms < STORE_TURN_MS;

    *out = (struct store_origin){.integration = integration};
    if (integration != 0)
        out->turns = is_answer                           ? before.turns + 1
                     : before.integration == integration ? before.turns
                                                         : 1;
    return out->turns <= STORE_TURNS_MAX;
}

enum store_pick store_rules_pick(enum store_walk walk, bool is_by_hand,
                                 const struct submission_look *look)
{
    if (walk == WALK_NONE || (walk == WALK_UNSUBMITTED && look->has_succeeded))
        return PICK_SKIP;
    if (look->same != 0) {
        if (is_by_hand && walk != WALK_UNSUBMITTED && look->is_same_once &&
            submission_is_live(look->same_state))
            return PICK_ASKED;
        if (!is_by_hand || submission_is_live(look->same_state))
            return PICK_SKIP;
        if (walk != WALK_ALL && look->same_state == SUBMISSION_SUCCEEDED)
            return PICK_SKIP;
    }
    return look->in_flight != 0 ? PICK_BLOCKED : PICK_TAKE;
}

void store_rules_rewind(struct store_by_hand *by_hand, const struct store_enqueue *enqueue,
                        uint64_t last_seq)
{
    enum store_walk walk = enqueue->selector == ENQUEUE_ALL       ? WALK_ALL
                           : enqueue->selector == ENQUEUE_CHANGED ? WALK_CHANGED
                                                                  : WALK_UNSUBMITTED;
    bool is_under_way = by_hand->end > by_hand->cursor;

    /* What the stronger walk has passed has its rows already, and what it has not passed it will
     * take. */
    if (is_under_way && walk < by_hand->walk)
        return;
    by_hand->walk = walk;
    by_hand->cursor = 0;
    by_hand->end = last_seq;
}

void store_rules_key(const char uuid[33], struct str integration, struct str entity,
                     uint64_t version, uint32_t salt, char out[33])
{
    char space[24];
    char salt_space[24];
    const struct str parts[] = {
        {uuid, 32}, integration, entity, str_of_u64(version, space), str_of_u64(salt, salt_space)};

    digest_key(parts, salt > 0 ? 5 : 4, out);
}

void store_rules_delivery_key(const struct store_delivery *delivery, char out[33])
{
    char space[24];
    const struct str parts[] = {str_of_u64(delivery->integration, space), delivery->id};

    digest_key(parts, 2, out);
}

int64_t store_rules_age_ms(void)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t due_ms = clock_due_ms();

    return wall_ms < due_ms ? wall_ms : due_ms;
}

bool store_rules_is_last_word(uint64_t number, uint64_t version, uint64_t present_version,
                              const struct submission_look *look)
{
    return look->same == number ||
           (look->same == 0 && look->in_flight == 0 && look->waiting_count == 0 &&
            version < present_version && number >= look->down_to);
}

enum store_refusal store_rules_move(int action, const struct store_move_facts *facts,
                                    const struct submission_look *look)
{
    bool is_retry = action == MOVE_RETRY;

    if (facts->state == SUBMISSION_IN_FLIGHT || (is_retry && facts->is_blocked))
        return REFUSAL_IN_FLIGHT;
    if (facts->state == SUBMISSION_SUPERSEDED)
        return REFUSAL_SUPERSEDED;
    if (submission_transition_find(facts->state, is_retry ? submission_asking(facts->state)
                                                          : EVENT_DISCARDED) == NULL)
        return REFUSAL_OVER;
    if (!is_retry)
        return REFUSALS;
    if (facts->is_deleted)
        return REFUSAL_DELETED;
    if (facts->number < look->down_to)
        return REFUSAL_SUPERSEDED; /* also one that waits there, as former versions left some */
    return submission_is_live(facts->state) ||
                   store_rules_is_last_word(facts->number, facts->version, facts->present_version,
                                            look)
               ? REFUSALS
               : REFUSAL_SUPERSEDED;
}

const char *store_refusal_name(enum store_refusal refusal)
{
    static const char *const names[REFUSALS] = {
        [REFUSAL_NOT_FOUND] = "not_found",
        [REFUSAL_IN_FLIGHT] = "in_flight",
        [REFUSAL_SUPERSEDED] = "superseded",
        [REFUSAL_DELETED] = "deleted",
        [REFUSAL_OVER] = "over",
    };

    return (unsigned)refusal < REFUSALS ? names[refusal] : "?";
}

bool store_rules_filter(const struct store_filter *filter, enum submission_state state,
                        uint32_t flags, int64_t changed_ms)
{
    if (filter->error_class != 0 && flags_class(flags, state) != filter->error_class)
        return false;
    if (filter->states != 0 && (filter->states & submission_state_bit(state)) == 0)
        return false;
    return changed_ms >= filter->since_ms &&
           (filter->until_ms == 0 || changed_ms < filter->until_ms);
}

static uint64_t hash_bits(const char uuid[33], struct str id, size_t len, int bits)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t number;

    _Static_assert(crypto_shorthash_KEYBYTES == 16, "half of the identity's digits are the key");
    (void)crypto_shorthash(hash, (const unsigned char *)id.ptr, len,
                           (const unsigned char *)uuid); /* always 0 */
    memcpy(&number, hash, sizeof(number));
    return number >> (64 - bits);
}

/* Where random ids fall costs a page read and written for each. So ids that differ only at their
 * end share the upper bits: those whose last two characters count on, and those that begin with
 * the time, as UUIDv7 and ULID do in their first ten. */
int64_t store_rules_hash(const char uuid[33], struct str id)
{
    enum { TIME_BYTES = 10, COUNTER_BYTES = 2 };
    uint64_t by_start = hash_bits(uuid, id, id.len < TIME_BYTES ? 0 : TIME_BYTES, 11);
    uint64_t by_most = hash_bits(uuid, id, id.len < COUNTER_BYTES ? 0 : id.len - COUNTER_BYTES, 12);
    uint64_t by_all = hash_bits(uuid, id, id.len, 24);

    return (int64_t)(by_start << 36 | by_most << 24 | by_all);
}

/* A claim's memory: chunks that never move, so that the records can point into them. The array of
 * records grows beside. */
struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    char bytes[];
};

struct arena {
    struct chunk *chunks;
    size_t capacity; /* of claim->records */
    size_t data_bytes;
};

enum { CHUNK_BYTES = 64 * 1024, RECORDS_FIRST = 32 };

static char *arena_take(struct arena *arena, size_t bytes)
{
    struct chunk *chunk = arena->chunks;

    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        struct chunk *fresh = malloc(sizeof(*fresh) + size);
        if (fresh == NULL)
            return NULL;
        fresh->next = chunk;
        fresh->used = 0;
        fresh->size = size;
        arena->chunks = chunk = fresh;
    }
    char *bytes_at = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return bytes_at;
}

static char *copy_text(char *to, struct str from, struct str *out)
{
    if (from.len > 0)
        memcpy(to, from.ptr, from.len);
    *out = (struct str){to, from.len};
    return to + from.len;
}

static bool records_grow(struct store_claim *claim, struct arena *arena)
{
    if (claim->count < arena->capacity)
        return true;
    size_t capacity = arena->capacity == 0 ? RECORDS_FIRST : arena->capacity * 2;
    struct store_claimed *records = realloc(claim->records, capacity * sizeof(*records));
    if (records == NULL)
        return false;
    claim->records = records;
    arena->capacity = capacity;
    return true;
}

struct store_claimed *store_claim_add(struct store_claim *claim, struct str id, struct str type,
                                      struct str data)
{
    if (claim->arena == NULL)
        claim->arena = calloc(1, sizeof(struct arena));
    struct arena *arena = claim->arena;
    if (arena == NULL || !records_grow(claim, arena))
        return NULL;
    char *text = arena_take(arena, id.len + type.len + data.len + 1);
    if (text == NULL)
        return NULL;

    struct store_claimed *record = &claim->records[claim->count++];
    memset(record, 0, sizeof(*record));
    text = copy_text(text, id, &record->id);
    text = copy_text(text, type, &record->type);
    (void)copy_text(text, data, &record->data); /* the last one */
    arena->data_bytes += data.len;
    return record;
}

bool store_claim_add_trace(struct store_claim *claim, struct store_claimed *record,
                           struct str trace)
{
    char *text = arena_take(claim->arena, trace.len + 1);

    if (text == NULL)
        return false;
    (void)copy_text(text, trace, &record->trace); /* the last one */
    return true;
}

bool store_claim_is_full(const struct store_claim *claim)
{
    const struct arena *arena = claim->arena;

    if (claim->count >= claim->max)
        return true;
    return claim->max_bytes > 0 && arena != NULL && arena->data_bytes >= claim->max_bytes;
}

void store_claim_finish(struct store_claim *claim)
{
    struct arena *arena = claim->arena;

    if (arena != NULL) {
        for (struct chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
            next = chunk->next;
            free(chunk);
        }
        free(arena);
    }
    free(claim->records);
    claim->records = NULL;
    claim->arena = NULL;
    claim->count = 0;
}

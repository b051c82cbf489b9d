/* SPDX-License-Identifier: Apache-2.0
 * The rules of delivery that every backend follows, kept apart from how it keeps its rows: limits,
 * what a walk takes, signal names, idempotency keys, and the memory of a claim. [any]; no state of
 * its own. */
#ifndef STORE_RULES_H
#define STORE_RULES_H

#include "store/store.h"

#include <tenon/tenon.h>

enum {
    STORE_ID_MAX = 1024,
    STORE_TYPE_MAX = 255,
    STORE_DATA_MAX = 256 << 20,
    STORE_TYPES_MAX = 4096,
    STORE_KEPT_MAX = 64 << 10
};
/* So many rows of the walk's index one claim looks at before it reports back with has_more. */
enum { STORE_WALK_MAX = 20000 };

/* Type and sender are names (base/pattern.h), the data is of a bounded size; 0, -EINVAL,
 * E_TOO_LARGE. */
int store_rules_check_publish(const struct store_publish *publish, struct err *err);

/* The reason of a waiting submission whose entity was deleted. */
extern const char *const store_text_deleted;
/* Of an attempt that is lost: EVENT_RECOVERED or EVENT_LEASE_RAN_OUT. */
struct str store_text_lost(enum submission_event event);
/* "version 7 goes instead" */
struct str store_text_superseded(uint64_t version, char space[48]);
/* "version 7 was delivered, ..." */
struct str store_text_once(uint64_t version, char space[96]);

/* Checks every entity of a put; the index of the first bad one is in the sentence. 0, -EINVAL,
 * E_TOO_LARGE. */
int store_rules_check_put(const struct store_put *put, struct err *err);
/* Refuses an event that is no verdict. */
int store_rules_check_record(const struct store_record *record, struct err *err);
int store_rules_check_keep(const struct store_keep *keep, struct err *err);
int store_rules_check_attribute(const struct store_attribute *attribute, struct err *err);
int store_rules_no_attribute(const struct store_attribute *attribute,
                             struct err *err); /* there is none to remove: E_NOT_FOUND */
int store_rules_check_name(struct str name, const char *what, size_t max, struct err *err);

/* Flags of a submission's row. */
enum {
    FLAG_NEWER_WAITS = 1, /* another version stands blocked behind this one, which is in flight */
    FLAG_UNKNOWN = 2,     /* some attempt's answer was never seen; never cleared */
    FLAG_DELIVERED = 4,   /* an earlier version was delivered: spares looking at all of them */
    FLAG_WAS_BLOCKED = 8, /* discarded while it stood behind what is in flight, or due because that
                             was lost: look below it, too */
    FLAG_TRIMMED = 16,    /* retention removed attempts and a reason; never cleared */
    FLAG_ROOM = 32,       /* means nothing, but takes a byte; see record_delivered in
                             store_sqlite_record.c */
    FLAG_ONCE = 64        /* blocked by WALK_UNSUBMITTED: the older version's delivery will do */
};

/* Beside them stands the error class of the last attempt, so that a list by class looks at rows
 * alone. */
enum { FLAG_CLASS_SHIFT = 8, FLAG_CLASS_MASK = 0xff00 };
static inline uint32_t flags_with_class(uint32_t flags, int error_class)
{
    uint32_t class = (uint32_t)-error_class & 0xff;
    return (flags & ~(uint32_t)FLAG_CLASS_MASK) | class << FLAG_CLASS_SHIFT;
}
/* What is in flight has its last attempt before it. */
static inline int flags_class(uint32_t flags, enum submission_state state)
{
    uint32_t class = (flags & FLAG_CLASS_MASK) >> FLAG_CLASS_SHIFT;
    return state == SUBMISSION_IN_FLIGHT ? 0 : -(int)class;
}

enum { STORE_ERROR_UNKNOWN = TENON_E_UNKNOWN };

enum { LOOK_WAITING_MAX = 8 };

/* What an integration already has of one entity, seen from its present version. */
struct submission_look {
    uint64_t same; /* the present version's submission; 0: none */
    enum submission_state same_state;
    bool is_same_once;                  /* it has FLAG_ONCE */
    bool has_succeeded;                 /* any version */
    uint64_t in_flight;                 /* another version's, 0: none */
    uint64_t waiting[LOOK_WAITING_MAX]; /* other versions' that wait */
    enum submission_state waiting_states[LOOK_WAITING_MAX];
    size_t waiting_count;
    bool is_asked_for; /* one of those waits for more than to be delivered once */
    uint64_t down_to;  /* the oldest submission that was looked at; what is below it is over */
};

/* The newest first. */
void store_look_add(struct submission_look *look, uint64_t present_version, uint64_t submission,
                    uint64_t version, enum submission_state state, uint32_t flags);
/* Of the present version's row that is blocked for this walk. What goes in the place of one that
 * was asked for is asked for as well. */
static inline uint32_t flags_blocked(uint32_t flags, enum store_walk walk,
                                     const struct submission_look *look)
{
    bool is_once = walk == WALK_UNSUBMITTED && !look->is_asked_for;
    return is_once ? flags | FLAG_ONCE : flags & ~(uint32_t)FLAG_ONCE;
}

/* Who stored a version: an integration's number, and how many turns integrations have taken at the
 * entity. 0: somebody outside. */
struct store_origin {
    uint32_t integration, turns;
};
static inline int64_t store_origin_pack(struct store_origin origin)
{
    return (int64_t)((uint64_t)origin.turns << 32 | origin.integration);
}
static inline struct store_origin store_origin_unpack(int64_t packed)
{
    return (struct store_origin){(uint32_t)packed, (uint32_t)((uint64_t)packed >> 32)};
}
/* The origin of a version that is stored over one of `before`, which is `age_ms` old. False: too
 * many turns. */
bool store_rules_origin(uint32_t integration, struct store_origin before, int64_t age_ms,
                        struct store_origin *out);

enum store_pick { PICK_SKIP, PICK_TAKE, PICK_BLOCKED, PICK_ASKED };
/* Is the entity for this walk? `is_by_hand`: the cursor was set back by a person, who means what
 * ended badly as well. PICK_BLOCKED: yes, but another version is in flight, so this one waits for
 * its end. PICK_ASKED: it waits already, and is meant whatever becomes of that one. */
enum store_pick store_rules_pick(enum store_walk walk, bool is_by_hand,
                                 const struct submission_look *look);

/* A walk set back by hand: up to `end` it picks by `walk`, behind that by the claim's own. */
struct store_by_hand {
    enum store_walk walk;
    uint64_t cursor;
    uint64_t end;
};
/* Sets the cursor back to the start, unless a walk by hand that asks for no less is under way. */
void store_rules_rewind(struct store_by_hand *by_hand, const struct store_enqueue *enqueue,
                        uint64_t last_seq);

/* The same for every attempt and replay, so it is computed and not stored. `salt` counts how often
 * somebody asked for a new one (MOVE_RETRY with new_key). */
void store_rules_key(const char uuid[33], struct str integration, struct str entity,
                     uint64_t version, uint32_t salt, char out[33]);

/* What a delivery is remembered by. */
void store_rules_delivery_key(const struct store_delivery *delivery, char out[33]);

/* What retention goes by: a clock that was set ahead makes nothing old before its time. */
int64_t store_rules_age_ms(void);

/* Is what ended worth another try? Yes, when it is still the last word on its entity: the present
 * version's, or one after which no other came to its end (the claim then takes the present version
 * in its place). One below such would wait where no look finds it: nobody would supersede it when a
 * newer version goes, and its turn would come while that is in flight. */
bool store_rules_is_last_word(uint64_t number, uint64_t version, uint64_t present_version,
                              const struct submission_look *look);

/* May this submission be moved by hand? REFUSALS: yes. `is_blocked`: it waits behind an older
 * version. */
struct store_move_facts {
    uint64_t number, version, present_version;
    enum submission_state state;
    bool is_blocked, is_deleted;
};
enum store_refusal store_rules_move(int action, const struct store_move_facts *facts,
                                    const struct submission_look *look);
bool store_rules_filter(const struct store_filter *filter, enum submission_state state,
                        uint32_t flags, int64_t changed_ms); /* all of it but the error class */

/* What the index of ids holds in their place, as a smaller index is a faster one; 0 to 2^47 - 1.
 * Ids that come one after the other, by number or by time, stand close together in it. It is keyed
 * by the store's identity, so that nobody can make ids that fall together; those that do all the
 * same are told apart by themselves. */
int64_t store_rules_hash(const char uuid[33], struct str id);

/* Adds a record to the claim, its texts copied into the claim's arena; NULL: no memory. */
struct store_claimed *store_claim_add(struct store_claim *claim, struct str id, struct str type,
                                      struct str data);
/* False: no memory. */
bool store_claim_add_trace(struct store_claim *claim, struct store_claimed *record,
                           struct str trace);
/* Full by count or by bytes. */
bool store_claim_is_full(const struct store_claim *claim);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: claims, verdicts, replays. The same steps as store_sqlite_claim.c and
 * store_sqlite_record.c. */
#include "store/store_memory.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

struct run {
    struct store_memory *memory;
    struct store_memory_integration *integration;
    uint32_t number;
    struct store_claim *claim;
    int64_t now_ms;  /* by clock_due_ms: what is due */
    int64_t wall_ms; /* for stamps */
};

static struct store_memory_submission *row_get(struct store_memory *memory, uint64_t number)
{
    return &memory->submissions.rows[number - 1];
}

static void set_reason(struct store_memory_submission *row, struct str reason)
{
    free(row->reason.ptr);
    (void)store_memory_copy(
        reason, &row->reason); /* without memory for it the row stands without its reason */
}

/* False: the table of states has no such way, and the row is as before. */
static bool step(struct run *run, struct store_memory_submission *row, enum submission_event event,
                 struct str reason)
{
    uint64_t index = (uint64_t)(row - run->memory->submissions.rows);
    enum submission_state from = row->state;

    if (!submission_step(&row->state, event))
        return false;
    if (from != SUBMISSION_NONE)
        run->integration->counts[from]--;
    run->integration->counts[row->state]++;
    row->changed_ms = run->wall_ms;
    set_reason(row, reason);
    if (submission_is_live(row->state) && index < run->integration->first_live)
        run->integration->first_live = index;
    return true;
}

/* The caller takes its first step at once. */
static struct store_memory_submission *row_add(struct run *run, uint64_t entity, bool is_delivered)
{
    struct store_memory_entity *owner = &run->memory->entities.rows[entity];
    struct store_memory_submission *row =
        &run->memory->submissions.rows[run->memory->submissions.count++];

    *row = (struct store_memory_submission){
        .entity = entity,
        .version = owner->version,
        .before = owner->last_submission,
        .integration = run->number,
        .state = SUBMISSION_NONE,
        .flags = is_delivered ? FLAG_DELIVERED : 0,
    };
    owner->last_submission = run->memory->submissions.count;
    return row;
}

static struct submission_look look_at(struct run *run, uint64_t entity, uint64_t except)
{
    const struct store_memory_entity *owner = &run->memory->entities.rows[entity];
    struct submission_look look = {0};

    for (uint64_t number = owner->last_submission; number != 0;) {
        const struct store_memory_submission *row = row_get(run->memory, number);
        if (row->integration == run->number) {
            bool is_blocked = row->state == SUBMISSION_PENDING && !row->has_due;
            if ((row->flags & FLAG_DELIVERED) != 0)
                look.has_succeeded = true;
            if (number != except)
                store_look_add(&look, owner->version, number, row->version, row->state, row->flags);
            if (row->state != SUBMISSION_SUPERSEDED && !is_blocked &&
                (row->flags & FLAG_WAS_BLOCKED) == 0)
                break;
        }
        number = row->before;
    }
    return look;
}

static void supersede(struct run *run, struct store_memory_submission *row, uint64_t version)
{
    char space[48];

    if (step(run, row, EVENT_NEWER_VERSION, store_text_superseded(version, space)))
        row->has_due = false;
}

static void supersede_waiting(struct run *run, const struct submission_look *look, uint64_t version)
{
    for (size_t i = 0; i < look->waiting_count; i++)
        supersede(run, row_get(run->memory, look->waiting[i]), version);
}

static int hand_out(struct run *run, struct store_memory_submission *row)
{
    const struct store_memory_entity *entity = &run->memory->entities.rows[row->entity];
    struct store_claimed *record =
        store_claim_add(run->claim, store_memory_str(&entity->id), store_memory_str(&entity->type),
                        store_memory_str(&entity->data));

    if (record == NULL ||
        (entity->trace.len > 0 &&
         !store_claim_add_trace(run->claim, record, store_memory_str(&entity->trace))))
        return -ENOMEM;
    row->due_ms = run->claim->lease_until_ms;
    row->has_due = true;
    row->attempts++;
    record->submission = (uint64_t)(row - run->memory->submissions.rows) + 1;
    record->attempt = row->attempts;
    record->tries = row->attempts - row->base;
    record->version = row->version;
    record->created_ms = entity->created_ms;
    record->updated_ms = entity->updated_ms;
    record->was_unknown = (row->flags & FLAG_UNKNOWN) != 0;
    store_rules_key(run->memory->uuid, store_memory_str(&run->integration->name), record->id,
                    row->version, row->salt, record->key);
    return 0;
}

static int take_new(struct run *run, uint64_t entity, const struct submission_look *look)
{
    struct store_memory_submission *row = row_add(run, entity, look->has_succeeded);

    (void)step(run, row, EVENT_CLAIMED, STR_NONE); /* it is born by it */
    return hand_out(run, row);
}

static int take_again(struct run *run, struct store_memory_submission *row)
{
    bool is_over = !submission_is_live(row->state);

    if (!step(run, row, is_over ? EVENT_REWOUND : EVENT_CLAIMED, STR_NONE))
        return 0;
    if (is_over)
        row->base = row->attempts;
    row->flags &= ~(uint32_t)FLAG_WAS_BLOCKED; /* nothing below it is live any more */
    return hand_out(run, row);
}

static void block(struct run *run, enum store_walk walk, uint64_t entity,
                  const struct submission_look *look)
{
    struct store_memory_submission *row = look->same != 0
                                              ? row_get(run->memory, look->same)
                                              : row_add(run, entity, look->has_succeeded);

    if (!step(run, row, EVENT_BLOCKED, STR_NONE))
        return;
    row->base = row->attempts;
    row->flags = flags_blocked(row->flags, walk, look);
    row->has_due = false;
    row_get(run->memory, look->in_flight)->flags |= FLAG_NEWER_WAITS;
}

static void add_attempt(struct store_memory *memory, const struct store_outcome *outcome)
{
    struct store_memory_submission *row = row_get(memory, outcome->submission);
    struct store_memory_attempt *attempt = &memory->attempts.rows[memory->attempts.count++];
    enum submission_state state = SUBMISSION_IN_FLIGHT;

    (void)submission_step(&state, outcome->event); /* a verdict: the caller has taken it */
    *attempt = (struct store_memory_attempt){
        .submission = outcome->submission,
        .before = row->last_attempt,
        .started_ms = outcome->started_ms,
        .duration_us = outcome->duration_us,
        .attempt = outcome->attempt,
        .state = state,
        .http_status = outcome->http_status,
        .error_class = outcome->error_class,
    };
    /* Without memory for a text the attempt stands without it. */
    (void)store_memory_copy(outcome->reason, &attempt->reason);
    (void)store_memory_copy(outcome->request, &attempt->request);
    (void)store_memory_copy(outcome->answer, &attempt->answer);
    (void)store_memory_copy(outcome->trace, &attempt->trace);
    row->last_attempt = memory->attempts.count;
    row->flags = flags_with_class(row->flags, outcome->error_class);
}

static struct store_memory_submission *find_blocked(struct run *run, uint64_t entity)
{
    for (uint64_t number = run->memory->entities.rows[entity].last_submission; number != 0;) {
        struct store_memory_submission *row = row_get(run->memory, number);
        if (row->integration == run->number && row->state == SUBMISSION_PENDING && !row->has_due)
            return row;
        number = row->before;
    }
    return NULL;
}

/* `row` has FLAG_NEWER_WAITS and is in flight no longer. The version that stood blocked behind it,
 * which is due at due_ms, or over when `row` was delivered and that will do; NULL: there is none
 * any more. */
static struct store_memory_submission *
wake_newer(struct run *run, struct store_memory_submission *row, int64_t due_ms)
{
    struct store_memory_submission *newer = find_blocked(run, row->entity);
    char space[96];

    row->flags &= ~(uint32_t)FLAG_NEWER_WAITS;
    if (newer == NULL)
        return NULL;
    bool is_enough = row->state == SUBMISSION_SUCCEEDED && (newer->flags & FLAG_ONCE) != 0 &&
                     step(run, newer, EVENT_DELIVERED_ONCE, store_text_once(row->version, space));
    newer->due_ms = due_ms;
    newer->has_due = !is_enough;
    newer->flags |= (row->flags & FLAG_DELIVERED) |
                    (row->state == SUBMISSION_SUCCEEDED ? FLAG_DELIVERED : 0) |
                    (row->state == SUBMISSION_UNKNOWN ? FLAG_WAS_BLOCKED : 0);
    return newer;
}

/* The caller has reserved room for the attempt. */
static void lose(struct run *run, uint64_t number, enum submission_event event)
{
    struct store_memory_submission *row = row_get(run->memory, number);
    const struct store_outcome outcome = {
        .submission = number,
        .attempt = row->attempts,
        .event = event,
        .started_ms = run->wall_ms,
        .error_class = STORE_ERROR_UNKNOWN,
        .reason = store_text_lost(event),
    };

    if (!step(run, row, event, outcome.reason))
        return;
    row->flags |= FLAG_UNKNOWN;
    row->due_ms = run->now_ms;
    row->has_due = true;
    /* It may end in many ways from here on, so the newer one stands on its own feet. */
    if ((row->flags & FLAG_NEWER_WAITS) != 0)
        (void)wake_newer(run, row, run->now_ms); /* there may be none any more */
    add_attempt(run->memory, &outcome);
}

static int take_due(struct run *run, uint64_t number)
{
    struct store_memory_submission *row = row_get(run->memory, number);
    const struct store_memory_entity *entity = &run->memory->entities.rows[row->entity];

    if (row->state == SUBMISSION_IN_FLIGHT)
        lose(run, number, EVENT_LEASE_RAN_OUT);
    if (entity->is_deleted) {
        if (step(run, row, EVENT_ENTITY_DELETED, str_of(store_text_deleted)))
            row->has_due = false;
        return 0;
    }
    struct submission_look look = look_at(run, row->entity, number);
    supersede_waiting(run, &look, entity->version);
    if (row->version == entity->version)
        return take_again(run, row);
    if ((row->flags & FLAG_DELIVERED) != 0)
        look.has_succeeded = true;
    supersede(run, row, entity->version);
    if (look.in_flight != 0) { /* see store_sqlite_claim.c */
        if (look.same == 0)
            block(run, WALK_CHANGED, row->entity, &look);
        return 0;
    }
    if (look.same == 0)
        return take_new(run, row->entity, &look);
    return submission_is_waiting(look.same_state) ? take_again(run, row_get(run->memory, look.same))
                                                  : 0;
}

static int claim_due(struct run *run)
{
    struct store_memory *memory = run->memory;
    size_t count = memory->submissions.count;
    int status = 0;

    while (run->integration->first_live < count) {
        const struct store_memory_submission *row =
            &memory->submissions.rows[run->integration->first_live];
        if (row->integration == run->number && submission_is_live(row->state))
            break;
        run->integration->first_live++;
    }
    for (size_t i = run->integration->first_live; i < count && status == 0; i++) {
        const struct store_memory_submission *row = &memory->submissions.rows[i];
        if (row->integration != run->number || !row->has_due || row->due_ms > run->now_ms)
            continue;
        if (store_claim_is_full(run->claim)) {
            run->claim->has_more = true;
            break;
        }
        status = take_due(run, i + 1);
    }
    return status;
}

static void ask_again(struct run *run, struct store_memory_submission *row, bool is_blocked)
{
    enum submission_state from = row->state;

    if (!step(run, row, submission_asking(from), STR_NONE))
        return;
    if (!submission_is_live(from))
        row->base = row->attempts;
    if (from == SUBMISSION_SUCCEEDED)
        row->flags |= FLAG_DELIVERED; /* that it was stays true, whatever becomes of the replay */
    row->flags &= ~(uint32_t)FLAG_ONCE;
    row->due_ms = run->now_ms;
    row->has_due = !is_blocked;
}

static bool is_wanted(const struct store_claim *claim, struct str type)
{
    for (size_t i = 0; i < claim->type_count; i++)
        if (str_is(type, claim->types[i]))
            return true;
    return claim->type_count == 0;
}

static int walk_one(struct run *run, enum store_walk walk, bool is_by_hand, uint64_t entity)
{
    if (run->memory->entities.rows[entity].origin.integration == run->claim->integration &&
        !is_by_hand)
        return 0; /* its own; see struct store_entity */
    struct submission_look look = look_at(run, entity, 0);
    enum store_pick pick = store_rules_pick(walk, is_by_hand, &look);

    if (pick == PICK_SKIP)
        return 0;
    if (pick == PICK_ASKED) {
        ask_again(run, row_get(run->memory, look.same), look.in_flight != 0);
        return 0;
    }
    supersede_waiting(run, &look, run->memory->entities.rows[entity].version);
    if (pick == PICK_TAKE)
        return look.same != 0 ? take_again(run, row_get(run->memory, look.same))
                              : take_new(run, entity, &look);
    block(run, walk, entity, &look);
    return 0;
}

static int claim_walk(struct run *run)
{
    struct store_by_hand *place = &run->integration->walk;
    const struct store_memory *memory = run->memory;
    bool is_by_hand = place->end > place->cursor;
    enum store_walk walk = is_by_hand ? place->walk : run->claim->walk;
    uint64_t end = is_by_hand ? place->end : memory->signals.count;
    int looked = 0;
    int status = 0;

    while (walk != WALK_NONE && status == 0 && place->cursor < end) {
        const struct store_memory_signal *signal = &memory->signals.rows[place->cursor];
        const struct store_memory_entity *entity = store_memory_about(memory, place->cursor);
        if (store_claim_is_full(run->claim) || looked++ == STORE_WALK_MAX)
            break;
        place->cursor++;
        if (entity != NULL && entity->seq == place->cursor && !entity->is_deleted &&
            is_wanted(run->claim, store_memory_str(&entity->type)))
            status = walk_one(run, walk, is_by_hand, signal->entity);
    }
    run->claim->has_more = place->cursor < memory->signals.count &&
                           (place->cursor < place->end || run->claim->walk != WALK_NONE);
    return status;
}

static int64_t next_due(const struct run *run)
{
    int64_t next = 0;

    for (size_t i = run->integration->first_live; i < run->memory->submissions.count; i++) {
        const struct store_memory_submission *row = &run->memory->submissions.rows[i];
        if (row->integration == run->number && row->has_due && (next == 0 || row->due_ms < next))
            next = row->due_ms;
    }
    return next;
}

static int claim_both(struct run *run)
{
    int status = run->claim->new_first ? claim_walk(run) : claim_due(run);

    if (status < 0 || run->claim->has_more)
        return status;
    return run->claim->new_first ? claim_due(run) : claim_walk(run);
}

int store_memory_claim(void *pointer, struct store_claim *claim, struct err *err)
{
    struct store_memory *memory = pointer;
    struct run run = {.memory = memory,
                      .number = claim->integration,
                      .claim = claim,
                      .now_ms = clock_due_ms(),
                      .wall_ms = clock_wall_ms()};
    size_t most =
        memory->submissions.count +
        STORE_WALK_MAX; /* what waits may expire; the walk may block as many as it looks at */

    run.integration = store_memory_integration_get(memory, claim->integration, err);
    int status = run.integration == NULL ? E_NOT_FOUND
                                         : STORE_MEMORY_RESERVE(memory->submissions, most, err);
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->attempts, most, err);
    if (status < 0)
        return status;
    run.integration->is_walkless = claim->walk == WALK_NONE;
    status = claim_both(&run);
    if (status < 0) /* what was taken comes back when its lease ends */
        return err_set(err, status, "no memory for a claim of %u records", claim->max);
    claim->next_due_ms = next_due(&run);
    return 0;
}

static void keep_key(struct store_memory *memory, const struct store_memory_submission *row,
                     struct str external_id)
{
    struct store_memory_key *place = NULL;

    for (size_t i = 0; i < memory->keys.count;) {
        struct store_memory_key *key = &memory->keys.rows[i];
        bool is_other = key->integration == row->integration && key->entity != row->entity &&
                        str_equals(store_memory_str(&key->external_id), external_id);
        if (is_other) {
            free(key->external_id.ptr);
            *key = memory->keys.rows[--memory->keys.count];
            continue;
        }
        if (key->integration == row->integration && key->entity == row->entity)
            place = key;
        i++;
    }
    if (place == NULL) {
        place = &memory->keys.rows[memory->keys.count++];
        *place = (struct store_memory_key){.integration = row->integration, .entity = row->entity};
    }
    free(place->external_id.ptr);
    (void)store_memory_copy(external_id, &place->external_id); /* an empty one is as good as none */
}

static void record_one(struct run *run, const struct store_outcome *outcome)
{
    struct store_memory_submission *row =
        outcome->submission >= 1 && outcome->submission <= run->memory->submissions.count
            ? row_get(run->memory, outcome->submission)
            : NULL;

    if (row == NULL || row->is_removed || row->state != SUBMISSION_IN_FLIGHT ||
        row->attempts != outcome->attempt || row->integration != run->number)
        return;
    struct str reason = outcome->event == EVENT_ACCEPTED ? STR_NONE : outcome->reason;
    if (!step(run, row, outcome->event, reason))
        return;
    row->has_due = submission_is_waiting(row->state);
    row->due_ms = outcome->event == EVENT_RELEASED ? run->now_ms : outcome->due_ms;
    if (outcome->event == EVENT_RELEASED)
        row->attempts--;
    if (outcome->is_uncounted && submission_is_waiting(row->state))
        row->base++;
    if (row->state == SUBMISSION_UNKNOWN)
        row->flags |= FLAG_UNKNOWN;
    struct store_memory_submission *newer =
        (row->flags & FLAG_NEWER_WAITS) != 0
            ? wake_newer(run, row, row->has_due ? row->due_ms : run->now_ms)
            : NULL;
    if (newer != NULL)
        supersede(run, row, newer->version);
    if (outcome->external_id.len > 0)
        keep_key(run->memory, row, outcome->external_id);
    if (outcome->is_attempt && outcome->event != EVENT_RELEASED)
        add_attempt(run->memory, outcome);
}

int store_memory_record(void *pointer, struct store_record *record, struct err *err)
{
    struct store_memory *memory = pointer;
    struct run run = {.memory = memory,
                      .number = record->integration,
                      .now_ms = clock_due_ms(),
                      .wall_ms = clock_wall_ms()};
    int status = store_rules_check_record(record, err);

    run.integration = store_memory_integration_get(memory, record->integration, err);
    if (run.integration == NULL)
        return E_NOT_FOUND;
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->attempts, record->count, err);
    if (status == 0)
        status = STORE_MEMORY_RESERVE(memory->keys, record->count, err);
    if (status < 0)
        return status;
    for (size_t i = 0; i < record->count; i++)
        record_one(&run, &record->outcomes[i]);
    record->next_due_ms = next_due(&run);
    return 0;
}

static int enqueue_entity(struct run *run, struct store_enqueue *enqueue, struct err *err)
{
    struct store_memory_entity *entity = store_memory_find(run->memory, enqueue->entity);
    uint64_t index = entity != NULL ? (uint64_t)(entity - run->memory->entities.rows) : 0;

    if (entity == NULL || entity->is_deleted)
        return err_set(err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(enqueue->entity));
    struct submission_look look = look_at(run, index, 0);
    if (look.same != 0 && look.same_state == SUBMISSION_IN_FLIGHT)
        return 0;
    enqueue->count = 1;
    supersede_waiting(run, &look, entity->version);
    if (look.in_flight != 0)
        row_get(run->memory, look.in_flight)->flags |= FLAG_NEWER_WAITS;
    struct store_memory_submission *row =
        look.same != 0 ? row_get(run->memory, look.same) : row_add(run, index, look.has_succeeded);
    ask_again(run, row, look.in_flight != 0);
    return 0;
}

static void enqueue_failed(struct run *run, struct store_enqueue *enqueue)
{
    uint64_t number = enqueue->after + 1;
    int looked = 0;

    for (; number <= run->memory->submissions.count && looked < STORE_ASK_MAX; number++) {
        struct store_memory_submission *row = row_get(run->memory, number);
        const struct store_memory_entity *entity = &run->memory->entities.rows[row->entity];
        if (row->is_removed || row->integration != run->number || row->state != SUBMISSION_FAILED)
            continue;
        looked++;
        if (entity->is_deleted)
            continue;
        struct submission_look look = look_at(run, row->entity, 0);
        if (!store_rules_is_last_word(number, row->version, entity->version, &look))
            continue;
        ask_again(run, row, false);
        enqueue->count++;
    }
    enqueue->after = number <= run->memory->submissions.count ? number - 1 : 0;
}

int store_memory_enqueue(void *pointer, struct store_enqueue *enqueue, struct err *err)
{
    struct store_memory *memory = pointer;
    struct run run = {.memory = memory,
                      .number = enqueue->integration,
                      .now_ms = clock_due_ms(),
                      .wall_ms = clock_wall_ms()};
    int status = STORE_MEMORY_RESERVE(memory->submissions, 1, err);

    run.integration = store_memory_integration_get(memory, enqueue->integration, err);
    if (run.integration == NULL)
        return E_NOT_FOUND;
    if (status == 0 && enqueue->entity.len > 0)
        return enqueue_entity(&run, enqueue, err);
    if (status == 0 && enqueue->selector == ENQUEUE_FAILED) {
        enqueue_failed(&run, enqueue);
    } else if (status == 0) {
        store_rules_rewind(&run.integration->walk, enqueue, memory->signals.count);
        enqueue->rewinds = true;
    }
    return status;
}

/* REFUSALS: done. */
static enum store_refusal move_one(struct run *run, const struct store_move *move, uint64_t number)
{
    if (number < 1 || number > run->memory->submissions.count)
        return REFUSAL_NOT_FOUND;
    struct store_memory_submission *row = row_get(run->memory, number);
    const struct store_memory_entity *entity = &run->memory->entities.rows[row->entity];
    if (row->is_removed)
        return REFUSAL_NOT_FOUND;
    run->number = row->integration;
    run->integration = &run->memory->integrations.rows[row->integration - 1];
    struct submission_look look = look_at(run, row->entity, 0);
    const struct store_move_facts facts = {
        .number = number,
        .version = row->version,
        .present_version = entity->version,
        .state = row->state,
        .is_blocked = row->state == SUBMISSION_PENDING && !row->has_due,
        .is_deleted = entity->is_deleted,
    };
    enum store_refusal refusal = store_rules_move(move->action, &facts, &look);
    if (refusal != REFUSALS || move->is_dry_run)
        return refusal;
    if (move->action == MOVE_DISCARD) {
        if (step(run, row, EVENT_DISCARDED, str_of(move->reason)))
            row->has_due = false;
        if (facts.is_blocked)
            row->flags |= FLAG_WAS_BLOCKED;
        return REFUSALS;
    }
    if (move->new_key)
        row->salt++;
    if (look.in_flight != 0)
        row_get(run->memory, look.in_flight)->flags |= FLAG_NEWER_WAITS;
    ask_again(run, row, look.in_flight != 0);
    return REFUSALS;
}

int store_memory_move(void *pointer, struct store_move *move, struct err *err)
{
    struct run run = {.memory = pointer, .now_ms = clock_due_ms(), .wall_ms = clock_wall_ms()};

    (void)err; /* nothing here can fail */
    for (size_t i = 0; i < move->count; i++) {
        enum store_refusal refusal = move_one(&run, move, move->submissions[i]);
        if (refusal == REFUSALS)
            move->moved++;
        else
            move->refused[refusal]++;
    }
    return 0;
}

int store_memory_recover(void *pointer, struct store_recover *recover, struct err *err)
{
    struct store_memory *memory = pointer;
    struct run run = {.memory = memory, .now_ms = clock_due_ms(), .wall_ms = clock_wall_ms()};
    int status = STORE_MEMORY_RESERVE(memory->attempts, memory->submissions.count, err);

    for (uint64_t number = 1; number <= memory->submissions.count && status == 0; number++) {
        const struct store_memory_submission *row = row_get(memory, number);
        if (row->state != SUBMISSION_IN_FLIGHT)
            continue;
        run.number = row->integration;
        run.integration = &memory->integrations.rows[row->integration - 1];
        lose(&run, number, EVENT_RECOVERED);
        recover->count++;
    }
    return status;
}

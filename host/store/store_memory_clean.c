/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: what retention removes, by the same rules as store_sqlite_clean.c, and
 * whether all is in order. Each run looks at everything, as everything is in memory. */
#include "store/store_memory.h"

#include "base/clock.h"

#include <stdlib.h>

static struct store_memory_submission *row_get(struct store_memory *memory, uint64_t number)
{
    return &memory->submissions.rows[number - 1];
}

static void drop_text(struct store_memory_text *text)
{
    free(text->ptr);
    *text = (struct store_memory_text){NULL, 0};
}

/* An attempt without a submission is nobody's, and no query finds it. */
static void drop_attempts(struct store_memory *memory, struct store_memory_submission *row)
{
    uint64_t number = row->last_attempt;

    while (number != 0) {
        struct store_memory_attempt *attempt = &memory->attempts.rows[number - 1];
        drop_text(&attempt->reason);
        drop_text(&attempt->request);
        drop_text(&attempt->answer);
        drop_text(&attempt->trace);
        attempt->submission = 0;
        number = attempt->before;
    }
    row->last_attempt = 0;
}

static bool is_stop(const struct store_memory_submission *row)
{
    bool is_blocked = row->state == SUBMISSION_PENDING && !row->has_due;

    return row->state != SUBMISSION_SUPERSEDED && !is_blocked &&
           (row->flags & FLAG_WAS_BLOCKED) == 0;
}

/* Takes the row out of its entity's chain; its number stays empty. */
static void drop_row(struct store_memory *memory, uint64_t number)
{
    struct store_memory_submission *row = row_get(memory, number);
    uint64_t *link = &memory->entities.rows[row->entity].last_submission;

    while (*link != 0 && *link != number)
        link = &row_get(memory, *link)->before;
    if (*link == number)
        *link = row->before;
    memory->integrations.rows[row->integration - 1].counts[row->state]--;
    drop_text(&row->reason);
    row->is_removed = true;
}

static bool is_followed(struct store_memory *memory, uint64_t number)
{
    const struct store_memory_submission *row = row_get(memory, number);
    uint64_t newer = memory->entities.rows[row->entity].last_submission;

    while (newer > number) {
        const struct store_memory_submission *other = row_get(memory, newer);
        if (other->integration == row->integration && is_stop(other))
            return true;
        newer = other->before;
    }
    return false;
}

static bool is_of_age(const struct store_memory_submission *row,
                      const struct store_retention *retention, int64_t now_ms)
{
    int64_t keep_ms = retention->keep_ms[row->state];

    return !row->is_removed && !submission_is_live(row->state) && keep_ms > 0 &&
           row->changed_ms <= now_ms - keep_ms;
}

static void clean_submissions(struct store_memory *memory, struct store_slice *slice,
                              int64_t now_ms)
{
    for (uint64_t number = 1; number <= memory->submissions.count; number++) {
        struct store_memory_submission *row = row_get(memory, number);
        if (!is_of_age(row, &slice->retention, now_ms))
            continue;
        bool is_trimmed = (row->flags & FLAG_TRIMMED) != 0 && row->last_attempt == 0;
        slice->looked++;
        drop_attempts(memory, row);
        if (is_followed(memory, number)) {
            drop_row(memory, number);
            slice->removed++;
        } else if (!is_trimmed || row->reason.len > 0) {
            row->flags |= FLAG_TRIMMED;
            drop_text(&row->reason);
            slice->trimmed++;
        }
    }
}

static bool is_needed(const struct store_memory *memory, uint64_t entity, int64_t cut_ms)
{
    uint64_t number = memory->entities.rows[entity].last_submission;

    while (number != 0) {
        const struct store_memory_submission *row = &memory->submissions.rows[number - 1];
        if (submission_is_live(row->state) || (row->flags & FLAG_TRIMMED) == 0 ||
            row->changed_ms > cut_ms)
            return true;
        number = row->before;
    }
    for (size_t i = 0; i < memory->relationships.count; i++)
        if (!memory->relationships.rows[i].is_removed &&
            (memory->relationships.rows[i].from == entity ||
             memory->relationships.rows[i].to == entity))
            return true;
    return false;
}

static void forget(struct store_memory *memory, uint64_t entity)
{
    struct store_memory_entity *row = &memory->entities.rows[entity];

    while (row->last_submission != 0)
        drop_row(memory, row->last_submission);
    for (size_t i = 0; i < memory->keys.count;) {
        struct store_memory_key *key = &memory->keys.rows[i];
        if (key->entity != entity) {
            i++;
            continue;
        }
        free(key->external_id.ptr);
        *key = memory->keys.rows[--memory->keys.count];
    }
    store_memory_forget_attributes(memory, entity);
    drop_text(&row->data);
    if (!row->is_deleted)
        memory->live--;
    row->is_deleted = row->is_forgotten = true;
    if (row->version > memory->floor)
        memory->floor = row->version;
}

/* The number up to which every integration that counts has walked; each was opened in this life. */
static uint64_t walked_by_all(const struct store_memory *memory)
{
    uint64_t least = memory->signals.count;

    for (size_t i = 0; i < memory->integrations.count; i++) {
        const struct store_memory_integration *row = &memory->integrations.rows[i];
        if (!row->is_walkless && row->walk.cursor < least)
            least = row->walk.cursor;
    }
    return least;
}

static void clean_entities(struct store_memory *memory, struct store_slice *slice, int64_t now_ms)
{
    int64_t cut_ms = now_ms - slice->retention.entities_ms;
    uint64_t walked = walked_by_all(memory);

    for (uint64_t i = 0; i < memory->entities.count && slice->retention.entities_ms > 0; i++) {
        const struct store_memory_entity *row = &memory->entities.rows[i];
        if (row->is_forgotten || row->updated_ms > cut_ms || row->seq > walked ||
            is_needed(memory, i, cut_ms))
            continue;
        forget(memory, i);
        slice->entities++;
    }
}

/* A stamp of later than now says nothing: such a signal goes with the next whose stamp does. */
static void clean_signals(struct store_memory *memory, struct store_slice *slice, int64_t now_ms)
{
    int64_t wall_ms = clock_wall_ms();
    bool is_next_old = false;

    for (size_t i = memory->signals.count; i > 0 && slice->retention.signals_ms > 0; i--) {
        struct store_memory_signal *signal = &memory->signals.rows[i - 1];
        if (signal->is_removed || signal->at_ms <= wall_ms)
            is_next_old =
                signal->is_removed || signal->at_ms <= now_ms - slice->retention.signals_ms;
        if (signal->is_removed || !is_next_old)
            continue;
        signal->is_removed = true;
        slice->signals++;
        if (signal->kind == SIGNAL_OWN)
            drop_text(&memory->published.rows[signal->entity].data);
    }
}

int store_memory_clean(void *pointer, struct store_slice *slice, struct err *err)
{
    struct store_memory *memory = pointer;
    int64_t now_ms = store_rules_age_ms();

    (void)err;
    pthread_mutex_lock(&memory->lock);
    clean_submissions(memory, slice, now_ms);
    clean_entities(memory, slice, now_ms);
    clean_signals(memory, slice, now_ms);
    for (size_t i = 0; i < memory->deliveries.count;)
        if (memory->deliveries.rows[i].until_ms <= now_ms)
            memory->deliveries.rows[i] = memory->deliveries.rows[--memory->deliveries.count];
        else
            i++;
    pthread_mutex_unlock(&memory->lock);
    return 0;
}

/* What the rows say of the counts. */
int store_memory_check(void *pointer, struct store_job *job, struct err *err)
{
    struct store_memory *memory = pointer;

    (void)err;
    pthread_mutex_lock(&memory->lock);
    for (uint32_t i = 0; i < memory->integrations.count; i++) {
        uint64_t counts[SUBMISSION_STATES] = {0};
        for (size_t at = 0; at < memory->submissions.count; at++) {
            const struct store_memory_submission *row = &memory->submissions.rows[at];
            if (!row->is_removed && row->integration == i + 1)
                counts[row->state]++;
        }
        if (memcmp(counts, memory->integrations.rows[i].counts, sizeof(counts)) == 0)
            continue;
        job->problem_count++;
        buf_printf(&job->problems,
                   "the counts of integration %u are not those of its submissions\n", i + 1);
    }
    pthread_mutex_unlock(&memory->lock);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * The memory backend: questions, answered under the lock. */
#include "store/store_memory.h"

#include "store/store_search.h"

#include <errno.h>

struct answer {
    struct store_memory *memory;
    struct store_query *query;
    uint32_t given;
};

/* False: no more are wanted. */
static bool give(struct answer *answer, const struct store_row *row)
{
    answer->given++;
    return answer->query->row(answer->query, row) &&
           (answer->query->limit == 0 || answer->given < answer->query->limit);
}

/* Of the present version's submission to it. */
static uint32_t salt_of(const struct store_memory *memory, const struct store_memory_entity *entity,
                        uint32_t integration)
{
    for (uint64_t number = entity->last_submission; number != 0;) {
        const struct store_memory_submission *row = &memory->submissions.rows[number - 1];
        if (row->integration == integration && row->version == entity->version)
            return row->salt;
        number = row->before;
    }
    return 0;
}

static bool give_entity(struct answer *answer, const struct store_memory_entity *entity,
                        uint32_t integration)
{
    const struct store_memory *memory = answer->memory;
    struct store_row row = {
        .id = store_memory_str(&entity->id),
        .type = store_memory_str(&entity->type),
        .data = store_memory_str(&entity->data),
        .trace = store_memory_str(&entity->trace),
        .version = entity->version,
        .seq = entity->seq,
        .created_ms = entity->created_ms,
        .updated_ms = entity->updated_ms,
        .is_deleted = entity->is_deleted,
        .origin = entity->origin.integration,
    };

    if (integration >= 1 && integration <= memory->integrations.count) {
        store_rules_key(memory->uuid,
                        store_memory_str(&memory->integrations.rows[integration - 1].name), row.id,
                        row.version, salt_of(memory, entity, integration), row.key_space);
        row.key = (struct str){row.key_space, 32};
    }
    return give(answer, &row);
}

static void answer_entity(struct answer *answer)
{
    const struct store_memory_entity *entity = store_memory_find(answer->memory, answer->query->id);

    if (entity != NULL && !entity->is_forgotten)
        (void)give_entity(answer, entity, answer->query->integration); /* there is only one */
}

static void answer_entities(struct answer *answer)
{
    struct store_query *query = answer->query;
    bool is_narrow = store_search_is_narrow(query);
    bool goes_on = true;
    size_t looked = 0;
    size_t bytes = 0;

    for (uint64_t i = query->after; i < answer->memory->signals.count && goes_on; i++) {
        const struct store_memory_entity *entity = store_memory_about(answer->memory, i);
        if (entity == NULL || entity->seq != i + 1 || entity->is_deleted)
            continue;
        if ((query->type.len == 0 || str_equals(store_memory_str(&entity->type), query->type)) &&
            store_search_fits(query, store_memory_str(&entity->data)))
            goes_on = give_entity(answer, entity, 0);
        bytes += entity->data.len;
        if (goes_on && is_narrow && (++looked == STORE_SEARCH_MAX || bytes > STORE_SEARCH_BYTES)) {
            query->next = i + 1;
            return;
        }
    }
}

static void answer_key(struct answer *answer)
{
    const struct store_memory *memory = answer->memory;

    for (size_t i = 0; i < memory->keys.count; i++) {
        const struct store_memory_key *key = &memory->keys.rows[i];
        if (key->integration == answer->query->integration &&
            str_equals(store_memory_str(&key->external_id), answer->query->text) &&
            !memory->entities.rows[key->entity].is_deleted)
            (void)give_entity(answer, &memory->entities.rows[key->entity],
                              0); /* there is only one */
    }
}

static struct str external_id_of(const struct store_memory *memory,
                                 const struct store_memory_submission *row)
{
    for (size_t i = 0; i < memory->keys.count; i++)
        if (memory->keys.rows[i].integration == row->integration &&
            memory->keys.rows[i].entity == row->entity)
            return store_memory_str(&memory->keys.rows[i].external_id);
    return STR_NONE;
}

static bool give_submission(struct answer *answer, uint64_t number)
{
    struct store_memory *memory = answer->memory;
    const struct store_memory_submission *submission = &memory->submissions.rows[number - 1];
    const struct store_memory_entity *entity = &memory->entities.rows[submission->entity];
    const struct store_memory_attempt *last =
        submission->last_attempt != 0 ? &memory->attempts.rows[submission->last_attempt - 1] : NULL;
    struct store_row row = {
        .submission = number,
        .seq = number,
        .integration = submission->integration,
        .name = store_memory_str(&memory->integrations.rows[submission->integration - 1].name),
        .version = submission->version,
        .state = submission->state,
        .attempts = submission->attempts,
        .updated_ms = submission->changed_ms,
        .error_class = flags_class(submission->flags, submission->state),
        .is_trimmed = (submission->flags & FLAG_TRIMMED) != 0,
        .due_ms = submission->has_due ? submission->due_ms : 0,
        .reason = store_memory_str(&submission->reason),
        .id = store_memory_str(&entity->id),
        .type = store_memory_str(&entity->type),
        .external_id = external_id_of(memory, submission),
        .data = answer->query->with_data ? store_memory_str(&entity->data) : STR_NONE,
        .trace =
            submission->version == entity->version ? store_memory_str(&entity->trace) : STR_NONE,
    };

    if (last != NULL && last->attempt == submission->attempts) {
        row.started_ms = last->started_ms;
        row.duration_us = last->duration_us;
        row.http_status = last->http_status;
    }
    store_rules_key(memory->uuid, row.name, row.id, row.version, submission->salt, row.key_space);
    row.key = (struct str){row.key_space, 32};
    return give(answer, &row);
}

static void answer_submissions(struct answer *answer)
{
    struct store_query *query = answer->query;
    const struct store_filter *filter = &query->filter;
    const struct store_memory *memory = answer->memory;
    uint64_t number = memory->submissions.count;
    uint64_t looked = 0;

    if (query->after > 0 && query->after <= number)
        number = query->after - 1;
    for (; number > 0; number--) {
        const struct store_memory_submission *row = &memory->submissions.rows[number - 1];
        bool is_wanted =
            !row->is_removed &&
            (query->integration == 0 || row->integration == query->integration) &&
            store_rules_filter(filter, row->state, row->flags, row->changed_ms) &&
            (query->id.len == 0 ||
             str_equals(store_memory_str(&memory->entities.rows[row->entity].id), query->id));
        bool goes_on = !is_wanted || give_submission(answer, number);
        if (!goes_on || ++looked == STORE_LOOK_MAX) {
            query->next = number > 1 ? number : 0;
            return;
        }
    }
}

static void answer_submission(struct answer *answer)
{
    uint64_t number = answer->query->number;

    if (number >= 1 && number <= answer->memory->submissions.count &&
        !answer->memory->submissions.rows[number - 1].is_removed)
        (void)give_submission(answer, number); /* there is only one */
}

static void answer_attempts(struct answer *answer)
{
    bool goes_on = true;

    for (size_t i = 0; i < answer->memory->attempts.count && goes_on; i++) {
        const struct store_memory_attempt *attempt = &answer->memory->attempts.rows[i];
        if (attempt->submission != answer->query->number || attempt->submission == 0)
            continue;
        const struct store_row row = {
            .submission = attempt->submission,
            .attempt = attempt->attempt,
            .state = attempt->state,
            .started_ms = attempt->started_ms,
            .duration_us = attempt->duration_us,
            .http_status = attempt->http_status,
            .error_class = attempt->error_class,
            .reason = store_memory_str(&attempt->reason),
            .request = store_memory_str(&attempt->request),
            .answer = store_memory_str(&attempt->answer),
            .trace = store_memory_str(&attempt->trace),
        };
        goes_on = give(answer, &row);
    }
}

static void answer_relationships(struct answer *answer)
{
    store_memory_relationships(answer->memory, answer->query);
}

static void answer_attributes(struct answer *answer)
{
    store_memory_attributes(answer->memory, answer->query);
}

static void answer_signals(struct answer *answer)
{
    const struct store_memory *memory = answer->memory;
    const struct store_query *query = answer->query;
    bool goes_on = true;

    for (uint64_t i = query->after; i < memory->signals.count && goes_on; i++) {
        const struct store_memory_signal *signal = &memory->signals.rows[i];
        const struct store_memory_entity *entity = store_memory_about(memory, i);
        struct store_row row = {
            .seq = i + 1,
            .name = store_signal_name(signal->kind),
            .sender = STR("tenon"),
            .version = signal->version,
            .created_ms = signal->at_ms,
        };
        if (signal->is_removed || signal->at_ms < query->filter.since_ms ||
            (query->own_only && entity != NULL))
            continue;
        if (entity != NULL) {
            row.id = store_memory_str(&entity->id);
            row.type = store_memory_str(&entity->type);
        } else {
            const struct store_memory_published *own = &memory->published.rows[signal->entity];
            row.name = store_memory_str(&own->name);
            row.sender = store_memory_str(&own->sender);
            row.data = store_memory_str(&own->data);
            row.hops = own->hops;
        }
        goes_on = give(answer, &row);
    }
}

static void answer_counts(struct answer *answer)
{
    const struct store_memory *memory = answer->memory;
    bool goes_on = true;

    for (uint32_t i = 0; i < memory->integrations.count; i++) {
        if (answer->query->integration != 0 && answer->query->integration != i + 1)
            continue;
        for (int state = 0; state < SUBMISSION_STATES && goes_on; state++) {
            const struct store_row row = {
                .integration = i + 1,
                .name = store_memory_str(&memory->integrations.rows[i].name),
                .state = (enum submission_state)state,
                .count = memory->integrations.rows[i].counts[state],
            };
            if (row.count > 0)
                goes_on = give(answer, &row);
        }
    }
}

static void answer_integrations(struct answer *answer)
{
    const struct store_memory *memory = answer->memory;
    bool goes_on = true;

    for (uint32_t i = 0; i < memory->integrations.count && goes_on; i++) {
        uint64_t cursor = memory->integrations.rows[i].walk.cursor;
        uint64_t behind = memory->signals.count - cursor;
        uint64_t first = cursor;

        while (first < memory->signals.count && memory->signals.rows[first].is_removed)
            first++;
        const struct store_row row = {
            .integration = i + 1,
            .name = store_memory_str(&memory->integrations.rows[i].name),
            .cursor = cursor,
            .created_ms = first < memory->signals.count ? memory->signals.rows[first].at_ms : 0,
            .count = behind < memory->live ? behind : memory->live,
        };
        if (answer->query->integration == 0 || answer->query->integration == i + 1)
            goes_on = give(answer, &row);
    }
}

static void answer_totals(struct answer *answer)
{
    const struct store_row row = {.count = answer->memory->live,
                                  .seq = answer->memory->signals.count};

    (void)give(answer, &row); /* there is only one */
}

static void answer_kept(struct answer *answer)
{
    const struct store_memory *memory = answer->memory;
    bool goes_on = true;

    for (size_t i = 0; i < memory->kept.count && goes_on; i++) {
        const struct store_row row = {
            .integration = memory->kept.rows[i].integration,
            .name = store_memory_str(&memory->kept.rows[i].name),
            .data = store_memory_str(&memory->kept.rows[i].value),
        };
        if (answer->query->integration == 0 || answer->query->integration == row.integration)
            goes_on = give(answer, &row);
    }
}

static void (*const answerers[])(struct answer *answer) = {
    [QUERY_ENTITY] = answer_entity,
    [QUERY_ENTITIES] = answer_entities,
    [QUERY_KEY] = answer_key,
    [QUERY_SUBMISSIONS] = answer_submissions,
    [QUERY_SUBMISSION] = answer_submission,
    [QUERY_ATTEMPTS] = answer_attempts,
    [QUERY_RELATIONSHIPS] = answer_relationships,
    [QUERY_ATTRIBUTES] = answer_attributes,
    [QUERY_SIGNALS] = answer_signals,
    [QUERY_COUNTS] = answer_counts,
    [QUERY_INTEGRATIONS] = answer_integrations,
    [QUERY_KEPT] = answer_kept,
    [QUERY_TOTALS] = answer_totals,
};

int store_memory_query(void *pointer, struct store_query *query, struct err *err)
{
    struct answer answer = {pointer, query, 0};

    if ((size_t)query->query >= sizeof(answerers) / sizeof(answerers[0]))
        return err_set(err, -EINVAL, "the store has no query of kind %d", (int)query->query);
    pthread_mutex_lock(&answer.memory->lock);
    answerers[query->query](&answer);
    pthread_mutex_unlock(&answer.memory->lock);
    return 0;
}

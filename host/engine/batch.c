/* SPDX-License-Identifier: Apache-2.0
 * One claim's way to its verdicts: jq (where, transform) -> the plugin (selector, transformer, client) -> requests -> answers.
 *
 * A stage hands its records over in ranges. Usually there is one; when a worker dies with a range in hand, the range is
 * cut around the record that the worker was in (or in halves), so that the others get through and the culprit ends alone. */
#include "engine/lane.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "rules/judge.h"

#include <sodium.h>
#include <stdlib.h>
#include <tenon/tenon.h>

enum {
    ANSWER_EXCERPT = 240,
    DEATHS_MAX = 2,      /* a record that was in hand at so many deaths, the last time alone, is parked */
    PAUSE_LEAST_MS = 250,/* after a batch that did not reach its destination; doubles */
    PAUSE_MOST_MS = 30000,
    RANGES_MAX = 64,
};

enum stage { STAGE_JQ, STAGE_PLUGIN, STAGE_DONE };

struct range {
    uint32_t first, count; /* in batch->alive */
};

struct batch {
    struct lane *lane;
    struct batch *next, **link;
    struct store_claim claim; /* owns the records' texts */
    struct plugin_record *records;
    struct str *keys;
    bool *is_settled;
    uint8_t *deaths;
    uint32_t count, open; /* records; those without a verdict */
    enum stage stage;
    uint32_t *alive; /* indexes into records, for this stage */
    uint32_t alive_count;
    struct range ranges[RANGES_MAX];
    uint32_t range_count;
    bool is_calling;
    bool is_advancing; /* an answer may come from within the call */
    struct arena arena;
    struct plugin_reply **replies; /* whose bytes records and requests point into */
    size_t reply_count, reply_room;
};

/* A range in the plugin's hands. */
struct delivery {
    struct batch *batch;
    const uint32_t *indexes; /* of batch->records */
    uint32_t count;
    unsigned steps;
};

/* A request under way. */
struct sending {
    struct http_request http;
    struct batch *batch;
    const uint32_t *records; /* indexes of batch->records */
    uint32_t record_count;
    struct str line; /* "POST https://..." for `tenon why` */
};

static void batch_advance(struct batch *batch);

/* ---- verdicts --------------------------------------------------------------------------------------------- */

struct settlement {
    int verdict; /* TENON_... */
    int error_class;
    int64_t retry_after_ms;
    int http_status;
    bool is_attempt;
    struct str message, external_id, request, answer;
    int64_t started_ms, duration_us;
};

static uint64_t random_bits(void)
{
    uint64_t bits;

    randombytes_buf(&bits, sizeof bits);
    return bits;
}

static enum submission_state state_after(const struct lane *lane, const struct settlement *s, uint32_t tries)
{
    switch (s->verdict) {
    case TENON_ACCEPTED:
        return SUBMISSION_SUCCEEDED;
    case TENON_SKIPPED:
        return SUBMISSION_SKIPPED;
    case TENON_REJECTED:
        return SUBMISSION_FAILED;
    default:
        if (retry_is_exhausted(&lane->policy, tries))
            return SUBMISSION_FAILED;
        return s->verdict == TENON_RETRY ? SUBMISSION_RETRYING : SUBMISSION_UNKNOWN;
    }
}

static void count_verdict(struct lane_figures *figures, enum submission_state state)
{
    figures->accepted += state == SUBMISSION_SUCCEEDED;
    figures->rejected += state == SUBMISSION_FAILED;
    figures->retried += state == SUBMISSION_RETRYING;
    figures->skipped += state == SUBMISSION_SKIPPED;
    figures->unknown += state == SUBMISSION_UNKNOWN;
}

static void settle(struct batch *batch, uint32_t index, const struct settlement *s)
{
    struct lane *lane = batch->lane;
    const struct store_claimed *claimed = &batch->claim.records[index];
    enum submission_state state = state_after(lane, s, claimed->tries);
    struct store_outcome outcome = {
        .submission = claimed->submission,
        .attempt = claimed->attempt,
        .state = state,
        .is_attempt = s->is_attempt,
        .started_ms = s->started_ms > 0 ? s->started_ms : clock_wall_ms(),
        .duration_us = s->duration_us,
        .http_status = s->http_status,
        .error_class = s->error_class,
        .reason = s->message,
        .request = s->request,
        .answer = s->answer,
        .external_id = s->external_id,
    };
    struct str words;

    if (batch->is_settled[index])
        return; /* a plugin may give two verdicts: the first counts */
    batch->is_settled[index] = true;
    batch->open--;
    if (state == SUBMISSION_RETRYING || state == SUBMISSION_UNKNOWN)
        outcome.due_ms = clock_wall_ms() +
                         retry_delay_ms(&lane->policy, claimed->tries, s->retry_after_ms, random_bits());
    if (state == SUBMISSION_FAILED && s->verdict != TENON_REJECTED) {
        words = arena_printf(&batch->arena, "gave up after %u tries: %.*s", claimed->tries, STR_ARG(s->message));
        if (words.ptr != NULL)
            outcome.reason = words;
    }
    count_verdict(&lane->figures, state);
    outbox_add(&lane->outbox, &outcome);
}

/* A claim that was not used: the record is as before, no try counted. */
static void release(struct batch *batch, uint32_t index)
{
    const struct store_claimed *claimed = &batch->claim.records[index];
    const struct store_outcome outcome = {
        .submission = claimed->submission,
        .attempt = claimed->attempt,
        .state = SUBMISSION_PENDING,
        .is_released = true,
    };

    if (batch->is_settled[index])
        return;
    batch->is_settled[index] = true;
    batch->open--;
    outbox_add(&batch->lane->outbox, &outcome);
}

/* ---- life -------------------------------------------------------------------------------------------------- */

static void batch_destroy(struct batch *batch)
{
    if (batch->link != NULL) {
        *batch->link = batch->next;
        if (batch->next != NULL)
            batch->next->link = batch->link;
    }
    for (size_t i = 0; i < batch->reply_count; i++)
        plugin_reply_unref(batch->replies[i]);
    free(batch->replies);
    store_claim_finish(&batch->claim);
    arena_finish(&batch->arena);
    free(batch);
}

static bool take_arrays(struct batch *batch)
{
    batch->records = arena_take(&batch->arena, batch->count * sizeof *batch->records);
    batch->keys = arena_take(&batch->arena, batch->count * sizeof *batch->keys);
    batch->is_settled = arena_take(&batch->arena, batch->count * sizeof *batch->is_settled);
    batch->deaths = arena_take(&batch->arena, batch->count * sizeof *batch->deaths);
    batch->alive = arena_take(&batch->arena, batch->count * sizeof *batch->alive);
    return batch->records && batch->keys && batch->is_settled && batch->deaths && batch->alive;
}

int batch_start(struct lane *lane, struct store_claim *claim)
{
    struct batch *batch = calloc(1, sizeof *batch);

    if (batch == NULL)
        return -ENOMEM;
    batch->lane = lane;
    batch->count = batch->open = (uint32_t)claim->count;
    if (!take_arrays(batch)) {
        arena_finish(&batch->arena);
        free(batch);
        return -ENOMEM;
    }
    batch->claim = *claim;
    *claim = (struct store_claim){.op = claim->op, .next_due_ms = claim->next_due_ms};
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct store_claimed *from = &batch->claim.records[i];

        batch->keys[i] = str_of(from->key);
        batch->records[i] = (struct plugin_record){
            .id = from->id,
            .type = from->type,
            .key = batch->keys[i],
            .data = from->data,
            .version = from->version,
            .attempt = from->attempt,
            .created_ms = from->created_ms,
            .updated_ms = from->updated_ms,
        };
    }
    batch->next = lane->batches;
    if (batch->next != NULL)
        batch->next->link = &batch->next;
    batch->link = &lane->batches;
    lane->batches = batch;
    batch->stage = lane->jq != NULL ? STAGE_JQ : STAGE_PLUGIN;
    batch_advance(batch);
    return 0;
}

/* Keeps a reply's bytes as long as the batch lives. */
static int keep_reply(struct batch *batch, struct plugin_reply *reply)
{
    if (batch->reply_count == batch->reply_room) {
        size_t room = batch->reply_room + 4;
        struct plugin_reply **more = realloc(batch->replies, room * sizeof(struct plugin_reply *));

        if (more == NULL)
            return -ENOMEM;
        batch->replies = more;
        batch->reply_room = room;
    }
    batch->replies[batch->reply_count++] = plugin_reply_ref(reply);
    return 0;
}

/* ---- requests and answers ---------------------------------------------------------------------------------- */

static struct settlement answered(const struct sending *sending, const struct judgement *judged)
{
    const struct http_request *http = &sending->http;
    size_t len = http->answer.len < ANSWER_EXCERPT ? http->answer.len : ANSWER_EXCERPT;

    /* Cut between characters: the excerpt is shown as text. */
    while (len > 0 && len < http->answer.len && ((unsigned char)http->answer.ptr[len] & 0xC0) == 0x80)
        len--;
    return (struct settlement){
        .verdict = judged->verdict,
        .error_class = judged->error_class,
        .retry_after_ms = http->retry_after_ms,
        .http_status = http->status,
        .is_attempt = true,
        .request = sending->line,
        .answer = {http->answer.ptr, len},
        .started_ms = http->started_ms,
        .duration_us = http->duration_us,
    };
}

static void sending_end(struct sending *sending)
{
    struct batch *batch = sending->batch;

    http_request_finish(&sending->http);
    batch_advance(batch);
}

/* The destination asked for quiet, or was not reached: the whole lane waits, since one record is like another there. */
static void pause_after(struct lane *lane, const struct http_request *http)
{
    int64_t now = clock_wall_ms();
    int64_t wait = PAUSE_LEAST_MS;
    char words[400];

    if (http->failure == HTTP_ANSWERED) {
        lane->unreachable_in_a_row = 0;
        if ((http->status == 429 || http->status == 503) && http->retry_after_ms > 0) {
            wait = http->retry_after_ms < lane->policy.retry_after_max_ms ? http->retry_after_ms
                                                                          : lane->policy.retry_after_max_ms;
            (void)snprintf(words, sizeof words, "the destination answered %d with Retry-After", http->status); /* fits */
            lane_pause(lane, now + wait, words);
        }
        return;
    }
    if (http->failure != HTTP_NOT_SENT || lane->paused_until_ms > now)
        return;
    for (int i = 0; i < lane->unreachable_in_a_row && wait < PAUSE_MOST_MS; i++)
        wait *= 2;
    lane->unreachable_in_a_row++;
    (void)snprintf(words, sizeof words, "%s", http->error); /* cut is fine */
    lane_pause(lane, now + (wait < PAUSE_MOST_MS ? wait : PAUSE_MOST_MS), words);
}

static void settle_all(struct sending *sending, const struct settlement *s)
{
    for (uint32_t i = 0; i < sending->record_count; i++)
        settle(sending->batch, sending->records[i], s);
}

static void judge_done(void *user, struct plugin_reply *reply)
{
    struct sending *sending = user;
    struct batch *batch = sending->batch;
    const struct judgement usual = judge_status(sending->http.status);
    struct settlement s = answered(sending, &usual);

    if (reply->status == PLUGIN_OK && reply->outcome_count == sending->record_count) {
        for (uint32_t i = 0; i < sending->record_count; i++) {
            const struct plugin_outcome *outcome = &reply->outcomes[i];

            s.verdict = outcome->kind == OUTCOME_GOES_ON ? TENON_UNSURE : (int)outcome->kind;
            s.error_class = outcome->error_class;
            s.retry_after_ms = outcome->retry_after_ms > 0 ? outcome->retry_after_ms : sending->http.retry_after_ms;
            s.message = outcome->message;
            s.external_id = outcome->external_id;
            settle(batch, sending->records[i], &s);
        }
    } else {
        /* It was sent and answered: only the reading failed. The usual reading stands in, and says so. */
        s.message = arena_printf(&batch->arena, "the plugin's judge failed (%s); read by the usual rule",
                                 reply->words != NULL ? reply->words : "no words");
        settle_all(sending, &s);
    }
    sending_end(sending);
}

static void ask_judge(struct sending *sending)
{
    struct batch *batch = sending->batch;
    struct plugin_record *records = arena_take(&batch->arena, sending->record_count * sizeof *records);
    struct plugin_judge judge = {
        .records = records,
        .count = sending->record_count,
        .status = sending->http.status,
        .headers = buf_str(&sending->http.answer_headers),
        .body = buf_str(&sending->http.answer),
    };

    if (records == NULL) {
        const struct judgement usual = judge_status(sending->http.status);
        const struct settlement s = answered(sending, &usual);

        settle_all(sending, &s);
        sending_end(sending);
        return;
    }
    for (uint32_t i = 0; i < sending->record_count; i++)
        records[i] = batch->records[sending->records[i]];
    plugin_judge(batch->lane->plugin, &judge, judge_done, sending);
}

static void sending_done(struct http_request *http)
{
    struct sending *sending = http->user;
    struct lane *lane = sending->batch->lane;
    struct settlement s;
    struct judgement judged;

    lane->figures.attempts_ms_sum += (uint64_t)http->duration_us / 1000;
    pause_after(lane, http);
    if (http->failure == HTTP_ANSWERED && lane->facts.has_judge) {
        ask_judge(sending);
        return;
    }
    if (http->failure == HTTP_REFUSED_LOCALLY) {
        for (uint32_t i = 0; i < sending->record_count; i++)
            release(sending->batch, sending->records[i]);
        sending_end(sending);
        return;
    }
    judged = http->failure == HTTP_ANSWERED ? judge_status(http->status)
             : http->failure == HTTP_NOT_SENT
                 ? (struct judgement){TENON_RETRY, TENON_E_CONNECTION}
                 : (struct judgement){TENON_UNSURE, TENON_E_UNKNOWN};
    s = answered(sending, &judged);
    if (http->failure != HTTP_ANSWERED) {
        s.http_status = 0;
        s.retry_after_ms = 0;
        s.message = str_of(http->error);
    }
    settle_all(sending, &s);
    sending_end(sending);
}

static void refuse_request(struct batch *batch, const struct plugin_request *request, const uint32_t *indexes,
                           const struct err *err)
{
    const struct settlement s = {
        .verdict = err->code == -ENOMEM ? TENON_RETRY : TENON_REJECTED,
        .error_class = err->code == -ENOMEM ? TENON_E_NO_MEMORY : TENON_E_VALIDATION,
        .is_attempt = true,
        .message = arena_copy(&batch->arena, str_of(err->text)),
    };

    for (uint32_t i = 0; i < request->record_count; i++)
        settle(batch, indexes[request->records[i]], &s);
}

static struct sending *prepare_sending(struct delivery *delivery, struct plugin_reply *reply,
                                       const struct plugin_request *request, struct err *err)
{
    struct batch *batch = delivery->batch;
    struct arena *arena = &batch->arena;
    struct sending *sending = arena_take(arena, sizeof *sending);
    uint32_t *records = arena_take(arena, request->record_count * sizeof *records);
    struct str *keys = arena_take(arena, request->record_count * sizeof *keys);
    struct outbound out;

    if (sending == NULL || records == NULL || keys == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < request->record_count; i++) {
        records[i] = delivery->indexes[request->records[i]];
        keys[i] = batch->keys[records[i]];
    }
    if (outbound_build(batch->lane->outbound, request, keys, reply->payloads, arena, &out, err) < 0)
        return NULL;
    sending->batch = batch;
    sending->records = records;
    sending->record_count = request->record_count;
    sending->line = arena_printf(arena, "%s %s", out.method, out.url);
    if (sending->line.ptr != NULL)
        (void)secret_mask_in_place((char *)(uintptr_t)sending->line.ptr, sending->line.len); /* masked or not: both fine */
    sending->http = (struct http_request){
        .method = out.method,
        .url = out.url,
        .headers = out.headers,
        .header_count = out.header_count,
        .body_parts = out.body_parts,
        .body_part_count = out.body_part_count,
        .keep_headers = batch->lane->facts.has_judge,
        .done = sending_done,
        .user = sending,
    };
    return sending;
}

static void send_requests(struct delivery *delivery, struct plugin_reply *reply)
{
    struct lane *lane = delivery->batch->lane;
    struct http_request *first = NULL;
    struct http_request **tail = &first;

    for (size_t i = 0; i < reply->request_count; i++) {
        struct err err = {0};
        struct sending *sending = prepare_sending(delivery, reply, &reply->requests[i], &err);

        if (sending == NULL) {
            refuse_request(delivery->batch, &reply->requests[i], delivery->indexes, &err);
            continue;
        }
        lane->figures.requests++;
        lane->requests_records += sending->record_count;
        *tail = &sending->http;
        tail = &sending->http.next;
    }
    if (first != NULL)
        http_client_send(lane->destination, first);
}

/* ---- calls into plugins --------------------------------------------------------------------------------------- */

static void push_range(struct batch *batch, uint32_t first, uint32_t count)
{
    if (count > 0)
        batch->ranges[batch->range_count++] = (struct range){first, count};
}

static void park(struct delivery *delivery, uint32_t index, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_REJECTED,
        .error_class = TENON_E_PERMANENT,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    settle(delivery->batch, delivery->indexes[index], &s);
}

/* A call that hung while the plugin itself was sending: nobody knows what arrived. */
static void settle_unsure(struct delivery *delivery, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_UNSURE,
        .error_class = TENON_E_UNKNOWN,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    for (uint32_t i = 0; i < delivery->count; i++)
        settle(delivery->batch, delivery->indexes[i], &s);
}

/* The worker did not survive this range. */
static void isolate(struct delivery *delivery, const struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;
    uint32_t first = (uint32_t)(delivery->indexes - batch->alive);
    uint32_t count = delivery->count;
    uint32_t half = count / 2;
    bool has_hint = reply->culprit >= 0 && reply->culprit < (int64_t)count;

    if (count == 1 || has_hint) {
        uint32_t culprit = count == 1 ? 0 : (uint32_t)reply->culprit;

        if (batch->deaths[delivery->indexes[culprit]] < UINT8_MAX)
            batch->deaths[delivery->indexes[culprit]]++;
        if (count == 1 && batch->deaths[delivery->indexes[0]] >= DEATHS_MAX) {
            park(delivery, 0, reply);
            return;
        }
        if (batch->range_count + 3 <= RANGES_MAX) {
            push_range(batch, first + culprit, 1); /* taken last */
            push_range(batch, first + culprit + 1, count - culprit - 1);
            push_range(batch, first, culprit);
            return;
        }
    } else if (batch->range_count + 2 <= RANGES_MAX) {
        push_range(batch, first + half, count - half);
        push_range(batch, first, half);
        return;
    }
    settle_unsure(delivery, reply);
}

static void settle_failed_call(struct delivery *delivery, const struct plugin_reply *reply)
{
    bool is_final = reply->error_class == TENON_E_VALIDATION || reply->error_class == TENON_E_PERMANENT ||
                    reply->error_class == TENON_E_UNSUPPORTED;
    const struct settlement s = {
        .verdict = is_final ? TENON_REJECTED : reply->error_class == TENON_E_UNKNOWN ? TENON_UNSURE : TENON_RETRY,
        .error_class = reply->error_class,
        .is_attempt = true,
        .message = str_of(reply->words),
    };

    for (uint32_t i = 0; i < delivery->count; i++)
        settle(delivery->batch, delivery->indexes[i], &s);
}

static void settle_outcome(struct delivery *delivery, uint32_t i, const struct plugin_outcome *outcome)
{
    bool is_sent = (delivery->steps & PLUGIN_STEP_SUBMIT) != 0 && outcome->kind != OUTCOME_SKIPPED;
    const struct settlement s = {
        .verdict = (int)outcome->kind, /* same numbers as TENON_..., see plugin.h */
        .error_class = outcome->error_class,
        .retry_after_ms = outcome->retry_after_ms,
        .http_status = outcome->http_status,
        .is_attempt = is_sent || outcome->kind == OUTCOME_REJECTED || outcome->kind == OUTCOME_RETRY,
        .message = outcome->message,
        .external_id = outcome->external_id,
    };

    settle(delivery->batch, delivery->indexes[i], &s);
}

static void take_outcomes(struct delivery *delivery, struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;

    for (uint32_t i = 0; i < delivery->count; i++) {
        const struct plugin_outcome *outcome = &reply->outcomes[i];

        if (outcome->kind != OUTCOME_GOES_ON)
            settle_outcome(delivery, i, outcome);
        else if (batch->stage == STAGE_JQ)
            batch->records[delivery->indexes[i]].data = outcome->payload;
    }
    if (batch->stage == STAGE_PLUGIN)
        send_requests(delivery, reply);
}

/* The plugin room holds a reply to "each record in one request or with one verdict"; should a record slip through all the
 * same, it must not stay in flight for ever. */
static void settle_forgotten(struct delivery *delivery, const struct plugin_reply *reply)
{
    const struct settlement s = {
        .verdict = TENON_RETRY,
        .error_class = TENON_E_PERMANENT,
        .is_attempt = true,
        .message = STR("the plugin neither prepared a request for this record nor gave a verdict"),
    };
    bool *is_sent = arena_take(&delivery->batch->arena, delivery->count);

    for (size_t i = 0; is_sent != NULL && i < reply->request_count; i++)
        for (uint32_t k = 0; k < reply->requests[i].record_count; k++)
            is_sent[reply->requests[i].records[k]] = true;
    for (uint32_t i = 0; is_sent != NULL && i < delivery->count; i++)
        if (!is_sent[i])
            settle(delivery->batch, delivery->indexes[i], &s);
}

static void delivery_done(void *user, struct plugin_reply *reply)
{
    struct delivery *delivery = user;
    struct batch *batch = delivery->batch;
    struct lane *lane = batch->lane;

    batch->is_calling = false;
    switch (reply->status) {
    case PLUGIN_OK:
        if (reply->outcome_count == delivery->count && keep_reply(batch, reply) == 0)
            take_outcomes(delivery, reply);
        else
            settle_unsure(delivery, reply);
        if (batch->stage == STAGE_PLUGIN)
            settle_forgotten(delivery, reply);
        break;
    case PLUGIN_FAILED:
        settle_failed_call(delivery, reply);
        break;
    case PLUGIN_TIMED_OUT:
        if ((delivery->steps & PLUGIN_STEP_SUBMIT) != 0)
            settle_unsure(delivery, reply);
        else
            isolate(delivery, reply);
        break;
    case PLUGIN_DIED:
    case PLUGIN_GARBLED:
        isolate(delivery, reply);
        break;
    case PLUGIN_UNAVAILABLE:
    case PLUGIN_STOPPED:
        for (uint32_t i = 0; i < delivery->count; i++)
            release(batch, delivery->indexes[i]);
        lane_pause(lane, reply->retry_at_ms > 0 ? reply->retry_at_ms : clock_wall_ms() + PAUSE_LEAST_MS,
                   reply->words != NULL ? reply->words : "the plugin is not running");
        break;
    }
    batch_advance(batch);
}

static unsigned steps_of(const struct lane *lane, enum stage stage)
{
    unsigned steps = 0;

    if (stage == STAGE_JQ)
        return (lane->has_where ? PLUGIN_STEP_SELECT : 0u) | (lane->has_transform ? PLUGIN_STEP_TRANSFORM : 0u) |
               PLUGIN_STEP_PAYLOADS;
    if (lane->selector != NULL)
        steps |= PLUGIN_STEP_SELECT;
    if (lane->facts.has_submit)
        return steps | PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_SUBMIT;
    return steps | PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PREPARE;
}

static void call_range(struct batch *batch, struct range range)
{
    struct lane *lane = batch->lane;
    bool is_jq = batch->stage == STAGE_JQ;
    struct delivery *delivery = arena_take(&batch->arena, sizeof *delivery);
    struct plugin_record *records = arena_take(&batch->arena, range.count * sizeof *records);
    struct plugin_batch call;

    if (delivery == NULL || records == NULL) {
        for (uint32_t i = 0; i < range.count; i++)
            release(batch, batch->alive[range.first + i]);
        return;
    }
    *delivery = (struct delivery){batch, batch->alive + range.first, range.count, steps_of(lane, batch->stage)};
    for (uint32_t i = 0; i < range.count; i++)
        records[i] = batch->records[delivery->indexes[i]];
    call = (struct plugin_batch){
        .records = records,
        .count = range.count,
        .steps = delivery->steps,
        .selector = is_jq ? "where" : lane->selector,
    };
    batch->is_calling = true;
    plugin_deliver(is_jq ? lane->jq : lane->plugin, &call, delivery_done, delivery);
}

/* The records that still go on, as the next stage's one range. */
static void gather_alive(struct batch *batch)
{
    batch->alive_count = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        if (!batch->is_settled[i])
            batch->alive[batch->alive_count++] = i;
    push_range(batch, 0, batch->alive_count);
}

static void cut_to_batch_max(struct batch *batch, struct range *range)
{
    uint32_t most = batch->lane->facts.batch_max;

    if (batch->stage != STAGE_PLUGIN || most == 0 || range->count <= most || batch->range_count == RANGES_MAX)
        return;
    push_range(batch, range->first + most, range->count - most);
    range->count = most;
}

static void batch_advance(struct batch *batch)
{
    struct lane *lane = batch->lane;

    if (batch->is_advancing)
        return;
    batch->is_advancing = true;
    while (!batch->is_calling && batch->stage != STAGE_DONE) {
        if (batch->range_count == 0 && batch->alive_count == 0)
            gather_alive(batch);
        if (batch->range_count > 0) {
            struct range range = batch->ranges[--batch->range_count];

            cut_to_batch_max(batch, &range);
            call_range(batch, range);
            continue;
        }
        batch->stage++;
        batch->alive_count = 0;
    }
    batch->is_advancing = false;
    if (batch->is_calling || batch->open > 0)
        return;
    batch_destroy(batch);
    if (lane->state == LANE_STOPPING && lane->changed != NULL)
        lane->changed(lane->changed_user, lane);
}

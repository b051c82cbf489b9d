/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/batch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "engine/tell.h"
#include "engine/tracing.h"
#include "rules/judge.h"

#include <stdio.h>
#include <tenon/tenon.h>

enum {
    ANSWER_EXCERPT = 240,
};

static struct judgement usual_reading(const struct sending *sending)
{
    return sending->lookup != NULL ? judge_lookup(sending->http.status)
                                   : judge_status(sending->http.status);
}

static struct settlement answered(const struct sending *sending, const struct judgement *judged)
{
    const struct http_request *http = &sending->http;
    size_t len = http->answer.len < ANSWER_EXCERPT ? http->answer.len : ANSWER_EXCERPT;

    /* Cut between characters: the excerpt is shown as text. */
    while (len > 0 && len < http->answer.len &&
           ((unsigned char)http->answer.ptr[len] & 0xC0) == 0x80)
        len--;
    return (struct settlement){
        .verdict = judged->verdict,
        .error_class = judged->error_class,
        .retry_after_ms = http->retry_after_ms,
        .http_status = http->status,
        .is_attempt = true,
        .request = sending->line,
        .answer = {http->answer.ptr, len},
        .trace = sending->trace,
        .started_ms = http->started_ms,
        .duration_us = http->duration_us,
    };
}

struct settlement sending_read(const struct sending *sending)
{
    const struct judgement usual = usual_reading(sending);

    return answered(sending, &usual);
}

void sending_end(struct sending *sending)
{
    struct batch *batch = sending->batch;

    if (sending->lookup != NULL)
        reconcile_end_one(sending->lookup);
    http_request_finish(&sending->http);
    batch_advance(batch);
}

void sending_settle_one(struct sending *sending, uint32_t i, const struct settlement *s)
{
    if (sending->lookup != NULL)
        reconcile_take(sending->lookup, sending->records[i], s);
    else
        settle(sending->batch, sending->records[i], s);
}

void sending_settle(struct sending *sending, const struct settlement *s)
{
    if (sending->lookup == NULL &&
        splitting_take_answer(sending->batch, sending->records, sending->record_count, s))
        return;
    for (uint32_t i = 0; i < sending->record_count; i++)
        sending_settle_one(sending, i, s);
}

static bool has_judge(const struct lane *lane, bool is_lookup)
{
    return is_lookup ? lane->facts.has_judge_reconcile : lane->facts.has_judge;
}

/* Nothing of it was sent: the records are as before, no try counted. */
static void come_back(struct sending *sending)
{
    for (uint32_t i = 0; i < sending->record_count; i++)
        settle_released(sending->batch, sending->records[i]);
    sending_end(sending);
}

/* The gate hears of it. False: it was held back, or was still trying to connect when others had
 * shown that nobody is there. */
static bool is_tried(struct sending *sending)
{
    struct lane *lane = sending->batch->lane;
    const struct http_request *http = &sending->http;
    bool was_shut =
        http->failure == HTTP_NOT_SENT && lane_gate_is_shut(&lane->gate, clock_due_ms());

    if (http->failure == HTTP_REFUSED_LOCALLY) {
        lane_gate_unsent(&lane->gate, sending->is_probe);
        return false;
    }
    histogram_add(&lane->figures.request_us, &histogram_microseconds, (uint64_t)http->duration_us);
    lane_gate_answered(&lane->gate, http, sending->is_probe);
    return !was_shut;
}

static void sending_done(struct http_request *http)
{
    struct sending *sending = http->user;
    struct lane *lane = sending->batch->lane;
    struct settlement s;
    struct judgement judged;

    log_integration_scope(lane->name);
    outbound_mask_answer(http);
    if (tap_is_on(lane->tap))
        tell_answer(sending->batch, sending->records, sending->record_count, http);
    if (!is_tried(sending)) {
        come_back(sending);
        return;
    }
    if (http->failure == HTTP_ANSWERED && has_judge(lane, sending->lookup != NULL)) {
        judging_ask(sending);
        return;
    }
    judged = http->failure == HTTP_ANSWERED   ? usual_reading(sending)
             : http->failure == HTTP_NOT_SENT ? (struct judgement){TENON_RETRY, TENON_E_CONNECTION}
                                              : (struct judgement){TENON_UNSURE, TENON_E_UNKNOWN};
    if (http->is_cancelled)
        judged.error_class = TENON_E_CANCELLED;
    s = answered(sending, &judged);
    s.is_unreached = http->failure == HTTP_NOT_SENT;
    if (http->failure != HTTP_ANSWERED) {
        s.http_status = 0;
        s.retry_after_ms = 0;
        s.message = str_of(http->error);
    }
    sending_settle(sending, &s);
    sending_end(sending);
}

static void refuse_request(struct delivery *delivery, const struct plugin_request *request,
                           const struct err *err)
{
    struct batch *batch = delivery->batch;
    bool is_lookup = (delivery->steps & PLUGIN_STEP_RECONCILE) != 0;
    const struct settlement s = {
        .verdict = err->code == -ENOMEM || is_lookup ? TENON_RETRY : TENON_REJECTED,
        .error_class = err->code == -ENOMEM ? TENON_E_NO_MEMORY : TENON_E_VALIDATION,
        .is_attempt = true,
        .message = arena_copy(&batch->arena, str_of(err->text)),
    };

    for (uint32_t i = 0; i < request->record_count; i++) {
        uint32_t index = delivery->indexes[request->records[i]];

        if (is_lookup)
            reconcile_take(delivery, index, &s);
        else
            settle(batch, index, &s);
    }
}

static struct sending *prepare_sending(struct delivery *delivery, struct plugin_reply *reply,
                                       const struct plugin_request *request, struct err *err)
{
    struct batch *batch = delivery->batch;
    struct arena *arena = &batch->arena;
    struct sending *sending = arena_take(arena, sizeof *sending);
    uint32_t *records = arena_take(arena, request->record_count * sizeof *records);
    struct str *keys = arena_take(arena, request->record_count * sizeof *keys);
    bool is_lookup = (delivery->steps & PLUGIN_STEP_RECONCILE) != 0;
    struct outbound out;

    if (sending == NULL || records == NULL || keys == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < request->record_count; i++) {
        records[i] = delivery->indexes[request->records[i]];
        keys[i] = batch->keys[records[i]];
    }
    if (outbound_build(batch->lane->outbound, request, is_lookup ? NULL : keys, reply->payloads,
                       arena, &out, err) < 0)
        return NULL;
    sending->lookup = is_lookup ? delivery : NULL;
    sending->trace = tracing_add(batch, records, request->record_count, &out);
    sending->batch = batch;
    sending->records = records;
    sending->record_count = request->record_count;
    sending->line =
        arena_join(arena, (const struct str[]){str_of(out.method), STR(" "), str_of(out.url)}, 3);
    if (sending->line.ptr != NULL)
        (void)secret_mask_in_place((char *)(uintptr_t)sending->line.ptr,
                                   sending->line.len); /* masked or not: both fine */
    sending->http = outbound_request(&out);
    sending->http.keep_headers = has_judge(batch->lane, is_lookup);
    sending->http.is_once = batch->lane->has_asked && !is_lookup;
    sending->http.start_by_ms = batch->start_by_ms; /* later it could still be on the wire, or with
                                                       the plugin's judge, when the lease ends */
    sending->http.done = sending_done;
    sending->http.user = sending;
    return sending;
}

static void release_prepared(struct delivery *delivery, const struct plugin_reply *reply)
{
    for (size_t i = 0; i < reply->request_count; i++)
        for (uint32_t k = 0; k < reply->requests[i].record_count; k++)
            settle_released(delivery->batch, delivery->indexes[reply->requests[i].records[k]]);
}

void sending_start(struct delivery *delivery, struct plugin_reply *reply)
{
    struct batch *batch = delivery->batch;
    struct lane *lane = batch->lane;
    struct http_request *first = NULL;
    struct http_request **tail = &first;
    int64_t now_ms = clock_due_ms();

    /* A lane that stops leaves what is not on its way to the next one. */
    if (lane->state == LANE_STOPPING) {
        release_prepared(delivery, reply);
        return;
    }
    for (size_t i = 0; i < reply->request_count; i++) {
        const struct plugin_request *request = &reply->requests[i];
        struct err err = {0};
        struct sending *sending;

        if (!lane_gate_enter(&lane->gate, &batch->pass, delivery->is_further, now_ms)) {
            /* changed since the claim */
            for (uint32_t k = 0; k < request->record_count; k++)
                settle_released(batch, delivery->indexes[request->records[k]]);
            continue;
        }
        sending = prepare_sending(delivery, reply, request, &err);
        if (sending == NULL) {
            lane_gate_unsent(&lane->gate, batch->pass.is_probe);
            refuse_request(delivery, request, &err);
            continue;
        }
        sending->is_probe = batch->pass.is_probe;
        lane->figures.requests++;
        lane->requests_records += sending->record_count;
        if (tap_is_on(lane->tap))
            tell_request(sending->batch, sending->records, sending->record_count, &sending->http);
        if (sending->lookup != NULL)
            sending->lookup->lookups++;
        *tail = &sending->http;
        tail = &sending->http.next;
    }
    if (first != NULL)
        http_client_send(lane->destination, first);
}

/* SPDX-License-Identifier: Apache-2.0
 * A batch through the plugin: selector, transformer, then client or submitter, in one crossing.
 * After each step the batch closes up, so the next callback sees only what goes on; indexes are
 * translated back at the end. */
#include "call/call_server.h"

#include <stdio.h>

struct verdicts_sink {
    tenon_verdicts verdicts;
    struct call_server *server;
    struct call_batch *batch;
};
struct requests_sink {
    tenon_requests requests;
    struct call_batch *batch;
};

static int32_t set_verdict(tenon_verdicts *verdicts, const tenon_verdict *verdict)
{
    struct verdicts_sink *sink = verdicts->ctx;

    /* A plugin that sets here and completes on another thread is wrong, but must not corrupt us. */
    pthread_mutex_lock(&sink->server->jobs_lock);
    int32_t status = call_batch_verdict(sink->batch, verdict);
    pthread_mutex_unlock(&sink->server->jobs_lock);
    return status;
}

static int32_t add_request(tenon_requests *requests, const tenon_request *request)
{
    struct requests_sink *sink = requests->ctx;

    return call_batch_request(sink->batch, request);
}

static void init_verdicts(struct verdicts_sink *sink, struct call_server *server,
                          struct call_batch *batch)
{
    *sink = (struct verdicts_sink){.server = server, .batch = batch};
    sink->verdicts = (tenon_verdicts){sizeof sink->verdicts, 0, sink, set_verdict};
}

static void init_requests(struct requests_sink *sink, struct call_batch *batch)
{
    *sink = (struct requests_sink){.batch = batch};
    sink->requests = (tenon_requests){sizeof sink->requests, 0, sink, add_request};
}

static void run_select(struct call_thread *thread, struct call_instance *instance,
                       const tenon_selector *selector)
{
    struct call_batch *batch = thread->batch;

    batch->step = WIRE_IN_SELECTOR;
    for (uint32_t i = 0; i < batch->live_count; i++) {
        tenon_err err = call_err();
        struct wire_out reason = {0};
        struct call_sink sink;

        call_sink_init(&sink, &reason, 4096);
        call_mark(thread, WIRE_AT_SELECT, batch->live[i]);
        int32_t code = selector->select(instance->self, &batch->records[i], &sink.sink, &err);
        if (code == TENON_SKIP)
            call_batch_settle(batch, i, WIRE_SKIPPED, TENON_OK,
                              (tenon_str){reason.ptr, reason.len});
        else if (code != TENON_OK)
            call_batch_fail(batch, i, WIRE_AT_SELECT, code, &err);
        wire_out_finish(&reason);
    }
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    call_batch_close_up(batch);
}

/* What a transformer wrote too much of. */
static void settle_overflow(struct call_batch *batch, uint32_t at, size_t max)
{
    char words[128];

    if (max < WIRE_PAYLOAD_MAX)
        call_batch_settle(batch, at, WIRE_RETRY, TENON_E_NO_MEMORY,
                          tenon_text("the payloads of this batch together passed 48 MiB"));
    else {
        snprintf(words, sizeof words, "transform wrote more than %d MiB, or memory ran out",
                 WIRE_PAYLOAD_MAX >> 20);
        call_batch_settle(batch, at, WIRE_REJECTED, TENON_E_VALIDATION, tenon_text(words));
    }
}

static void run_transform(struct call_thread *thread, struct call_instance *instance)
{
    enum { BATCH_PAYLOADS_MAX = 48 << 20 };
    const tenon_transformer *transformer = &thread->server->transformer;
    struct call_batch *batch = thread->batch;
    struct wire_out *payloads = &batch->payloads;

    batch->step = WIRE_IN_TRANSFORMER;
    for (uint32_t i = 0; i < batch->live_count; i++) {
        tenon_err err = call_err();
        /* The NUL behind a payload that just fitted goes beyond. */
        size_t room = payloads->len < BATCH_PAYLOADS_MAX ? BATCH_PAYLOADS_MAX - payloads->len : 0;
        struct call_sink sink;

        call_sink_init(&sink, payloads, room < WIRE_PAYLOAD_MAX ? room : WIRE_PAYLOAD_MAX);
        call_mark(thread, WIRE_AT_TRANSFORM, batch->live[i]);
        int32_t code = transformer->transform(instance->self, &batch->records[i], &sink.sink, &err);
        struct call_outcome *outcome = &batch->outcomes[batch->live[i]];
        if (sink.is_over)
            settle_overflow(batch, i, sink.max);
        else if (code == TENON_SKIP)
            call_batch_settle(batch, i, WIRE_SKIPPED, TENON_OK,
                              (tenon_str){payloads->ptr + sink.start, payloads->len - sink.start});
        else if (code != TENON_OK)
            call_batch_fail(batch, i, WIRE_AT_TRANSFORM, code, &err);
        else {
            outcome->has_payload = true;
            outcome->payload_at = (uint32_t)sink.start;
            outcome->payload_len = (uint32_t)(payloads->len - sink.start);
            wire_out_bytes(payloads, "", 1); /* the NUL behind what the client gets */
            continue;
        }
        payloads->len = sink.start;
    }
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    call_batch_close_up(batch);
    for (uint32_t i = 0; i < batch->live_count; i++) { /* now that the buffer no longer moves */
        const struct call_outcome *outcome = &batch->outcomes[batch->live[i]];
        batch->records[i].data =
            (tenon_str){payloads->ptr + outcome->payload_at, outcome->payload_len};
    }
}

static void fail_rest(struct call_batch *batch, enum wire_callback callback, int32_t code,
                      const tenon_err *err)
{
    for (uint32_t i = 0; i < batch->live_count; i++) {
        struct call_outcome *outcome = &batch->outcomes[batch->live[i]];
        if (outcome->is_set)
            continue;
        outcome->is_requested = false;
        call_batch_fail(batch, i, callback, code, err);
        outcome->is_shared = true;
    }
}

/* What prepare or the submitter said nothing about was not sent, and the plugin is to blame. */
static void reject_forgotten(struct call_batch *batch)
{
    for (uint32_t i = 0; i < batch->live_count; i++) {
        const struct call_outcome *outcome = &batch->outcomes[batch->live[i]];
        if (!outcome->is_set && !outcome->is_requested)
            call_batch_settle(batch, i, WIRE_REJECTED, TENON_E_PERMANENT,
                              tenon_text("the plugin made no request for this record"));
    }
}

static void take_back_requests(struct call_batch *batch)
{
    batch->requests.len = 0;
    batch->request_count = 0;
}

static void run_prepare(struct call_thread *thread, struct call_instance *instance, uint64_t call)
{
    struct call_batch *batch = thread->batch;
    struct requests_sink sink;
    tenon_err err = call_err();

    batch->step = WIRE_IN_CLIENT;
    init_requests(&sink, batch);
    if (thread->server->client.prepare == NULL) {
        /* A transformer alone is a whole plugin over HTTP: each record is posted to base_url. */
        for (uint32_t i = 0; i < batch->live_count; i++) {
            tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
            (void)call_batch_request(
                batch, &request); /* fails for lack of memory; the record is then forgotten */
        }
        reject_forgotten(batch);
        return;
    }
    tenon_batch view = {sizeof view, batch->live_count, call, batch->records};
    call_mark(thread, WIRE_AT_PREPARE, UINT32_MAX);
    int32_t code = thread->server->client.prepare(instance->self, &view, &sink.requests, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code != TENON_OK) {
        take_back_requests(batch);
        fail_rest(batch, WIRE_AT_PREPARE, code, &err);
    }
    reject_forgotten(batch);
}

/* A callback that may ask for requests and give verdicts: what both of the two below are. */
typedef int32_t (*answering_fn)(void *self, const tenon_batch *batch, tenon_requests *requests,
                                tenon_verdicts *verdicts, tenon_err *err);

static void run_answering(struct call_thread *thread, struct call_instance *instance, uint64_t call,
                          answering_fn fn, enum wire_callback place)
{
    struct call_batch *batch = thread->batch;
    struct requests_sink requests;
    struct verdicts_sink verdicts;
    tenon_err err = call_err();
    tenon_batch view = {sizeof view, batch->live_count, call, batch->records};

    init_requests(&requests, batch);
    init_verdicts(&verdicts, thread->server, batch);
    call_mark(thread, place, UINT32_MAX);
    int32_t code = fn(instance->self, &view, &requests.requests, &verdicts.verdicts, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code != TENON_OK) {
        take_back_requests(batch);
        fail_rest(batch, place, code, &err);
    }
}

static void run_submitter(struct call_thread *thread, struct call_instance *instance, uint64_t call)
{
    thread->batch->step = WIRE_IN_SUBMITTER;
    run_answering(thread, instance, call, thread->server->submitter.submit, WIRE_AT_SUBMITTER);
    reject_forgotten(thread->batch);
}

static void settle_unsure(struct call_batch *batch)
{
    for (uint32_t i = 0; i < batch->live_count; i++)
        if (!batch->outcomes[batch->live[i]].is_set &&
            !batch->outcomes[batch->live[i]].is_requested)
            call_batch_settle(batch, i, WIRE_UNSURE, TENON_E_UNKNOWN,
                              tenon_text("the plugin set no verdict"));
}

/* Records that were sent before: looked up by requests that the host sends, or by the plugin. */
static void run_reconcile(struct call_thread *thread, struct call_instance *instance, uint64_t call)
{
    thread->batch->step = WIRE_IN_RECONCILE;
    run_answering(thread, instance, call, thread->server->client.reconcile, WIRE_AT_RECONCILE);
    settle_unsure(thread->batch);
}

/* True when the answer follows by itself. */
static bool run_submit(struct call_thread *thread, struct call_instance *instance, uint64_t call,
                       uint32_t steps)
{
    struct call_server *server = thread->server;
    struct call_batch *batch = thread->batch;
    struct verdicts_sink sink;
    tenon_err err = call_err();

    batch->step = WIRE_IN_CLIENT;
    struct call_job *job = call_job_start(server, instance, call, steps, batch);
    if (job == NULL) {
        fail_rest(batch, WIRE_AT_SUBMIT, TENON_E_NO_MEMORY, &err);
        return false;
    }
    tenon_batch view = {sizeof view, batch->live_count, job->id, batch->records};
    init_verdicts(&sink, server, batch);
    call_mark(thread, WIRE_AT_SUBMIT, UINT32_MAX);
    int32_t code = server->client.submit(instance->self, &view, &sink.verdicts, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code == TENON_PENDING && call_job_leave_pending(thread, job))
        return true;
    call_job_end(server, job); /* from here no other thread completes it */
    if (code == TENON_OK || code == TENON_PENDING)
        settle_unsure(batch);
    else
        fail_rest(batch, WIRE_AT_SUBMIT, code, &err);
    return false;
}

static void send_outcomes(struct call_thread *thread, const struct wire_header *header,
                          uint32_t steps)
{
    if (call_batch_encode(thread->batch, steps, header->call, header->instance, &thread->out) < 0) {
        wire_out_clear(&thread->out);
        call_send_refusal(thread, header, TENON_E_NO_MEMORY,
                          "the answer to this batch is larger than 64 MiB");
        return;
    }
    (void)call_send(thread->server, &thread->out); /* a broken connection ends the serving loop */
    wire_out_clear(&thread->out);
}

static int read_records(struct call_thread *thread, const struct wire_header *header,
                        struct wire_in *in, uint32_t count)
{
    struct call_batch *batch = call_batch_get(thread, count);

    if (batch == NULL) {
        call_send_refusal(thread, header, TENON_E_NO_MEMORY,
                          "no memory for the records of this batch");
        return -1;
    }
    for (uint32_t i = 0; i < count; i++)
        (void)wire_get_record(in, &batch->records[i]); /* a failure stays in `in` */
    if (wire_in_is_done(in))
        return 0;
    call_send_refusal(thread, header, TENON_E_VALIDATION, "the batch is not what its count says");
    return -1;
}

/* NULL, or why these steps cannot be taken. */
static const char *steps_problem(const struct call_server *server, uint32_t steps)
{
    if ((steps & WIRE_STEP_RECONCILE) && server->client.reconcile == NULL)
        return "the plugin has no client->reconcile";
    if (server->submitter.submit != NULL)
        return NULL;
    if ((steps & WIRE_STEP_SUBMIT) && server->client.submit == NULL)
        return "the plugin has no client->submit; its records go out by prepared requests";
    if ((steps & WIRE_STEP_PREPARE) && server->client.prepare == NULL &&
        server->client.submit != NULL)
        return "the plugin has no client->prepare; its client submits by itself";
    return NULL;
}

void call_deliver(struct call_thread *thread, struct call_instance *instance,
                  const struct wire_header *header, struct wire_in *in)
{
    const struct call_server *server = thread->server;
    const tenon_selector *selector = NULL;
    struct wire_deliver deliver;
    char words[256];

    if (wire_get_deliver(in, &deliver) < 0) {
        call_send_refusal(thread, header, TENON_E_VALIDATION, "the batch cannot be read");
        return;
    }
    const char *problem = steps_problem(server, deliver.steps);
    if (problem == NULL && (deliver.steps & WIRE_STEP_SELECT)) {
        selector = call_find_selector(server, deliver.selector);
        snprintf(words, sizeof words, "the plugin has no selector '%.64s'", deliver.selector.ptr);
        problem = selector == NULL ? words : NULL;
    }
    if (problem != NULL) {
        call_send_refusal(thread, header, TENON_E_UNSUPPORTED, problem);
        return;
    }
    if (read_records(thread, header, in, deliver.count) < 0)
        return;
    struct call_batch *batch = thread->batch;
    bool goes_out = deliver.steps & (WIRE_STEP_PREPARE | WIRE_STEP_SUBMIT | WIRE_STEP_RECONCILE);
    bool has_submitter = goes_out && server->submitter.submit != NULL;
    if (selector != NULL)
        run_select(thread, instance, selector);
    if (!has_submitter && (deliver.steps & WIRE_STEP_TRANSFORM) &&
        server->transformer.transform != NULL)
        run_transform(thread, instance);
    if (goes_out && batch->live_count > 0) {
        if (deliver.steps & WIRE_STEP_RECONCILE)
            run_reconcile(thread, instance, header->call);
        else if (has_submitter)
            run_submitter(thread, instance, header->call);
        else if (deliver.steps & WIRE_STEP_PREPARE)
            run_prepare(thread, instance, header->call);
        else if (run_submit(thread, instance, header->call, deliver.steps))
            return;
    }
    send_outcomes(thread, header, deliver.steps);
}

void call_judge(struct call_thread *thread, struct call_instance *instance,
                const struct wire_header *header, struct wire_in *in)
{
    struct call_server *server = thread->server;
    struct verdicts_sink sink;
    struct wire_judge judge;

    if (wire_get_judge(in, &judge) < 0) {
        call_send_refusal(thread, header, TENON_E_VALIDATION, "the answer to judge cannot be read");
        return;
    }
    bool is_reconcile = judge.is_reconcile != 0;
    enum wire_callback at = is_reconcile ? WIRE_AT_JUDGE_RECONCILE : WIRE_AT_JUDGE;
    int32_t (*function)(void *, const tenon_exchange *, tenon_verdicts *, tenon_err *) =
        is_reconcile ? server->client.judge_reconcile : server->client.judge;
    if (function == NULL) {
        call_send_refusal(thread, header, TENON_E_UNSUPPORTED,
                          is_reconcile ? "the plugin has no client->judge_reconcile"
                                       : "the plugin has no client->judge");
        return;
    }
    if (read_records(thread, header, in, judge.count) < 0)
        return;
    struct call_batch *batch = thread->batch;
    tenon_err err = call_err();
    tenon_batch view = {sizeof view, batch->live_count, header->call, batch->records};
    tenon_exchange exchange = {sizeof exchange, judge.status, &view, judge.headers, judge.body};

    batch->step = is_reconcile ? WIRE_IN_RECONCILE : WIRE_IN_CLIENT;
    init_verdicts(&sink, server, batch);
    call_mark(thread, at, UINT32_MAX);
    int32_t code = function(instance->self, &exchange, &sink.verdicts, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code == TENON_OK)
        settle_unsure(batch);
    else
        fail_rest(batch, at, code, &err);
    send_outcomes(thread, header, 0);
}

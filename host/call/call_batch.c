/* SPDX-License-Identifier: Apache-2.0 */
#include "call/call_server.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MESSAGE_MAX = 4096,
    EXTERNAL_ID_MAX = 1024,
    REQUESTS_BYTES_MAX = 32 << 20,
    KEEP_RECORDS = 4096,
};

void call_batch_destroy(struct call_batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->records);
    free(batch->live);
    free(batch->outcomes);
    wire_out_finish(&batch->texts);
    wire_out_finish(&batch->payloads);
    wire_out_finish(&batch->requests);
    free(batch);
}

static int batch_reserve(struct call_batch *batch, uint32_t count)
{
    if (count <= batch->cap && batch->cap <= KEEP_RECORDS)
        return 0;
    free(batch->records);
    free(batch->live);
    free(batch->outcomes);
    size_t rows = count > 0 ? count : 1;
    batch->records = malloc(rows * sizeof *batch->records);
    batch->live = malloc(rows * sizeof *batch->live);
    batch->outcomes = malloc(rows * sizeof *batch->outcomes);
    batch->cap = count;
    if (batch->records != NULL && batch->live != NULL && batch->outcomes != NULL)
        return 0;
    batch->cap = 0;
    return -1;
}

struct call_batch *call_batch_get(struct call_thread *thread, uint32_t count)
{
    if (thread->batch == NULL)
        thread->batch = calloc(1, sizeof *thread->batch);
    struct call_batch *batch = thread->batch;

    if (batch == NULL || batch_reserve(batch, count) < 0)
        return NULL;
    wire_out_clear(&batch->texts);
    wire_out_clear(&batch->payloads);
    wire_out_clear(&batch->requests);
    batch->request_count = 0;
    batch->is_body_record = false;
    batch->count = batch->live_count = count;
    if (count > 0)
        memset(batch->outcomes, 0, count * sizeof *batch->outcomes);
    for (uint32_t i = 0; i < count; i++)
        batch->live[i] = i;
    return batch;
}

void call_batch_close_up(struct call_batch *batch)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < batch->live_count; i++) {
        if (batch->outcomes[batch->live[i]].is_set)
            continue;
        if (kept != i) {
            batch->live[kept] = batch->live[i];
            batch->records[kept] = batch->records[i];
        }
        kept++;
    }
    batch->live_count = kept;
}

/* Keeps a text with the batch; cut at `max`, and dropped when memory is out. */
static void keep_text(struct call_batch *batch, tenon_str text, size_t max, uint32_t *out_at,
                      uint32_t *out_len)
{
    text = call_text(text);
    if (text.len > max)
        text.len = max;
    size_t at = batch->texts.len;
    if (text.len == 0 || at + text.len > WIRE_FRAME_MAX / 4)
        return;
    wire_out_bytes(&batch->texts, text.ptr, text.len);
    if (batch->texts.failed) {
        batch->texts.failed = false;
        return;
    }
    *out_at = (uint32_t)at;
    *out_len = (uint32_t)text.len;
}

void call_batch_settle(struct call_batch *batch, uint32_t live_index, enum wire_kind kind,
                       int32_t error_class, tenon_str message)
{
    struct call_outcome *outcome = &batch->outcomes[batch->live[live_index]];

    outcome->is_set = true;
    outcome->has_payload = false;
    outcome->kind = (uint8_t)kind;
    outcome->step = (uint8_t)batch->step;
    outcome->error_class = error_class;
    keep_text(batch, message, MESSAGE_MAX, &outcome->message_at, &outcome->message_len);
}

/* Who is to blame decides what becomes of the record; see the statuses in tenon.h. */
static enum wire_kind kind_of_code(int32_t code)
{
    switch (code) {
    case TENON_E_CONNECTION:
    case TENON_E_AUTH:
    case TENON_E_RATE_LIMITED:
    case TENON_E_SERVER:
    case TENON_E_CANCELLED:
    case TENON_E_NO_MEMORY:
        return WIRE_RETRY;
    case TENON_E_UNKNOWN:
        return WIRE_UNSURE;
    default:
        return WIRE_REJECTED;
    }
}

static bool is_known_code(int32_t code)
{
    return code < 0 && code >= TENON_E_UNSUPPORTED;
}

void call_batch_fail(struct call_batch *batch, uint32_t live_index, enum wire_callback callback,
                     int32_t code, const tenon_err *err)
{
    char words[sizeof err->message + 64];
    size_t len = strnlen(err->message, sizeof err->message);

    if (!is_known_code(code))
        snprintf(words, sizeof words, "%s returned %d, which is no status of tenon.h. %.*s",
                 wire_callback_name(callback), (int)code, (int)len, err->message);
    else if (len == 0)
        snprintf(words, sizeof words, "%s returned %d and gave no reason",
                 wire_callback_name(callback), (int)code);
    else
        snprintf(words, sizeof words, "%.*s", (int)len, err->message);
    bool cannot_ask = batch->step == WIRE_IN_RECONCILE && code == TENON_E_UNSUPPORTED;
    call_batch_settle(batch, live_index, cannot_ask ? WIRE_NOT_THERE : kind_of_code(code),
                      is_known_code(code) ? code : TENON_E_PERMANENT, tenon_text(words));
    struct call_outcome *outcome = &batch->outcomes[batch->live[live_index]];
    outcome->retry_after_ms = outcome->kind == WIRE_RETRY ? err->retry_after_ms : 0;
    outcome->http_status = err->http_status;
}

int32_t call_batch_verdict(struct call_batch *batch, const tenon_verdict *verdict)
{
    static const uint8_t kinds[] = {
        [TENON_ACCEPTED] = WIRE_ACCEPTED, [TENON_REJECTED] = WIRE_REJECTED,
        [TENON_RETRY] = WIRE_RETRY,       [TENON_UNSURE] = WIRE_UNSURE,
        [TENON_SKIPPED] = WIRE_SKIPPED,   [TENON_NOT_THERE] = WIRE_NOT_THERE,
    };
    int32_t last = batch->step == WIRE_IN_RECONCILE ? TENON_NOT_THERE : TENON_SKIPPED;
    tenon_verdict seen;

    if (verdict == NULL || verdict->struct_size < offsetof(tenon_verdict, message))
        return TENON_E_VALIDATION;
    memset(&seen, 0, sizeof seen);
    memcpy(&seen, verdict, verdict->struct_size < sizeof seen ? verdict->struct_size : sizeof seen);
    if (seen.index >= batch->live_count || seen.verdict < TENON_ACCEPTED || seen.verdict > last)
        return TENON_E_VALIDATION;
    struct call_outcome *outcome = &batch->outcomes[batch->live[seen.index]];
    if (outcome->is_set || outcome->is_requested)
        return TENON_E_VALIDATION;
    int32_t error_class = is_known_code(seen.error_class) ? seen.error_class : TENON_OK;
    /* An id that was cut would be another id. */
    if (seen.external_id.len > EXTERNAL_ID_MAX) {
        seen.external_id.len = 0;
        seen.message =
            tenon_text("the plugin's external_id was longer than 1024 bytes and is not kept");
    }
    call_batch_settle(batch, seen.index, kinds[seen.verdict], error_class, seen.message);
    keep_text(batch, seen.external_id, EXTERNAL_ID_MAX, &outcome->external_id_at,
              &outcome->external_id_len);
    outcome->retry_after_ms = seen.verdict == TENON_RETRY ? seen.retry_after_ms : 0;
    outcome->http_status = seen.http_status;
    return TENON_OK;
}

int32_t call_batch_request(struct call_batch *batch, const tenon_request *request)
{
    tenon_request seen;

    if (request == NULL || request->struct_size < offsetof(tenon_request, method))
        return TENON_E_VALIDATION;
    memset(&seen, 0, sizeof seen);
    memcpy(&seen, request, request->struct_size < sizeof seen ? request->struct_size : sizeof seen);
    if (seen.count < 1 || seen.first >= batch->live_count ||
        seen.count > batch->live_count - seen.first || seen.body_kind > TENON_BODY_ARRAY)
        return TENON_E_VALIDATION;
    for (uint32_t i = seen.first; i < seen.first + seen.count; i++) {
        const struct call_outcome *outcome = &batch->outcomes[batch->live[i]];
        if (outcome->is_set || outcome->is_requested)
            return TENON_E_VALIDATION;
    }
    struct wire_request wire = {
        .body_kind = seen.body_kind,
        .record_count = seen.count,
        .records = (const char *)(batch->live + seen.first),
        .method = call_text(seen.method),
        .url = call_text(seen.url),
        .headers = call_text(seen.headers),
        .body = seen.body_kind == TENON_BODY_INLINE ? call_text(seen.body) : (tenon_str){"", 0},
    };
    if (wire_request_problem(&wire) != NULL)
        return TENON_E_VALIDATION;
    size_t before = batch->requests.len;
    if (wire.body.len > WIRE_PAYLOAD_MAX || wire.body.len > REQUESTS_BYTES_MAX - before)
        return TENON_E_NO_MEMORY;
    wire_put_request(&batch->requests, &wire);
    if (batch->requests.failed || batch->requests.len > REQUESTS_BYTES_MAX) {
        batch->requests.failed = false;
        batch->requests.len = before;
        return TENON_E_NO_MEMORY;
    }
    batch->request_count++;
    batch->is_body_record = batch->is_body_record || seen.body_kind != TENON_BODY_INLINE;
    for (uint32_t i = seen.first; i < seen.first + seen.count; i++)
        batch->outcomes[batch->live[i]].is_requested = true;
    return TENON_OK;
}

static tenon_str kept(const struct wire_out *buffer, uint32_t at, uint32_t len)
{
    return len > 0 ? (tenon_str){buffer->ptr + at, len} : (tenon_str){"", 0};
}

int call_batch_encode(struct call_batch *batch, uint32_t steps, uint64_t call, uint32_t instance,
                      struct wire_out *out)
{
    bool wants_payloads = (steps & WIRE_STEP_PAYLOADS) || batch->is_body_record;
    size_t begin = wire_out_begin(out, WIRE_OUTCOMES, call, instance);

    wire_out_u32(out, batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct call_outcome *from = &batch->outcomes[i];
        struct wire_outcome outcome = {
            .kind = from->kind,
            .step = from->step,
            .has_payload = from->has_payload && wants_payloads,
            .is_shared = from->is_shared,
            .error_class = from->error_class,
            .retry_after_ms = from->retry_after_ms,
            .http_status = from->http_status,
            .message = kept(&batch->texts, from->message_at, from->message_len),
            .external_id = kept(&batch->texts, from->external_id_at, from->external_id_len),
            .payload = kept(&batch->payloads, from->payload_at, from->payload_len),
        };
        wire_put_outcome(out, &outcome);
    }
    wire_out_u32(out, batch->request_count);
    wire_out_bytes(out, batch->requests.ptr, batch->requests.len);
    return wire_out_end(out, begin);
}

static int32_t sink_write(tenon_sink *sink, const void *bytes, size_t len)
{
    struct call_sink *own = sink->ctx;

    if (own->is_over || len > own->max - (own->to->len - own->start)) {
        own->is_over = true;
        return TENON_E_NO_MEMORY;
    }
    wire_out_bytes(own->to, bytes, len);
    if (own->to->failed) {
        own->to->failed = false;
        own->is_over = true;
        return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}

void call_sink_init(struct call_sink *sink, struct wire_out *to, size_t max)
{
    *sink = (struct call_sink){.to = to, .start = to->len, .max = max};
    sink->sink = (tenon_sink){sizeof sink->sink, 0, sink, sink_write};
}

/* SPDX-License-Identifier: Apache-2.0
 * Answers. One allocation each: the struct, its arrays, and a copy of the frame that the texts
 * point into. Every byte of the frame is hostile: what does not add up is refused as a whole. */
#include "plugin/plugin_internal.h"

#include <stdlib.h>

struct reply {
    struct plugin_reply public;
    unsigned references;
    _Alignas(16) char memory[];
};

struct plugin_reply *plugin_reply_ref(struct plugin_reply *reply)
{
    ((struct reply *)reply)->references++;
    return reply;
}

void plugin_reply_unref(struct plugin_reply *reply)
{
    if (reply != NULL && --((struct reply *)reply)->references == 0)
        free(reply);
}

struct plugin_reply *plugin_reply_words(enum plugin_status status, int error_class, int64_t culprit,
                                        const char *words)
{
    size_t len = strlen(words);
    struct reply *reply = calloc(1, sizeof *reply + len + 1);

    if (reply == NULL)
        abort(); /* a caller waits and could never be told */
    memcpy(reply->memory, words, len + 1);
    reply->references = 1;
    reply->public.status = status;
    reply->public.words = reply->memory;
    reply->public.error_class = error_class;
    reply->public.culprit = culprit;
    return &reply->public;
}

struct plugin_reply *plugin_reply_result(struct str result)
{
    struct reply *reply = calloc(1, sizeof *reply + result.len + 1);

    if (reply == NULL)
        abort(); /* a caller waits and could never be told */
    if (result.len > 0)
        memcpy(reply->memory, result.ptr, result.len);
    reply->references = 1;
    reply->public.status = PLUGIN_OK;
    reply->public.words = "";
    reply->public.culprit = -1;
    reply->public.result = (struct str){reply->memory, result.len};
    return &reply->public;
}

struct plugin_reply *plugin_reply_ended(const struct wire_ended *ended)
{
    size_t headers_len = ended->headers.len;
    struct reply *reply = calloc(1, sizeof *reply + headers_len + ended->body.len + 2);

    if (reply == NULL)
        abort(); /* a caller waits and could never be told */
    char *body = reply->memory + headers_len + 1;
    memcpy(reply->memory, ended->headers.ptr, headers_len);
    memcpy(body, ended->body.ptr, ended->body.len);
    reply->references = 1;
    reply->public.status = PLUGIN_OK;
    reply->public.words = "";
    reply->public.culprit = -1;
    reply->public.number = (int)ended->number;
    reply->public.headers = (struct str){reply->memory, headers_len};
    reply->public.result = (struct str){body, ended->body.len};
    return &reply->public;
}

/* The arrays behind a reply for `count` records, each sized for the most it can need: no request
 * carries less than one record, and no record is in two. */
struct layout {
    size_t outcomes, requests, payloads, indexes, seen, frame, total;
};

static struct layout layout_of(size_t count, size_t frame_bytes)
{
    struct layout at = {0};

    at.requests = at.outcomes + count * sizeof(struct plugin_outcome);
    at.payloads = at.requests + count * sizeof(struct plugin_request);
    at.indexes = at.payloads + count * sizeof(struct str);
    at.seen = at.indexes + count * sizeof(uint32_t);
    at.frame = at.seen + count;
    at.total = at.frame + frame_bytes;
    return at;
}

static const enum plugin_outcome_kind outcome_kinds[WIRE_KIND_END] = {
    [WIRE_GOES_ON] = OUTCOME_GOES_ON,     [WIRE_ACCEPTED] = OUTCOME_ACCEPTED,
    [WIRE_REJECTED] = OUTCOME_REJECTED,   [WIRE_RETRY] = OUTCOME_RETRY,
    [WIRE_UNSURE] = OUTCOME_UNSURE,       [WIRE_SKIPPED] = OUTCOME_SKIPPED,
    [WIRE_NOT_THERE] = OUTCOME_NOT_THERE,
};
static const char *const step_names[WIRE_IN_END] = {"selector", "transformer", "client",
                                                    "submitter", "reconcile"};

static int parse_outcomes(struct wire_in *in, struct reply *reply, const struct layout *at,
                          const struct plugin_record *records, size_t count, unsigned steps,
                          struct err *err)
{
    struct plugin_outcome *outcomes = (void *)(reply->memory + at->outcomes);
    struct str *payloads = (void *)(reply->memory + at->payloads);
    size_t said = wire_in_count(in, WIRE_OUTCOME_LEAST);

    if (in->failed || said != count)
        return err_set(err, E_SYNTAX, "it answered %zu records where %zu were asked about", said,
                       count);
    for (size_t i = 0; i < count; i++) {
        struct wire_outcome wire;
        if (wire_get_outcome(in, &wire) < 0 || wire.error_class > 0 ||
            wire.error_class < TENON_E_UNSUPPORTED ||
            (wire.kind == WIRE_NOT_THERE && !(steps & PLUGIN_STEP_RECONCILE)) ||
            (wire.has_payload && wire.kind != WIRE_GOES_ON))
            return err_set(err, E_SYNTAX, "its outcome of record %zu cannot be read", i + 1);
        payloads[i] = wire.has_payload ? plugin_text(wire.payload) : records[i].data;
        outcomes[i] = (struct plugin_outcome){
            .kind = outcome_kinds[wire.kind],
            .step = step_names[wire.step],
            .is_shared = wire.is_shared,
            .error_class = wire.error_class,
            .retry_after_ms = wire.retry_after_ms,
            .http_status = (int)(wire.http_status <= 999 ? wire.http_status : 0),
            .message = plugin_text(wire.message),
            .external_id = plugin_text(wire.external_id),
            .payload = {"", 0},
        };
        if (wire.kind == WIRE_GOES_ON && (steps & PLUGIN_STEP_PAYLOADS))
            outcomes[i].payload = payloads[i];
    }
    reply->public.outcomes = outcomes;
    reply->public.outcome_count = count;
    reply->public.payloads = payloads;
    return 0;
}

/* Puts the request's records into `indexes`; negative when one is out of range, done with, or
 * taken. */
static int take_records(const struct wire_request *wire, const struct reply *reply,
                        uint32_t *indexes, char *seen)
{
    for (uint32_t i = 0; i < wire->record_count; i++) {
        uint32_t index = wire_request_record(wire, i);
        if (index >= reply->public.outcome_count || seen[index] ||
            reply->public.outcomes[index].kind != OUTCOME_GOES_ON)
            return -1;
        seen[index] = 1;
        indexes[i] = index;
    }
    return 0;
}

static int parse_requests(struct wire_in *in, struct reply *reply, const struct layout *at,
                          unsigned steps, struct err *err)
{
    struct plugin_request *requests = (void *)(reply->memory + at->requests);
    uint32_t *indexes = (void *)(reply->memory + at->indexes);
    char *seen = reply->memory + at->seen;
    bool goes_out = steps & (PLUGIN_STEP_PREPARE | PLUGIN_STEP_SUBMIT | PLUGIN_STEP_RECONCILE);
    size_t count = reply->public.outcome_count;
    size_t used = 0;
    size_t said = wire_in_count(in, WIRE_REQUEST_LEAST);

    if (in->failed || said > count || (said > 0 && !goes_out))
        return err_set(err, E_SYNTAX, "it sent %zu requests for %zu records", said, count);
    memset(seen, 0, count);
    for (size_t i = 0; i < said; i++) {
        struct wire_request wire;
        if (wire_get_request(in, &wire) < 0 || wire.record_count < 1 ||
            wire.record_count > count - used ||
            take_records(&wire, reply, indexes + used, seen) < 0 ||
            wire_request_problem(&wire) != NULL)
            return err_set(err, E_SYNTAX, "its request %zu cannot be read or names wrong records",
                           i + 1);
        requests[i] = (struct plugin_request){
            .body_kind = wire.body_kind,
            .records = indexes + used,
            .record_count = wire.record_count,
            .method = plugin_text(wire.method),
            .url = plugin_text(wire.url),
            .headers = plugin_text(wire.headers),
            .body = plugin_text(wire.body),
        };
        used += wire.record_count;
    }
    for (size_t i = 0; goes_out && i < count; i++)
        if (reply->public.outcomes[i].kind == OUTCOME_GOES_ON && !seen[i])
            return err_set(err, E_SYNTAX, "it gave record %zu neither a verdict nor a request",
                           i + 1);
    reply->public.requests = requests;
    reply->public.request_count = said;
    return 0;
}

struct plugin_reply *plugin_reply_parse(struct str bytes, const struct plugin_record *records,
                                        size_t count, unsigned steps, struct err *err)
{
    struct layout at = layout_of(count, bytes.len);
    struct reply *reply = malloc(sizeof *reply + at.total);

    if (reply == NULL) {
        err_set(err, -ENOMEM, "no memory for an answer of %zu bytes", bytes.len);
        return NULL;
    }
    memset(reply, 0, sizeof *reply);
    reply->references = 1;
    reply->public.words = "";
    reply->public.culprit = -1;
    if (bytes.len > 0)
        memcpy(reply->memory + at.frame, bytes.ptr, bytes.len);
    struct wire_in in = {reply->memory + at.frame, bytes.len, false};
    if (parse_outcomes(&in, reply, &at, records, count, steps, err) < 0 ||
        parse_requests(&in, reply, &at, steps, err) < 0)
        goto refused;
    if (wire_in_is_done(&in))
        return &reply->public;
    err_set(err, E_SYNTAX, "its answer goes on behind its end");
refused:
    free(reply);
    return NULL;
}

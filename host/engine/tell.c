/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tell.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "signals/hub.h"

enum {
    LINES_PER_SECOND = 10,
    EXCERPT_BYTES = 512,
    ENTITIES_MAX = 20, /* of a request, by name */
};

/* ---- log ---- */

static void log_outcome(enum log_level level, const char *words, uint64_t held_back,
                        const struct batch *batch, uint32_t index,
                        const struct store_outcome *outcome)
{
    struct log_field fields[9] = {
        F_TEXT("entity", batch->records[index].id),
        F_INT("version", batch->records[index].version),
        F_INT("submission", outcome->submission),
        F_INT("attempt", outcome->attempt),
    };
    size_t count = 4;

    if (outcome->http_status > 0)
        fields[count++] = F_INT("status", outcome->http_status);
    if (outcome->due_ms > 0)
        fields[count++] = F_INT("wait_ms", outcome->due_ms - clock_due_ms());
    if (outcome->reason.len > 0)
        fields[count++] = F_TEXT("reason", outcome->reason);
    if (held_back > 0)
        fields[count++] = F_INT("held_back", held_back);
    fields[count].kind = LOG_FIELD_END;
    log_write(level, words, fields);
}

static void log_verdict(const struct batch *batch, uint32_t index,
                        const struct store_outcome *outcome, enum submission_state state)
{
    struct lane *lane = batch->lane;
    uint64_t held_back;

    if (state == SUBMISSION_FAILED && log_is_on(LOG_WARN) &&
        log_limit_passes(&lane->failures_told, LINES_PER_SECOND, &held_back))
        log_outcome(LOG_WARN, "record failed and is parked", held_back, batch, index, outcome);
    else if ((state == SUBMISSION_RETRYING || state == SUBMISSION_UNKNOWN) &&
             log_is_on(LOG_DEBUG) &&
             log_limit_passes(&lane->retries_told, LINES_PER_SECOND, &held_back))
        log_outcome(LOG_DEBUG, "record will be tried again", held_back, batch, index, outcome);
}

/* ---- taps ---- */

/* What the lines of a record or request are made of; unused members are zero. */
struct told {
    const struct batch *batch;
    const uint32_t *records; /* indexes of batch->records */
    uint32_t count;
    const struct plugin_outcome *outcome;
    struct str payload;
    const struct store_outcome *verdict;
    enum submission_state state;
    const struct http_request *http;
};

static void put_record(const struct told *told, struct buf *out)
{
    const struct plugin_record *record = &told->batch->records[told->records[0]];
    const struct store_claimed *claimed = &told->batch->claim.records[told->records[0]];

    tap_put_text(out, "entity", record->id, EXCERPT_BYTES);
    json_put_int(out, "version", (int64_t)record->version);
    json_put_int(out, "submission", (int64_t)claimed->submission);
    json_put_int(out, "attempt", claimed->attempt);
}

static void make_claimed(void *user, struct buf *out)
{
    const struct told *told = user;
    const struct plugin_record *record = &told->batch->records[told->records[0]];

    put_record(told, out);
    tap_put_text(out, "type", record->type, EXCERPT_BYTES);
    json_put_int(out, "bytes", (int64_t)record->data.len);
}

static void make_refused(void *user, struct buf *out)
{
    const struct told *told = user;

    put_record(told, out);
    json_put_member(out, "by",
                    str_of(told->outcome->step != NULL ? told->outcome->step : "plugin"));
    tap_put_text(out, "reason", told->outcome->message, EXCERPT_BYTES);
}

static void make_selected(void *user, struct buf *out)
{
    put_record(user, out);
}

static void make_transformed(void *user, struct buf *out)
{
    const struct told *told = user;

    put_record(told, out);
    json_put_int(out, "bytes", (int64_t)told->payload.len);
    tap_put_text(out, "payload", told->payload, EXCERPT_BYTES);
}

static void make_verdict(void *user, struct buf *out)
{
    const struct told *told = user;
    const struct store_outcome *verdict = told->verdict;

    put_record(told, out);
    json_put_member(out, "state", str_of(submission_state_name(told->state)));
    if (verdict->http_status > 0)
        json_put_int(out, "http_status", verdict->http_status);
    tap_put_text(out, "reason", verdict->reason, EXCERPT_BYTES);
    tap_put_text(out, "external_id", verdict->external_id, EXCERPT_BYTES);
    if (verdict->due_ms > 0)
        json_put_int(out, "wait_ms", verdict->due_ms - clock_due_ms());
}

/* Whose request it is. */
static void put_records(const struct told *told, struct buf *out)
{
    if (told->count == 1) {
        put_record(told, out);
        return;
    }
    json_put_int(out, "records", told->count);
    json_put_raw(out, "entities", STR("["));
    for (uint32_t i = 0; i < told->count && i < ENTITIES_MAX; i++) {
        _buf_ struct buf one = {0};

        /* As the value of a member, to be masked and cut like the others. */
        tap_put_text(&one, "", told->batch->records[told->records[i]].id, EXCERPT_BYTES);
        if (i > 0)
            buf_putc(out, ',');
        buf_puts(out, one.len > 3 ? one.ptr + 3 : "\"\"");
    }
    buf_putc(out, ']');
}

static void put_headers(struct buf *out, const struct http_request *http)
{
    json_put_raw(out, "headers", STR("{"));
    for (size_t i = 0; i < http->header_count; i++) {
        const char *colon = strchr(http->headers[i], ':');
        _buf_ struct buf name = {0};

        if (colon == NULL)
            continue;
        buf_add(&name, http->headers[i], (size_t)(colon - http->headers[i]));
        if (!name.failed)
            tap_put_text(out, name.ptr, str_trim(str_of(colon + 1)), EXCERPT_BYTES);
    }
    buf_putc(out, '}');
}

static void put_body(struct buf *out, const struct http_request *http)
{
    enum { MOST = EXCERPT_BYTES + TAP_MASKED_BYTES };
    _buf_ struct buf body = {0};
    size_t bytes = 0;

    for (size_t i = 0; i < http->body_part_count; i++) {
        size_t room = MOST - body.len;
        struct str part = http->body_parts[i];

        bytes += part.len;
        buf_add(&body, part.ptr, part.len < room ? part.len : room);
    }
    json_put_int(out, "bytes", (int64_t)bytes);
    tap_put_text(out, "body", buf_str(&body), EXCERPT_BYTES);
}

static void make_request(void *user, struct buf *out)
{
    const struct told *told = user;

    put_records(told, out);
    json_put_member(out, "method", str_of(told->http->method));
    tap_put_text(out, "url", str_of(told->http->url), LOG_VALUE_MAX);
    put_headers(out, told->http);
    put_body(out, told->http);
}

static void make_answer(void *user, struct buf *out)
{
    const struct told *told = user;
    const struct http_request *http = told->http;

    put_records(told, out);
    if (http->failure == HTTP_ANSWERED)
        json_put_int(out, "http_status", http->status);
    else
        tap_put_text(out, "error", str_of(http->error), EXCERPT_BYTES);
    buf_printf(out, ",\"duration_ms\":%.3f", (double)http->duration_us / 1000);
    tap_put_text(out, "answer", buf_str(&http->answer), EXCERPT_BYTES);
}

static void tell(enum tap_stage stage, struct told *told, void (*make)(void *user, struct buf *out))
{
    const struct tap_event event = {
        .stage = stage,
        .entities = &told->batch->records[told->records[0]].id,
        .count = 1,
        .make = make,
        .user = told,
    };

    tap_tell(told->batch->lane->tap, &event);
}

void tell_verdict(const struct batch *batch, uint32_t index, const struct store_outcome *outcome)
{
    struct told told = {.batch = batch,
                        .records = &index,
                        .count = 1,
                        .verdict = outcome,
                        .state = SUBMISSION_IN_FLIGHT};

    (void)submission_step(&told.state, outcome->event); /* the table has every verdict */
    log_verdict(batch, index, outcome, told.state);
    if (tap_is_on(batch->lane->tap))
        tell(TAP_VERDICT, &told, make_verdict);
}

void tell_submission(const struct batch *batch, uint32_t index, enum submission_state state)
{
    const struct store_claimed *claimed = &batch->claim.records[index];
    bool has_failed = state == SUBMISSION_FAILED;
    _buf_ struct buf data = {0};

    if (state != SUBMISSION_SUCCEEDED && !has_failed)
        return;
    buf_putc(&data, '{');
    json_put_member(&data, "integration", str_of(batch->lane->name));
    json_put_member(&data, "entity", claimed->id);
    json_put_int(&data, "version", (int64_t)claimed->version);
    json_put_int(&data, "submission", (int64_t)claimed->submission);
    buf_putc(&data, '}');
    if (!data.failed)
        hub_tell(batch->lane->rooms->hub, has_failed ? "submission.failed" : "submission.succeeded",
                 buf_str(&data));
}

void tell_claimed(const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct told told = {.batch = batch, .records = &i, .count = 1};

        tell(TAP_CLAIMED, &told, make_claimed);
    }
}

/* Refused by this stage, or through it. A submitter that sends by itself shows no payload. */
void tell_outcomes(const struct delivery *delivery, const struct plugin_reply *reply)
{
    bool is_last = delivery->batch->stage == STAGE_PLUGIN;

    for (uint32_t i = 0; i < delivery->count; i++) {
        const struct plugin_outcome *outcome = &reply->outcomes[i];
        struct told told = {
            .batch = delivery->batch,
            .records = &delivery->indexes[i],
            .count = 1,
            .outcome = outcome,
            .payload = reply->payloads[i],
        };

        if (outcome->kind == OUTCOME_SKIPPED) {
            tell(TAP_REFUSED, &told, make_refused);
            continue;
        }
        if (is_last)
            tell(TAP_SELECTED, &told, make_selected);
        if (is_last && outcome->kind == OUTCOME_GOES_ON)
            tell(TAP_TRANSFORMED, &told, make_transformed);
    }
}

static void tell_all(enum tap_stage stage, struct told *told,
                     void (*make)(void *user, struct buf *out))
{
    struct str few[ENTITIES_MAX];
    struct arena more = {0};
    struct str *entities =
        told->count <= ENTITIES_MAX ? few : arena_take(&more, told->count * sizeof *entities);

    for (uint32_t i = 0; entities != NULL && i < told->count; i++)
        entities[i] = told->batch->records[told->records[i]].id;
    if (entities != NULL)
        tap_tell(told->batch->lane->tap,
                 &(struct tap_event){stage, entities, told->count, make, told});
    arena_finish(&more);
}

void tell_request(const struct batch *batch, const uint32_t *records, uint32_t count,
                  const struct http_request *http)
{
    struct told told = {.batch = batch, .records = records, .count = count, .http = http};

    tell_all(TAP_REQUEST, &told, make_request);
}

void tell_answer(const struct batch *batch, const uint32_t *records, uint32_t count,
                 const struct http_request *http)
{
    struct told told = {.batch = batch, .records = records, .count = count, .http = http};

    tell_all(TAP_ANSWER, &told, make_answer);
}

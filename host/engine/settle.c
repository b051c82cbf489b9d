/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/batch.h"

#include "base/clock.h"
#include "engine/tell.h"
#include "signals/hub.h"

#include <sodium.h>
#include <tenon/tenon.h>

static uint64_t random_bits(void)
{
    uint64_t bits;

    randombytes_buf(&bits, sizeof bits);
    return bits;
}

static enum submission_event event_of(const struct lane *lane, const struct settlement *s,
                                      uint32_t tries)
{
    switch (s->verdict) {
    case TENON_ACCEPTED:
        return EVENT_ACCEPTED;
    case TENON_SKIPPED:
        return EVENT_SKIPPED;
    case TENON_REJECTED:
        return EVENT_REJECTED;
    default:
        if (!s->is_unreached && retry_is_exhausted(&lane->policy, tries))
            return EVENT_OUT_OF_TRIES;
        return s->verdict == TENON_RETRY ? EVENT_RETRY : EVENT_UNSURE;
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

/* The last answer tells why, when nothing has words for it. */
static struct str gave_up(struct batch *batch, uint32_t tries, const struct settlement *s)
{
    if (s->message.len == 0 && s->http_status != 0)
        return arena_printf(&batch->arena, "gave up after %u tries: HTTP %d", tries,
                            s->http_status);
    return arena_printf(&batch->arena, "gave up after %u tries: %.*s", tries, STR_ARG(s->message));
}

/* What a lookup found, before what then happened. */
static struct str noted(struct batch *batch, uint32_t index, struct str message)
{
    struct str note = batch->notes[index];
    struct str text = arena_printf(&batch->arena, "%.*s%s%.*s", STR_ARG(note),
                                   message.len > 0 ? "; " : "", STR_ARG(message));

    return text.ptr != NULL ? text : message;
}

void settle(struct batch *batch, uint32_t index, const struct settlement *s)
{
    struct lane *lane = batch->lane;
    const struct store_claimed *claimed = &batch->claim.records[index];
    enum submission_event event = event_of(lane, s, claimed->tries);
    enum submission_state state = SUBMISSION_IN_FLIGHT;
    struct store_outcome outcome = {
        .submission = claimed->submission,
        .attempt = claimed->attempt,
        .event = event,
        .is_attempt = s->is_attempt,
        .is_uncounted = s->is_unreached,
        .started_ms = s->started_ms > 0 ? s->started_ms : clock_wall_ms(),
        .duration_us = s->duration_us,
        .http_status = s->http_status,
        .error_class = s->error_class,
        .reason = s->message,
        .request = s->request,
        .answer = s->answer,
        .trace = s->trace,
        .external_id = s->external_id,
    };
    struct str words;

    if (batch->is_settled[index])
        return; /* a plugin may give two verdicts: the first counts */
    batch->is_settled[index] = true;
    batch->open--;
    (void)submission_step(&state, event); /* the table has every verdict on what is in flight */
    if (submission_is_waiting(state))
        outcome.due_ms =
            clock_due_ms() + retry_delay_ms(&lane->policy,
                                            s->is_unreached ? claimed->attempt : claimed->tries,
                                            s->retry_after_ms, random_bits());
    if (event == EVENT_OUT_OF_TRIES) {
        words = gave_up(batch, claimed->tries, s);
        if (words.ptr != NULL)
            outcome.reason = words;
    }
    if (batch->notes != NULL && batch->notes[index].len > 0)
        outcome.reason = noted(batch, index, outcome.reason);
    count_verdict(&lane->figures, state);
    if (s->is_attempt && s->error_class < 0 && s->error_class > -LANE_ERROR_CLASSES)
        lane->figures.errors[-s->error_class]++;
    tell_verdict(batch, index, &outcome);
    if (hub_hears_submissions(lane->rooms->hub))
        tell_submission(batch, index, state); /* first: it may come twice, but never not at all */
    outbox_add(&lane->outbox, &outcome);
}

void settle_released(struct batch *batch, uint32_t index)
{
    const struct store_claimed *claimed = &batch->claim.records[index];
    const struct store_outcome outcome = {
        .submission = claimed->submission,
        .attempt = claimed->attempt,
        .event = EVENT_RELEASED,
    };

    if (batch->is_settled[index])
        return;
    batch->is_settled[index] = true;
    batch->open--;
    outbox_add(&batch->lane->outbox, &outcome);
}

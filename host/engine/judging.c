/* SPDX-License-Identifier: Apache-2.0
 * Answers read by the plugin's judge. The records were sent and answered: when only the reading
 * fails, the usual reading of the status stands in, and says so. A judge that dies of one answer
 * after the other is left out until the lane is opened again, since each death costs the worker's
 * other integrations a restart. So that few more die meanwhile, answers wait here for their turn
 * and not in the worker's queue. */
#include "engine/batch.h"

#include "base/log.h"
#include "base/secret.h"

#include <tenon/tenon.h>

enum {
    JUDGED_MAX = 2, /* answers at the judge: one that it reads, one that is next */
    DEATHS_MAX = 3, /* in a row */
};

static void read_usually(struct sending *sending, const char *lead, const char *words)
{
    struct settlement s = sending_read(sending);

    s.message = arena_printf(&sending->batch->arena, "%s (%s); read by the usual rule", lead,
                             words != NULL ? words : "no words");
    sending_settle(sending, &s);
    sending_end(sending);
}

static void take_verdicts(struct sending *sending, const struct plugin_outcome *outcomes)
{
    struct settlement s = sending_read(sending);

    if (sending->lookup == NULL &&
        splitting_take_judged(sending->batch, sending->records, sending->record_count, outcomes,
                              sending->http.status))
        return;
    for (uint32_t i = 0; i < sending->record_count; i++) {
        const struct plugin_outcome *outcome = &outcomes[i];

        s.verdict = outcome->kind == OUTCOME_GOES_ON ? TENON_UNSURE : (int)outcome->kind;
        s.error_class = outcome->error_class;
        s.retry_after_ms =
            outcome->retry_after_ms > 0 ? outcome->retry_after_ms : sending->http.retry_after_ms;
        s.message = outcome->message;
        s.external_id = outcome->external_id;
        sending_settle_one(sending, i, &s);
    }
}

static void count_death(struct lane *lane, const struct plugin_reply *reply)
{
    if (reply->status == PLUGIN_OK)
        lane->judge_deaths = 0;
    if (reply->status != PLUGIN_DIED && reply->status != PLUGIN_TIMED_OUT &&
        reply->status != PLUGIN_GARBLED)
        return;
    secret_copy(lane->judge_words, sizeof lane->judge_words, str_of(reply->words));
    if (++lane->judge_deaths == DEATHS_MAX)
        log_error("the plugin's judge is left out, for it died of every answer of late; answers "
                  "are read by their status until the integration starts again",
                  F_STR("reason", reply->words));
}

static void judge_done(void *user, struct plugin_reply *reply);

/* To the judge, or read without it. */
static void start(struct sending *sending)
{
    struct batch *batch = sending->batch;
    struct lane *lane = batch->lane;
    struct plugin_record *records =
        arena_take(&batch->arena, sending->record_count * sizeof *records);
    const struct plugin_judge judge = {
        .records = records,
        .count = sending->record_count,
        .status = sending->http.status,
        .headers = buf_str(&sending->http.answer_headers),
        .body = buf_str(&sending->http.answer),
        .is_reconcile = sending->lookup != NULL,
    };

    if (records == NULL || lane->judge_deaths >= DEATHS_MAX) {
        read_usually(sending, "the plugin's judge is left out",
                     records == NULL ? "out of memory" : lane->judge_words);
        return;
    }
    for (uint32_t i = 0; i < sending->record_count; i++)
        records[i] = batch->records[sending->records[i]];
    lane->judged++;
    plugin_judge(lane->plugin, &judge, judge_done, sending);
}

/* What waits belongs to a batch, which keeps the lane; without anything the lane may be gone. */
static void start_waiting(struct lane *lane)
{
    struct sending *sending = lane->judge_first;

    while (sending != NULL && lane->judged < JUDGED_MAX) {
        struct sending *next = sending->next;

        lane->judge_first = next;
        start(sending);
        sending = next;
    }
}

static void judge_done(void *user, struct plugin_reply *reply)
{
    struct sending *sending = user;
    struct lane *lane = sending->batch->lane;
    bool has_more = lane->judge_first != NULL;

    log_integration_scope(lane->name);
    lane->judged--;
    count_death(lane, reply);
    if (reply->status == PLUGIN_OK && reply->outcome_count == sending->record_count) {
        take_verdicts(sending, reply->outcomes);
        sending_end(sending);
    } else {
        read_usually(sending, "the plugin's judge failed", reply->words);
    }
    if (has_more)
        start_waiting(lane);
}

void judging_ask(struct sending *sending)
{
    struct lane *lane = sending->batch->lane;

    if (lane->judged < JUDGED_MAX) {
        start(sending);
        return;
    }
    sending->next = NULL;
    if (lane->judge_first != NULL)
        lane->judge_last->next = sending;
    else
        lane->judge_first = sending;
    lane->judge_last = sending;
}

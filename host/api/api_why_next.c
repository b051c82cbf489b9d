/* SPDX-License-Identifier: Apache-2.0
 * For one integration: whether it looked at the entity, which clause said no, what comes next and
 * when, and the command that helps where nothing comes by itself. */
#include "api/api_counts.h"
#include "api/api_why.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"

#include <string.h>

/* What the dry run said, picked apart. */
struct verdict {
    bool is_here, is_wanted;
    struct str refused_by, reason, verdict, file, line, requests, payload; /* raw JSON */
};

static struct verdict verdict_of(const struct why_now *now)
{
    static const char *const names[] = {"wanted", "refused_by", "reason",   "verdict",
                                        "file",   "line",       "requests", "payload"};
    struct str values[8];

    if (now == NULL || now->json.len == 0 || json_pick(buf_str(&now->json), names, 8, values) < 0)
        return (struct verdict){0};
    return (struct verdict){.is_here = true,
                            .is_wanted = json_kind_of(values[0]) == JSON_TRUE,
                            .refused_by = values[1],
                            .reason = values[2],
                            .verdict = values[3],
                            .file = values[4],
                            .line = values[5],
                            .requests = values[6],
                            .payload = values[7]};
}

static void put_raw_if(struct buf *out, const char *name, struct str json)
{
    if (json.len > 0)
        json_put_raw(out, name, json);
}

/* "now": what it would do with the entity as both are now; "rendered": what it would send. */
static void put_now(struct buf *out, const struct why *why, const struct why_now *now,
                    const struct verdict *verdict)
{
    if (now != NULL && now->words.len > 0) {
        api_put_comma(out);
        buf_puts(out, "\"now\":{");
        json_put_member(out, "words", buf_str(&now->words));
        buf_putc(out, '}');
    }
    if (!verdict->is_here)
        return;
    api_put_comma(out);
    buf_puts(out, "\"now\":{");
    api_put_bool(out, "wanted", verdict->is_wanted);
    put_raw_if(out, "refused_by", verdict->refused_by);
    put_raw_if(out, "reason", verdict->reason);
    put_raw_if(out, "verdict", verdict->verdict);
    put_raw_if(out, "file", verdict->file);
    put_raw_if(out, "line", verdict->line);
    buf_putc(out, '}');
    if (!why->is_rendered || !verdict->is_wanted)
        return;
    api_put_comma(out);
    buf_puts(out, "\"rendered\":{\"as_of\":\"now\"");
    put_raw_if(out, "requests", verdict->requests);
    put_raw_if(out, "payload", verdict->payload);
    buf_putc(out, '}');
}

/* ---- no submission of the present version ---- */

static const struct why_submission *delivered_of(const struct why *why,
                                                 const struct engine_integration *integration)
{
    for (size_t i = 0; i < why->submission_count; i++)
        if (why->submissions[i].integration == integration->number &&
            why->submissions[i].state == SUBMISSION_SUCCEEDED)
            return &why->submissions[i];
    return NULL;
}

/* The lane has been past it, made nothing of it, and would want it now. */
static void put_passed_over(struct buf *out, const struct why *why,
                            const struct engine_integration *integration)
{
    const char *selector = config_text(integration->file, "select", "selector");
    int line = config_line(integration->file, "select", "selector");
    const struct why_submission *delivered = delivered_of(why, integration);

    if (strcmp(selector, "unsubmitted") != 0 || delivered == NULL) {
        buf_puts(out, "passed over when it was looked at: the settings were others then, or what "
                      "was known of it was removed since");
        return;
    }
    buf_printf(out,
               "version %llu was delivered (submission %llu), and selector = unsubmitted delivers "
               "an entity once",
               (unsigned long long)delivered->version, (unsigned long long)delivered->number);
    if (line > 0)
        buf_printf(out, " (%s:%d)", config_file_path(integration->file), line);
}

static uint64_t cursor_of(const struct why *why, const struct engine_integration *integration)
{
    for (size_t i = 0; i < why->integration_count; i++)
        if (why->integrations[i].name != NULL &&
            strcmp(why->integrations[i].name, integration->name) == 0)
            return why->integrations[i].cursor;
    return 0;
}

static void put_submit_command(struct buf *out, const struct why *why,
                               const struct engine_integration *integration)
{
    _buf_ struct buf command = {0};

    buf_printf(&command, "tenon submit %s --entity ", integration->name);
    buf_add_str(&command, buf_str(&why->entity));
    json_put_member(out, "command", buf_str(&command));
}

static void put_explanation(struct buf *out, const struct why *why,
                            const struct engine_integration *integration,
                            const struct verdict *verdict)
{
    _buf_ struct buf words = {0};
    _buf_ struct buf reason = {0};
    bool will_look = false;
    uint64_t cursor = cursor_of(why, integration);
    bool is_passed = integration->is_enabled && why->seq <= cursor;
    bool is_refused = verdict->is_here && !verdict->is_wanted && verdict->reason.len > 0;

    engine_explain(why->call->engine, integration->name, buf_str(&why->entity_type), why->seq,
                   cursor, &words, &will_look);
    bool is_own = is_passed && !will_look && why->origin != 0 && why->origin == integration->number;
    bool is_missed =
        is_passed && verdict->is_wanted && !will_look && !api_counts_takes_by_hand(integration);
    if (is_own) {
        buf_clear(&words);
        buf_puts(&words, "its own plugin stored this version, so it is not sent back");
    } else if (is_missed) {
        buf_clear(&words);
        put_passed_over(&words, why, integration);
    } else if (is_refused) {
        json_unquote(verdict->reason, &reason);
        if (!will_look)
            buf_clear(&words);
        buf_puts(&words, will_look ? "; as it is now it would not go: " : "");
        buf_add_str(&words, buf_str(&reason));
    }
    api_put_bool(out, "looked", is_passed);
    api_put_masked(out, "explanation", buf_str(&words));
    api_put_bool(out, "will_look", will_look);
    json_put_member(
        out, "next",
        will_look                               ? STR("the lane has yet to look at this version")
        : api_counts_takes_by_hand(integration) ? STR("nothing until it is asked for by hand")
        : is_missed || is_own ? STR("nothing until it is asked for by hand or the entity changes")
                              : STR("nothing until the entity or the configuration changes"));
    if (!will_look && integration->is_enabled && verdict->is_wanted)
        put_submit_command(out, why, integration);
    if (will_look && integration->figures.paused_until_ms > clock_due_ms())
        api_put_due(out, "next_at", integration->figures.paused_until_ms);
}

/* ---- a submission speaks ---- */

static const struct why_submission *in_flight_of(const struct why *why,
                                                 const struct why_submission *waiting)
{
    for (size_t i = 0; i < why->submission_count; i++)
        if (why->submissions[i].integration == waiting->integration &&
            why->submissions[i].state == SUBMISSION_IN_FLIGHT)
            return &why->submissions[i];
    return NULL;
}

static void put_waiting_words(struct buf *out, const struct why *why,
                              const struct why_submission *newest)
{
    const struct why_submission *before = in_flight_of(why, newest);

    if (newest->state == SUBMISSION_PENDING && newest->due_ms == 0 && before != NULL)
        buf_printf(out,
                   "it waits for version %llu (submission %llu), which is in flight, to come to "
                   "its end",
                   (unsigned long long)before->version, (unsigned long long)before->number);
    else if (newest->state == SUBMISSION_PENDING)
        buf_puts(out, "it waits for its turn");
    else if (newest->state == SUBMISSION_RETRYING)
        buf_puts(out, "it is tried again");
    else
        buf_puts(out, "it was sent and the answer never seen: it is sent again under the same "
                      "idempotency key");
}

/* A lane that is not at work, for what waits in it. */
static void put_waits_for(struct buf *out, const struct engine_integration *integration)
{
    _buf_ struct buf words = {0};
    const char *why = integration->words != NULL ? integration->words : "";

    if (strcmp(integration->state, "active") == 0)
        return;
    buf_printf(&words, "the integration is %s%s%s", integration->state, why[0] != '\0' ? ": " : "",
               why);
    api_put_masked(out, "waits_for", buf_str(&words));
}

static void put_next_words(struct buf *out, const struct why *why,
                           const struct why_submission *newest)
{
    switch (newest->state) {
    case SUBMISSION_IN_FLIGHT:
        buf_puts(out, "it is on its way now");
        if (newest->version < why->version)
            buf_printf(out, "; version %llu is looked at when it has ended",
                       (unsigned long long)why->version);
        break;
    case SUBMISSION_SUCCEEDED:
        buf_puts(out, "nothing: this version is delivered");
        break;
    case SUBMISSION_FAILED:
        buf_puts(out, "nothing by itself: it is kept until it is retried or discarded, or the "
                      "entity changes");
        break;
    case SUBMISSION_SKIPPED:
        buf_puts(out, "nothing until it is asked for by hand or the entity changes");
        break;
    case SUBMISSION_SUPERSEDED:
        buf_puts(out, "a newer version goes instead");
        break;
    default:
        put_waiting_words(out, why, newest);
    }
}

static void put_next(struct buf *out, const struct why *why,
                     const struct engine_integration *integration,
                     const struct why_submission *newest)
{
    _buf_ struct buf words = {0};
    _buf_ struct buf command = {0};
    int64_t due_ms = newest->due_ms;

    api_put_bool(out, "looked", true);
    if (newest->version == why->version)
        api_put_time(out, "looked_at",
                     newest->started_ms != 0 ? newest->started_ms : newest->changed_ms);
    put_next_words(&words, why, newest);
    api_put_masked(out, "next", buf_str(&words));
    if (newest->state == SUBMISSION_FAILED || newest->state == SUBMISSION_SKIPPED) {
        buf_printf(&command, "tenon submission retry %llu", (unsigned long long)newest->number);
        json_put_member(out, "command", buf_str(&command));
    }
    if (due_ms < integration->figures.paused_until_ms)
        due_ms = integration->figures.paused_until_ms;
    if (submission_is_waiting(newest->state))
        put_waits_for(out, integration);
    if (submission_is_waiting(newest->state) && newest->due_ms != 0)
        api_put_due(out, "next_at", due_ms);
}

void api_why_put_next(struct buf *out, const struct why *why,
                      const struct engine_integration *integration)
{
    const struct why_submission *newest =
        api_why_newest(why, integration->number, integration->name);
    const struct why_now *now = api_why_now_of(why, integration->name);
    const struct verdict verdict = verdict_of(now);
    bool is_told = newest != NULL &&
                   (newest->version == why->version || newest->state == SUBMISSION_IN_FLIGHT);

    if (is_told) {
        put_next(out, why, integration, newest);
    } else if (why->is_deleted) {
        api_put_bool(out, "looked", false);
        json_put_member(out, "explanation", STR("the entity was deleted"));
        json_put_member(out, "next", STR("nothing"));
    } else {
        put_explanation(out, why, integration, &verdict);
    }
    put_now(out, why, now, &verdict);
}

/* SPDX-License-Identifier: Apache-2.0
 * The story of one entity at each integration: what was tried, what the lane says where nothing
 * was, what comes next. */
#include "api/api_why.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

static bool is_of(const struct why_submission *submission, uint32_t number, const char *name)
{
    if (number != 0 && submission->integration != 0)
        return submission->integration == number;
    return submission->name != NULL && name != NULL && strcmp(submission->name, name) == 0;
}

static const struct why_submission *newest_of(const struct why *why, uint32_t number,
                                              const char *name)
{
    for (size_t i = 0; i < why->submission_count; i++)
        if (is_of(&why->submissions[i], number, name))
            return &why->submissions[i];
    return NULL;
}

/* Which setting it was that took the history away. */
static void put_removed(struct buf *out, const struct why *why,
                        const struct why_submission *submission)
{
    static const char *const keys[SUBMISSION_STATES] = {
        [SUBMISSION_SUCCEEDED] = "keep_succeeded",
        [SUBMISSION_FAILED] = "keep_failed",
        [SUBMISSION_SKIPPED] = "keep_skipped",
        [SUBMISSION_SUPERSEDED] = "keep_superseded",
    };
    const struct config *config = engine_config(why->call->engine);
    const char *key = keys[submission->state];
    _buf_ struct buf words = {0};

    if (!submission->is_trimmed)
        return;
    if (key == NULL || config == NULL)
        buf_puts(&words, "earlier attempts were removed when they were of age");
    else
        buf_printf(&words, "%s; its details were removed after %s = %s",
                   submission_state_name(submission->state), key,
                   config_text(config_host(config), "store", key));
    json_put_member(out, "details", buf_str(&words));
}

static void put_submissions(struct buf *out, const struct why *why, uint32_t number,
                            const char *name)
{
    api_put_comma(out);
    buf_puts(out, "\"submissions\":[");
    for (size_t i = 0; i < why->submission_count; i++) {
        const struct why_submission *submission = &why->submissions[i];
        if (!is_of(submission, number, name))
            continue;
        api_put_comma(out);
        buf_putc(out, '{');
        buf_add_str(out, buf_str(&submission->members));
        put_removed(out, why, submission);
        buf_puts(out, ",\"history\":[");
        buf_add_str(out, buf_str(&submission->attempts));
        buf_puts(out, "]}");
    }
    buf_putc(out, ']');
}

/* What a submission in this state is waiting for, and whether `due_ms` says when. */
static const char *next_words(enum submission_state state, bool *out_has_time)
{
    *out_has_time = false;
    switch (state) {
    case SUBMISSION_PENDING:
        *out_has_time = true;
        return "it waits for its turn";
    case SUBMISSION_IN_FLIGHT:
        return "it is on its way now";
    case SUBMISSION_SUCCEEDED:
        return "nothing: this version is delivered";
    case SUBMISSION_RETRYING:
        *out_has_time = true;
        return "it is tried again";
    case SUBMISSION_UNKNOWN:
        *out_has_time = true;
        return "it was sent and the answer never seen: it is sent again under the same idempotency "
               "key";
    case SUBMISSION_FAILED:
        return "nothing by itself: submit it by hand to try again, or change the entity";
    case SUBMISSION_SKIPPED:
        return "nothing until the entity changes";
    case SUBMISSION_SUPERSEDED:
        return "a newer version goes instead";
    default:
        return "nothing";
    }
}

static void put_explanation(struct buf *out, const struct why *why,
                            const struct engine_integration *integration)
{
    _buf_ struct buf words = {0};
    bool will_look = false;
    uint64_t cursor = 0;

    if (why->is_deleted) {
        json_put_member(out, "explanation", STR("the entity was deleted"));
        json_put_member(out, "next", STR("nothing"));
        return;
    }
    for (size_t i = 0; i < why->integration_count; i++)
        if (why->integrations[i].name != NULL &&
            strcmp(why->integrations[i].name, integration->name) == 0)
            cursor = why->integrations[i].cursor;
    engine_explain(why->call->engine, integration->name, buf_str(&why->entity_type), why->seq,
                   cursor, &words, &will_look);
    api_put_masked(out, "explanation", buf_str(&words));
    api_put_bool(out, "will_look", will_look);
    json_put_member(out, "next",
                    will_look ? STR("the lane has yet to look at this version")
                              : STR("nothing until the entity or the configuration changes"));
    if (will_look && integration->figures.paused_until_ms > clock_due_ms())
        api_put_due(out, "next_at", integration->figures.paused_until_ms);
}

static void put_next(struct buf *out, const struct why *why,
                     const struct engine_integration *integration,
                     const struct why_submission *newest)
{
    bool has_time;

    if (newest == NULL ||
        (newest->version < why->version && newest->state != SUBMISSION_IN_FLIGHT)) {
        put_explanation(out, why, integration);
        return;
    }
    const char *words = next_words(newest->state, &has_time);
    int64_t due_ms = newest->due_ms;
    json_put_member(out, "next", str_of(words));
    if (due_ms < integration->figures.paused_until_ms)
        due_ms = integration->figures.paused_until_ms;
    if (has_time)
        api_put_due(out, "next_at", due_ms);
}

static void put_configured(struct buf *out, const struct why *why,
                           const struct engine_integration *integration)
{
    const struct why_submission *newest = newest_of(why, integration->number, integration->name);

    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "integration", str_of(integration->name));
    api_put_bool(out, "enabled", integration->is_enabled);
    json_put_member(out, "state", str_of(integration->state));
    api_put_masked(out, "words", str_of(integration->words));
    put_next(out, why, integration, newest);
    put_submissions(out, why, integration->number, integration->name);
    buf_putc(out, '}');
}

/* Its ini is gone, its submissions are not. */
static void put_former(struct buf *out, const struct why *why, const struct why_integration *former)
{
    struct engine_integration integration;

    if (former->name == NULL ||
        engine_integration_find(why->call->engine, former->name, &integration) ||
        newest_of(why, former->number, former->name) == NULL)
        return;
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "integration", str_of(former->name));
    api_put_bool(out, "enabled", false);
    json_put_member(out, "state", STR("removed"));
    json_put_member(out, "next", STR("nothing: the integration is not configured any more"));
    put_submissions(out, why, former->number, former->name);
    buf_putc(out, '}');
}

void api_why_tell(const struct why *why, struct buf *out)
{
    const struct engine *engine = why->call->engine;

    buf_puts(out, "{\"entity\":{");
    buf_add_str(out, buf_str(&why->entity_json));
    buf_puts(out, "},\"integrations\":[");
    for (size_t i = 0; i < engine_integration_count(engine); i++) {
        struct engine_integration integration;
        engine_integration_at(engine, i, &integration);
        if (why->only.len == 0 || str_is(buf_str(&why->only), integration.name))
            put_configured(out, why, &integration);
    }
    for (size_t i = 0; i < why->integration_count; i++)
        if (why->only.len == 0 || (why->integrations[i].name != NULL &&
                                   str_is(buf_str(&why->only), why->integrations[i].name)))
            put_former(out, why, &why->integrations[i]);
    buf_puts(out, "]}\n");
}

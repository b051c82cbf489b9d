/* SPDX-License-Identifier: Apache-2.0
 * The story of one entity at each integration: what was tried, what the lane says where nothing
 * was, what comes next. */
#include "api/api_why.h"

#include "base/json.h"

#include <string.h>

static bool is_of(const struct why_submission *submission, uint32_t number, const char *name)
{
    if (number != 0 && submission->integration != 0)
        return submission->integration == number;
    return submission->name != NULL && name != NULL && strcmp(submission->name, name) == 0;
}

const struct why_submission *api_why_newest(const struct why *why, uint32_t number,
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

/* The one that went instead, and what became of that. */
static void put_superseded_by(struct buf *out, const struct why *why, size_t index)
{
    const struct why_submission *old = &why->submissions[index];

    if (old->state != SUBMISSION_SUPERSEDED)
        return;
    for (size_t i = index; i > 0; i--) { /* newest first, so the next newer one stands before */
        const struct why_submission *newer = &why->submissions[i - 1];
        if (!is_of(newer, old->integration, old->name))
            continue;
        api_put_comma(out);
        buf_puts(out, "\"superseded_by\":{");
        json_put_int(out, "number", (int64_t)newer->number);
        json_put_int(out, "version", (int64_t)newer->version);
        json_put_member(out, "state", str_of(submission_state_name(newer->state)));
        buf_putc(out, '}');
        return;
    }
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
        put_superseded_by(out, why, i);
        if (!submission->wants_history)
            api_put_bool(out, "history_left_out", true);
        buf_puts(out, ",\"history\":[");
        buf_add_str(out, buf_str(&submission->attempts));
        buf_puts(out, "]}");
    }
    buf_putc(out, ']');
}

static void put_configured(struct buf *out, const struct why *why,
                           const struct engine_integration *integration)
{
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "integration", str_of(integration->name));
    json_put_member(out, "plugin", str_of(integration->plugin));
    api_put_bool(out, "enabled", integration->is_enabled);
    json_put_member(out, "state", str_of(integration->state));
    api_put_masked(out, "words", str_of(integration->words));
    api_why_put_next(out, why, integration);
    put_submissions(out, why, integration->number, integration->name);
    buf_putc(out, '}');
}

/* Its ini is gone, its submissions are not. */
static void put_former(struct buf *out, const struct why *why, const struct why_integration *former)
{
    struct engine_integration integration;

    if (former->name == NULL ||
        engine_integration_find(why->call->engine, former->name, &integration) ||
        api_why_newest(why, former->number, former->name) == NULL)
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

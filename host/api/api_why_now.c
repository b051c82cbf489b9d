/* SPDX-License-Identifier: Apache-2.0
 * Where the store has no word on the entity's present version, the integration is asked: a dry run
 * through its selectors and transformers, which sends and stores nothing. A plugin that takes long
 * is not waited for longer than a person would. */
#include "api/api_counts.h"
#include "api/api_why.h"
#include "base/loop.h"

#include <stdlib.h>
#include <string.h>
#include <tenon/tenon.h>

enum { PATIENCE_MS = 2000 };

static void settle(struct why *why)
{
    if (why->open == 0)
        api_why_finish(why);
}

static void on_now(void *user, int status, const struct err *err, struct str json)
{
    struct why_now *now = user;
    struct why *why = now->why;

    if (status < 0)
        buf_puts(&now->words, err != NULL ? err->text : err_name(status));
    else
        buf_add_str(&now->json, json);
    why->open--;
    settle(why);
}

static void on_patience(void *user)
{
    struct why *why = user;

    for (size_t i = 0; i < why->now_count; i++)
        if (why->now[i].json.len == 0 && why->now[i].words.len == 0)
            buf_puts(&why->now[i].words, "its plugin takes too long to say");
    if (!why->is_told)
        api_why_finish(why);
}

static bool is_at_work(const struct engine_integration *integration)
{
    static const char *const not_at_work[] = {"inactive", "starting", "failed", "stopping"};
    bool is_so = integration->is_enabled;

    for (size_t i = 0; i < sizeof(not_at_work) / sizeof(not_at_work[0]); i++)
        is_so &= strcmp(integration->state, not_at_work[i]) != 0;
    return is_so;
}

/* A record that the plugin did not survive, or is at just now, is not given to it once more out of
 * curiosity: each death counts towards the plugin's quarantine. */
static bool is_dangerous(const struct why_submission *submission)
{
    bool is_first = submission->state == SUBMISSION_IN_FLIGHT && submission->started_ms == 0;
    bool is_lost =
        submission->error_class == TENON_E_PERMANENT || submission->error_class == TENON_E_UNKNOWN;

    return is_first ||
           (submission->state != SUBMISSION_SUCCEEDED && is_lost && !submission->has_request);
}

static bool is_wanted(const struct why *why, const struct engine_integration *integration,
                      bool *out_is_dangerous)
{
    const struct why_submission *newest =
        api_why_newest(why, integration->number, integration->name);
    bool is_known = newest != NULL && newest->version == why->version;

    *out_is_dangerous = newest != NULL && is_dangerous(newest);
    /* Of no interest unless asked for; many of these are there for their actions alone and have
     * nothing that could send. */
    if (why->only.len == 0 && !why->is_rendered && api_counts_takes_by_hand(integration))
        return false;
    if (why->is_deleted || !is_at_work(integration) ||
        (why->only.len > 0 && !str_is(buf_str(&why->only), integration->name)))
        return false;
    return !is_known || why->is_rendered;
}

static void ask_one(struct why *why, struct why_now *now)
{
    if (now->words.len > 0)
        why->open--;
    else
        engine_dry_run(why->call->engine, now->name, buf_str(&why->entity), on_now, now);
}

void api_why_ask_now(struct why *why)
{
    const struct engine *engine = why->call->engine;
    size_t most = engine_integration_count(engine);

    why->now = calloc(most + 1, sizeof(*why->now));
    why->patience = loop_timer_create(engine_rooms(engine)->loop, on_patience, why);
    for (size_t i = 0; i < most && why->now != NULL && why->patience != NULL; i++) {
        struct engine_integration integration;
        engine_integration_at(engine, i, &integration);
        bool is_dangerous = false;
        char *name =
            is_wanted(why, &integration, &is_dangerous) ? str_dup(str_of(integration.name)) : NULL;
        if (name == NULL)
            continue;
        struct why_now *now = &why->now[why->now_count++];
        *now = (struct why_now){.why = why, .name = name};
        if (is_dangerous)
            buf_puts(&now->words, "its plugin has not come through this record yet");
    }
    /* One more is open while they are started, as some answer at once. */
    why->open = why->now_count + 1;
    if (why->now_count > 0)
        loop_timer_set(why->patience, PATIENCE_MS);
    for (size_t i = 0; i < why->now_count; i++)
        ask_one(why, &why->now[i]);
    why->open--;
    settle(why);
}

const struct why_now *api_why_now_of(const struct why *why, const char *name)
{
    for (size_t i = 0; i < why->now_count; i++)
        if (strcmp(why->now[i].name, name) == 0)
            return &why->now[i];
    return NULL;
}

void api_why_now_destroy(struct why *why)
{
    for (size_t i = 0; i < why->now_count; i++) {
        free(why->now[i].name);
        buf_finish(&why->now[i].json);
        buf_finish(&why->now[i].words);
    }
    free(why->now);
    loop_timer_destroy(why->patience);
}

/* SPDX-License-Identifier: Apache-2.0
 * Where the store has no word on the entity's present version, the integration is asked: a dry run
 * through its selectors and transformers, which sends and stores nothing. A plugin that takes long
 * is not waited for longer than a person would. */
#include "api/api_why.h"
#include "base/loop.h"

#include <stdlib.h>
#include <string.h>

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

static bool is_wanted(const struct why *why, const struct engine_integration *integration)
{
    const struct why_submission *newest =
        api_why_newest(why, integration->number, integration->name);
    bool is_known = newest != NULL && newest->version == why->version;

    static const char *const not_at_work[] = {"inactive", "starting", "failed", "stopping"};
    bool is_at_work = integration->is_enabled;

    for (size_t i = 0; i < sizeof(not_at_work) / sizeof(not_at_work[0]); i++)
        is_at_work &= strcmp(integration->state, not_at_work[i]) != 0;
    if (why->is_deleted || !is_at_work)
        return false;
    return why->only.len == 0
               ? !is_known || why->is_rendered
               : str_is(buf_str(&why->only), integration->name) && (!is_known || why->is_rendered);
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
        char *name = is_wanted(why, &integration) ? str_dup(str_of(integration.name)) : NULL;
        if (name != NULL)
            why->now[why->now_count++] = (struct why_now){.why = why, .name = name};
    }
    /* One more is open while they are started, as some answer at once. */
    why->open = why->now_count + 1;
    if (why->now_count > 0)
        loop_timer_set(why->patience, PATIENCE_MS);
    for (size_t i = 0; i < why->now_count; i++)
        engine_dry_run(why->call->engine, why->now[i].name, buf_str(&why->entity), on_now,
                       &why->now[i]);
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

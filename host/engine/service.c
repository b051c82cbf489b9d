/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/service.h"

#include <stdio.h>
#include <tenon/action.h>
#include <tenon/http.h>
#include <tenon/signals.h>
#include <tenon/store.h>

static const struct {
    const char *id;
    void (*ask)(struct engine *engine, struct plugin_ask *take_ask);
} services[] = {
    {TENON_ACTION_1, service_action},
    {TENON_HTTP_1, service_http},
    {TENON_SIGNALS_1, service_signals},
    {TENON_STORE_1, service_store},
};

struct lane *service_lane(const struct engine *engine, const struct plugin_ask *ask)
{
    return roster_find_plugin(&engine->roster, plugin_ask_question(ask)->instance);
}

void engine_ask(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    char words[128];

    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (!str_is(question->service, services[i].id))
            continue;
        services[i].ask(engine, ask);
        return;
    }
    snprintf(words, sizeof words, "this host has no service '%.64s'", question->service.ptr);
    plugin_ask_fail(ask, TENON_E_UNSUPPORTED, words);
}

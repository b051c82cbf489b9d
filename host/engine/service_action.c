/* SPDX-License-Identifier: Apache-2.0
 * tenon.action/1: plugin code calls another integration's action. Whoever asks waits, and with it
 * the strand (thread) it runs on, so calls inside one another are edges from strand to strand:
 *
 *   relay.call ──waits──► calc.add          and a call that leads back to where it came from
 *    (worker 1)           (worker 2)        would wait until its deadline: it is refused instead
 */
#include "base/cleanup.h"
#include "engine/lane.h"
#include "engine/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <tenon/action.h>

enum { DEPTH_MAX = 8, WORDS_MAX = 480 };

struct nested {
    struct nested *next; /* of the engine's open ones */
    struct engine *engine;
    struct plugin_ask *ask;
    struct plugin_instance *target; /* lives until our reply has come */
    const void *from, *to;          /* strands; from NULL: no strand waits */
    unsigned depth;
    bool is_gone;
    char chain[]; /* "relay.call > calc.add" */
};

static void leave(struct nested *nested)
{
    struct nested **at = &nested->engine->nested;

    while (*at != nested)
        at = &(*at)->next;
    *at = nested->next;
    free(nested);
}

static void on_reply(void *user, struct plugin_reply *reply)
{
    struct nested *nested = user;

    if (reply->status == PLUGIN_OK) {
        plugin_ask_answer(nested->ask, &reply->result, 1);
    } else {
        const struct plugin_refusal refusal = {
            .error_class = reply->error_class < 0 ? reply->error_class : TENON_E_CONNECTION,
            .retry_after_ms = reply->retry_after_ms,
            .words = reply->words,
        };
        plugin_ask_refuse(nested->ask, &refusal);
    }
    leave(nested);
}

/* What has not begun is not begun any more; an answer that still comes is dropped. */
static void on_gone(void *user)
{
    struct nested *nested = user;

    nested->is_gone = true;
    plugin_action_cancel(nested->target, on_reply, nested);
}

/* Does what runs on `to` wait, over whatever others, for `from`? */
static bool leads_back(const struct engine *engine, const void *to, const void *from)
{
    const struct nested *edge;

    for (size_t steps = 0; from != NULL && to != from; steps++) {
        edge = engine->nested;
        while (edge != NULL && (edge->from != to || edge->is_gone))
            edge = edge->next;
        if (edge == NULL || steps > DEPTH_MAX * DEPTH_MAX)
            return false;
        to = edge->to;
    }
    return from != NULL;
}

static bool names(const char *chain, struct str name)
{
    struct str rest = str_of(chain);
    struct str link;

    while (str_next(&rest, '>', &link))
        if (str_equals(str_trim(link), name))
            return true;
    return false;
}

/* How the chain begins when nobody has made one yet. */
static void put_asker(struct buf *out, const struct plugin_question *question,
                      const struct plugin_asking *asking)
{
    buf_puts(out, question->integration);
    if (asking->action[0] != '\0')
        buf_printf(out, ".%s", asking->action);
}

static bool is_circular(struct engine *engine, struct plugin_ask *ask, const char *chain,
                        struct str name, const void *to, const void *from)
{
    char words[WORDS_MAX];
    bool is_named = names(chain, name);

    if (!is_named && !leads_back(engine, to, from))
        return false;
    snprintf(words, sizeof words, "%.300s > %.*s %s", chain, STR_ARG(name),
             is_named
                 ? "is a circle: each would wait for the next"
                 : "would wait for itself: the thread that it needs waits for this answer, and "
                   "its plugin runs one call at a time");
    plugin_ask_fail(ask, TENON_E_PERMANENT, words);
    return true;
}

static void begin(struct engine *engine, struct plugin_ask *ask, struct plugin_instance *target,
                  const struct plugin_action *action)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct str name = question->texts[0];
    struct plugin_asking asking;
    _buf_ struct buf chain = {0};
    char words[WORDS_MAX];

    plugin_ask_asking(ask, &asking);
    const struct nested *parent = asking.fn == on_reply ? asking.user : NULL;
    if (parent != NULL)
        buf_puts(&chain, parent->chain);
    else
        put_asker(&chain, question, &asking);
    const void *to = plugin_instance_strand(target);
    if (!chain.failed && is_circular(engine, ask, buf_str(&chain).ptr, name, to, asking.strand))
        return;
    if (parent != NULL && parent->depth == DEPTH_MAX) {
        snprintf(words, sizeof words, "%.300s > %.*s: more than %d actions inside one another",
                 buf_str(&chain).ptr, STR_ARG(name), DEPTH_MAX);
        plugin_ask_fail(ask, TENON_E_PERMANENT, words);
        return;
    }
    buf_printf(&chain, " > %.*s", STR_ARG(name));
    struct nested *nested = chain.failed ? NULL : malloc(sizeof *nested + chain.len + 1);
    if (nested == NULL) {
        plugin_ask_fail(ask, TENON_E_NO_MEMORY, "no memory for the call");
        return;
    }
    *nested = (struct nested){.next = engine->nested,
                              .engine = engine,
                              .ask = ask,
                              .target = target,
                              .from = asking.strand,
                              .to = to,
                              .depth = parent != NULL ? parent->depth + 1 : 1};
    memcpy(nested->chain, buf_str(&chain).ptr, chain.len + 1);
    engine->nested = nested;
    plugin_ask_on_gone(ask, on_gone, nested);
    if (!action->is_read_only) /* nobody will know how far it came */
        plugin_ask_late_class(ask, TENON_E_UNKNOWN);
    plugin_action(target, action->name, question->texts[1], on_reply, nested);
}

/* INTEGRATION.ACTION; no name of either has a dot in it. */
static bool split(struct str name, char *integration, size_t size, struct str *out_action)
{
    const char *dot = name.len > 0 ? memchr(name.ptr, '.', name.len) : NULL;
    size_t len = dot != NULL ? (size_t)(dot - name.ptr) : 0;

    if (len == 0 || len >= size)
        return false;
    memcpy(integration, name.ptr, len);
    integration[len] = '\0';
    *out_action = (struct str){dot + 1, name.len - len - 1};
    return out_action->len > 0;
}

void service_action(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    char integration[OPTION_NAME_MAX * 2 + 1];
    const struct plugin_action *action = NULL;
    _buf_ struct buf words = {0};
    struct str name;

    if (!str_is(question->function, "call") || question->text_count != 3) {
        plugin_ask_fail(ask, TENON_E_UNSUPPORTED, "tenon.action/1 has one function, call");
        return;
    }
    if (!split(question->texts[0], integration, sizeof integration, &name)) {
        plugin_ask_fail(ask, TENON_E_VALIDATION,
                        "expected the name of an action as INTEGRATION.ACTION");
        return;
    }
    enum engine_found found = engine_action_find(engine, integration, name, &action, &words);
    if (found != ENGINE_FOUND)
        plugin_ask_fail(ask, found == ENGINE_NOT_OPEN ? TENON_E_CONNECTION : TENON_E_UNSUPPORTED,
                        buf_str(&words).ptr);
    else if (question->texts[2].len > 0 && !action->is_read_only)
        plugin_ask_fail(ask, TENON_E_VALIDATION,
                        "the action is not declared read-only, and only such may be called here");
    else
        begin(engine, ask, engine_plugin(engine, integration), action);
}

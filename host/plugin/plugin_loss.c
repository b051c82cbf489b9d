/* SPDX-License-Identifier: Apache-2.0
 * What becomes of the calls that a worker had when it ended. */
#include "plugin/plugin_internal.h"

#include <stdlib.h>

static void lose_call(struct plugin_worker *worker, struct plugin_call *call, const char *words,
                      int64_t culprit)
{
    struct plugin_instance *instance = call->instance;
    bool is_doomed = worker->doomed_call == 0 || worker->doomed_call == call->id;
    enum plugin_status status =
        worker->doom == PLUGIN_OK || !is_doomed ? PLUGIN_DIED : worker->doom;

    if (call->op == WIRE_CREATE || call->op == WIRE_ACTIVATE)
        plugin_answer_opened(instance, status, words);
    else if (call->op == WIRE_LOAD)
        for (struct plugin_instance *each = worker->instances; each != NULL; each = each->next)
            plugin_answer_opened(each, status, words);
    plugin_call_fail(call, status, TENON_E_CONNECTION, culprit, words);
}

bool plugin_loss_tell(struct plugin_worker *worker, const char *cause)
{
    struct plugin_queue flight = worker->flight;
    struct plugin_queue kept = {NULL, NULL};
    char place[512], words[PLUGIN_WORDS_MAX];
    bool is_isolated = true, is_told = false;
    struct plugin_call *next;

    worker->flight = (struct plugin_queue){NULL, NULL};
    worker->in_hand = worker->abandoned = 0;
    for (struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        instance->in_hand = instance->pending = 0;
    for (struct plugin_call *call = flight.first; call != NULL; call = next) {
        next = call->next;
        if (call->started_us == 0 &&
            !plugin_call_is_lifecycle(call)) { /* never begun: the next worker does it */
            plugin_queue_add(&kept, call);
            continue;
        }
        if (call->started_us == 0) {
            free(call); /* begun anew with the next worker */
            continue;
        }
        int64_t culprit = plugin_words_place(worker, call, place, sizeof place);
        snprintf(words, sizeof words, "%s %s", cause, place);
        bool is_main = !is_told || call->id == worker->doomed_call;
        if (is_main && !call->is_pending)
            is_isolated = call->op != WIRE_DELIVER || call->count <= 1;
        if (is_main)
            memcpy(worker->last_crash, words, sizeof words);
        is_told = true;
        lose_call(worker, call, words, culprit);
    }
    if (!is_told)
        snprintf(worker->last_crash, sizeof worker->last_crash, "%s between calls", cause);
    if (kept.first != NULL) {
        kept.last->next = worker->queue.first;
        if (worker->queue.first == NULL)
            worker->queue.last = kept.last;
        worker->queue.first = kept.first;
    }
    return is_isolated;
}

/* SPDX-License-Identifier: Apache-2.0
 * Time limits of calls: from the moment one is first in line, or was left pending. */
#include "plugin/plugin_internal.h"

#include "base/clock.h"

void plugin_call_deadlines(struct plugin_worker *worker)
{
    bool is_serial = !(worker->flags & TENON_PER_INTEGRATION);
    bool has_front = false;
    int64_t now_us = clock_mono_us();
    int64_t first_us = INT64_MAX;

    worker->front_round++;
    for (struct plugin_call *call = worker->flight.first; call != NULL; call = call->next) {
        if (!call->is_pending) {
            struct plugin_instance *instance = call->instance;
            if (is_serial || instance == NULL ? has_front
                                              : instance->front_round == worker->front_round)
                continue;
            has_front = true;
            if (instance != NULL)
                instance->front_round = worker->front_round;
            if (call->started_us == 0)
                call->started_us = now_us;
        }
        int64_t due_us = call->started_us + call->deadline_ms * 1000;
        bool is_timed =
            plugin_call_is_aside(call) ? !plugin_aside_is_waiting(call) : !call->is_abandoned;
        if (is_timed && due_us < first_us)
            first_us = due_us;
    }
    if (first_us == INT64_MAX)
        loop_timer_clear(worker->deadline_timer);
    else
        loop_timer_set(worker->deadline_timer,
                       first_us > now_us ? (first_us - now_us + 999) / 1000 : 0);
}

/* The host no longer waits for a pending job, but the worker is not hanging: it is told, and lives
 * on. */
static void abandon(struct plugin_worker *worker, struct plugin_call *call)
{
    char words[160];

    snprintf(words, sizeof words, "the plugin did not complete its job within %lld ms",
             (long long)call->deadline_ms);
    if (call->fn != NULL)
        plugin_answer(call->instance->host, call->instance, call->fn, call->user,
                      plugin_reply_words(PLUGIN_TIMED_OUT, TENON_E_UNKNOWN, -1, words));
    call->fn = NULL;
    call->is_abandoned = true;
    size_t begin = wire_out_begin(&worker->out, WIRE_CANCEL, call->id, call->instance->id);
    (void)wire_out_end(&worker->out, begin); /* a wish: without memory it is not sent */
    if (++worker->abandoned > PLUGIN_ABANDONED_MAX)
        plugin_worker_kill(worker, PLUGIN_TIMED_OUT, 0,
                           "it holds more than 32 jobs that it never completed");
}

void plugin_call_on_deadline(void *user)
{
    struct plugin_worker *worker = user;
    struct plugin_host *host = worker->host;
    int64_t now_us = clock_mono_us();
    char words[160];

    for (struct plugin_call *call = worker->flight.first; call != NULL; call = call->next) {
        bool is_aside = plugin_call_is_aside(call);
        if (call->started_us == 0 ||
            (is_aside ? plugin_aside_is_waiting(call) : call->is_abandoned) ||
            now_us < call->started_us + call->deadline_ms * 1000)
            continue;
        if (is_aside) {
            plugin_aside_overdue(worker, call);
            if (worker->doom != PLUGIN_OK)
                break;
            continue;
        }
        if (!call->is_pending) {
            snprintf(words, sizeof words, "no answer within %lld ms", (long long)call->deadline_ms);
            plugin_worker_kill(worker, PLUGIN_TIMED_OUT, call->id, words);
            break;
        }
        abandon(worker, call);
        if (worker->doom != PLUGIN_OK)
            break;
    }
    if (worker->state == WORKER_RUNNING)
        plugin_call_pump(worker);
    plugin_host_flush(host);
}

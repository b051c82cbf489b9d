/* SPDX-License-Identifier: Apache-2.0
 * How a worker's end is told to people. */
#include "plugin/plugin_internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

void plugin_words_cause(const struct plugin_worker *worker, int wait_status,
                        char out[PLUGIN_CAUSE_MAX])
{
    bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;

    if (worker->is_inprocess)
        snprintf(out, PLUGIN_CAUSE_MAX,
                 "%s; its code runs inside tenond and cannot be stopped: restart tenond, and set "
                 "isolation = worker, which would have killed it,",
                 worker->doom_words);
    else if (worker->doom == PLUGIN_TIMED_OUT || worker->doom == PLUGIN_GARBLED)
        snprintf(out, PLUGIN_CAUSE_MAX, "worker killed: %s", worker->doom_words);
    else if (worker->was_killed && is_killed && worker->doom == PLUGIN_DIED)
        snprintf(out, PLUGIN_CAUSE_MAX, "worker killed: %s", worker->doom_words);
    else if (is_killed)
        snprintf(out, PLUGIN_CAUSE_MAX,
                 "worker died: signal 9 (SIGKILL), by hand or for lack of memory");
    else if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));
        snprintf(out, PLUGIN_CAUSE_MAX, "worker died: signal %d (SIG%s)", WTERMSIG(wait_status),
                 name != NULL ? name : "?");
    } else
        snprintf(out, PLUGIN_CAUSE_MAX, "worker died: exited with status %d",
                 WEXITSTATUS(wait_status));
}

/* Where the page says this call is; false when it says nothing usable. Anything may be written
 * there. */
static bool find_place(const struct plugin_worker *worker, uint64_t id, struct wire_place *out)
{
    const struct wire_page *page = worker->process.thread != NULL
                                       ? plugin_thread_page(worker->process.thread)
                                       : worker->process.page;

    for (size_t i = 0; page != NULL && i < WIRE_PLACES; i++) {
        const struct wire_place *from = &page->places[i];
        *out = (struct wire_place){
            .call = __atomic_load_n(&from->call, __ATOMIC_RELAXED),
            .callback = __atomic_load_n(&from->callback, __ATOMIC_RELAXED),
            .record = __atomic_load_n(&from->record, __ATOMIC_RELAXED),
        };
        if (out->call == id && out->callback < WIRE_AT_END)
            return true;
    }
    return false;
}

/* When the page is silent: what the call was about. */
static const char *op_name(const struct plugin_call *call)
{
    switch (call->op) {
    case WIRE_LOAD:
        return "loading the plugin";
    case WIRE_CREATE:
        return "create";
    case WIRE_ACTIVATE:
        return "activate";
    case WIRE_CLOSE:
        return "deactivate";
    case WIRE_JUDGE:
        return "judge";
    case WIRE_TEST:
        return "test";
    case WIRE_WEBHOOK:
        return "webhook's map";
    default:
        return call->is_pending ? "a job left pending by submit" : "a batch";
    }
}

int64_t plugin_words_place(const struct plugin_worker *worker, const struct plugin_call *call,
                           char *out, size_t size)
{
    struct wire_place place = {0};
    bool is_running = !call->is_pending || call->is_abandoned ||
                      plugin_call_is_aside(call); /* a job: only in its cancel */
    bool is_found = is_running && find_place(worker, call->op == WIRE_LOAD ? 0 : call->id, &place);
    const char *name = is_found && place.callback != WIRE_AT_NONE
                           ? wire_callback_name(place.callback)
                           : op_name(call);

    if (call->instance == NULL) {
        snprintf(out, size, "in %s", name);
        return -1;
    }
    if (plugin_call_is_order(call)) {
        snprintf(out, size, "in %s %s, integration %s", call->op == WIRE_TOOL ? "tool" : "action",
                 call->selector, call->instance->name);
        return -1;
    }
    if (plugin_call_is_aside(call)) {
        snprintf(out, size, "in %s, integration %s", call->selector, call->instance->name);
        return -1;
    }
    bool has_records =
        call->fn != NULL && call->count > 0; /* without fn the caller has taken them back */
    int64_t culprit =
        is_found && has_records && place.record < call->count ? (int64_t)place.record : -1;
    if (culprit < 0 && has_records && call->count == 1 && !call->is_pending)
        culprit = 0;
    if (culprit < 0) {
        snprintf(out, size, "in %s, integration %s", name, call->instance->name);
        return -1;
    }
    struct str id = call->records[culprit].id;
    snprintf(out, size, "in %s, integration %s, record %.*s (%lld of %zu)", name,
             call->instance->name, (int)(id.len < 128 ? id.len : 128), id.ptr,
             (long long)culprit + 1, call->count);
    return culprit;
}

/* SPDX-License-Identifier: Apache-2.0
 * What becomes of the calls that a worker had when it ended. With a thread per integration several
 * were running: the one that ended it is told, the others go to the next worker as if they had not
 * begun. Only what may have been sent already cannot: its caller is told who is to blame. When
 * nobody knows whose call it was, each that had begun is told of its own. */
#include "plugin/plugin_internal.h"

#include <stdlib.h>

struct loss {
    struct plugin_worker *worker;
    const char *cause;
    bool is_known; /* whose call it was; */
    uint64_t guilty;
    const struct plugin_instance *instance; /* its integration; NULL: the call was answered since */
    bool is_told;
    enum plugin_blame blame;
    struct plugin_queue kept; /* for the next worker */
};

static bool is_in(const struct plugin_queue *flight, uint64_t id)
{
    for (const struct plugin_call *call = flight->first; call != NULL; call = call->next)
        if (call->id == id)
            return true;
    return false;
}

/* From why we killed it, or from what its signal handler left in the page: that is hostile memory,
 * and names at worst another call of the same plugin. */
static void find_guilty(struct loss *loss, const struct plugin_queue *flight)
{
    const struct plugin_worker *worker = loss->worker;
    const struct wire_page *page = worker->process.page;

    loss->guilty = worker->doomed_call;
    loss->is_known = loss->guilty != 0;
    if (loss->is_known || page == NULL)
        return;
    loss->guilty = __atomic_load_n(&page->guilty, __ATOMIC_RELAXED);
    loss->is_known = is_in(flight, loss->guilty);
}

/* A batch of many that dies is a record to be found; a judge that keeps dying is left out by
 * whoever asks it. */
static enum plugin_blame blame_of(const struct plugin_call *call, int64_t culprit)
{
    if (call->op == WIRE_JUDGE ||
        (call->op == WIRE_DELIVER && !call->is_pending && call->count > 1))
        return BLAME_NOBODY;
    if (plugin_call_is_order(call) || plugin_call_is_aside(call) || call->op == WIRE_WEBHOOK)
        return BLAME_CALLER;
    return call->op == WIRE_DELIVER && culprit >= 0 ? BLAME_RECORD : BLAME_PLUGIN;
}

/* An action that changes something may have done so. */
static int class_of(const struct plugin_call *call)
{
    return call->is_once ? TENON_E_UNKNOWN : TENON_E_CONNECTION;
}

static void tell_call(struct loss *loss, struct plugin_call *call)
{
    struct plugin_worker *worker = loss->worker;
    enum plugin_status status = worker->doom == PLUGIN_OK ? PLUGIN_DIED : worker->doom;
    char place[512], words[PLUGIN_WORDS_MAX];
    int64_t culprit = plugin_words_place(worker, call, place, sizeof place);

    snprintf(words, sizeof words, "%s %s", loss->cause, place);
    if (!loss->is_told) {
        memcpy(worker->last_crash, words, sizeof words);
        loss->blame = blame_of(call, culprit);
    }
    loss->is_told = true;
    if (call->op == WIRE_CREATE || call->op == WIRE_ACTIVATE)
        plugin_answer_opened(call->instance, status, words);
    else if (call->op == WIRE_LOAD)
        for (struct plugin_instance *each = worker->instances; each != NULL; each = each->next)
            plugin_answer_opened(each, status, words);
    plugin_call_fail(call, status, class_of(call), culprit, words);
}

static void tell_guilty(struct loss *loss, struct plugin_queue *flight)
{
    struct plugin_call *call = flight->first;

    while (call != NULL && call->id != loss->guilty)
        call = call->next;
    if (call == NULL)
        return;
    (void)plugin_queue_remove(flight, call); /* it is there: we found it there */
    loss->instance = call->instance;
    tell_call(loss, call);
}

/* Nobody knows what of it was sent. */
static void tell_bystander(const struct loss *loss, struct plugin_call *call)
{
    bool is_neighbour = loss->instance != NULL && loss->instance != call->instance;
    char words[PLUGIN_WORDS_MAX];

    snprintf(words, sizeof words, "%s%.128s took down the worker that had this %s in hand: %.800s",
             is_neighbour ? "integration " : "another call",
             is_neighbour ? loss->instance->name : "",
             plugin_call_is_order(call) || call->op == WIRE_SIGNAL || plugin_call_is_aside(call)
                 ? "call"
                 : "batch",
             loss->is_told ? loss->worker->last_crash : loss->cause);
    plugin_call_fail(call, PLUGIN_DIED, class_of(call), -1, words);
}

static void keep_call(struct loss *loss, struct plugin_call *call)
{
    if (plugin_call_is_lifecycle(call) || call->fn == NULL) {
        free(call); /* given anew to the next worker; or nobody waits for it, nor has its records */
        return;
    }
    call->started_us = 0;
    call->is_pending = false;
    plugin_queue_add(&loss->kept, call);
}

/* A call begins before we hear that the one in front of it is through, so what only may have begun
 * counts when it must not begin twice. Where calls come one by one and the one that ran is known,
 * those behind it have not. */
static bool may_have_begun(const struct loss *loss, const struct plugin_call *call)
{
    bool is_serial = !(loss->worker->flags & TENON_PER_INTEGRATION);

    return call->started_us != 0 || (call->is_once && !(loss->is_known && is_serial));
}

static void settle_calls(struct loss *loss, const struct plugin_queue *flight)
{
    struct plugin_call *next;

    for (struct plugin_call *call = flight->first; call != NULL; call = next) {
        next = call->next;
        if (!may_have_begun(loss, call))
            keep_call(loss, call);
        else if (!loss->is_known)
            tell_call(loss, call);
        else if (call->is_once ||
                 (call->op == WIRE_DELIVER && (call->steps & PLUGIN_STEP_SUBMIT) != 0))
            tell_bystander(loss, call);
        else
            keep_call(loss, call);
    }
}

static void put_first(struct plugin_queue *queue, const struct plugin_queue *calls)
{
    if (calls->first == NULL)
        return;
    calls->last->next = queue->first;
    if (queue->first == NULL)
        queue->last = calls->last;
    queue->first = calls->first;
}

enum plugin_blame plugin_loss_tell(struct plugin_worker *worker, const char *cause)
{
    struct loss loss = {.worker = worker, .cause = cause, .blame = BLAME_PLUGIN};
    struct plugin_queue flight = worker->flight;

    worker->flight = (struct plugin_queue){NULL, NULL};
    worker->in_hand = worker->abandoned = 0;
    for (struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        instance->in_hand = instance->pending = instance->asides = 0;
    find_guilty(&loss, &flight);
    tell_guilty(&loss, &flight);
    settle_calls(&loss, &flight);
    if (!loss.is_told)
        snprintf(worker->last_crash, sizeof worker->last_crash, "%s between calls", cause);
    put_first(&worker->queue, &loss.kept);
    return loss.blame;
}

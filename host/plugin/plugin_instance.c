/* SPDX-License-Identifier: Apache-2.0
 * One integration's share of a worker, from open to close, over any number of the worker's lives.
 */
#include "plugin/plugin_internal.h"

#include "base/cleanup.h"

#include <stdlib.h>

struct plugin_instance *plugin_instance_open(struct plugin_host *host,
                                             const struct plugin_instance_settings *settings,
                                             plugin_opened_fn opened, void *user, struct err *err)
{
    loop_assert_here(host->loop);
    if (host->is_stopping) {
        err_set(err, E_STOPPED, "the plugins are being stopped");
        return NULL;
    }
    struct plugin_worker *worker = plugin_worker_get(host, settings, err);
    if (worker == NULL)
        return NULL;
    struct plugin_instance *instance = calloc(1, sizeof *instance);
    char *name = strdup(settings->name);
    char *settings_json = str_dup(settings->settings_json);
    if (instance == NULL || name == NULL || settings_json == NULL) {
        free(instance);
        free(name);
        free(settings_json);
        plugin_worker_maybe_end(worker);
        plugin_host_flush_soon(host);
        err_set(err, -ENOMEM, "no memory for integration %s", settings->name);
        return NULL;
    }
    *instance = (struct plugin_instance){
        .worker = worker,
        .host = host,
        .id = ++worker->last_instance,
        .is_owned = true,
        .name = name,
        .settings_json = settings_json,
        .call_timeout_ms =
            settings->call_timeout_ms > 0 ? settings->call_timeout_ms : PLUGIN_TIMEOUT_MS,
        .memory_max_bytes = settings->memory_max_bytes,
        .opened = opened,
        .user = user,
    };
    instance->next = worker->instances;
    worker->instances = instance;
    worker->instance_count++;
    if (worker->state == WORKER_RUNNING)
        plugin_instance_begin(instance);
    else if (worker->state == WORKER_IDLE || worker->state == WORKER_QUARANTINED)
        plugin_worker_start(worker);
    plugin_host_flush_soon(host);
    return instance;
}

void plugin_instance_order(struct plugin_instance *instance, enum wire_op op, int64_t deadline_ms)
{
    struct plugin_call *call = plugin_call_make(instance, op, NULL);

    call->deadline_ms = deadline_ms;
    plugin_call_first(instance->worker, call);
    plugin_call_pump(instance->worker);
}

static int64_t start_deadline_ms(const struct plugin_instance *instance)
{
    return instance->call_timeout_ms > PLUGIN_START_MS ? instance->call_timeout_ms
                                                       : PLUGIN_START_MS;
}

void plugin_instance_begin(struct plugin_instance *instance)
{
    instance->state = INSTANCE_CREATING;
    plugin_instance_order(instance, WIRE_CREATE, start_deadline_ms(instance));
}

static void fill_facts(struct plugin_instance *instance)
{
    const struct wire_facts *from = &instance->worker->facts;
    struct plugin_facts *facts = &instance->facts;

    *facts = (struct plugin_facts){
        .has_transformer = from->has & WIRE_HAS_TRANSFORMER,
        .has_prepare = from->has & WIRE_HAS_PREPARE,
        .has_judge = from->has & WIRE_HAS_JUDGE,
        .has_reconcile = from->has & WIRE_HAS_RECONCILE,
        .has_judge_reconcile = from->has & WIRE_HAS_JUDGE_RECONCILE,
        .has_submit = from->has & WIRE_HAS_SUBMIT,
        .has_submitter = from->has & WIRE_HAS_SUBMITTER,
        .has_test = from->has & WIRE_HAS_TEST,
        .has_webhook = from->has & WIRE_HAS_WEBHOOK,
        .batch_max = from->batch_max,
        .selector_count = from->selector_count,
    };
    for (size_t i = 0; i < from->selector_count; i++)
        facts->selectors[i] = from->selectors[i].ptr;
}

/* create or activate answered; which of them, the state does not tell of one that was closed. */
void plugin_instance_created(struct plugin_instance *instance, enum wire_op op,
                             const struct wire_status *status)
{
    char words[PLUGIN_WORDS_MAX];

    if (!instance->is_owned || instance->state == INSTANCE_CLOSING) { /* closed meanwhile */
        instance->state = INSTANCE_CLOSING;
        if (status->code == TENON_OK || op == WIRE_ACTIVATE) /* there is an object */
            plugin_instance_order(instance, WIRE_CLOSE, PLUGIN_CLOSE_MS);
        else
            plugin_instance_gone(instance);
        return;
    }
    if (status->code != TENON_OK) {
        snprintf(words, sizeof words, "%s: %.*s", wire_callback_name(status->callback),
                 (int)status->message.len, status->message.ptr);
        if (!plugin_again_takes(instance, status, words))
            plugin_instance_fail(instance, PLUGIN_FAILED, words);
        return;
    }
    if (instance->state == INSTANCE_CREATING) {
        instance->state = INSTANCE_ACTIVATING;
        plugin_instance_order(instance, WIRE_ACTIVATE, start_deadline_ms(instance));
        return;
    }
    instance->state = INSTANCE_ACTIVE;
    if (instance->was_active)
        plugin_answer_returned(instance);
    instance->was_active = true;
    instance->backoff_ms = 0;
    instance->words[0] = '\0';
    fill_facts(instance);
    plugin_answer_opened(instance, PLUGIN_OK, "");
    plugin_call_pump(instance->worker);
}

/* It is not usable and will not become so; calls that wait are answered. */
void plugin_instance_fail(struct plugin_instance *instance, enum plugin_status status,
                          const char *words)
{
    struct plugin_worker *worker = instance->worker;
    struct plugin_call *next;

    instance->state = INSTANCE_FAILED;
    if (words != instance->words)
        snprintf(instance->words, sizeof instance->words, "%s", words);
    plugin_answer_opened(instance, status, instance->words);
    for (struct plugin_call *call = worker->queue.first; call != NULL; call = next) {
        next = call->next;
        if (call->instance != instance)
            continue;
        (void)plugin_queue_remove(&worker->queue, call); /* it is there: we walk it */
        plugin_call_fail(call, PLUGIN_UNAVAILABLE, TENON_E_PERMANENT, -1, instance->words);
    }
}

/* Tells every caller that waits for this instance, now. Calls in the worker go on without anybody.
 */
void plugin_instance_stop_calls(struct plugin_instance *instance)
{
    struct plugin_worker *worker = instance->worker;
    struct plugin_call *next;

    if (worker == NULL)
        return;
    plugin_ask_drop(worker, instance, "the integration is being closed");
    for (struct plugin_call *call = worker->flight.first; call != NULL; call = call->next) {
        if (call->instance != instance || call->fn == NULL)
            continue;
        plugin_answer(instance->host, instance, call->fn, call->user,
                      plugin_reply_words(PLUGIN_STOPPED,
                                         call->is_once ? TENON_E_UNKNOWN : TENON_E_CANCELLED, -1,
                                         "the integration is stopped"));
        call->fn = NULL;
        call->records = NULL;
        if (plugin_call_is_aside(call))
            plugin_aside_leave(worker, call);
    }
    for (struct plugin_call *call = worker->queue.first; call != NULL; call = next) {
        next = call->next;
        if (call->instance != instance)
            continue;
        (void)plugin_queue_remove(&worker->queue, call); /* it is there: we walk it */
        plugin_call_fail(call, PLUGIN_STOPPED, TENON_E_CANCELLED, -1, "the integration is stopped");
    }
}

/* Out of the worker: by an order where it exists there, at once where it does not. */
void plugin_instance_leave(struct plugin_instance *instance, int64_t grace_ms)
{
    struct plugin_worker *worker = instance->worker;

    if (worker == NULL || instance->state == INSTANCE_CLOSING)
        return;
    enum instance_state before = instance->state;
    bool is_running = worker->state == WORKER_RUNNING;
    bool is_created = is_running && (before == INSTANCE_ACTIVE || before == INSTANCE_ACTIVATING);
    bool is_in_hand = is_running && instance->in_hand > 0 && before != INSTANCE_ACTIVE;

    instance->grace_ms = grace_ms;
    is_created |= is_running && before == INSTANCE_RETRYING && instance->is_left;
    /* A failed activate leaves an object behind too; whether create made one is known only to the
     * worker, which answers an order to an unknown instance with a refusal that ends the instance
     * here as well. */
    if (is_running && before == INSTANCE_FAILED)
        is_created = true;
    instance->state = INSTANCE_CLOSING;
    if (is_in_hand)
        return; /* create, activate or the close before another try is in the worker: what answers
                   it goes on from there */
    if (is_created)
        plugin_instance_order(instance, WIRE_CLOSE, grace_ms + PLUGIN_CLOSE_MS);
    else if (worker->state != WORKER_DYING)
        plugin_instance_gone(instance);
}

static void instance_free(struct plugin_instance *instance)
{
    loop_timer_destroy(instance->retry_timer);
    free(instance->name);
    free(instance->settings_json);
    free(instance->actions);
    free(instance->action_bytes);
    if (instance->closed != NULL)
        instance->closed(instance->closed_user);
    free(instance);
}

/* The worker holds nothing of it any more. */
void plugin_instance_gone(struct plugin_instance *instance)
{
    struct plugin_worker *worker = instance->worker;

    for (struct plugin_instance **at = &worker->instances; *at != NULL; at = &(*at)->next) {
        if (*at == instance) {
            *at = instance->next;
            break;
        }
    }
    /* What it left in the worker (a job that is never completed) has nobody to go to. */
    struct plugin_call *next;
    for (struct plugin_call *call = worker->flight.first; call != NULL; call = next) {
        next = call->next;
        if (call->instance != instance)
            continue;
        (void)plugin_queue_remove(&worker->flight, call); /* it is there: we walk it */
        worker->abandoned -= call->is_abandoned;
        worker->in_hand -= !call->is_pending;
        free(call);
    }
    instance->worker = NULL;
    instance->next = NULL;
    worker->instance_count--;
    plugin_worker_maybe_end(worker);
    plugin_host_flush_soon(worker->host);
    if (!instance->is_owned)
        instance_free(instance);
}

void plugin_instance_on_return(struct plugin_instance *instance, plugin_returned_fn returned,
                               void *user)
{
    instance->returned = returned;
    instance->returned_user = user;
}

void plugin_instance_close(struct plugin_instance *instance)
{
    if (instance != NULL)
        plugin_instance_close_then(instance, NULL, NULL);
}

void plugin_instance_close_then(struct plugin_instance *instance, plugin_closed_fn closed,
                                void *user)
{
    struct plugin_host *host = instance->host;

    instance->closed = closed;
    instance->closed_user = user;
    if (!instance->is_owned)
        return;
    instance->is_owned = false;
    instance->opened = NULL;
    instance->returned = NULL;
    plugin_instance_stop_calls(instance);
    if (host != NULL)
        plugin_host_answer_now(host, instance);
    if (instance->worker == NULL) {
        instance_free(instance);
        return;
    }
    plugin_instance_leave(instance, PLUGIN_CLOSE_MS / 5);
}

const struct plugin_facts *plugin_instance_facts(const struct plugin_instance *instance)
{
    return &instance->facts;
}

bool plugin_instance_has_failed(const struct plugin_instance *instance)
{
    return instance->state == INSTANCE_FAILED;
}

/* It runs, and this instance alone does not open in it. */
static bool is_retried(const struct plugin_instance *instance)
{
    bool is_trying = instance->state == INSTANCE_CREATING || instance->state == INSTANCE_ACTIVATING;

    return instance->state == INSTANCE_RETRYING || (is_trying && instance->words[0] != '\0');
}

void plugin_instance_health(const struct plugin_instance *instance, struct plugin_health *out)
{
    static const char *const worker_states[] = {
        [WORKER_IDLE] = "starting",      [WORKER_STARTING] = "starting",
        [WORKER_RUNNING] = "starting",   [WORKER_DYING] = "restarting",
        [WORKER_BACKOFF] = "restarting", [WORKER_QUARANTINED] = "quarantined",
        [WORKER_FAILED] = "failed",      [WORKER_ENDING] = "stopped",
        [WORKER_GONE] = "stopped",
    };
    const struct plugin_worker *worker = instance->worker;

    *out = (struct plugin_health){.state = "stopped", .words = "", .calls = instance->calls};
    if (worker == NULL)
        return;
    out->state = instance->state == INSTANCE_ACTIVE    ? "active"
                 : instance->state == INSTANCE_FAILED  ? "failed"
                 : instance->state == INSTANCE_CLOSING ? "stopped"
                 : is_retried(instance)                ? "restarting"
                                                       : worker_states[worker->state];
    out->words = instance->state == INSTANCE_FAILED || is_retried(instance) ? instance->words
                                                                            : worker->words;
    out->pid = worker->process.pid;
    out->starts = worker->starts;
    out->crashes = worker->crashes;
    out->retry_at_ms =
        instance->state == INSTANCE_RETRYING ? instance->retry_at_ms : worker->retry_at_ms;
    out->last_crash = worker->last_crash[0] != '\0' ? worker->last_crash : NULL;
    out->last_crash_ms = worker->last_crash_ms;
    out->confinement = worker->confinement;
}

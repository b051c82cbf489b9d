/* SPDX-License-Identifier: Apache-2.0
 * Calls: queued per worker in order, sent a few at a time, timed from the moment they are first in
 * line, answered once. */
#include "plugin/plugin_internal.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

/* With room for `more` bytes behind the selector's NUL. */
static struct plugin_call *make_with(struct plugin_instance *instance, enum wire_op op,
                                     const char *selector, size_t more)
{
    size_t len = selector != NULL ? strlen(selector) : 0;
    struct plugin_call *call = calloc(1, sizeof *call + len + 1 + more);

    if (call == NULL)
        abort(); /* a few bytes; whoever waits could not be told otherwise */
    call->op = op;
    call->instance = instance;
    if (len > 0)
        memcpy(call->selector, selector, len);
    return call;
}

struct plugin_call *plugin_call_make(struct plugin_instance *instance, enum wire_op op,
                                     const char *selector)
{
    return make_with(instance, op, selector, 0);
}

struct plugin_call *plugin_call_make_order(struct plugin_instance *instance, enum wire_op op,
                                           const char *name, struct wire_out *take_order)
{
    struct plugin_call *call = make_with(instance, op, name, take_order->len);

    memcpy(call->selector + strlen(name) + 1, take_order->ptr, take_order->len);
    call->order_bytes = take_order->len;
    wire_out_finish(take_order);
    return call;
}

void plugin_queue_add(struct plugin_queue *queue, struct plugin_call *call)
{
    call->next = NULL;
    if (queue->last != NULL)
        queue->last->next = call;
    else
        queue->first = call;
    queue->last = call;
}

bool plugin_queue_remove(struct plugin_queue *queue, const struct plugin_call *call)
{
    struct plugin_call *before = NULL;

    for (struct plugin_call *at = queue->first; at != NULL; before = at, at = at->next) {
        if (at != call)
            continue;
        if (before != NULL)
            before->next = at->next;
        else
            queue->first = at->next;
        if (queue->last == at)
            queue->last = before;
        return true;
    }
    return false;
}

void plugin_call_first(struct plugin_worker *worker, struct plugin_call *call)
{
    struct plugin_call *before = NULL;

    for (struct plugin_call *at = worker->queue.first; at != NULL && plugin_call_is_lifecycle(at);
         at = at->next)
        before = at;
    call->next = before != NULL ? before->next : worker->queue.first;
    if (before != NULL)
        before->next = call;
    else
        worker->queue.first = call;
    if (call->next == NULL)
        worker->queue.last = call;
}

/* Frees the call and tells whoever waits. */
void plugin_call_fail(struct plugin_call *call, enum plugin_status status, int error_class,
                      int64_t culprit, const char *words)
{
    if (call->fn != NULL)
        plugin_answer(call->instance->host, call->instance, call->fn, call->user,
                      plugin_reply_words(status, error_class, culprit, words));
    free(call);
}

/* ---- sending ---- */

static void put_records(struct wire_out *out, const struct plugin_record *records, size_t count,
                        bool with_data)
{
    for (size_t i = 0; i < count; i++) {
        const struct plugin_record *from = &records[i];
        tenon_record record = {
            .struct_size = sizeof record,
            .attempt = from->attempt,
            .id = plugin_str(from->id),
            .type = plugin_str(from->type),
            .version = from->version,
            .created_ms = from->created_ms,
            .updated_ms = from->updated_ms,
            .key = plugin_str(from->key),
            .data = with_data ? plugin_str(from->data) : (tenon_str){"", 0},
        };
        wire_put_record(out, &record);
    }
}

static void put_load(struct wire_out *out, const struct plugin_worker *worker)
{
    char image[PLUGIN_IMAGE_PATH_MAX];
    struct wire_load load = {
        .path = tenon_text(plugin_image_path(worker, image)),
        .real_path = tenon_text(worker->path),
        .name = tenon_text(worker->plugin),
        .version = tenon_text(worker->version),
        .settings = tenon_text(worker->settings),
        .allow_net = worker->allow_net,
        .uid = worker->host->worker_uid < 0 ? UINT32_MAX : (uint32_t)worker->host->worker_uid,
        .gid = worker->host->worker_gid < 0 ? UINT32_MAX : (uint32_t)worker->host->worker_gid,
        .write_path_count = (uint32_t)worker->write_path_count,
    };

    for (size_t i = 0; i < worker->write_path_count; i++)
        load.write_paths[i] = tenon_text(worker->write_paths[i]);
    for (const struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        if (instance->memory_max_bytes > (int64_t)load.memory_max_bytes)
            load.memory_max_bytes = (uint64_t)instance->memory_max_bytes;
    wire_put_load(out, &load);
}

static void put_call(struct wire_out *out, const struct plugin_worker *worker,
                     const struct plugin_call *call)
{
    const struct plugin_instance *instance = call->instance;

    switch (call->op) {
    case WIRE_LOAD:
        put_load(out, worker);
        break;
    case WIRE_CREATE:
        wire_put_create(out, &(struct wire_create){tenon_text(instance->name),
                                                   tenon_text(instance->settings_json)});
        break;
    case WIRE_CLOSE:
        wire_put_close(out, (uint32_t)instance->grace_ms);
        break;
    case WIRE_DELIVER:
        wire_put_deliver(out, &(struct wire_deliver){call->steps, tenon_text(call->selector),
                                                     (uint32_t)call->count});
        put_records(out, call->records, call->count, true);
        break;
    case WIRE_JUDGE:
        wire_put_judge(out,
                       &(struct wire_judge){call->judge.is_reconcile, (uint32_t)call->judge.status,
                                            plugin_str(call->judge.headers),
                                            plugin_str(call->judge.body), (uint32_t)call->count});
        put_records(out, call->records, call->count, false);
        break;
    case WIRE_ACTION:
    case WIRE_WEBHOOK:
    case WIRE_SIGNAL:
    case WIRE_RUN:
    case WIRE_SERVE:
    case WIRE_TOOL:
        wire_out_bytes(out, call->selector + strlen(call->selector) + 1, call->order_bytes);
        break;
    default:
        break;
    }
}

/* Takes the call: into the flight, or answered when it does not fit a frame. */
static void send_call(struct plugin_worker *worker, struct plugin_call *call)
{
    struct plugin_instance *instance = call->instance;

    call->id = ++worker->last_call;
    size_t begin =
        wire_out_begin(&worker->out, call->op, call->id, instance != NULL ? instance->id : 0);
    put_call(&worker->out, worker, call);
    if (wire_out_end(&worker->out, begin) < 0) {
        plugin_call_fail(call, PLUGIN_FAILED, TENON_E_VALIDATION, -1,
                         call->order_bytes > 0
                             ? "the arguments are larger than the 64 MiB that go to a worker "
                               "at once"
                             : "the batch is larger than the 64 MiB that go to a worker at "
                               "once; send fewer records");
        return;
    }
    call->started_us = 0;
    call->is_pending = false;
    plugin_queue_add(&worker->flight, call);
    if (plugin_call_is_aside(call)) {
        plugin_aside_sent(call);
        return;
    }
    worker->in_hand++;
    if (instance != NULL)
        instance->in_hand++;
}

static bool is_barred(const struct plugin_worker *worker)
{
    for (const struct plugin_call *call = worker->flight.first; call != NULL; call = call->next)
        if (call->op == WIRE_CREATE)
            return true;
    return false;
}

static bool can_send(const struct plugin_worker *worker, const struct plugin_call *call)
{
    const struct plugin_instance *instance = call->instance;
    bool is_serial = !(worker->flags & TENON_PER_INTEGRATION);
    enum instance_state wanted = call->op == WIRE_CREATE     ? INSTANCE_CREATING
                                 : call->op == WIRE_ACTIVATE ? INSTANCE_ACTIVATING
                                 : call->op == WIRE_CLOSE    ? INSTANCE_CLOSING
                                                             : INSTANCE_ACTIVE;

    if (call->op == WIRE_CLOSE && instance->state == INSTANCE_RETRYING)
        wanted = INSTANCE_RETRYING; /* what a failed activate left goes before the next try */
    if (plugin_call_is_aside(call))
        return instance->state == wanted;
    if (call->op == WIRE_CLOSE && instance->asides > 0)
        return false;            /* they were told to end */
    if (call->op == WIRE_CREATE) /* [init]: nothing else of the plugin runs */
        return worker->in_hand == 0 && instance->state == wanted;
    return (is_serial ? worker->in_hand : instance->in_hand) < PLUGIN_IN_HAND_MAX &&
           instance->state == wanted && instance->pending < PLUGIN_PENDING_MAX;
}

void plugin_call_pump(struct plugin_worker *worker)
{
    if (worker->state == WORKER_STARTING && worker->flight.first == NULL) {
        struct plugin_call *load = plugin_call_make(NULL, WIRE_LOAD, NULL);
        load->deadline_ms = PLUGIN_START_MS;
        send_call(worker, load);
    }
    struct plugin_call *next;
    bool goes_on = worker->state == WORKER_RUNNING && !is_barred(worker);
    for (struct plugin_call *call = worker->queue.first; goes_on && call != NULL; call = next) {
        next = call->next;
        bool is_ready = can_send(worker, call);
        goes_on = call->op != WIRE_CREATE;
        if (!is_ready)
            continue;
        (void)plugin_queue_remove(&worker->queue, call); /* it is there: we walk it */
        send_call(worker, call);
    }
    plugin_socket_flush(worker);
    plugin_call_deadlines(worker);
}

/* ---- answers ---- */

static void leave_flight(struct plugin_worker *worker, struct plugin_call *call)
{
    (void)plugin_queue_remove(&worker->flight, call); /* it is there: the caller found it there */
    if (call->is_abandoned)
        worker->abandoned--;
    if (plugin_call_is_aside(call))
        call->instance->asides--;
    else if (call->is_pending)
        call->instance->pending--;
    else {
        worker->in_hand--;
        if (call->instance != NULL)
            call->instance->in_hand--;
    }
}

static void finish_lifecycle(struct plugin_worker *worker, struct plugin_call *call,
                             const struct wire_status *status)
{
    struct plugin_instance *instance = call->instance;
    enum wire_op op = call->op;
    char words[PLUGIN_WORDS_MAX];

    free(call);
    if (instance == NULL) {
        snprintf(words, sizeof words, "%.*s", (int)status->message.len, status->message.ptr);
        plugin_worker_refused(worker, words);
    } else if (op == WIRE_CLOSE) {
        if (!plugin_again_left(instance))
            plugin_instance_gone(instance);
    } else
        plugin_instance_created(instance, op, status);
}

static void on_status(struct plugin_worker *worker, struct plugin_call *call, struct wire_in *in)
{
    struct wire_status status;
    char words[PLUGIN_WORDS_MAX];

    if (wire_get_status(in, &status) < 0 || status.code > 0 || status.code < TENON_E_UNSUPPORTED ||
        (status.code == TENON_OK &&
         (call->op == WIRE_LOAD || call->op == WIRE_DELIVER || call->op == WIRE_JUDGE ||
          (call->order_bytes > 0 && call->op != WIRE_SIGNAL)))) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, call->id, "its status cannot be read");
        return;
    }
    leave_flight(worker, call);
    if (call->instance == NULL || plugin_call_is_lifecycle(call)) {
        finish_lifecycle(worker, call, &status);
        return;
    }
    snprintf(words, sizeof words, "%.*s", (int)status.message.len, status.message.ptr);
    if (call->fn != NULL) {
        struct plugin_reply *reply = plugin_reply_words(
            status.code == TENON_OK ? PLUGIN_OK : PLUGIN_FAILED, status.code, -1, words);
        reply->retry_after_ms = status.retry_after_ms;
        reply->is_later = status.code == TENON_OK && call->op == WIRE_SIGNAL;
        plugin_answer(worker->host, call->instance, call->fn, call->user, reply);
    }
    free(call);
}

/* What an action, a tool, a mapping or a signal's handler wrote: one JSON value, or nothing. Its
 * call is known to be one of them. */
static void on_result(struct plugin_worker *worker, struct plugin_call *call, struct wire_in *in)
{
    char words[PLUGIN_WORDS_MAX];
    struct err err = {0};
    tenon_str written;

    if (wire_get_result(in, &written) < 0) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, call->id, "its result cannot be read");
        return;
    }
    leave_flight(worker, call);
    struct str result = str_trim(plugin_text(written));
    if (result.len == 0 && call->op != WIRE_SIGNAL)
        result = STR("null");
    if (result.len > 0 && json_check(result, &err) < 0) {
        snprintf(words, sizeof words, "%s%s wrote what is no JSON: %.400s",
                 call->op == WIRE_ACTION   ? "action "
                 : call->op == WIRE_TOOL   ? "tool "
                 : call->op == WIRE_SIGNAL ? "on_signal"
                                           : "the webhook's map",
                 call->selector, err.text);
        plugin_call_fail(call, PLUGIN_FAILED, TENON_E_PERMANENT, -1, words);
        return;
    }
    if (call->fn != NULL)
        plugin_answer(worker->host, call->instance, call->fn, call->user,
                      plugin_reply_result(result));
    free(call);
}

static void on_outcomes(struct plugin_worker *worker, struct plugin_call *call,
                        const struct wire_in *in)
{
    struct plugin_reply *reply = NULL;
    struct err err = {0};

    if (call->fn != NULL) {
        reply = plugin_reply_parse((struct str){in->at, in->rest}, call->records, call->count,
                                   call->steps, &err);
        if (reply == NULL && err.code == -ENOMEM) {
            leave_flight(worker, call);
            plugin_call_fail(call, PLUGIN_FAILED, TENON_E_NO_MEMORY, -1, err.text);
            return;
        }
        if (reply == NULL) {
            plugin_worker_kill(worker, PLUGIN_GARBLED, call->id, err.text);
            return;
        }
    }
    leave_flight(worker, call);
    if (call->op == WIRE_DELIVER)
        worker->record_crashes = worker->bad_in_a_row = 0;
    if (reply != NULL)
        plugin_answer(worker->host, call->instance, call->fn, call->user, reply);
    free(call);
}

static void on_facts(struct plugin_worker *worker, struct plugin_call *call, struct wire_in *in)
{
    struct wire_facts facts;
    size_t len = in->rest;

    if (len > PLUGIN_DECLARED_BYTES_MAX) {
        leave_flight(worker, call);
        free(call);
        plugin_worker_refused(worker, "what the plugin declares is larger than 4 MiB");
        return;
    }
    char *bytes = malloc(len + 1);
    if (bytes != NULL && len > 0)
        memcpy(bytes, in->at, len);
    struct wire_in own = {bytes, len, bytes == NULL};
    if (wire_get_facts(&own, &facts) < 0) {
        free(bytes);
        plugin_worker_kill(worker, PLUGIN_GARBLED, call->id,
                           "what it says of its plugin cannot be read");
        return;
    }
    struct err err = {0};
    struct plugin_action *actions =
        worker->has_facts ? NULL : plugin_action_read(facts.actions, facts.action_count, 0, &err);
    if (err.code == 0 && !worker->has_facts)
        (void)plugin_signal_check(&facts, &err); /* the status is read from err */
    struct plugin_command *commands = NULL;
    struct plugin_route *routes = NULL;
    if (!worker->has_facts && err.code == 0 &&
        (commands = plugin_surface_commands(&facts, &err)) != NULL)
        routes = plugin_surface_routes(&facts, &err);
    struct plugin_tool *tools =
        worker->has_facts || err.code < 0 ? NULL : plugin_mcp_read(&facts, &err);
    leave_flight(worker, call);
    free(call);
    if (err.code < 0) {
        free(actions);
        free(commands);
        free(routes);
        free(bytes);
        plugin_worker_refused(worker, err.text);
        return;
    }
    snprintf(worker->confinement, sizeof worker->confinement, "%s", facts.confinement.ptr);
    worker->flags = facts.flags;
    if (worker->has_facts) /* the same file as before: callers hold pointers into the first ones */
        free(bytes);
    else {
        worker->facts = facts;
        worker->facts_bytes = bytes;
        worker->actions = actions;
        worker->commands = commands;
        worker->routes = routes;
        worker->tools = tools;
        worker->has_facts = true;
    }
    plugin_worker_loaded(worker);
}

static void on_ended(struct plugin_worker *worker, struct plugin_call *call, struct wire_in *in)
{
    struct plugin_reply *reply = plugin_aside_read_end(call, in);

    if (reply == NULL) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, call->id, "its answer cannot be read");
        return;
    }
    leave_flight(worker, call);
    if (call->fn != NULL)
        plugin_answer(worker->host, call->instance, call->fn, call->user, reply);
    else
        plugin_reply_unref(reply);
    free(call);
}

/* create went well, and told the integration's own actions. */
static void on_actions(struct plugin_worker *worker, struct plugin_call *call,
                       const struct wire_in *in)
{
    struct wire_status status = {.callback = WIRE_AT_DECLARE, .message = {"", 0}};
    struct err err = {0};

    if (plugin_action_take(call->instance, in, &err) == -EPROTO) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, call->id, err.text);
        return;
    }
    if (err.code < 0) {
        status.code = err.code == -ENOMEM ? TENON_E_NO_MEMORY : TENON_E_VALIDATION;
        status.message = tenon_text(err.text);
    }
    leave_flight(worker, call);
    finish_lifecycle(worker, call, &status);
}

static void on_pending(struct plugin_worker *worker, struct plugin_call *call)
{
    if (call->op != WIRE_DELIVER || !(call->steps & PLUGIN_STEP_SUBMIT) || call->is_pending) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, call->id,
                           "it left a call pending that cannot be");
        return;
    }
    if (call->started_us == 0)
        call->started_us = clock_mono_us();
    call->is_pending = true;
    worker->in_hand--;
    call->instance->in_hand--;
    call->instance->pending++;
}

static void on_log(struct plugin_worker *worker, uint32_t id, struct wire_in *in)
{
    static const enum log_level levels[] = {[TENON_LOG_ERROR] = LOG_ERROR,
                                            [TENON_LOG_WARN] = LOG_WARN,
                                            [TENON_LOG_INFO] = LOG_INFO,
                                            [TENON_LOG_DEBUG] = LOG_DEBUG};
    const struct plugin_events *events = &worker->host->settings.events;
    const char *name = NULL;
    struct wire_log log;

    if (wire_get_log(in, &log) < 0) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, 0, "its log line cannot be read");
        return;
    }
    for (const struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        if (instance->id == id)
            name = instance->name;
    if (events->log != NULL && plugin_log_allowed(worker))
        events->log(events->user, worker->plugin, name, levels[log.level], plugin_text(log.message),
                    plugin_text(log.fields));
}

void plugin_call_frame(struct plugin_worker *worker, const struct wire_header *header,
                       struct wire_in *in)
{
    struct wire_greeting greeting;
    struct plugin_call *call = worker->flight.first;

    if (header->op == WIRE_LOG) {
        on_log(worker, header->instance, in);
        return;
    }
    if (header->op == WIRE_ASK) {
        plugin_ask_frame(worker, header, in);
        return;
    }
    if (header->op == WIRE_GREETING) {
        if (wire_get_greeting(in, &greeting) < 0 || greeting.protocol != WIRE_PROTOCOL)
            plugin_worker_kill(
                worker, PLUGIN_GARBLED, 0,
                "it speaks another protocol; tenon-worker and tenond must be of one version");
        return;
    }
    while (call != NULL && call->id != header->call)
        call = call->next;
    uint32_t instance = call != NULL && call->instance != NULL ? call->instance->id : 0;
    bool is_known = call != NULL && header->instance == instance;
    if (is_known && header->op == WIRE_STATUS)
        on_status(worker, call, in);
    else if (is_known && header->op == WIRE_OUTCOMES &&
             (call->op == WIRE_DELIVER || call->op == WIRE_JUDGE))
        on_outcomes(worker, call, in);
    else if (is_known && header->op == WIRE_RESULT && call->order_bytes > 0 &&
             !plugin_call_is_aside(call))
        on_result(worker, call, in);
    else if (is_known && header->op == WIRE_FACTS && call->op == WIRE_LOAD)
        on_facts(worker, call, in);
    else if (is_known && header->op == WIRE_ACTIONS && call->op == WIRE_CREATE)
        on_actions(worker, call, in);
    else if (is_known && header->op == WIRE_ENDED && plugin_call_is_aside(call))
        on_ended(worker, call, in);
    else if (is_known && header->op == WIRE_PENDING)
        on_pending(worker, call);
    else
        plugin_worker_kill(worker, PLUGIN_GARBLED, 0, "it answered what was not asked");
}

/* ---- refusal ---- */

void plugin_call_refuse_queued(struct plugin_worker *worker, const struct plugin_instance *instance,
                               const char *words, int64_t retry_at_ms)
{
    struct plugin_queue kept = {NULL, NULL};
    struct plugin_call *next;

    for (struct plugin_call *call = worker->queue.first; call != NULL; call = next) {
        next = call->next;
        if (instance != NULL && call->instance != instance) {
            plugin_queue_add(&kept, call);
            continue;
        }
        if (plugin_call_is_lifecycle(call) || call->fn == NULL) {
            free(call);
            continue;
        }
        struct plugin_reply *reply =
            plugin_reply_words(PLUGIN_UNAVAILABLE, TENON_E_CONNECTION, -1, words);
        reply->retry_at_ms = retry_at_ms;
        plugin_answer(worker->host, call->instance, call->fn, call->user, reply);
        free(call);
    }
    worker->queue = kept;
}

/* ---- what callers see ---- */

static void refuse_now(struct plugin_instance *instance, plugin_reply_fn fn, void *user)
{
    const struct plugin_worker *worker = instance->worker;
    bool is_stopped = worker == NULL || instance->state == INSTANCE_CLOSING;
    bool is_retrying = instance->state == INSTANCE_RETRYING;
    const char *words = is_stopped ? "the integration is stopped"
                        : is_retrying || instance->state == INSTANCE_FAILED ? instance->words
                                                                            : worker->words;
    struct plugin_reply *reply = plugin_reply_words(
        is_stopped ? PLUGIN_STOPPED : PLUGIN_UNAVAILABLE, TENON_E_CONNECTION, -1, words);

    reply->retry_at_ms = is_stopped ? 0 : is_retrying ? instance->retry_at_ms : worker->retry_at_ms;
    plugin_answer(instance->host, instance, fn, user, reply);
    plugin_host_flush_soon(instance->host);
}

static bool takes_calls(const struct plugin_instance *instance)
{
    return instance->worker != NULL && instance->state != INSTANCE_FAILED &&
           instance->state != INSTANCE_CLOSING && plugin_again_is_near(instance) &&
           plugin_worker_takes_calls(instance->worker);
}

bool plugin_call_is_taken(struct plugin_instance *instance, plugin_reply_fn fn, void *user)
{
    if (takes_calls(instance))
        return true;
    refuse_now(instance, fn, user);
    return false;
}

bool plugin_call_is_served(struct plugin_instance *instance, plugin_reply_fn fn, void *user)
{
    const struct plugin_worker *worker = instance->worker;
    char words[PLUGIN_WORDS_MAX + 64];
    struct plugin_reply *reply;

    if (worker == NULL || worker->callers_rest_until_ms <= clock_due_ms())
        return plugin_call_is_taken(instance, fn, user);
    (void)snprintf(words, sizeof words,
                   "it crashed too often when it was called, and rests; last: %s",
                   worker->last_crash); /* cut is fine */
    reply = plugin_reply_words(PLUGIN_UNAVAILABLE, TENON_E_CONNECTION, -1, words);
    reply->retry_at_ms = worker->callers_rest_until_ms;
    plugin_answer(instance->host, instance, fn, user, reply);
    plugin_host_flush_soon(instance->host);
    return false;
}

void plugin_call_submit(struct plugin_call *call, plugin_reply_fn fn, void *user,
                        int64_t deadline_ms)
{
    struct plugin_instance *instance = call->instance;

    instance->calls++;
    call->fn = fn;
    call->user = user;
    call->deadline_ms = deadline_ms > 0 ? deadline_ms : instance->call_timeout_ms;
    plugin_queue_add(&instance->worker->queue, call);
    if (instance->worker->state == WORKER_RUNNING)
        plugin_call_pump(instance->worker);
    if (instance->host->answers_first != NULL) /* it did not fit a frame */
        plugin_host_flush_soon(instance->host);
}

void plugin_deliver(struct plugin_instance *instance, const struct plugin_batch *batch,
                    plugin_reply_fn fn, void *user)
{
    if (!plugin_call_is_taken(instance, fn, user))
        return;
    const char *selector = (batch->steps & PLUGIN_STEP_SELECT) ? batch->selector : NULL;
    struct plugin_call *call = plugin_call_make(instance, WIRE_DELIVER, selector);
    call->records = batch->records;
    call->count = batch->count;
    call->steps = batch->steps;
    plugin_call_submit(call, fn, user, batch->deadline_ms);
}

void plugin_judge(struct plugin_instance *instance, const struct plugin_judge *judge,
                  plugin_reply_fn fn, void *user)
{
    if (!plugin_call_is_taken(instance, fn, user))
        return;
    struct plugin_call *call = plugin_call_make(instance, WIRE_JUDGE, NULL);
    call->records = judge->records;
    call->count = judge->count;
    call->judge = *judge;
    call->steps = judge->is_reconcile ? PLUGIN_STEP_RECONCILE : 0;
    plugin_call_submit(call, fn, user, 0);
}

void plugin_test(struct plugin_instance *instance, plugin_reply_fn fn, void *user)
{
    if (!plugin_call_is_taken(instance, fn, user))
        return;
    plugin_call_submit(plugin_call_make(instance, WIRE_TEST, NULL), fn, user, 0);
}

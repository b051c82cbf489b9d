/* SPDX-License-Identifier: Apache-2.0
 * Calls beside the strand: commands and routes. They do not count among what a worker has in hand,
 * so deliveries go on; each has its time limit, which stands still while its caller reads or types.
 * What such a call says comes as a question that is answered when the caller has room for more. One
 * that its caller has left is told to end; when it does not, its worker is ended as soon as nothing
 * else is in it. */
#include "plugin/plugin_internal.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    END_MS = 15000, /* for one that was told to end */
    LOOK_AGAIN_MS = 1000,
};
static const int64_t ENDLESS_MS = INT64_C(1000) * 60 * 60 * 24 * 365;

struct plugin_aside {
    const struct plugin_aside_events *events; /* NULL: the caller is gone; on_reply frees it */
    void *user;
    struct plugin_instance *instance;
    uint64_t call;            /* of the worker it is in; 0: it is not in one */
    struct plugin_ask *said;  /* waits for plugin_aside_taken */
    struct plugin_ask *wants; /* waits for plugin_aside_input */
    bool has_head;
};

static struct plugin_call *find_call(const struct plugin_worker *worker, uint64_t id)
{
    struct plugin_call *call = worker != NULL && id != 0 ? worker->flight.first : NULL;

    while (call != NULL && (call->id != id || !plugin_call_is_aside(call)))
        call = call->next;
    return call;
}

/* The clock goes on: whoever it waited for has done their part. */
static void restart_clock(struct plugin_aside *aside)
{
    struct plugin_worker *worker = aside->instance->worker;
    struct plugin_call *call = find_call(worker, aside->call);

    if (call == NULL)
        return;
    call->started_us = clock_mono_us();
    plugin_call_deadlines(worker);
}

static void fail_asks(struct plugin_aside *aside, const char *words)
{
    struct plugin_ask *said = aside->said;
    struct plugin_ask *wants = aside->wants;

    aside->said = aside->wants = NULL;
    if (said != NULL)
        plugin_ask_fail(said, TENON_E_CANCELLED, words);
    if (wants != NULL)
        plugin_ask_fail(wants, TENON_E_CANCELLED, words);
}

static void on_reply(void *user, struct plugin_reply *reply)
{
    struct plugin_aside *aside = user;

    fail_asks(aside, "the call has ended");
    if (aside->events != NULL)
        aside->events->ended(aside->user, reply);
    free(aside);
}

/* ---- what it says ---- */

/* Whoever is to take it did not in its time. What the plugin says next would have a hole before it,
 * and the caller still holds the bytes: the call is over for both. */
static void on_said_gone(void *user)
{
    struct plugin_aside *aside = user;
    struct plugin_ask *ask = aside->said;
    int64_t waited_ms = plugin_ask_question(ask)->timeout_ms;
    struct plugin_worker *worker = aside->instance->worker;
    struct plugin_call *call = find_call(worker, aside->call);
    char words[160];

    aside->said = NULL;
    plugin_ask_fail(ask, TENON_E_CANCELLED, ""); /* nobody hears it */
    if (call == NULL || call->aside != aside || call->fn == NULL)
        return; /* its end is on the way up */
    snprintf(words, sizeof words, "%.80s: the peer took nothing for %lld ms", call->selector,
             (long long)waited_ms);
    plugin_answer(worker->host, call->instance, call->fn, call->user,
                  plugin_reply_words(PLUGIN_TIMED_OUT, TENON_E_UNKNOWN, -1, words));
    plugin_aside_leave(worker, call);
}

static void on_wants_gone(void *user)
{
    struct plugin_aside *aside = user;
    struct plugin_ask *ask = aside->wants;

    aside->wants = NULL;
    plugin_ask_fail(ask, TENON_E_CANCELLED, ""); /* nobody hears it */
}

static uint64_t call_of(const struct plugin_question *question)
{
    int64_t number;

    return str_is(question->service, WIRE_ASIDE) && question->text_count == 3 &&
                   str_to_i64(question->texts[0], &number) == 0 && number > 0
               ? (uint64_t)number
               : 0;
}

int64_t plugin_aside_patience(const struct plugin_worker *worker,
                              const struct plugin_question *question)
{
    const struct plugin_call *call = find_call(worker, call_of(question));

    if (call == NULL)
        return 0;
    return call->op == WIRE_RUN ? ENDLESS_MS : call->deadline_ms;
}

static void hand_up(struct plugin_aside *aside, const struct plugin_question *question)
{
    enum plugin_saying what = str_is(question->function, "out")   ? PLUGIN_SAYS_OUT
                              : str_is(question->function, "err") ? PLUGIN_SAYS_ERR
                                                                  : PLUGIN_SAYS_BODY;
    int64_t number = 0;

    if (str_is(question->function, "head")) {
        (void)str_to_i64(question->texts[1], &number); /* 0 is no status */
        aside->has_head = true;
        aside->events->head(aside->user, (int)number, question->texts[2]);
        return;
    }
    aside->events->said(aside->user, what, question->texts[1]);
    /* The question may be answered by now, and gone. */
}

/* What an honest worker says in this state. */
static bool makes_sense(const struct plugin_aside *aside, const struct plugin_call *call,
                        const struct plugin_question *question)
{
    struct str function = question->function;
    int64_t number;

    if (call->op == WIRE_RUN)
        return str_is(function, "in") || str_is(function, "out") || str_is(function, "err");
    if (str_is(function, "body"))
        return aside->has_head;
    return str_is(function, "head") && !aside->has_head &&
           str_to_i64(question->texts[1], &number) == 0 && number > 0 &&
           wire_response_problem((uint32_t)number, plugin_str(question->texts[2])) == NULL;
}

bool plugin_aside_takes(struct plugin_ask *ask, struct plugin_worker *worker)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct plugin_call *call = find_call(worker, call_of(question));

    if (!str_is(question->service, WIRE_ASIDE))
        return false;
    struct plugin_aside *aside = call != NULL ? call->aside : NULL;
    bool is_wish = str_is(question->function, "in");
    if (aside == NULL || aside->events == NULL || call->instance != question->instance ||
        (is_wish ? aside->wants : aside->said) != NULL || !makes_sense(aside, call, question)) {
        plugin_ask_fail(ask, TENON_E_CANCELLED, "nobody listens to this call");
        return true;
    }
    call->is_once = true; /* somebody has seen something of it */
    *(is_wish ? &aside->wants : &aside->said) = ask;
    plugin_ask_on_gone(ask, is_wish ? on_wants_gone : on_said_gone, aside);
    plugin_call_deadlines(worker);
    if (is_wish)
        aside->events->wants(aside->user);
    else
        hand_up(aside, question);
    return true;
}

void plugin_aside_taken(struct plugin_aside *aside)
{
    struct plugin_ask *ask = aside->said;

    aside->said = NULL;
    restart_clock(aside);
    if (ask != NULL)
        plugin_ask_answer(ask, NULL, 0);
}

void plugin_aside_input(struct plugin_aside *aside, struct str bytes)
{
    struct plugin_ask *ask = aside->wants;

    aside->wants = NULL;
    restart_clock(aside);
    if (ask != NULL)
        plugin_ask_answer(ask, &bytes, 1);
}

bool plugin_aside_wants(const struct plugin_aside *aside)
{
    return aside->wants != NULL;
}

/* ---- its end ---- */

void plugin_aside_sent(struct plugin_call *call)
{
    call->is_pending = true;
    call->started_us = clock_mono_us();
    call->instance->asides++;
    if (call->aside != NULL)
        call->aside->call = call->id;
}

/* The caller no longer waits; the call has until END_MS to go. */
void plugin_aside_leave(struct plugin_worker *worker, struct plugin_call *call)
{
    if (call->is_abandoned)
        return;
    call->fn = NULL;
    call->aside = NULL;
    call->is_abandoned = true;
    call->started_us = clock_mono_us();
    worker->abandoned++;
    call->deadline_ms = worker->abandoned > PLUGIN_ABANDONED_MAX ? 0 : END_MS;
    size_t begin = wire_out_begin(&worker->out, WIRE_CANCEL, call->id, call->instance->id);
    (void)wire_out_end(&worker->out, begin); /* a wish: without memory it is not sent */
    plugin_socket_flush(worker);
    plugin_call_deadlines(worker);
}

void plugin_aside_cancel(struct plugin_aside *aside)
{
    struct plugin_instance *instance = aside->instance;
    struct plugin_worker *worker = instance->worker;
    struct plugin_call *call = find_call(worker, aside->call);

    aside->events = NULL;
    fail_asks(aside, "the caller is gone");
    if (call != NULL && call->aside == aside) {
        plugin_aside_leave(worker, call);
        free(aside);
        return;
    }
    for (call = worker != NULL ? worker->queue.first : NULL; call != NULL; call = call->next) {
        if (call->aside != aside)
            continue;
        (void)plugin_queue_remove(&worker->queue, call); /* it is there: we found it there */
        free(call);
        free(aside);
        return;
    }
    /* Its end is on the way up already: on_reply frees it. */
}

static bool has_others(const struct plugin_worker *worker)
{
    for (const struct plugin_call *call = worker->flight.first; call != NULL; call = call->next)
        if (!call->is_abandoned)
            return true;
    return false;
}

void plugin_aside_overdue(struct plugin_worker *worker, struct plugin_call *call)
{
    char words[160];

    if (call->is_abandoned) {
        if (call->instance->state == INSTANCE_CLOSING || !has_others(worker) ||
            worker->abandoned > PLUGIN_ABANDONED_MAX) {
            plugin_worker_kill(worker, PLUGIN_TIMED_OUT, call->id,
                               "it did not end within 15 s of being told to");
            return;
        }
        call->started_us = clock_mono_us();
        call->deadline_ms = LOOK_AGAIN_MS;
        return;
    }
    snprintf(words, sizeof words, "%.80s: nothing came within %lld ms", call->selector,
             (long long)call->deadline_ms);
    if (call->fn != NULL)
        plugin_answer(worker->host, call->instance, call->fn, call->user,
                      plugin_reply_words(PLUGIN_TIMED_OUT, TENON_E_UNKNOWN, -1, words));
    plugin_aside_leave(worker, call);
}

bool plugin_aside_is_waiting(const struct plugin_call *call)
{
    return call->aside != NULL && (call->aside->said != NULL || call->aside->wants != NULL);
}

struct plugin_reply *plugin_aside_read_end(const struct plugin_call *call, struct wire_in *in)
{
    struct wire_ended ended;

    if (wire_get_ended(in, &ended) < 0)
        return NULL;
    bool has_head = call->aside != NULL && call->aside->has_head;
    bool is_fine = call->aside == NULL    ? true
                   : call->op == WIRE_RUN ? ended.number <= 255
                   : has_head             ? ended.number == 0
                              : wire_response_problem(ended.number, ended.headers) == NULL;
    return is_fine ? plugin_reply_ended(&ended) : NULL;
}

/* ---- its begin ---- */

static size_t running(const struct plugin_instance *instance)
{
    size_t count = instance->asides;

    for (const struct plugin_call *call = instance->worker->queue.first; call != NULL;
         call = call->next)
        count += call->instance == instance && plugin_call_is_aside(call);
    return count;
}

static struct plugin_aside *aside_make(struct plugin_instance *instance,
                                       const struct plugin_aside_events *events, void *user)
{
    struct plugin_aside *aside = calloc(1, sizeof *aside);

    if (aside == NULL)
        abort(); /* a few bytes; whoever waits could not be told otherwise */
    aside->instance = instance;
    aside->events = events;
    aside->user = user;
    return aside;
}

static void refuse(struct plugin_aside *aside, enum plugin_status status, int error_class,
                   const char *words)
{
    plugin_answer(aside->instance->host, aside->instance, on_reply, aside,
                  plugin_reply_words(status, error_class, -1, words));
    plugin_host_flush_soon(aside->instance->host);
}

/* Takes the order's bytes. */
static struct plugin_aside *begin(struct plugin_instance *instance, enum wire_op op,
                                  const char *name, struct wire_out *bytes,
                                  const struct plugin_aside_events *events, void *user,
                                  int64_t deadline_ms, bool is_once)
{
    struct plugin_aside *aside = aside_make(instance, events, user);

    if (!plugin_call_is_served(instance, on_reply, aside))
        goto refused;
    if (bytes->failed) {
        refuse(aside, PLUGIN_FAILED, TENON_E_NO_MEMORY, "no memory for the call");
        goto refused;
    }
    if (running(instance) >= PLUGIN_ASIDES_MAX) {
        refuse(aside, PLUGIN_UNAVAILABLE, TENON_E_RATE_LIMITED,
               "16 commands and requests of this integration are running, and that is the most");
        goto refused;
    }
    struct plugin_call *call = plugin_call_make_order(instance, op, name, bytes);
    call->is_once = is_once;
    call->aside = aside;
    plugin_call_submit(call, on_reply, aside, deadline_ms);
    return aside;
refused:
    wire_out_finish(bytes);
    return aside;
}

struct plugin_aside *plugin_command(struct plugin_instance *instance,
                                    const struct plugin_command *command,
                                    const struct plugin_run *run,
                                    const struct plugin_aside_events *events, void *user)
{
    struct wire_run *order = calloc(1, sizeof *order);
    struct wire_out bytes = {.failed = order == NULL};
    char name[OPTION_NAME_MAX + 16];

    if (order != NULL) {
        order->command = (uint32_t)command->index;
        order->flags = run->flags;
        order->width = run->width;
        for (size_t i = 0; i < run->argument_count && i < WIRE_ARGUMENTS_MAX; i++)
            order->arguments[order->count++] = plugin_str(run->arguments[i]);
        wire_put_run(&bytes, order);
    }
    free(order);
    snprintf(name, sizeof name, "command %.*s", STR_ARG(command->name));
    return begin(instance, WIRE_RUN, name, &bytes, events, user,
                 command->timeout_ms > 0 ? command->timeout_ms : ENDLESS_MS, true);
}

struct plugin_aside *plugin_route(struct plugin_instance *instance,
                                  const struct plugin_route *route,
                                  const struct plugin_serve *serve,
                                  const struct plugin_aside_events *events, void *user)
{
    bool is_get = str_is(route->method, "GET");
    struct wire_out bytes = {0};
    char name[96];
    struct wire_serve order = {
        .route = (uint32_t)route->index,
        .method = plugin_str(serve->method),
        .path = plugin_str(serve->path),
        .query = plugin_str(str_or_empty(serve->query)),
        .headers = plugin_str(str_or_empty(serve->headers)),
        .body = plugin_str(str_or_empty(serve->body)),
        .count = (uint32_t)serve->parameter_count,
    };

    for (size_t i = 0; i < serve->parameter_count; i++)
        order.parameters[i] = plugin_str(str_or_empty(serve->parameters[i]));
    wire_put_serve(&bytes, &order);
    snprintf(name, sizeof name, "route %.*s %.64s", STR_ARG(route->method), route->path.ptr);
    return begin(instance, WIRE_SERVE, name, &bytes, events, user, route->timeout_ms, !is_get);
}

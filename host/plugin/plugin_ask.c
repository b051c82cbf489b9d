/* SPDX-License-Identifier: Apache-2.0
 * Questions of plugin code to services of the host. A worker may ask what it likes and as often as
 * it likes: how many are open at once, how long, and how much of answers may wait for it to read
 * them is decided here. Handlers are called at the end of the event, like everybody's callbacks. */
#include "plugin/plugin_internal.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    ASKS_MAX = 256,               /* open at once, per worker */
    HELD_MAX = 1024,              /* those, and what nobody waits for but its handler still has */
    ASK_BYTES_MAX = 64 << 20,     /* of those; one alone may have them all */
    HELD_BYTES_MAX = 256 << 20,   /* of all workers, also those that nobody waits for any more */
    UNREAD_BYTES_MAX = 128 << 20, /* of answers and orders that the worker does not read */
};

enum ask_state {
    ASK_NEW,  /* waits to be handed up */
    ASK_OPEN, /* the handler has it */
    ASK_GONE, /* nobody waits any more; the handler is to be told */
};

struct plugin_ask {
    struct plugin_ask *next;      /* in its worker */
    struct plugin_ask *next_news; /* in its host, while it is NEW, or GONE and not yet told */
    struct plugin_host *host;
    struct plugin_worker *worker; /* NULL: nobody waits any more */
    struct plugin_worker *holder; /* who asked; NULL: no more */
    struct plugin_ask *next_held; /* of the same holder */
    struct plugin_instance *instance;
    uint64_t id;
    enum ask_state state;
    bool is_news;
    struct plugin_question question;
    struct loop_timer *timer;
    int late_class;
    void (*gone)(void *user);
    void *gone_user;
    size_t byte_count;
    char bytes[];
};

const struct plugin_question *plugin_ask_question(const struct plugin_ask *ask)
{
    return &ask->question;
}

void plugin_ask_on_gone(struct plugin_ask *ask, void (*gone)(void *user), void *user)
{
    ask->gone = gone;
    ask->gone_user = user;
}

void plugin_ask_late_class(struct plugin_ask *ask, int error_class)
{
    ask->late_class = error_class;
}

const void *plugin_instance_strand(const struct plugin_instance *instance)
{
    const struct plugin_worker *worker = instance->worker;
    bool is_serial = worker != NULL && !(worker->flags & TENON_PER_INTEGRATION);

    return is_serial ? (const void *)worker : (const void *)instance;
}

void plugin_ask_asking(const struct plugin_ask *ask, struct plugin_asking *out)
{
    const struct plugin_call *call = ask->worker != NULL ? ask->worker->flight.first : NULL;

    *out = (struct plugin_asking){.action = ""};
    while (call != NULL && call->id != ask->question.call)
        call = call->next;
    if (call == NULL || call->instance != ask->instance)
        return;
    out->strand = plugin_instance_strand(call->instance);
    out->action = call->op == WIRE_ACTION ? call->selector : "";
    out->fn = call->fn;
    out->user = call->user;
}

/* ---- lists ---- */

static void add_news(struct plugin_ask *ask)
{
    struct plugin_ask **at = &ask->host->asks;

    while (*at != NULL) /* few: they are handed up at the end of the event */
        at = &(*at)->next_news;
    *at = ask;
    ask->next_news = NULL;
    ask->is_news = true;
    plugin_host_flush_soon(ask->host);
}

static void take_news(struct plugin_ask *ask)
{
    struct plugin_ask **at = &ask->host->asks;

    if (!ask->is_news)
        return;
    while (*at != ask)
        at = &(*at)->next_news;
    *at = ask->next_news;
    ask->is_news = false;
}

static void leave_worker(struct plugin_ask *ask)
{
    struct plugin_worker *worker = ask->worker;

    if (worker == NULL)
        return;
    for (struct plugin_ask **at = &worker->asks; *at != NULL; at = &(*at)->next) {
        if (*at == ask) {
            *at = ask->next;
            worker->ask_count--;
            worker->ask_bytes -= ask->byte_count;
            break;
        }
    }
    ask->worker = NULL;
}

static void leave_holder(struct plugin_ask *ask)
{
    struct plugin_ask **at = ask->holder != NULL ? &ask->holder->held : NULL;

    if (at == NULL)
        return;
    while (*at != ask)
        at = &(*at)->next_held;
    *at = ask->next_held;
    ask->holder->held_count--;
}

void plugin_ask_forget(struct plugin_worker *worker)
{
    plugin_ask_drop(worker, NULL, NULL);
    for (struct plugin_ask *ask = worker->held; ask != NULL; ask = ask->next_held)
        ask->holder = NULL;
}

static void ask_free(struct plugin_ask *ask)
{
    take_news(ask);
    leave_worker(ask);
    leave_holder(ask);
    ask->host->ask_bytes -= ask->byte_count;
    loop_timer_destroy(ask->timer);
    free(ask);
}

/* ---- answers ---- */

/* Would it be one more behind many that the worker does not read? */
static bool is_too_much(const struct plugin_worker *worker, const struct wire_answer *answer)
{
    size_t unread = worker->out.len - worker->out_sent;

    for (uint32_t i = 0; i < answer->count; i++)
        unread += answer->texts[i].len;
    return worker->out.len > worker->out_sent && unread > UNREAD_BYTES_MAX;
}

static void send_answer(struct plugin_worker *worker, uint32_t instance,
                        const struct wire_answer *answer)
{
    const struct wire_answer too_large = {
        .ask = answer->ask,
        .code = TENON_E_PERMANENT,
        .message = tenon_text("the answer is larger than 64 MiB, or there is no memory for it"),
    };

    const struct wire_answer unread = {
        .ask = answer->ask,
        .code = TENON_E_NO_MEMORY,
        .message = tenon_text("this worker has too many answers that it has not read"),
    };

    if (worker->process.fd < 0)
        return;
    plugin_socket_flush(worker);
    if (is_too_much(worker, answer))
        answer = &unread;
    size_t begin = wire_out_begin(&worker->out, WIRE_ANSWER, 0, instance);
    wire_put_answer(&worker->out, answer);
    if (wire_out_end(&worker->out, begin) < 0) {
        begin = wire_out_begin(&worker->out, WIRE_ANSWER, 0, instance);
        wire_put_answer(&worker->out, &too_large);
        (void)wire_out_end(&worker->out,
                           begin); /* without memory the asker's own deadline ends it */
    }
    plugin_socket_flush(worker);
}

static void refuse(struct plugin_worker *worker, uint32_t instance, uint64_t id, int code,
                   const char *words)
{
    const struct wire_answer answer = {.ask = id, .code = code, .message = tenon_text(words)};

    send_answer(worker, instance, &answer);
}

void plugin_ask_answer(struct plugin_ask *ask, const struct str *texts, size_t count)
{
    struct wire_answer answer = {.ask = ask->id, .message = {"", 0}, .count = (uint32_t)count};

    for (size_t i = 0; i < count && i < WIRE_ASK_TEXTS_MAX; i++)
        answer.texts[i] = plugin_str(str_or_empty(texts[i]));
    if (ask->worker != NULL)
        send_answer(ask->worker, ask->instance->id, &answer);
    ask_free(ask);
}

void plugin_ask_refuse(struct plugin_ask *ask, const struct plugin_refusal *refusal)
{
    const struct wire_answer answer = {
        .ask = ask->id,
        .code = refusal->error_class,
        .retry_after_ms = refusal->retry_after_ms,
        .http_status = (uint32_t)refusal->http_status,
        .message = tenon_text(refusal->words),
    };

    if (ask->worker != NULL)
        send_answer(ask->worker, ask->instance->id, &answer);
    ask_free(ask);
}

void plugin_ask_fail(struct plugin_ask *ask, int error_class, const char *words)
{
    const struct plugin_refusal refusal = {.error_class = error_class, .words = words};

    plugin_ask_refuse(ask, &refusal);
}

/* ---- nobody waits any more ---- */

static void let_go(struct plugin_ask *ask)
{
    leave_worker(ask);
    loop_timer_clear(ask->timer);
    if (ask->state == ASK_NEW) {
        ask_free(ask);
        return;
    }
    ask->state = ASK_GONE;
    if (ask->gone != NULL)
        add_news(ask);
}

void plugin_ask_drop(struct plugin_worker *worker, const struct plugin_instance *instance,
                     const char *words)
{
    struct plugin_ask *next;

    for (struct plugin_ask *ask = worker->asks; ask != NULL; ask = next) {
        next = ask->next;
        if (instance != NULL && ask->instance != instance)
            continue;
        if (words != NULL)
            refuse(worker, ask->instance->id, ask->id, TENON_E_CANCELLED, words);
        let_go(ask);
    }
}

static void on_timeout(void *user)
{
    struct plugin_ask *ask = user;
    struct plugin_host *host = ask->host;
    char words[128];

    snprintf(words, sizeof words, "%.64s: no answer within %lld ms", ask->question.service.ptr,
             (long long)ask->question.timeout_ms);
    refuse(ask->worker, ask->instance->id, ask->id, ask->late_class, words);
    let_go(ask);
    plugin_host_flush(host);
}

/* ---- questions ---- */

/* What is left for an answer. Some of the call's own time is kept back, so that its code can still
 * say what went wrong before the worker is ended for being late. */
static int64_t time_for(const struct plugin_worker *worker, const struct plugin_instance *instance,
                        uint64_t call_id, uint32_t wanted_ms)
{
    int64_t left_ms = instance->call_timeout_ms;

    for (const struct plugin_call *call = worker->flight.first; call_id != 0 && call != NULL;
         call = call->next) {
        if (call->id != call_id)
            continue;
        int64_t gone_ms = call->started_us > 0 ? (clock_mono_us() - call->started_us) / 1000 : 0;
        left_ms = call->deadline_ms - gone_ms;
        int64_t kept_ms = left_ms / 10 < 500 ? left_ms / 10 : 500;
        left_ms -= kept_ms;
    }
    if (wanted_ms > 0 && wanted_ms < left_ms)
        left_ms = wanted_ms;
    return left_ms > 1 ? left_ms : 1;
}

static struct plugin_ask *ask_make(struct plugin_worker *worker, struct plugin_instance *instance,
                                   const struct wire_header *header, const struct wire_in *in)
{
    struct wire_ask told;
    struct plugin_ask *ask = malloc(sizeof *ask + in->rest);

    if (ask == NULL)
        return NULL;
    memset(ask, 0, sizeof *ask);
    memcpy(ask->bytes, in->at, in->rest);
    struct wire_in own = {ask->bytes, in->rest, false};
    (void)wire_get_ask(&own, &told); /* it was read once, from the same bytes */
    ask->host = worker->host;
    ask->worker = worker;
    ask->instance = instance;
    ask->id = told.ask;
    ask->late_class = TENON_E_CANCELLED;
    ask->question = (struct plugin_question){
        .instance = instance,
        .integration = instance->name,
        .call = header->call,
        .timeout_ms = time_for(worker, instance, header->call, told.timeout_ms),
        .service = plugin_text(told.service),
        .function = plugin_text(told.function),
        .text_count = told.count,
    };
    for (uint32_t i = 0; i < WIRE_ASK_TEXTS_MAX; i++)
        ask->question.texts[i] = plugin_text(told.texts[i]);
    int64_t patience_ms = plugin_aside_patience(worker, &ask->question);
    if (patience_ms > 0)
        ask->question.timeout_ms = patience_ms;
    ask->timer = loop_timer_create(worker->host->loop, on_timeout, ask);
    if (ask->timer == NULL) {
        free(ask);
        return NULL;
    }
    ask->holder = worker;
    ask->next_held = worker->held;
    worker->held = ask;
    worker->held_count++;
    ask->next = worker->asks;
    worker->asks = ask;
    worker->ask_count++;
    ask->byte_count = in->rest;
    worker->ask_bytes += in->rest;
    worker->host->ask_bytes += in->rest;
    return ask;
}

static struct plugin_instance *find_instance(const struct plugin_worker *worker, uint32_t id)
{
    struct plugin_instance *instance = worker->instances;

    while (instance != NULL && instance->id != id)
        instance = instance->next;
    return instance;
}

void plugin_ask_frame(struct plugin_worker *worker, const struct wire_header *header,
                      const struct wire_in *in)
{
    struct plugin_instance *instance = find_instance(worker, header->instance);
    struct wire_in peek = *in;
    struct wire_ask told;

    if (wire_get_ask(&peek, &told) < 0) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, 0, "its question cannot be read");
        return;
    }
    if (worker->out.len - worker->out_sent > UNREAD_BYTES_MAX) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, 0, "it asks and does not read the answers");
        return;
    }
    if (instance == NULL ||
        (instance->state != INSTANCE_ACTIVE && instance->state != INSTANCE_ACTIVATING)) {
        refuse(worker, header->instance, told.ask, TENON_E_CANCELLED,
               "the integration is not active");
        return;
    }
    if (worker->ask_count >= ASKS_MAX) {
        refuse(worker, header->instance, told.ask, TENON_E_RATE_LIMITED,
               "256 questions of this worker are open already; ask fewer at the same time");
        return;
    }
    if (worker->held_count >= HELD_MAX) {
        refuse(worker, header->instance, told.ask, TENON_E_RATE_LIMITED,
               "1024 questions of this worker are still at work, most of them out of time; ask "
               "fewer, or wait longer for each");
        return;
    }
    if ((worker->ask_count > 0 && worker->ask_bytes + in->rest > ASK_BYTES_MAX) ||
        worker->host->ask_bytes + in->rest > HELD_BYTES_MAX) {
        refuse(worker, header->instance, told.ask, TENON_E_RATE_LIMITED,
               "the open questions hold as much memory as they may; ask fewer, or smaller ones, at "
               "the same time");
        return;
    }
    struct plugin_ask *ask =
        worker->host->settings.events.ask != NULL ? ask_make(worker, instance, header, in) : NULL;
    if (ask == NULL) {
        refuse(worker, header->instance, told.ask, TENON_E_NO_MEMORY,
               "no memory for the question, or nobody here who answers any");
        return;
    }
    loop_timer_set(ask->timer, ask->question.timeout_ms);
    add_news(ask);
}

void plugin_ask_flush(struct plugin_host *host)
{
    struct plugin_ask *ask;

    while ((ask = host->asks) != NULL) {
        take_news(ask);
        if (ask->state == ASK_NEW) {
            ask->state = ASK_OPEN;
            if (!plugin_aside_takes(ask, ask->worker))
                host->settings.events.ask(host->settings.events.user, ask);
        } else
            ask->gone(ask->gone_user); /* which answers it, now or later */
    }
}

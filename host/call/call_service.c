/* SPDX-License-Identifier: Apache-2.0
 * What plugin code may ask its host for, by id and revision. A service is a table of functions in a
 * file of its own, call_service_NAME.c, and a row here; its functions put texts into a question and
 * read texts out of the answer. */
#include "call/call_server.h"

#include <stdio.h>

_Thread_local const struct call_thread *call_service_thread;

static const struct {
    const char *id;
    const void *table;
} services[] = {
    {TENON_ACTION_1, &call_service_action},
    {TENON_HTTP_1, &call_service_http},
    {TENON_SIGNALS_1, &call_service_signals},
    {TENON_STORE_1, &call_service_store},
};

const void *call_service_find(const tenon_host *host, const char *id)
{
    (void)host; /* every integration is offered the same; what it may do the host decides */
    for (size_t i = 0; id != NULL && i < sizeof services / sizeof *services; i++)
        if (strcmp(services[i].id, id) == 0)
            return services[i].table;
    return NULL;
}

static int32_t refuse(tenon_err *err, int32_t code, const char *words)
{
    return err != NULL ? tenon_fail(err, code, words) : code;
}

/* The call of this integration that this thread is in; 0: it is a thread of the plugin's own. */
static uint64_t call_of(const struct call_instance *instance)
{
    const struct call_thread *thread = call_service_thread;

    if (thread == NULL || thread->server != instance->server ||
        __atomic_load_n(&thread->place->instance, __ATOMIC_RELAXED) != instance->id)
        return 0;
    return __atomic_load_n(&thread->place->call, __ATOMIC_RELAXED);
}

static int send_ask(const struct call_instance *instance, const struct wire_ask *ask)
{
    struct wire_out out = {0};
    size_t begin = wire_out_begin(&out, WIRE_ASK, call_of(instance), instance->id);

    wire_put_ask(&out, ask);
    int status = wire_out_end(&out, begin);
    if (status == 0)
        status = call_send(instance->server, &out);
    wire_out_finish(&out);
    return status;
}

int32_t call_service_ask(const tenon_host *host, struct wire_ask *ask, struct call_ask *answer,
                         tenon_err *err)
{
    struct call_instance *instance = host->ctx;

    *answer = (struct call_ask){0};
    if (!instance->is_created)
        return refuse(err, TENON_E_UNSUPPORTED,
                      "services are there from activate() on, not in validate() and create()");
    for (uint32_t i = 0; i < ask->count; i++)
        ask->texts[i] = call_text(ask->texts[i]);
    call_inbox_add(instance->server, answer);
    ask->ask = answer->id;
    if (send_ask(instance, ask) < 0) {
        call_service_done(host, answer);
        return refuse(err, TENON_E_PERMANENT,
                      "the question is larger than 64 MiB, or the host is gone");
    }
    call_inbox_wait(instance->server, answer);
    const struct wire_answer *got = &answer->answer;
    if (got->code == TENON_OK)
        return TENON_OK;
    int32_t code =
        got->code < 0 && got->code >= TENON_E_UNSUPPORTED ? got->code : TENON_E_PERMANENT;
    if (err != NULL) {
        (void)tenon_fail(err, code, got->message.ptr); /* its value is code */
        err->retry_after_ms = got->retry_after_ms;
        err->http_status = got->http_status;
    }
    call_service_done(host, answer);
    return code;
}

void call_service_done(const tenon_host *host, struct call_ask *answer)
{
    struct call_instance *instance = host->ctx;

    call_inbox_remove(instance->server, answer);
}

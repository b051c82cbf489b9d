/* SPDX-License-Identifier: Apache-2.0 */
#include "call/call_aside.h"

#include <stdio.h>
#include <stdlib.h>

enum { STACK_BYTES = 1 << 20, RUNNING_MAX = 256 };

static void *aside_main(void *user)
{
    struct call_aside *aside = user;
    struct call_thread *thread = &aside->thread;
    struct wire_in in = {aside->bytes, aside->header.length, false};

    call_mark_call(thread, aside->header.call, aside->header.instance);
    call_thread_begins(thread);
    __atomic_store_n(&thread->place->is_used, 1, __ATOMIC_RELAXED);
    if (aside->header.op == WIRE_RUN)
        call_command(aside, &in);
    else
        call_route(aside, &in);
    call_mark_call(thread, 0, 0);
    wire_out_finish(&thread->out);
    call_thread_ends(thread);
    aside->is_finished = true;
    return NULL;
}

/* Joins those that are through, or all of an instance's. */
static void reap(struct call_server *server, const struct call_instance *instance, bool is_waited)
{
    struct call_aside **at = &server->asides;

    while (*at != NULL) {
        struct call_aside *aside = *at;
        bool is_meant = instance == NULL || aside->instance == instance;
        if (!aside->is_finished && !(is_waited && is_meant)) {
            at = &aside->next;
            continue;
        }
        (void)pthread_join(aside->pthread, NULL); /* our own thread, joined once: cannot fail */
        *at = aside->next;
        call_place_give(server, aside->place);
        pthread_mutex_destroy(&aside->say_lock);
        pthread_mutex_destroy(&aside->hear_lock);
        free(aside);
    }
}

static struct call_aside *aside_make(struct call_instance *instance,
                                     const struct wire_header *header, const struct wire_in *in)
{
    struct call_aside *aside = malloc(sizeof *aside + in->rest);

    if (aside == NULL)
        return NULL;
    memset(aside, 0, sizeof *aside);
    aside->instance = instance;
    aside->header = *header;
    aside->header.length = (uint32_t)in->rest;
    if (in->rest > 0)
        memcpy(aside->bytes, in->at, in->rest);
    aside->thread.server = instance->server;
    aside->thread.place = &aside->own_place;
    aside->place = call_place_take(instance->server, &aside->thread.place);
    pthread_mutex_init(&aside->say_lock, NULL);
    pthread_mutex_init(&aside->hear_lock, NULL);
    return aside;
}

void call_aside_start(struct call_instance *instance, const struct wire_header *header,
                      const struct wire_in *in)
{
    struct call_server *server = instance->server;
    pthread_attr_t attributes;
    size_t running = 0;

    reap(server, NULL, false);
    for (const struct call_aside *each = server->asides; each != NULL; each = each->next)
        running++;
    struct call_aside *aside = running < RUNNING_MAX ? aside_make(instance, header, in) : NULL;
    int status = -1;
    if (aside != NULL) {
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        status = pthread_create(&aside->pthread, &attributes, aside_main, aside);
        pthread_attr_destroy(&attributes);
    }
    if (status == 0) {
        aside->next = server->asides;
        server->asides = aside;
        return;
    }
    if (aside != NULL)
        call_place_give(server, aside->place);
    free(aside);
    call_send_refusal(&server->main, header, TENON_E_NO_MEMORY,
                      "no thread or no memory for another command or route");
}

void call_aside_cancel(struct call_server *server, uint64_t call)
{
    for (struct call_aside *aside = server->asides; aside != NULL; aside = aside->next)
        if (aside->header.call == call)
            aside->is_cancelled = true;
}

void call_aside_end(struct call_server *server, const struct call_instance *instance)
{
    for (struct call_aside *aside = server->asides; aside != NULL; aside = aside->next)
        if (instance == NULL || aside->instance == instance)
            aside->is_cancelled = true;
    reap(server, instance, true);
}

int32_t call_aside_say(struct call_aside *aside, const char *what, tenon_str first,
                       tenon_str second, struct call_ask *answer)
{
    const tenon_host *host = &aside->instance->host;
    char call[24];
    struct call_ask own;
    struct call_ask *got = answer != NULL ? answer : &own;
    int len = snprintf(call, sizeof call, "%llu", (unsigned long long)aside->header.call);
    /* By name, since a thread of the plugin's own may speak for the call as well. */
    struct wire_ask ask = {
        .service = tenon_text(WIRE_ASIDE),
        .function = tenon_text(what),
        .count = 3,
        .texts = {{call, (size_t)len}, first, second},
    };

    if (aside->is_cancelled)
        return TENON_E_CANCELLED;
    if (call_service_ask(host, &ask, got, NULL) != TENON_OK) {
        aside->is_cancelled = true;
        return TENON_E_CANCELLED;
    }
    if (answer == NULL)
        call_service_done(host, got);
    return TENON_OK;
}

void call_aside_heard(struct call_aside *aside, struct call_ask *answer)
{
    call_service_done(&aside->instance->host, answer);
}

void call_aside_send_ended(struct call_aside *aside, const struct wire_ended *ended)
{
    struct call_thread *thread = &aside->thread;
    size_t begin =
        wire_out_begin(&thread->out, WIRE_ENDED, aside->header.call, aside->header.instance);

    wire_put_ended(&thread->out, ended);
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(thread->server,
                        &thread->out); /* a broken connection ends the serving loop */
    else
        call_send_refusal(thread, &aside->header, TENON_E_NO_MEMORY, "no memory for its end");
    wire_out_clear(&thread->out);
}

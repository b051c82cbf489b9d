/* SPDX-License-Identifier: Apache-2.0
 * One integration inside the plugin: made, activated, ended; with TENON_PER_INTEGRATION on a thread
 * of its own. */
#include "call/call_server.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LOG_MESSAGE_MAX = 4096,
    LOG_FIELDS_MAX = 16384,
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    STACK_BYTES = 2 << 20,
#else
    STACK_BYTES = 256 << 10,
#endif
};

static void host_log(const tenon_host *host, int32_t level, tenon_str message, tenon_str fields)
{
    const struct call_instance *instance = host->ctx;
    struct wire_out out = {0};

    message = call_text(message);
    fields = call_text(fields);
    if (message.len > LOG_MESSAGE_MAX)
        message.len = LOG_MESSAGE_MAX;
    if (fields.len > LOG_FIELDS_MAX) /* half a JSON object is none */
        fields.len = 0;
    struct wire_log log = {level < TENON_LOG_ERROR || level > TENON_LOG_DEBUG ? TENON_LOG_INFO
                                                                              : (uint32_t)level,
                           message, fields};
    size_t begin = wire_out_begin(&out, WIRE_LOG, 0, instance->id);
    wire_put_log(&out, &log);
    if (wire_out_end(&out, begin) == 0)
        (void)call_send(instance->server, &out); /* a broken connection ends the serving loop */
    wire_out_finish(&out);
}

struct call_instance *call_find_instance(struct call_server *server, uint32_t id)
{
    for (struct call_instance *instance = server->instances; instance != NULL;
         instance = instance->next)
        if (instance->id == id && instance->is_created)
            return instance;
    return NULL;
}

unsigned call_place_take(struct call_server *server, struct wire_place **place)
{
    for (unsigned i = 1; server->options.page != NULL && i < WIRE_PLACES; i++) {
        if (server->places_used & (UINT64_C(1) << i))
            continue;
        server->places_used |= UINT64_C(1) << i;
        *place = &server->options.page->places[i];
        return i;
    }
    return 0;
}

void call_place_give(struct call_server *server, unsigned number)
{
    server->places_used &= ~(UINT64_C(1) << number) | 1;
}

/* Joins the threads of instances that were closed; their stacks are given back then. */
static void reap_threads(struct call_server *server)
{
    for (struct call_instance *instance = server->instances; instance != NULL;
         instance = instance->next) {
        if (!instance->has_thread || !instance->is_finished)
            continue;
        (void)pthread_join(instance->pthread, NULL); /* our own thread, joined once: cannot fail */
        instance->has_thread = false;
        call_place_give(server, instance->place);
    }
}

static struct call_instance *instance_make(struct call_server *server, uint32_t id)
{
    struct call_instance *instance = calloc(1, sizeof *instance);

    if (instance == NULL)
        return NULL;
    instance->server = server;
    instance->id = id;
    instance->host = (tenon_host){sizeof instance->host, TENON_ABI_MINOR,  instance, host_log,
                                  call_job_complete,     call_service_find};
    instance->thread = (struct call_thread){.server = server, .place = server->main.place};
    pthread_mutex_init(&instance->queue_lock, NULL);
    pthread_cond_init(&instance->queue_news, NULL);
    instance->next = server->instances;
    server->instances = instance;
    return instance;
}

void call_create(struct call_server *server, const struct wire_header *header, struct wire_in *in)
{
    struct call_thread *thread = &server->main;
    const tenon_plugin *plugin = &server->plugin;
    tenon_err err = call_err();
    struct wire_create create;

    if (!server->is_loaded || wire_get_create(in, &create) < 0 ||
        call_find_instance(server, header->instance)) {
        call_send_refusal(thread, header, TENON_E_VALIDATION,
                          "not a create order, or a second one");
        return;
    }
    if (plugin->validate != NULL) {
        call_mark(thread, WIRE_AT_VALIDATE, UINT32_MAX);
        int32_t code = plugin->validate(create.settings, &err);
        call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
        if (code != TENON_OK) {
            call_send_result(thread, header, WIRE_AT_VALIDATE, code, &err);
            return;
        }
    }
    reap_threads(server);
    struct call_instance *instance = instance_make(server, header->instance);
    if (instance == NULL) {
        call_send_refusal(thread, header, TENON_E_NO_MEMORY, "no memory for another integration");
        return;
    }
    int32_t code = TENON_OK;
    if (plugin->create != NULL) {
        call_mark(thread, WIRE_AT_CREATE, UINT32_MAX);
        code = plugin->create(&instance->host, create.name, create.settings, &instance->self, &err);
        call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    }
    enum wire_callback at = WIRE_AT_CREATE;
    if (code == TENON_OK && server->own_actions.declare != NULL) {
        at = WIRE_AT_DECLARE;
        code = call_actions_declare(thread, instance, &err);
        if (code != TENON_OK && plugin->destroy != NULL) {
            call_mark(thread, WIRE_AT_DESTROY, UINT32_MAX);
            plugin->destroy(instance->self);
            call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
        }
    }
    instance->is_created = code == TENON_OK;
    if (code == TENON_OK && instance->own_actions != NULL)
        call_actions_send(thread, instance, header);
    else
        call_send_result(thread, header, at, code, &err);
}

/* Takes the next order of the instance's queue; NULL at the end. */
static struct call_item *take_item(struct call_instance *instance)
{
    pthread_mutex_lock(&instance->queue_lock);
    while (instance->queue_first == NULL && !instance->is_ending)
        pthread_cond_wait(&instance->queue_news, &instance->queue_lock);
    struct call_item *item = instance->queue_first;
    if (item != NULL) {
        instance->queue_first = item->next;
        if (instance->queue_first == NULL)
            instance->queue_last = NULL;
    }
    pthread_mutex_unlock(&instance->queue_lock);
    return item;
}

static void *instance_main(void *user)
{
    struct call_instance *instance = user;
    struct call_item *item;

    bool is_closed = false;
    call_thread_begins(&instance->thread);
    while (!is_closed && (item = take_item(instance)) != NULL) {
        struct wire_in in = {item->bytes, item->header.length, false};
        is_closed = item->header.op == WIRE_CLOSE;
        call_run(&instance->thread, instance, &item->header, &in);
        free(item);
    }
    if (instance->is_created)
        call_close(&instance->thread, instance, 0);
    call_batch_destroy(instance->thread.batch);
    wire_out_finish(&instance->thread.out);
    call_thread_ends(&instance->thread);
    instance->is_finished = true;
    return NULL;
}

static int start_thread(struct call_instance *instance)
{
    pthread_attr_t attributes;

    instance->thread.place = &instance->own_place;
    instance->place = call_place_take(instance->server, &instance->thread.place);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int status = pthread_create(&instance->pthread, &attributes, instance_main, instance);
    pthread_attr_destroy(&attributes);
    instance->has_thread = status == 0;
    return status == 0 ? 0 : -1;
}

int call_enqueue(struct call_instance *instance, const struct wire_header *header,
                 const struct wire_in *in)
{
    if (!instance->has_thread && start_thread(instance) < 0)
        return -1;
    struct call_item *item = malloc(sizeof *item + in->rest);
    if (item == NULL)
        return -1;
    item->next = NULL;
    item->header = *header;
    if (in->rest > 0)
        memcpy(item->bytes, in->at, in->rest);
    pthread_mutex_lock(&instance->queue_lock);
    if (instance->queue_last != NULL)
        instance->queue_last->next = item;
    else
        instance->queue_first = item;
    instance->queue_last = item;
    pthread_cond_signal(&instance->queue_news);
    pthread_mutex_unlock(&instance->queue_lock);
    return 0;
}

void call_activate(struct call_thread *thread, struct call_instance *instance,
                   const struct wire_header *header)
{
    const tenon_plugin *plugin = &thread->server->plugin;
    tenon_err err = call_err();
    int32_t code = TENON_OK;

    if (plugin->activate != NULL && !instance->is_active) {
        call_mark(thread, WIRE_AT_ACTIVATE, UINT32_MAX);
        code = plugin->activate(instance->self, &err);
        call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    }
    instance->is_active = code == TENON_OK;
    call_send_result(thread, header, WIRE_AT_ACTIVATE, code, &err);
}

void call_close(struct call_thread *thread, struct call_instance *instance, uint32_t grace_ms)
{
    const tenon_plugin *plugin = &thread->server->plugin;

    __atomic_store_n(&thread->place->instance, instance->id, __ATOMIC_RELAXED);
    if (instance->is_active && plugin->deactivate != NULL) {
        call_mark(thread, WIRE_AT_DEACTIVATE, UINT32_MAX);
        plugin->deactivate(instance->self, grace_ms);
    }
    instance->is_active = false;
    if (plugin->destroy != NULL) {
        call_mark(thread, WIRE_AT_DESTROY, UINT32_MAX);
        plugin->destroy(instance->self);
    }
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    instance->is_created = false;
    call_actions_destroy(instance->own_actions);
    instance->own_actions = NULL;
    call_job_drop_all(thread->server, instance);
}

void call_end_instances(struct call_server *server)
{
    for (struct call_instance *instance = server->instances; instance != NULL;
         instance = instance->next) {
        if (!instance->has_thread) {
            if (instance->is_created)
                call_close(&server->main, instance, 0);
            continue;
        }
        pthread_mutex_lock(&instance->queue_lock);
        instance->is_ending = true;
        pthread_cond_signal(&instance->queue_news);
        pthread_mutex_unlock(&instance->queue_lock);
        (void)pthread_join(instance->pthread, NULL); /* our own thread, joined once: cannot fail */
        instance->has_thread = false;
    }
}

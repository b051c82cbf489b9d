/* SPDX-License-Identifier: Apache-2.0 */
#include "call/call_aside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell_thread(const struct call_thread *thread, const struct wire_place *place)
{
    const struct call_options *options = &thread->server->options;

    if (options->on_thread != NULL)
        options->on_thread(options->user, place);
}

void call_thread_begins(struct call_thread *thread)
{
    call_service_thread = thread;
    tell_thread(thread, thread->place);
}

void call_thread_ends(const struct call_thread *thread)
{
    tell_thread(thread, NULL);
}

int call_send(struct call_server *server, const struct wire_out *frame)
{
    size_t sent = 0;

    pthread_mutex_lock(&server->send_lock);
    while (!server->is_broken && sent < frame->len) {
        ssize_t count =
            send(server->options.fd, frame->ptr + sent, frame->len - sent, MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        else if (count < 0 && errno != EINTR)
            server->is_broken = true;
    }
    int status = server->is_broken ? -1 : 0;
    pthread_mutex_unlock(&server->send_lock);
    return status;
}

void call_send_status(struct call_thread *thread, const struct wire_header *to,
                      const struct wire_status *status)
{
    size_t begin = wire_out_begin(&thread->out, WIRE_STATUS, to->call, to->instance);

    wire_put_status(&thread->out, status);
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(thread->server,
                        &thread->out); /* a broken connection ends the serving loop */
    wire_out_clear(&thread->out);
}

void call_send_result(struct call_thread *thread, const struct wire_header *to,
                      enum wire_callback callback, int32_t code, tenon_err *err)
{
    char words[128];
    struct wire_status status = {.code = code, .callback = callback, .message = {"", 0}};

    if (code != TENON_OK) {
        err->message[sizeof err->message - 1] = '\0';
        status.message = tenon_text(err->message);
        status.retry_after_ms = err->retry_after_ms;
        status.http_status = err->http_status;
    }
    if (code > 0 || code < TENON_E_UNSUPPORTED) {
        snprintf(words, sizeof words, "%s returned %d, which is no status of tenon.h",
                 wire_callback_name(callback), (int)code);
        status.code = TENON_E_PERMANENT;
        status.message = tenon_text(words);
    } else if (code != TENON_OK && status.message.len == 0) {
        snprintf(words, sizeof words, "%s returned %d and gave no reason",
                 wire_callback_name(callback), (int)code);
        status.message = tenon_text(words);
    }
    if (code == TENON_OK)
        status.code = TENON_OK;
    call_send_status(thread, to, &status);
}

void call_send_refusal(struct call_thread *thread, const struct wire_header *to, int32_t code,
                       const char *words)
{
    struct wire_status status = {.code = code, .message = tenon_text(words)};

    call_send_status(thread, to, &status);
}

static void run_test(struct call_thread *thread, struct call_instance *instance,
                     const struct wire_header *header)
{
    tenon_err err = call_err();

    if (thread->server->client.test == NULL) {
        call_send_refusal(thread, header, TENON_E_UNSUPPORTED, "the plugin has no client->test");
        return;
    }
    call_mark(thread, WIRE_AT_TEST, UINT32_MAX);
    int32_t code = thread->server->client.test(instance->self, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    call_send_result(thread, header, WIRE_AT_TEST, code, &err);
}

/* An order to one instance, on the thread that serves it. */
void call_run(struct call_thread *thread, struct call_instance *instance,
              const struct wire_header *header, struct wire_in *in)
{
    uint32_t grace_ms = 0;

    call_mark_call(thread, header->call, header->instance);
    __atomic_store_n(&thread->place->is_used, 1, __ATOMIC_RELAXED);
    if (!instance->is_created) { /* ended by an order before this one */
        call_send_refusal(thread, header, TENON_E_CANCELLED, "the integration was closed");
        call_mark_call(thread, 0, 0);
        return;
    }
    switch (header->op) {
    case WIRE_ACTIVATE:
        call_activate(thread, instance, header);
        break;
    case WIRE_CLOSE:
        (void)wire_get_close(in, &grace_ms); /* 0 is a grace too */
        call_close(thread, instance, grace_ms);
        call_send_status(thread, header, &(struct wire_status){.message = {"", 0}});
        break;
    case WIRE_DELIVER:
        call_deliver(thread, instance, header, in);
        break;
    case WIRE_JUDGE:
        call_judge(thread, instance, header, in);
        break;
    case WIRE_TEST:
        run_test(thread, instance, header);
        break;
    case WIRE_ACTION:
        call_action(thread, instance, header, in);
        break;
    case WIRE_WEBHOOK:
        call_webhook(thread, instance, header, in);
        break;
    case WIRE_SIGNAL:
        call_signal(thread, instance, header, in);
        break;
    case WIRE_TOOL:
        call_mcp(thread, instance, header, in);
        break;
    default:
        break;
    }
    call_mark_call(thread, 0, 0);
}

static void run_for_instance(struct call_server *server, const struct wire_header *header,
                             struct wire_in *in)
{
    struct call_instance *instance = call_find_instance(server, header->instance);

    if (instance == NULL) {
        call_send_refusal(&server->main, header, TENON_E_VALIDATION,
                          "no such integration in this worker");
        return;
    }
    if (header->op == WIRE_CLOSE) /* the host has waited for them; their threads are all but gone */
        call_aside_end(server, instance);
    if (header->op == WIRE_RUN || header->op == WIRE_SERVE)
        call_aside_start(instance, header, in);
    else if (!(server->plugin.flags & TENON_PER_INTEGRATION))
        call_run(&server->main, instance, header, in);
    else if (call_enqueue(instance, header, in) < 0)
        call_send_refusal(&server->main, header, TENON_E_NO_MEMORY,
                          "no thread or no memory for this integration");
}

/* One frame; negative: it is none that a host sends. */
static int dispatch(struct call_server *server, const struct wire_header *header,
                    struct wire_in *in)
{
    struct call_thread *thread = &server->main;

    switch (header->op) {
    case WIRE_LOAD:
        call_load(server, header, in);
        return 0;
    case WIRE_CREATE:
        call_mark_call(thread, header->call, header->instance);
        call_create(server, header, in);
        call_mark_call(thread, 0, 0);
        return 0;
    case WIRE_ACTIVATE:
    case WIRE_CLOSE:
    case WIRE_DELIVER:
    case WIRE_JUDGE:
    case WIRE_TEST:
    case WIRE_ACTION:
    case WIRE_WEBHOOK:
    case WIRE_SIGNAL:
    case WIRE_RUN:
    case WIRE_SERVE:
    case WIRE_TOOL:
        run_for_instance(server, header, in);
        return 0;
    case WIRE_CANCEL:
        call_job_cancel(server, header->call);
        call_aside_cancel(server, header->call);
        return 0;
    default:
        return -EPROTO;
    }
}

static int serve_frames(struct call_server *server)
{
    struct wire_header header;
    struct wire_in in;
    int status;

    while ((status = call_inbox_next(server, &header, &in)) > 0) {
        status = dispatch(server, &header, &in);
        if (status < 0)
            break;
    }
    return status;
}

static void send_greeting(struct call_server *server)
{
    struct call_thread *thread = &server->main;
    const char *words = server->options.greeting;
    struct wire_greeting greeting = {WIRE_PROTOCOL, tenon_text(words != NULL ? words : "")};
    size_t begin = wire_out_begin(&thread->out, WIRE_GREETING, 0, 0);

    wire_put_greeting(&thread->out, &greeting);
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(server, &thread->out); /* the serving loop sees the end of the connection */
    wire_out_clear(&thread->out);
}

int call_serve(const struct call_options *options, bool is_process_ending)
{
    /* Never freed: a late thread of the plugin may still log through it, and it is small. The list
     * of instances stays reachable from it, so leak checkers see that this is meant. */
    static struct call_server *servers[64];
    static unsigned server_count;
    struct call_server *server = calloc(1, sizeof *server);

    if (server == NULL)
        return -ENOMEM;
    unsigned at = __atomic_fetch_add(&server_count, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&servers[at % 64], server, __ATOMIC_RELAXED);
    server->options = *options;
    server->places_used = 1;
    server->main = (struct call_thread){.server = server,
                                        .place = options->page != NULL ? &options->page->places[0]
                                                                       : server->no_page};
    pthread_mutex_init(&server->send_lock, NULL);
    pthread_mutex_init(&server->jobs_lock, NULL);
    call_inbox_init(&server->inbox);
    call_thread_begins(&server->main);
    send_greeting(server);
    int status = serve_frames(server);
    if (is_process_ending)
        return status;
    pthread_mutex_lock(&server->send_lock);
    server->is_broken = true; /* whoever comes late writes to nobody's descriptor */
    pthread_mutex_unlock(&server->send_lock);
    call_inbox_end(&server->inbox, status);
    call_aside_end(server, NULL);
    call_end_instances(server);
    call_job_drop_all(server, NULL);
    call_batch_destroy(server->main.batch);
    server->main.batch = NULL;
    wire_out_finish(&server->main.out);
    call_thread_ends(&server->main);
    server->main.place = server->no_page;
    return status;
}

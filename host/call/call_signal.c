/* SPDX-License-Identifier: Apache-2.0
 * Capability tenon.signals/1: which signals a plugin hears, told with its facts, and its handler.
 */
#include "call/call_server.h"

#include <stdio.h>

static int refuse(char words[CALL_WORDS_MAX], const char *problem)
{
    snprintf(words, CALL_WORDS_MAX, "its capability " TENON_SIGNALS_1 " %s", problem);
    return -1;
}

int call_signal_load(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;
    uint32_t size = 0;

    if (plugin->get_capability == NULL)
        return 0;
    const tenon_signal_handler *theirs = plugin->get_capability(TENON_SIGNALS_1);
    if (theirs == NULL)
        return 0;
    memcpy(&size, theirs, sizeof size);
    if (size < sizeof server->signals)
        return refuse(words, "is smaller than this host knows it; fill struct_size");
    if (theirs->on_signal == NULL)
        return refuse(words, "has no on_signal()");
    if (theirs->n_subscriptions == 0 || theirs->n_subscriptions > WIRE_SUBSCRIPTIONS_MAX ||
        theirs->subscriptions == NULL ||
        theirs->subscriptions[0].struct_size < sizeof(tenon_subscription))
        return refuse(words, "has no subscriptions, more than 16, or some of no known size");
    server->signals = *theirs;
    return 0;
}

void call_signal_declare(const struct call_server *server, struct wire_facts *facts)
{
    const tenon_signal_handler *handler = &server->signals;

    facts->subscription_count = (uint32_t)handler->n_subscriptions;
    for (uint32_t i = 0; i < facts->subscription_count; i++) {
        const tenon_subscription *from =
            (const void *)((const char *)handler->subscriptions +
                           (size_t)i * handler->subscriptions[0].struct_size);
        facts->subscriptions[i] = (struct wire_subscription){
            .flags = from->flags,
            .pattern = tenon_text(from->pattern != NULL ? from->pattern : ""),
            .sender = tenon_text(from->sender != NULL ? from->sender : ""),
        };
    }
}

static void send_reply(struct call_thread *thread, const struct wire_header *to,
                       const struct wire_out *reply)
{
    size_t begin = wire_out_begin(&thread->out, WIRE_RESULT, to->call, to->instance);

    wire_put_result(&thread->out, (tenon_str){reply->ptr != NULL ? reply->ptr : "", reply->len});
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(thread->server,
                        &thread->out); /* a broken connection ends the serving loop */
    wire_out_clear(&thread->out);
}

void call_signal(struct call_thread *thread, struct call_instance *instance,
                 const struct wire_header *header, struct wire_in *in)
{
    tenon_err err = call_err();
    struct wire_signal order;
    struct wire_out reply = {0};
    struct call_sink sink;

    if (thread->server->signals.on_signal == NULL || wire_get_signal(in, &order) < 0) {
        call_send_refusal(thread, header, TENON_E_UNSUPPORTED, "the plugin hears no signals");
        return;
    }
    const tenon_signal signal = {
        .struct_size = sizeof signal,
        .subscription = order.subscription,
        .attempt = order.attempt,
        .timeout_ms = order.timeout_ms,
        .request = order.request,
        .seq = order.seq,
        .at_ms = order.at_ms,
        .type = order.type,
        .sender = order.sender,
        .data = order.data,
        .entity = order.entity,
        .entity_type = order.entity_type,
        .version = order.version,
    };
    call_sink_init(&sink, &reply, WIRE_PAYLOAD_MAX);
    call_mark(thread, WIRE_AT_SIGNAL, UINT32_MAX);
    int32_t code = thread->server->signals.on_signal(instance->self, &signal, &sink.sink, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code == TENON_PENDING && order.request != 0)
        call_send_status(thread, header, &(struct wire_status){.message = {"", 0}});
    else if (code != TENON_OK)
        call_send_result(thread, header, WIRE_AT_SIGNAL, code, &err);
    else if (sink.is_over)
        call_send_refusal(thread, header, TENON_E_PERMANENT, "the reply is larger than 16 MiB");
    else
        send_reply(thread, header, &reply);
    wire_out_finish(&reply);
}

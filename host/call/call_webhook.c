/* SPDX-License-Identifier: Apache-2.0
 * Capability tenon.webhook/1: a delivery in, what is to be stored out. */
#include "call/call_server.h"

#include <stdio.h>

int call_webhook_load(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;
    uint32_t size = 0;

    if (plugin->get_capability == NULL)
        return 0;
    const tenon_webhook *theirs = plugin->get_capability(TENON_WEBHOOK_1);
    if (theirs == NULL)
        return 0;
    memcpy(&size, theirs, sizeof size);
    if (size < sizeof server->webhook || theirs->map == NULL) {
        snprintf(words, CALL_WORDS_MAX,
                 "its capability " TENON_WEBHOOK_1 " has %u bytes (%zu are expected) or no map()",
                 size, sizeof server->webhook);
        return -1;
    }
    server->webhook = *theirs;
    return 0;
}

void call_webhook(struct call_thread *thread, struct call_instance *instance,
                  const struct wire_header *header, struct wire_in *in)
{
    tenon_err err = call_err();
    struct wire_webhook order;
    struct wire_out result = {0};
    struct call_sink sink;

    if (wire_get_webhook(in, &order) < 0 || thread->server->webhook.map == NULL) {
        call_send_refusal(thread, header, TENON_E_UNSUPPORTED,
                          "the plugin has no capability " TENON_WEBHOOK_1);
        return;
    }
    const tenon_webhook_request request = {
        .struct_size = sizeof request,
        .id = order.id,
        .event = order.event,
        .content_type = order.content_type,
        .headers = order.headers,
        .body = order.body,
    };
    call_sink_init(&sink, &result, WIRE_PAYLOAD_MAX);
    call_mark(thread, WIRE_AT_WEBHOOK, UINT32_MAX);
    int32_t code = thread->server->webhook.map(instance->self, &request, &sink.sink, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code == TENON_SKIP)
        wire_out_clear(&result);
    if (code == TENON_OK || code == TENON_SKIP ||
        sink.is_over) /* the sink may have been its error */
        call_send_written(thread, header, &sink, "what the webhook's map wrote");
    else
        call_send_result(thread, header, WIRE_AT_WEBHOOK, code, &err);
    wire_out_finish(&result);
}

/* SPDX-License-Identifier: Apache-2.0
 * Deliveries of inbound webhooks on their way through a plugin's mapping (tenon.webhook/1). */
#include "plugin/plugin_internal.h"

#include <string.h>

void plugin_webhook(struct plugin_instance *instance, const struct plugin_webhook *webhook,
                    plugin_reply_fn fn, void *user)
{
    const struct wire_webhook order = {
        .id = plugin_str(webhook->id),
        .event = plugin_str(webhook->event),
        .content_type = plugin_str(webhook->content_type),
        .headers = plugin_str(webhook->headers),
        .body = plugin_str(webhook->body),
    };
    struct wire_out bytes = {0};

    if (!plugin_call_is_served(instance, fn, user))
        return;
    wire_put_webhook(&bytes, &order);
    if (bytes.failed) {
        wire_out_finish(&bytes);
        plugin_answer(
            instance->host, instance, fn, user,
            plugin_reply_words(PLUGIN_FAILED, TENON_E_NO_MEMORY, -1, "no memory for the delivery"));
        plugin_host_flush_soon(instance->host);
        return;
    }
    plugin_call_submit(plugin_call_make_order(instance, WIRE_WEBHOOK, "", &bytes), fn, user, 0);
}

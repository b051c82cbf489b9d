/* SPDX-License-Identifier: Apache-2.0
 * Signals on their way to a plugin's handler: what it subscribes to, and calls. */
#include "plugin/plugin_internal.h"

#include "base/pattern.h"

#include <tenon/signals.h>

_Static_assert((int)PLUGIN_SUBSCRIPTIONS_MAX == (int)WIRE_SUBSCRIPTIONS_MAX,
               "one number in two rooms");

int plugin_signal_check(const struct wire_facts *facts, struct err *err)
{
    for (uint32_t i = 0; i < facts->subscription_count; i++) {
        const struct wire_subscription *one = &facts->subscriptions[i];
        int status = pattern_check(plugin_text(one->pattern), err);

        if (status == 0 && one->sender.len > 0)
            status = pattern_check_name(plugin_text(one->sender), "the sender", err);
        if (status < 0) {
            (void)err_prefix(err, "its subscription %u of %u: ", i + 1, facts->subscription_count);
            return status; /* err may be NULL */
        }
    }
    return 0;
}

size_t plugin_instance_subscriptions(const struct plugin_instance *instance,
                                     struct plugin_subscription out[PLUGIN_SUBSCRIPTIONS_MAX])
{
    const struct plugin_worker *worker = instance->worker;

    if (worker == NULL || !worker->has_facts)
        return 0;
    for (uint32_t i = 0; i < worker->facts.subscription_count; i++) {
        const struct wire_subscription *one = &worker->facts.subscriptions[i];
        out[i] = (struct plugin_subscription){
            .pattern = plugin_text(one->pattern),
            .sender = plugin_text(one->sender),
            .is_durable = (one->flags & TENON_SIGNAL_DURABLE) != 0,
        };
    }
    return worker->facts.subscription_count;
}

void plugin_signal(struct plugin_instance *instance, const struct plugin_signal *signal,
                   plugin_reply_fn fn, void *user)
{
    struct wire_out bytes = {0};
    const struct wire_signal order = {
        .subscription = signal->subscription,
        .attempt = signal->attempt,
        .timeout_ms = signal->timeout_ms,
        .request = signal->request,
        .seq = signal->seq,
        .version = signal->version,
        .at_ms = signal->at_ms,
        .type = plugin_str(str_or_empty(signal->type)),
        .sender = plugin_str(str_or_empty(signal->sender)),
        .data = plugin_str(str_or_empty(signal->data)),
        .entity = plugin_str(str_or_empty(signal->entity)),
        .entity_type = plugin_str(str_or_empty(signal->entity_type)),
    };

    if (!plugin_call_is_taken(instance, fn, user))
        return;
    wire_put_signal(&bytes, &order);
    if (bytes.failed) {
        wire_out_finish(&bytes);
        plugin_answer(instance->host, instance, fn, user,
                      plugin_reply_words(PLUGIN_UNAVAILABLE, TENON_E_NO_MEMORY, -1,
                                         "no memory for the signal"));
        plugin_host_flush_soon(instance->host);
        return;
    }
    plugin_call_submit(plugin_call_make_order(instance, WIRE_SIGNAL, "", &bytes), fn, user, 0);
}

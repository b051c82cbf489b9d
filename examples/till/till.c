/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/json.h>
#include <tenon/signals.h>
typedef struct till {
    const tenon_host *host;
    int64_t total, sales;
    uint64_t seq; /* of the last sale that was counted: a signal may come twice */
} till;
static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    till *self = (till *)calloc(1, sizeof *self);
    (void)integration, (void)settings;
    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory for a till");
    self->host = host;
    *out_self = self;
    return TENON_OK;
}
static int32_t on_sale(till *self, const tenon_signal *signal, tenon_err *err)
{
    const tenon_signals *signals =
        (const tenon_signals *)self->host->get_service(self->host, TENON_SIGNALS_1);
    int64_t amount = tenon_setting_integer(signal->data, "amount");
    if (amount <= 0)
        return tenon_fail(err, TENON_E_VALIDATION, "a sale has an amount above 0");
    /* Counted already, unless it failed before and comes again behind newer ones. */
    if (signal->seq <= self->seq && signal->attempt == 1)
        return TENON_OK;
    if (amount >= 1000) {
        int32_t code =
            signals->publish(self->host, tenon_text("till.large_sale"), signal->data, err);
        if (code != TENON_OK)
            return code;
    }
    if (signal->seq > self->seq)
        self->seq = signal->seq;
    self->total += amount;
    self->sales++;
    return TENON_OK;
}
static int32_t on_signal(void *arg, const tenon_signal *signal, tenon_sink *reply, tenon_err *err)
{
    till *self = (till *)arg;
    if (signal->subscription == 0)
        return on_sale(self, signal, err);
    if (signal->request != 0) {
        tenon_puts(reply, "{\"sales\":");
        tenon_json_write_integer(reply, self->sales);
        tenon_puts(reply, ",\"total\":");
        tenon_json_write_integer(reply, self->total);
        tenon_puts(reply, "}");
    }
    return TENON_OK;
}
static const tenon_subscription subscriptions[] = {
    {sizeof(tenon_subscription), TENON_SIGNAL_DURABLE, "shop.sale", NULL},
    {sizeof(tenon_subscription), 0, "till.total", NULL},
};
static const tenon_signal_handler handler = {sizeof handler, 0, subscriptions, 2, on_signal};
static const void *get_capability(const char *id)
{
    return strcmp(id, TENON_SIGNALS_1) == 0 ? &handler : NULL;
}
static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->destroy = free;
    plugin->get_capability = get_capability;
}
TENON_PLUGIN("till", "1.0", "Apache-2.0", describe);

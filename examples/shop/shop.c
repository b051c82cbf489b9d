/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/json.h>
#include <tenon/webhook.h>
/* {"order": {"number": 7, ...}} becomes the entity "order-7"; other news are of no interest. */
static int32_t map(void *self, const tenon_webhook_request *request, tenon_sink *out,
                   tenon_err *err)
{
    tenon_str order = tenon_json_find(request->body, "order");
    tenon_str number = tenon_json_find(order, "number");
    (void)self;
    if (order.len == 0)
        return TENON_SKIP;
    if (number.len == 0)
        return tenon_fail(err, TENON_E_VALIDATION, "an order without its number");
    tenon_puts(out, "{\"type\":\"order\",\"id\":\"order-");
    tenon_write(out, number);
    tenon_puts(out, "\",\"data\":");
    tenon_write(out, order);
    return tenon_puts(out, "}");
}
static const void *get_capability(const char *id)
{
    static const tenon_webhook webhook = TENON_WEBHOOK(map);
    return strcmp(id, TENON_WEBHOOK_1) == 0 ? &webhook : NULL;
}
static void describe(tenon_plugin *plugin)
{
    plugin->get_capability = get_capability;
}
TENON_PLUGIN("shop", "1.0", "Apache-2.0", describe);

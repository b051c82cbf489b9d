/* SPDX-License-Identifier: Apache-2.0
 * mapper: a webhook's mapping that does what the body's "do" says. */
#include <tenon/json.h>
#include <tenon/webhook.h>

#include <unistd.h>

static int is_asked(const tenon_webhook_request *request, const char *what)
{
    char text[32] = "";

    (void)tenon_json_text(tenon_json_find(request->body, "do"), text, sizeof text);
    return strcmp(text, what) == 0;
}

static int32_t show(const tenon_webhook_request *request, tenon_sink *out)
{
    tenon_puts(out, "{\"data\":{\"id\":");
    tenon_json_write_text(out, request->id);
    tenon_puts(out, ",\"event\":");
    tenon_json_write_text(out, request->event);
    tenon_puts(out, ",\"content_type\":");
    tenon_json_write_text(out, request->content_type);
    tenon_puts(out, ",\"headers\":");
    tenon_json_write_text(out, request->headers);
    tenon_puts(out, ",\"body\":");
    tenon_json_write_text(out, request->body);
    return tenon_puts(out, "}}");
}

static int32_t map(void *self, const tenon_webhook_request *request, tenon_sink *out,
                   tenon_err *err)
{
    static char block[1 << 20];

    (void)self;
    if (is_asked(request, "many"))
        return tenon_puts(out, "[{\"id\":\"a\",\"type\":\"x\",\"data\":{}},"
                               "{\"id\":2,\"type\":\"y\",\"data\":{}}]");
    if (is_asked(request, "skip"))
        return TENON_SKIP;
    if (is_asked(request, "nothing"))
        return TENON_OK;
    if (is_asked(request, "refuse"))
        return tenon_fail(err, TENON_E_VALIDATION, "this one cannot be used");
    if (is_asked(request, "later"))
        return tenon_fail(err, TENON_E_CONNECTION, "not just now");
    if (is_asked(request, "rubbish"))
        return tenon_puts(out, "{\"data\":");
    if (is_asked(request, "bare"))
        return tenon_puts(out, "{\"id\":\"no envelope\"}");
    for (int i = 0; i < 20 && is_asked(request, "flood"); i++)
        tenon_write(out, (tenon_str){block, sizeof block});
    if (is_asked(request, "crash"))
        *(volatile int *)16 = 1;
    while (is_asked(request, "hang"))
        pause();
    return show(request, out);
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

TENON_PLUGIN("mapper", "1.0", "Apache-2.0", describe);

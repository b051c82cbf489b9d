/* SPDX-License-Identifier: Apache-2.0
 * Asks the host's services and gives back what came. */
#include <tenon/http.h>
#include <tenon/json.h>

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    (void)integration, (void)settings, (void)err;
    *out_self = (void *)(uintptr_t)host;
    return TENON_OK;
}

static int32_t fetch(void *self, const tenon_str *method, const tenon_str *url,
                     const tenon_str *headers, const tenon_str *body, int64_t timeout_ms,
                     tenon_sink *out, tenon_err *err)
{
    const tenon_host *host = self;
    const tenon_http *http = host->get_service(host, TENON_HTTP_1);
    const tenon_http_request request = {
        sizeof request, (uint32_t)timeout_ms, *method, *url, *headers, *body};
    tenon_buffer got_headers, got_body;
    uint32_t status;

    tenon_buffer_init(&got_headers);
    tenon_buffer_init(&got_body);
    int32_t code = http->exchange(host, &request, &status, &got_headers.sink, &got_body.sink, err);
    if (code == TENON_OK) {
        tenon_puts(out, "{\"status\":");
        tenon_json_write_integer(out, status);
        tenon_puts(out, ",\"headers\":");
        tenon_json_write_text(out, got_headers.text);
        tenon_puts(out, ",\"body\":");
        tenon_json_write_text(out, got_body.text);
        tenon_puts(out, "}");
    }
    tenon_buffer_free(&got_headers);
    tenon_buffer_free(&got_body);
    return code;
}

static const tenon_action actions[] = {
    TENON_ACTION_WITH(fetch, "fetch", "Sends one request and gives back its answer.", 0,
                      TENON_OPTION("method", "text", "", "", "", "")
                          TENON_OPTION("url", "text", "", "", "", "")
                              TENON_OPTION("headers", "text", "", "", "", "")
                                  TENON_OPTION("body", "text", "", "", "", "")
                                      TENON_OPTION("timeout", "duration", "", "0", "", ""),
                      (text, method), (text, url), (text, headers), (text, body), (i64, timeout)),
};

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}

TENON_PLUGIN("asker", "1.0", "Apache-2.0", describe);

/* SPDX-License-Identifier: Apache-2.0
 * A plugin that says what it does: a line through host->log for each record, and one on fd 2. */
#include <tenon/tenon.h>

#include <stdlib.h>
#include <unistd.h>

struct speaker {
    const tenon_host *host;
};

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **self, tenon_err *err)
{
    struct speaker *speaker = malloc(sizeof *speaker);

    (void)integration, (void)settings, (void)err;
    if (speaker == NULL)
        return TENON_E_NO_MEMORY;
    speaker->host = host;
    *self = speaker;
    return TENON_OK;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    static const char line[] = "printed by the way\n";
    const struct speaker *speaker = self;

    (void)err;
    speaker->host->log(speaker->host, TENON_LOG_WARN, record->id, tenon_text("{\"n\":1}"));
    if (write(2, line, sizeof line - 1) < 0)
        return TENON_E_PERMANENT;
    return tenon_write(out, record->data);
}

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        out->add(out, &request);
    }
    return TENON_OK;
}

static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->transformer = &transformer;
    plugin->client = &client;
}
TENON_PLUGIN("speaker", "1.0", "Apache-2.0", describe);

/* SPDX-License-Identifier: Apache-2.0
 * An honest minimum: a client that prepares one request per record, and nothing else. Also what is
 * measured. */
#include <tenon/tenon.h>

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self;
    (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        if (out->add(out, &request) != TENON_OK)
            return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}
static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->client = &client;
}

TENON_PLUGIN("plain", "1.0", "Apache-2.0", describe);

/* SPDX-License-Identifier: Apache-2.0
 * Posts each record, and takes "we have it already" (409) for the success that it is. */
#include <tenon/tenon.h>

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        request.url = tenon_text("/records");
        request.headers = tenon_text("content-type: application/json\n");
        if (out->add(out, &request) != TENON_OK)
            return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}

static int32_t judge(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                     tenon_err *err)
{
    (void)self, (void)err;
    tenon_verdict verdict = tenon_verdict_of_status(exchange, 0);
    if (exchange->status == 409)
        verdict.verdict = TENON_ACCEPTED;
    return out->set(out, &verdict);
}

static const tenon_client client = TENON_HTTP_CLIENT(prepare, judge, NULL);

static void describe(tenon_plugin *plugin)
{
    plugin->client = &client;
}
TENON_PLUGIN("poster", "1.0", "Apache-2.0", describe);

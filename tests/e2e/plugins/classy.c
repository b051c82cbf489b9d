/* SPDX-License-Identifier: Apache-2.0
 * A client of its own protocol that returns, for each record, the status that the record's id ends
 * in: "evt-7" is TENON_E_CANCELLED (-7). */
#include <tenon/tenon.h>

#include <stdlib.h>

static int32_t submit(void *self, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    const tenon_record *record = tenon_record_at(batch, 0);
    int32_t code = -(int32_t)strtol(record->id.ptr + 4, NULL, 10);

    (void)self, (void)out;
    return tenon_failf(err, code, "this is status %d", (int)code);
}

static const tenon_client client = TENON_CLIENT(submit, 0, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->client = &client;
    plugin->batch_max = 1;
}
TENON_PLUGIN("classy", "1.0", "Apache-2.0", describe);

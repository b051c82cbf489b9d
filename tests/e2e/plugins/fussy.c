/* SPDX-License-Identifier: Apache-2.0
 * Sends all records of a batch in one request, as JSON array. -DHOW chooses who refuses a batch for
 * one bad record in it: JUDGES (the destination; the plugin's judge gives every record the one
 * answer), TELLS (the same, but the judge knows which record it was), PREPARES (prepare itself);
 * with -DSUBMITS there is no HTTP, and submit refuses. */
#include <tenon/tenon.h>

enum { JUDGES, TELLS, PREPARES };

static int is_bad(const tenon_record *record)
{
    return memmem(record->id.ptr, record->id.len, "bad", 3) != NULL;
}

static int has_bad(const tenon_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (is_bad(tenon_record_at(batch, i)))
            return 1;
    return 0;
}

#ifdef SUBMITS
static int32_t submit(void *self, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    (void)self;
    if (has_bad(batch))
        return tenon_failf(err, TENON_E_VALIDATION, "refused a batch of %u", batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_verdict verdict = tenon_verdict_init(i, TENON_ACCEPTED);

        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_CLIENT(submit, 0, 0);
#else
static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    tenon_request request = tenon_request_init(0, batch->count, TENON_BODY_ARRAY);

    (void)self;
    if (HOW == PREPARES && has_bad(batch))
        return tenon_failf(err, TENON_E_VALIDATION, "refused a batch of %u", batch->count);
    return out->add(out, &request);
}

static int32_t judge(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                     tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < exchange->batch->count; i++) {
        const tenon_record *record = tenon_record_at(exchange->batch, i);
        tenon_verdict verdict = tenon_verdict_of_status(exchange, i);

        if (HOW == TELLS && exchange->status == 422)
            verdict.message = tenon_text(is_bad(record) ? "this one is bad" : "another one is bad");
        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_HTTP_CLIENT(prepare, judge, 0);
#endif

static void describe(tenon_plugin *plugin)
{
    plugin->client = &client;
}
TENON_PLUGIN("fussy", "1.0", "Apache-2.0", describe);

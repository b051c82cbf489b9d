/* SPDX-License-Identifier: Apache-2.0
 * Dies of each record that holds the word "evil", in the callback that -DIN chooses: SELECT,
 * TRANSFORM, JUDGE; HANGS hangs in transform instead. All records of a batch go out in one request
 * with -DTOGETHER, else each in its own. */
#include <tenon/tenon.h>

#include <stdlib.h>

enum { SELECT, TRANSFORM, HANGS, JUDGE };

static void maybe_die(int in, const tenon_record *record)
{
    volatile int forever = in == HANGS;

    if (in != IN || (memmem(record->data.ptr, record->data.len, "evil", 4) == NULL &&
                     memmem(record->id.ptr, record->id.len, "evil", 4) == NULL))
        return;
    while (forever)
        forever = 1;
    abort();
}

static int32_t select_all(void *self, const tenon_record *record, tenon_sink *reason,
                          tenon_err *err)
{
    (void)self, (void)reason, (void)err;
    maybe_die(SELECT, record);
    return TENON_OK;
}

static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    maybe_die(TRANSFORM, record);
    maybe_die(HANGS, record);
    return tenon_write(out, record->data);
}

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    uint32_t step = 1;

    (void)self, (void)err;
#ifdef TOGETHER
    step = batch->count;
#endif
    for (uint32_t i = 0; i < batch->count; i += step) {
        tenon_request request = tenon_request_init(i, step, TENON_BODY_ARRAY);

        if (out->add(out, &request) != TENON_OK)
            return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}

static int32_t judge(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                     tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < exchange->batch->count; i++) {
        tenon_verdict verdict = tenon_verdict_of_status(exchange, i);

        maybe_die(JUDGE, tenon_record_at(exchange->batch, i));
        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}

static const tenon_selector selectors[] = {
    TENON_SELECTOR("every", "Wants all records.", select_all)};
static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static const tenon_client client = TENON_HTTP_CLIENT(prepare, judge, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->selectors = selectors;
    plugin->n_selectors = 1;
    plugin->transformer = &transformer;
    plugin->client = &client;
}
TENON_PLUGIN("poison", "1.0", "Apache-2.0", describe);

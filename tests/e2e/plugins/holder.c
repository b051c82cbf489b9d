/* SPDX-License-Identifier: Apache-2.0
 * Sends by itself, slowly, over something that one integration holds at a time and is slow to give
 * back. */
#include <tenon/tenon.h>

#include <stdlib.h>
#include <unistd.h>

enum { SLOW_US = 300000 };

static void *held_by; /* atomic; NULL: free */

static int32_t create(const tenon_host *host, tenon_str name, tenon_str settings, void **out_self,
                      tenon_err *err)
{
    (void)host, (void)name, (void)settings;
    *out_self = malloc(1);
    return *out_self != NULL ? TENON_OK : tenon_fail(err, TENON_E_NO_MEMORY, "no memory");
}

static void deactivate(void *self, uint32_t grace_ms)
{
    (void)grace_ms;
    if (__atomic_load_n(&held_by, __ATOMIC_SEQ_CST) != self)
        return;
    usleep(SLOW_US);
    __atomic_store_n(&held_by, NULL, __ATOMIC_SEQ_CST);
}

static void destroy(void *self)
{
    free(self);
}

static int32_t submit(void *self, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    void *holder = NULL;

    if (!__atomic_compare_exchange_n(&held_by, &holder, self, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST) &&
        holder != self)
        return tenon_fail(err, TENON_E_CONNECTION, "it is held by another");
    usleep(SLOW_US);
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_verdict verdict = tenon_verdict_init(i, TENON_ACCEPTED);

        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}

static const tenon_client client = TENON_CLIENT(submit, 0, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->create = create;
    plugin->deactivate = deactivate;
    plugin->destroy = destroy;
    plugin->client = &client;
}
TENON_PLUGIN("holder", "1.0", "Apache-2.0", describe);

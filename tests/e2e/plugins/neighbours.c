/* SPDX-License-Identifier: Apache-2.0
 * Serves several integrations in one worker at the same time. One whose setting `role` is "bad"
 * waits until another is slow at a record, and ends the worker then, at each of its records; all
 * others are slow and honest. The action `end` ends the worker as well. -DNAME and -DHOW choose:
 * NULL_POINTER, STACK, EXIT, ABORT. With -DSUBMITS it sends nothing over HTTP but takes each record
 * itself. */
#include <tenon/tenon.h>

#include <stdlib.h>
#include <unistd.h>

enum { NULL_POINTER, STACK, EXIT, ABORT };
enum { SLOW_US = 200000, STEP_US = 1000, STEPS_MAX = 5000 };

TENON_SETTINGS(TENON_OPTION("role", "text", "", "slow", "", "What it does: slow or bad."));

static unsigned slow_ones; /* integrations that are at a record just now; atomic */

struct neighbour {
    int is_bad;
};

static int32_t create(const tenon_host *host, tenon_str name, tenon_str settings, void **out_self,
                      tenon_err *err)
{
    struct neighbour *own = calloc(1, sizeof *own);

    (void)host, (void)name;
    if (own == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory");
    own->is_bad = memmem(settings.ptr, settings.len, "\"bad\"", 5) != NULL;
    *out_self = own;
    return TENON_OK;
}

static void destroy(void *self)
{
    free(self);
}

static int recurse(volatile char *above)
{
    volatile char here[4096];

    here[0] = above[0];
    return above[0] == 'e' ? 0 : recurse(here) + here[0];
}

static void end_worker(void)
{
    static char *volatile nowhere;
    char start = 0;

    switch (HOW) {
    case NULL_POINTER:
        *nowhere = 1;
        break;
    case STACK:
        start = (char)recurse(&start);
        break;
    case EXIT:
        exit(0);
    case ABORT:
        abort();
    }
}

static void be_neighbour(const struct neighbour *own)
{
    if (own->is_bad) {
        for (int i = 0; i < STEPS_MAX && __atomic_load_n(&slow_ones, __ATOMIC_SEQ_CST) == 0; i++)
            usleep(STEP_US);
        end_worker();
    }
    __atomic_fetch_add(&slow_ones, 1, __ATOMIC_SEQ_CST);
    usleep(SLOW_US);
    __atomic_fetch_sub(&slow_ones, 1, __ATOMIC_SEQ_CST);
}

#ifdef SUBMITS
static int32_t submit(void *self, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_verdict verdict = tenon_verdict_init(i, TENON_ACCEPTED);

        be_neighbour(self);
        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_CLIENT(submit, 0, 0);
#else
static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);

        be_neighbour(self);
        (void)out->add(out, &request);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);
#endif

static int32_t end(void *self, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)out, (void)err;
    end_worker();
    return TENON_OK;
}

static const tenon_action actions[] = {
    TENON_ACTION_PLAIN(end, "end", "Ends the worker.", TENON_ACTION_READ_ONLY)};

static void describe(tenon_plugin *plugin)
{
    plugin->actions = actions;
    plugin->n_actions = 1;
    plugin->settings = tenon_settings_;
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->client = &client;
}
TENON_PLUGIN(NAME, "1.0", "Apache-2.0", describe);

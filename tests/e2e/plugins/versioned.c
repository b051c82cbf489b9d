/* SPDX-License-Identifier: Apache-2.0
 * A plugin that has versions: what it sends says which one sent it, in the path. -DPLUGIN_VERSION
 * names it, -DREFUSES makes activate refuse, -DWAITS_FOR lets it wait until there is that file,
 * -DNEEDS makes it fail while there is no such file (with -DWITH, else as not reached), -DCRASHES
 * ends the worker over each batch, -DCRASHES_WITHOUT while there is no such file. */
#include <tenon/tenon.h>

#include <stdlib.h>
#include <unistd.h>

#ifndef NAME
#define NAME "versioned"
#endif
#ifndef WITH
#define WITH TENON_E_CONNECTION
#endif
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION "1"
#endif

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    static int one;

    (void)host, (void)integration, (void)settings, (void)err;
    *out_self = &one;
    return TENON_OK;
}

static int32_t activate(void *self, tenon_err *err)
{
    (void)self, (void)err;
#ifdef WAITS_FOR
    for (int i = 0; i < 10000 && access(WAITS_FOR, F_OK) < 0; i++)
        usleep(1000);
#endif
#ifdef NEEDS
    if (access(NEEDS, F_OK) < 0)
        return tenon_fail(err, WITH, "nobody there");
#endif
#ifdef REFUSES
    return tenon_fail(err, TENON_E_PERMANENT, "version " PLUGIN_VERSION " does not want to");
#else
    return TENON_OK;
#endif
}

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
#ifdef CRASHES
    abort();
#endif
#ifdef CRASHES_WITHOUT
    if (access(CRASHES_WITHOUT, F_OK) < 0)
        abort();
#endif
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        request.url = tenon_text("/version/" PLUGIN_VERSION);
        out->add(out, &request);
    }
    return TENON_OK;
}

static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->activate = activate;
    plugin->client = &client;
}
TENON_PLUGIN(NAME, PLUGIN_VERSION, "Apache-2.0", describe);

/* SPDX-License-Identifier: Apache-2.0
 * The smallest plugin with an HTTP client; -D makes it another: NAME, PLUGIN_VERSION, CONSTRUCTOR
 * (a file that code run too early writes), MAJOR (another ABI). */
#include <tenon/tenon.h>

#include <fcntl.h>
#include <unistd.h>

#ifndef NAME
#define NAME "sender"
#endif
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION "1.0"
#endif
#ifdef MAJOR
#undef TENON_ABI_MAJOR
#define TENON_ABI_MAJOR MAJOR
#endif

#ifdef CONSTRUCTOR
__attribute__((constructor)) static void too_early(void)
{
    int fd = open(CONSTRUCTOR, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        close(fd);
}
#endif

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        out->add(out, &request);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);
static void describe(tenon_plugin *plugin)
{
    plugin->client = &client;
}
TENON_PLUGIN(NAME, PLUGIN_VERSION, "Apache-2.0", describe);

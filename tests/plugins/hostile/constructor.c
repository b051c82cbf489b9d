/* SPDX-License-Identifier: Apache-2.0
 * Goes wrong before anybody called it: writes a file, then dies, from its constructor. */
#include <tenon/tenon.h>

#include <fcntl.h>
#include <stdlib.h>

static __attribute__((constructor)) void on_load(void)
{
    if (open("/tmp/tenon-hostile-was-here", O_CREAT | O_WRONLY, 0600) >= 0)
        exit(7);
    abort();
}

static void describe(tenon_plugin *plugin)
{
    (void)plugin;
}

TENON_PLUGIN("constructor", "1.0", "Apache-2.0", describe);

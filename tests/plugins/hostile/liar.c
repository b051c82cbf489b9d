/* SPDX-License-Identifier: Apache-2.0
 * Its table says what its note does not, or asks for what no host knows. */
#include <tenon/tenon.h>

static void describe(tenon_plugin *plugin)
{
#ifdef LIAR_MUST_UNDERSTAND
    plugin->flags = UINT64_C(1) << 40;
#else
    plugin->version = "6.6";
#endif
}

TENON_PLUGIN("liar", "1.0", "Apache-2.0", describe);

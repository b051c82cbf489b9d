/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/tenon.h>
static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    tenon_puts(out, "{\"hello\":");
    tenon_write(out, record->data);
    return tenon_puts(out, "}");
}
static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static void describe(tenon_plugin *plugin)
{
    plugin->transformer = &transformer;
}
TENON_PLUGIN("hello", "1.0", "Apache-2.0", describe);

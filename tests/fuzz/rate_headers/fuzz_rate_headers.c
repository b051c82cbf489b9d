/* SPDX-License-Identifier: Apache-2.0
 * Rate headers as a destination may send them, in any number and form. */
#include "rules/rate_headers.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str lines = {(const char *)data, size};
    struct rate_headers found;

    if (!rate_headers_read(lines, INT64_C(1800000000000), &found))
        return 0;
    assert(found.remaining >= 0 && found.remaining <= 1000000000);
    assert(found.limit >= -1 && found.limit <= 1000000000);
    assert(found.reset_ms >= -1 && found.reset_ms <= RATE_HEADERS_RESET_MAX_MS);
    return 0;
}

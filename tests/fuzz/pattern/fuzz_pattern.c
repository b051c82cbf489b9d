/* SPDX-License-Identifier: Apache-2.0
 * A pattern and behind a line end a signal's name, as anybody may send them. */
#include "base/pattern.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str pattern = STR_NONE;
    struct err err;

    (void)str_next(&rest, '\n', &pattern);
    bool is_pattern = pattern_check(pattern, &err) == 0;
    bool is_name = pattern_check_name(rest, "the name", &err) == 0;
    bool matches = pattern_matches(pattern, rest); /* of what was not checked, too */

    if (is_name) { /* a name is a pattern of its own, and whatever it is, "**" fits it */
        assert(pattern_check(rest, &err) == 0 && pattern_matches(rest, rest));
        assert(pattern_matches(STR("**"), rest));
    }
    if (is_pattern && is_name && matches && memchr(pattern.ptr, '*', pattern.len) == NULL)
        assert(str_equals(pattern, rest));
    if (is_pattern)
        assert(pattern.len <= PATTERN_BYTES_MAX);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * The body of a request that moves submissions. What is taken is within its limits; what is refused
 * says why. */
#include "api/api_filter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_filter *filter = calloc(1, sizeof(*filter));
    struct err err = {0};

    must(filter != NULL);
    if (api_filter_read(filter, (struct str){(const char *)data, size}, &err) == 0) {
        must(filter->query.limit >= 1 && filter->query.limit <= BY_QUERY_LIMIT_MAX);
        must(filter->query.filter.states < 1u << SUBMISSION_STATES);
        must(filter->query.filter.error_class <= 0);
        for (size_t i = 0; i < filter->query.number_count; i++)
            must(filter->query.numbers[i] >= 1);
        must(str_is_utf8(filter->query.where) && str_is_utf8(filter->query.entity));
    } else {
        must(err.text[0] != '\0');
    }
    api_filter_destroy(filter);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * What is asked of entities: lines of an entity's data, a merge patch for it, a field's path and
 * value, and words. A merge of two JSON texts is JSON, and nothing merged into that leaves it as it
 * is; a search reads any of them to its end. */
#include "base/json.h"
#include "base/json_merge.h"
#include "store/store_search.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void merge(struct str target, struct str patch)
{
    _buf_ struct buf merged = {0};
    _buf_ struct buf again = {0};

    json_merge(target, patch, &merged);
    must(!merged.failed && json_check(buf_str(&merged), NULL) == 0);
    if (json_kind_of(buf_str(&merged)) != JSON_OBJECT)
        return;
    json_merge(buf_str(&merged), STR("{}"), &again);
    must(str_equals(buf_str(&merged), buf_str(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str lines[5] = {{0}};

    for (size_t i = 0; i < 5 && str_next(&rest, '\n', &lines[i]); i++)
        ;
    struct str entity = str_trim(lines[0]);
    struct str patch = str_trim(lines[1]);
    if (json_check(entity, NULL) < 0)
        return 0;
    if (patch.len > 0 && json_check(patch, NULL) == 0)
        merge(entity, patch);
    const struct store_field field = {lines[2], lines[3]};
    const struct store_query query = {
        .text = lines[4], .fields = &field, .field_count = lines[2].len > 0};
    (void)store_search_fits(&query, entity); /* either answer will do */
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * The daemon's answers as the client reads them. What is JSON comes out as JSON, and the same again
 * when it is read once more. */
#include "cli/cli_json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool reprint(struct str text, struct buf *out)
{
    struct json_t *json = cli_json_parse(text);

    if (json == NULL)
        return false;
    cli_json_put(out, json, 0);
    cli_json_release(json);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _buf_ struct buf once = {0};
    _buf_ struct buf twice = {0};

    if (!reprint((struct str){(const char *)data, size}, &once))
        return 0;
    if (!reprint(buf_str(&once), &twice) || !str_equals(buf_str(&once), buf_str(&twice)))
        abort();
    return 0;
}

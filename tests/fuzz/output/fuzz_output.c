/* SPDX-License-Identifier: Apache-2.0
 * The output of a running command as the client reads it. The first byte says in what portions it
 * comes; pieces are no longer than was said, and whole where they must be. */
#include "cli/cli_output.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum;

static bool see(void *user, const char *kind, struct str bytes)
{
    if (bytes.len > CLI_OUTPUT_PIECE_MAX || kind[0] == '\0')
        abort();
    for (size_t i = 0; i < bytes.len; i++)
        sum += (unsigned char)bytes.ptr[i];
    (void)user;
    return kind[0] != 'e' || kind[1] != 'n';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_output output = {.fn = see};
    size_t portion = size > 0 ? data[0] + 1u : 1;
    int status = 1;

    for (size_t at = 1; at < size && status == 1; at += portion)
        status = cli_output_take(&output, (struct str){(const char *)data + at,
                                                       size - at < portion ? size - at : portion});
    if (status != 1 && status != 0 && status >= 0)
        abort();
    buf_finish(&output.whole);
    return 0;
}

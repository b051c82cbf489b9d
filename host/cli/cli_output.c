/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_output.h"

#include <errno.h>

static bool is_portioned(const struct cli_output *output)
{
    return strcmp(output->kind, "out") == 0 || strcmp(output->kind, "err") == 0;
}

/* "out 123" */
static int read_head(struct cli_output *output)
{
    static const char *const kinds[] = {"run", "out", "err", "want", "end"};
    struct str rest = {output->head, output->head_len};
    struct str kind;
    int64_t bytes;

    if (!str_next(&rest, ' ', &kind) || str_to_i64(str_or_empty(rest), &bytes) < 0 || bytes < 0 ||
        bytes > CLI_OUTPUT_PIECE_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!str_is(kind, kinds[i]))
            continue;
        memcpy(output->kind, kinds[i], kind.len + 1);
        output->left = (size_t)bytes;
        output->is_in_piece = true;
        output->head_len = 0;
        buf_clear(&output->whole);
        return 1;
    }
    return -EBADMSG;
}

static int take_head(struct cli_output *output, struct str *bytes)
{
    while (bytes->len > 0) {
        char c = *bytes->ptr;
        bytes->ptr++;
        bytes->len--;
        if (c == '\n')
            return read_head(output);
        if (output->head_len == CLI_OUTPUT_HEAD_MAX)
            return -EBADMSG;
        output->head[output->head_len++] = c;
    }
    return 1;
}

static int take_piece(struct cli_output *output, struct str *bytes)
{
    struct str part = {bytes->ptr, bytes->len < output->left ? bytes->len : output->left};
    bool goes_on = true;

    bytes->ptr += part.len;
    bytes->len -= part.len;
    output->left -= part.len;
    output->is_in_piece = output->left > 0;
    if (is_portioned(output)) {
        goes_on = part.len == 0 || output->fn(output->user, output->kind, part);
    } else {
        buf_add_str(&output->whole, part);
        if (output->whole.failed)
            return -ENOMEM;
        if (output->left == 0)
            goes_on = output->fn(output->user, output->kind, buf_str(&output->whole));
    }
    return goes_on ? 1 : 0;
}

int cli_output_take(struct cli_output *output, struct str bytes)
{
    int status = 1;

    while (status == 1 && (bytes.len > 0 || (output->is_in_piece && output->left == 0)))
        status = output->is_in_piece ? take_piece(output, &bytes) : take_head(output, &bytes);
    return status;
}

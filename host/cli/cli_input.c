/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_input.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

#include <string.h>

enum { INPUT_BYTES_MAX = 256 * 1024 * 1024 };

static int read_standard_input(struct buf *out)
{
    char bytes[65536];
    ssize_t len;

    while ((len = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) {
        if (out->len + (size_t)len > INPUT_BYTES_MAX)
            return cli_fail(CLI_REFUSED,
                            "standard input is larger than %d MB; use 'tenon entity import -'",
                            INPUT_BYTES_MAX >> 20);
        buf_add(out, bytes, (size_t)len);
    }
    if (len < 0)
        return cli_fail(CLI_REFUSED, "cannot read standard input: %s", strerror(errno));
    return out->failed ? cli_fail(CLI_REFUSED, "out of memory") : CLI_DONE;
}

int cli_input_read(const char *given, struct buf *out)
{
    struct err err = {0};

    if (given == NULL && isatty(STDIN_FILENO))
        return cli_fail(CLI_USAGE, "what? Give a file, the JSON itself, or '-' and pipe it in");
    if (given == NULL || strcmp(given, "-") == 0)
        return read_standard_input(out);
    const char *first = given + strspn(given, " \t\r\n");
    if (*first == '{' || *first == '[') {
        buf_puts(out, given);
        return CLI_DONE;
    }
    if (file_read(given, INPUT_BYTES_MAX, out, &err) < 0)
        return cli_fail(CLI_REFUSED, "%s", err.text);
    return CLI_DONE;
}

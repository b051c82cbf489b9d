/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_write.h"

#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool cli_write_has_failed(void)
{
    return ferror(stdout) != 0;
}

int cli_write(struct str text)
{
    if (cli_write_has_failed()) /* it was said */
        return CLI_REFUSED;
    if (fwrite(str_or_empty(text).ptr, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
        return cli_fail(CLI_REFUSED, "cannot write the output: %s", strerror(errno));
    return CLI_DONE;
}

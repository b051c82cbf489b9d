/* SPDX-License-Identifier: Apache-2.0
 * Standard output: the one place that writes there (but for a plugin's command, whose bytes
 * cli_run.c passes on unbuffered), so that what did not get there is told everywhere. */
#ifndef CLI_WRITE_H
#define CLI_WRITE_H

#include "base/str.h"

#include <stdbool.h>

/* All of it, at once. CLI_REFUSED when it cannot be written, now or before, with the sentence
 * printed the first time. A reader that is gone ends us by its signal. */
int cli_write(struct str text);
bool cli_write_has_failed(void);

#endif

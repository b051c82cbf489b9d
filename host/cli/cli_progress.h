/* SPDX-License-Identifier: Apache-2.0
 * A progress line on stderr, on terminals alone; it leaves nothing behind. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_progress {
    bool is_shown;
    bool is_on_screen;
    int64_t total_bytes; /* 0: unknown */
    size_t width;
    int64_t started_us, shown_us;
};
void cli_progress_start(struct cli_progress *progress, bool is_shown, int64_t total_bytes,
                        size_t width);
void cli_progress_show(struct cli_progress *progress, int64_t bytes,
                       int64_t records); /* at most ten times a second */
void cli_progress_clear(struct cli_progress *progress);

#endif

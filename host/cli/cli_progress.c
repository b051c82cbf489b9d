/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_progress.h"

#include "base/clock.h"
#include "cli/cli_text.h"

#include <stdio.h>

enum { BAR_COLUMNS = 24, PAUSE_US = 100000 };

void cli_progress_start(struct cli_progress *progress, bool is_shown, int64_t total_bytes,
                        size_t width)
{
    *progress = (struct cli_progress){.is_shown = is_shown,
                                      .total_bytes = total_bytes,
                                      .width = width,
                                      .started_us = clock_mono_us()};
}

void cli_progress_show(struct cli_progress *progress, int64_t bytes, int64_t records)
{
    _buf_ struct buf line = {0};
    int64_t now_us = clock_mono_us();
    int64_t spent_us = now_us - progress->started_us;

    if (!progress->is_shown || now_us - progress->shown_us < PAUSE_US)
        return;
    progress->shown_us = now_us;
    progress->is_on_screen = true;
    if (progress->total_bytes > 0) {
        int percent = (int)(bytes * 100 / progress->total_bytes);
        percent = percent > 100 ? 100 : percent;
        buf_putc(&line, '[');
        for (int i = 0; i < BAR_COLUMNS; i++)
            buf_putc(&line, i * 100 < percent * BAR_COLUMNS ? '=' : ' ');
        buf_printf(&line, "] %3d %%  ", percent);
    }
    cli_text_put_counted(&line, records, "record, ", "records, ");
    cli_text_put_count(&line,
                       spent_us > 0 ? (int64_t)((double)records * 1e6 / (double)spent_us) : 0);
    buf_puts(&line, "/s");
    if (progress->width == 0 || line.len < progress->width)
        (void)fprintf(stderr, "\r%s\033[K",
                      line.ptr); /* a progress bar that cannot be written is no loss */
}

void cli_progress_clear(struct cli_progress *progress)
{
    if (progress->is_on_screen)
        (void)fputs("\r\033[K", stderr); /* as above */
    progress->is_on_screen = false;
    progress->shown_us = 0;
}

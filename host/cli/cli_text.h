/* SPDX-License-Identifier: Apache-2.0
 * Text for a terminal: safe to print, measured in columns, coloured when wanted. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_color { COLOR_NONE, COLOR_GOOD, COLOR_BAD, COLOR_WAIT, COLOR_DIM, COLOR_BOLD };

/* Appends `text` with control characters and bytes that are not UTF-8 replaced: what comes from
 * outside must not drive the terminal. Line ends become spaces. */
void cli_text_put(struct buf *out, struct str text);
size_t cli_text_columns(struct str safe); /* of what cli_text_put gave */
void cli_text_put_cut(struct buf *out, struct str safe,
                      size_t columns); /* with "…" when it was cut */
void cli_text_put_end(struct buf *out, struct str safe,
                      size_t columns); /* the same, cut at its front */

/* One line of it, broken at spaces where it would pass `width` (0: no limit), a longer word
 * anywhere; what is broken goes on behind `indent` spaces. `safe` may hold colours of
 * cli_color_start. Ends the line. */
void cli_text_put_wrapped(struct buf *out, struct str safe, size_t indent, size_t width);

enum cli_color
cli_color_of_state(const char *state); /* submission, integration and plugin states */
void cli_color_start(struct buf *out, enum cli_color color);
void cli_color_end(struct buf *out, enum cli_color color);

/* "3 min ago", "in 12 s" for an RFC 3339 text; the text itself when it is none. */
void cli_text_put_when(struct buf *out, const char *time, int64_t now_ms);
void cli_text_put_bytes(struct buf *out, int64_t bytes);  /* "12.3 MB" */
void cli_text_put_count(struct buf *out, int64_t number); /* "1,234,567" */
/* "1 crash", "1,234 crashes" */
void cli_text_put_counted(struct buf *out, int64_t number, const char *one, const char *many);
/* How many lines of a stream were lost, and why. */
void cli_text_put_lost(struct buf *out, int64_t lines);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Submissions, attempts and requests as sentences that fit the terminal: what `submission show`,
 * `submit --dry-run` and `why` share. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "cli/cli_call.h"

/* One line, put together piece by piece and then broken to the terminal's width. */
struct cli_story {
    const struct cli *cli;
    struct buf *out;
    struct buf line;
};
/* Begins a line behind so many spaces. */
void cli_story_begin(struct cli_story *story, size_t indent);
void cli_story_add(struct cli_story *story, const char *text); /* from outside: made safe */
void cli_story_add_state(struct cli_story *story, const char *state);
void cli_story_add_colored(struct cli_story *story, const char *text, enum cli_color color);
/* "2026-11-21T05:24:00.000Z (in 12 s)" */
void cli_story_add_when(struct cli_story *story, const char *time);
/* Breaks it and starts over; what was broken stands two columns further in. */
void cli_story_end(struct cli_story *story);
/* A whole line, "label text"; none when the text is empty. */
void cli_story_put(struct cli_story *story, size_t indent, const char *label, const char *text);
void cli_story_finish(struct cli_story *story);

/* Number, version, state, reason, then each attempt. */
void cli_story_put_submission(struct cli_story *story, const struct json_t *submission,
                              size_t indent);
/* What a dry run would send: line, headers, body. body_max 0: all of the body. */
void cli_story_put_request(struct cli_story *story, const struct json_t *request, size_t indent,
                           size_t body_max);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Submissions and attempts as sentences: what `submission show` and `why` share. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "cli/cli_call.h"

/* Lines behind `indent`: number, version, state, reason, then each attempt. */
void cli_story_put_submission(const struct cli *cli, const struct json_t *submission,
                              const char *indent, struct buf *out);
void cli_story_put_state(const struct cli *cli, const char *state, struct buf *out);
/* "2026-11-21T05:24:00.000Z (in 12 s)" */
void cli_story_put_when(const char *time, struct buf *out);

#endif

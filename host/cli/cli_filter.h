/* SPDX-License-Identifier: Apache-2.0
 * The options that say which submissions are meant: one list for every command that takes them. */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include "cli/cli_call.h"

/* Rows of a command's options. clang-format would tear the list apart. */
/* clang-format off */
#define CLI_FILTER_OPTIONS                                                                         \
    {"integration", "NAME", "only of this integration"},                                           \
    {"entity", "ID", "only of this entity"},                                                       \
    {"state", "STATES", "with commas: pending, in_flight, succeeded, retrying, failed, unknown, "  \
                        "skipped, superseded"},                                                    \
    {"since", "TIME", "what changed its state since then: a time, or how long ago (2h)"},          \
    {"until", "TIME", "what changed its state before then"},                                       \
    {"class", "CLASS", "the last attempt's error class, such as validation or connection"},        \
    {"where", "JQ", "a jq expression on the entity's data, such as '.price > 10'"}
/* clang-format on */

bool cli_filter_is_set(const struct cli *cli);
/* As query arguments, and as JSON members; times as moments, so that every page means the same. */
void cli_filter_put_arguments(struct buf *path, const struct cli *cli);
void cli_filter_put_members(struct buf *body, const struct cli *cli);

/* cli_submission.c: a table of submissions, as `submission list` shows them. */
int cli_submission_print(const struct cli *cli, const struct json_t *items);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The store's figures in one piece: integrations it knows with cursor and backlog, submissions by
 * state, totals. What lists, status and metrics share. Inside this room only. */
#ifndef API_COUNTS_H
#define API_COUNTS_H

#include "api/api_call.h"

#include <stddef.h>

struct api_count {
    uint32_t integration;
    char *name;
    uint64_t cursor, behind; /* entities behind the cursor, about; 0 of who takes by hand alone */
    int64_t behind_since_ms; /* wall; 0: none is */
    uint64_t submissions[SUBMISSION_STATES];
};

struct api_counts {
    struct api_count *rows;
    size_t count;
    uint64_t entities, last_seq, bytes;
};

/* Does its selector take nothing but what is asked for by hand? Its lane walks along no entities
 * then, so there is nothing that it is behind with. */
bool api_counts_takes_by_hand(const struct engine_integration *integration);

/* Asks the store; `done` answers the call. On failure the call has been answered already. `counts`
 * is borrowed. */
typedef void (*api_counts_fn)(struct api_call *call, const struct api_counts *counts);
void api_counts_ask(struct api_call *call, api_counts_fn done);
const struct api_count *api_counts_find(const struct api_counts *counts,
                                        const char *name); /* or NULL */
void api_counts_put(struct buf *out,
                    const struct api_count *count); /* members "backlog" and "submissions" */

#endif

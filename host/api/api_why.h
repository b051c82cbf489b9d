/* SPDX-License-Identifier: Apache-2.0
 * What was found out about one entity, between api_why.c (asks the store) and api_why_tell.c (tells
 * the story). Inside this room only. */
#ifndef API_WHY_H
#define API_WHY_H

#include "api/api_call.h"

#include <stddef.h>

enum { WHY_SUBMISSIONS_MAX = 100, WHY_HISTORIES_MAX = 20, WHY_ATTEMPTS_MAX = 100 };

struct why_submission {
    uint64_t number, version;
    uint32_t integration;
    enum submission_state state;
    int64_t due_ms;
    bool is_trimmed;
    char *name;          /* the integration's */
    struct buf members;  /* of its JSON object */
    struct buf attempts; /* JSON objects */
};

struct why_integration {
    uint32_t number;
    uint64_t cursor;
    char *name;
};

struct why {
    struct store_query query; /* first: the query is the whole */
    struct api_call *call;
    struct buf entity, only; /* arguments; `only`: one integration, or empty: all */
    enum { WHY_ENTITY, WHY_INTEGRATIONS, WHY_SUBMISSIONS, WHY_ATTEMPTS } step;
    bool is_found, is_deleted, is_out_of_memory;
    struct buf entity_json, entity_type;
    uint64_t version, seq;
    struct why_submission *submissions; /* newest first */
    size_t submission_count;
    size_t asked; /* whose attempts are being asked for */
    struct why_integration *integrations;
    size_t integration_count;
};

void api_why_tell(const struct why *why, struct buf *out);

#endif

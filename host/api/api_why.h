/* SPDX-License-Identifier: Apache-2.0
 * What was found out about one entity, between api_why.c (asks the store) and api_why_tell.c (tells
 * the story). Inside this room only.
 *
 * The names of the answer, which stay: entity{id, type, version, created_at, updated_at, deleted},
 * integrations[] of {integration, plugin, enabled, state, words; looked, looked_at; explanation,
 * will_look (no submission of the present version); now{wanted, refused_by, reason, verdict, file,
 * line, or words why it is not known}; rendered{as_of, requests[], payload} when asked for; next,
 * next_at, waits_for, command; submissions[], newest first: what a list has of each, superseded_by
 * {number, version, state}, details, and history[] of its attempts}. What is not there is left out.
 */
#ifndef API_WHY_H
#define API_WHY_H

#include "api/api_call.h"

#include <stddef.h>

enum { WHY_SUBMISSIONS_MAX = 1000, WHY_HISTORIES_MAX = 20, WHY_ATTEMPTS_MAX = 100 };

struct why_submission {
    uint64_t number, version;
    uint32_t integration;
    enum submission_state state;
    int64_t due_ms;
    int64_t changed_ms;
    int64_t started_ms; /* of its first attempt, when that was asked for; 0: unknown */
    bool is_trimmed;
    bool has_request;    /* its last attempt came so far as to have one */
    int error_class;     /* of its last attempt */
    bool wants_history;  /* its integration's newest, or among the newest of all */
    char *name;          /* the integration's */
    struct buf members;  /* of its JSON object */
    struct buf attempts; /* JSON objects */
};

struct why_integration {
    uint32_t number;
    uint64_t cursor;
    char *name;
};

/* What a configured integration would do with the entity now. */
struct why_now {
    struct why *why;
    char *name;
    struct buf json;  /* the dry run's object, empty: not asked for, or it did not come in time */
    struct buf words; /* why there is none */
};

struct why {
    struct store_query query; /* first: the query is the whole */
    struct api_call *call;
    struct buf entity, only; /* arguments; `only`: one integration, or empty: all */
    enum { WHY_ENTITY, WHY_INTEGRATIONS, WHY_SUBMISSIONS, WHY_ATTEMPTS } step;
    bool is_found, is_deleted, is_out_of_memory;
    struct buf entity_json, entity_type;
    uint64_t version, seq;
    uint32_t origin;                    /* whose plugin stored it; 0: none */
    struct why_submission *submissions; /* newest first */
    size_t submission_count;
    size_t asked; /* whose attempts are being asked for */
    struct why_integration *integrations;
    size_t integration_count;
    bool is_rendered; /* requests are wanted too */
    struct why_now *now;
    size_t now_count;
    size_t open; /* of these, not answered yet */
    bool is_told;
    struct loop_timer *patience;
};

/* api_why_now.c: asks what would be done now where the store has no answer, then api_why_finish;
 * that comes again when the last late answer is in. */
void api_why_ask_now(struct why *why);
void api_why_now_destroy(struct why *why);
const struct why_now *api_why_now_of(const struct why *why, const char *name); /* or NULL */
/* api_why.c: tells, once, and ends when nothing is open. */
void api_why_finish(struct why *why);

/* The newest submission to it; NULL: none. */
const struct why_submission *api_why_newest(const struct why *why, uint32_t number,
                                            const char *name);

/* api_why_next.c: whether it looked, what refused, what comes next and when. */
void api_why_put_next(struct buf *out, const struct why *why,
                      const struct engine_integration *integration);

void api_why_tell(const struct why *why, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Submissions found by a query, and retried or discarded if that is wanted: what lists with a jq
 * expression and the moves by hand stand on. One by_query_start does one piece of work, bounded in
 * matches and in time; whoever wants the rest starts the next behind `next`. So nothing is held
 * for long and a client that goes away ends it. How many there are at once is the caller's to
 * bound. [loop] */
#ifndef ENGINE_BY_QUERY_H
#define ENGINE_BY_QUERY_H

#include "engine/engine.h"

enum by_query_action { BY_QUERY_LOOK, BY_QUERY_RETRY, BY_QUERY_DISCARD };

enum { BY_QUERY_LIMIT_MAX = 10000 };

struct by_query {
    /* Asked: these numbers alone, or (count 0) what the rest describes. All of it is borrowed until
     * done. */
    const uint64_t *numbers;
    size_t number_count;
    uint32_t integration; /* the store's number; 0: all */
    struct str entity;
    struct store_filter filter;
    struct str where; /* jq on the entity's data, as [select] where; empty: none */
    uint64_t after;
    uint32_t limit; /* matches, 1 to BY_QUERY_LIMIT_MAX */
    enum by_query_action action;
    bool new_key;
    bool is_dry_run;   /* all but the moving */
    uint32_t show_max; /* so many matches are shown */
    /* Members of one match's JSON object [any] */
    void (*show)(struct buf *out, const struct store_row *row);
    void (*done)(struct by_query *query);
    void *user;

    void *run; /* by_query.c's */

    /* Answered */
    int status;
    struct err error;
    uint64_t matched, moved, refused[REFUSALS];
    uint64_t where_failed; /* records on which the program itself failed: not matched */
    char where_words[300]; /* of the first of them */
    struct buf shown;      /* JSON objects with commas; the caller's to finish */
    uint64_t next;         /* go on behind this one; 0: that was all */
};

/* done() may run from within. */
void by_query_start(struct engine *engine, struct by_query *query);
/* Nobody waits for it any more: no further step begins, and none in a worker is waited for. Between
 * start and done(), which comes as ever, soon or from within; what was not finished is E_STOPPED,
 * or a piece that went less far. */
void by_query_cancel(struct by_query *query);

#endif

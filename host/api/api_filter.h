/* SPDX-License-Identifier: Apache-2.0
 * Which submissions a request speaks of: the same names as query arguments of a list and as members
 * of a move's body. Inside this room only. */
#ifndef API_FILTER_H
#define API_FILTER_H

#include "api/api_call.h"
#include "engine/by_query.h"

struct api_filter {
    struct by_query query; /* first: the query is the filter */
    struct api_call *call;
    struct buf integration, entity, where; /* the query borrows the last two */
    uint64_t *numbers;
    bool is_all;    /* somebody said so */
    bool is_narrow; /* at least one thing is asked for besides numbers */
};

/* Names of the arguments that api_filter_of_arguments reads, for the table of routes. */
#define API_FILTER_ARGUMENTS "integration,entity,state,since,until,class,where"

/* Each answers the call and gives NULL when something is not usable. */
struct api_filter *api_filter_of_arguments(struct api_call *call);
struct api_filter *api_filter_of_body(struct api_call *call);
/* Of nothing but an integration, for api_filter_resolve. */
struct api_filter *api_filter_of_integration(struct api_call *call, struct str name);
/* The body alone, into a zeroed filter from calloc: pure, so that it can be fuzzed. 0, E_SYNTAX,
 * E_USAGE or -ENOMEM. */
int api_filter_read(struct api_filter *filter, struct str body, struct err *err);
void api_filter_destroy(struct api_filter *filter); /* NULL allowed */

/* Members that every answer about a query has, behind others: where_failed, where_words, next. */
void api_put_by_query(struct buf *out, const struct by_query *query);
/* by_query_start when there is a place for it, else answers and destroys the filter. Who only looks
 * has left when his peer has. (api_moves.c) */
void api_filter_start(struct api_filter *filter);

/* Finds the number of the integration that was named, also of one whose ini is gone, then goes on
 * with `then`, which owns the filter; answers with 404, and destroys it, when there is none. */
void api_filter_resolve(struct api_filter *filter, void (*then)(struct api_filter *filter));

#endif

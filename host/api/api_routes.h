/* SPDX-License-Identifier: Apache-2.0
 * The table of all routes. A new route is a handler and a row in api_routes.c; help, OpenAPI,
 * argument checks and the 404 and 405 answers come from the row. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/api_call.h"
#include "api/api_scope.h"

#include <stddef.h>

/* In place of names: arguments are the caller's own. */
#define API_ANY_ARGUMENT "*"

struct api_route {
    const char *method; /* "*": any, the handler tells what it does not take */
    const char *path; /* "{id}" stands for one segment, and so does a "{name}" behind it; "/..." at
                         the end for all that follows */
    api_handler_fn handler;
    enum api_scope scope;  /* what one must be allowed; at {id} where that is an integration */
    const char *arguments; /* names of query arguments, separated by ','; a '?' behind one:
                              a flag, which needs no value */
    const char *help;      /* one line */
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* The next name of the rest of a row's arguments, without its '?'; false: there is none. */
bool api_route_argument(struct str *rest, struct str *out_name, bool *out_is_flag);

/* The row for a request, HEAD served by GET rows; out_id is the raw {id} segment. NULL: *out_allow
 * is empty when no row has this path, else the text of an Allow header's value. */
const struct api_route *api_route_find(struct str method, struct str path, struct str *out_id,
                                       struct buf *out_allow);
/* The raw {name} segment of a path that this row serves; STR_NONE when the row has none. */
struct str api_route_name(const struct api_route *route, struct str path);
/* Is {id} of this row an integration? Then its scope is asked for there. */
bool api_route_is_of_integration(const struct api_route *route);
/* The path that was perhaps meant, or NULL. */
const char *api_route_nearest(struct str path);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The host's own tools: each is a row that says which REST route it is. [any] */
#ifndef API_API_MCP_HOST_H
#define API_API_MCP_HOST_H

#include "api/api_scope.h"
#include "base/str.h"

#include <stdbool.h>

struct mcp_host_tool {
    const char *name, *title, *description;
    const char *schema; /* of the arguments, as JSON */
    const char *method;
    const char *path;     /* "{x}" is the argument x */
    const char *query;    /* arguments that go into the query, separated by ',' */
    const char *body;     /* NULL: none; "*": the arguments, but those of the path; else the name of
                             the argument that is the body */
    enum api_scope scope; /* API_READ: changes nothing */
    bool is_of_integration; /* asks at the integration that the argument `integration` names */
    bool is_destructive, is_idempotent;
};

extern const struct mcp_host_tool api_mcp_host_tools[];
extern const size_t api_mcp_host_tool_count;

/* The route's target and body for these arguments, which fit the schema. False: no memory. */
bool api_mcp_host_request(const struct mcp_host_tool *tool, struct str arguments,
                          struct buf *out_target, struct buf *out_body);

#endif

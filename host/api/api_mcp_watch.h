/* SPDX-License-Identifier: Apache-2.0
 * Which entities an MCP client wants to be told of: the set of one session or stream. A change is
 * noted at once and told when there is room, several of one entity as one. Pure. [loop] */
#ifndef API_API_MCP_WATCH_H
#define API_API_MCP_WATCH_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum { MCP_WATCHES_MAX = 256 };

struct mcp_watch {
    struct mcp_watch *next;
    char *uri;
    char *entity; /* its id */
    bool is_due;  /* it changed, and that was not told yet */
};

struct mcp_watches {
    struct mcp_watch *first;
    size_t count;
};

/* `uri` as a resource has it; one that is there already stays. 0; -EINVAL: of no entity; -ERANGE:
 * they are too many; -ENOMEM. */
int api_mcp_watch_add(struct mcp_watches *watches, struct str uri, struct err *err);
void api_mcp_watch_drop(struct mcp_watches *watches, struct str uri); /* none: nothing */
void api_mcp_watch_finish(struct mcp_watches *watches);
/* The entity changed. True: it is one of them. */
bool api_mcp_watch_note(struct mcp_watches *watches, struct str entity);
/* One that is due, or NULL. */
struct mcp_watch *api_mcp_watch_due(const struct mcp_watches *watches);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_mcp_watch.h"

#include "base/cleanup.h"
#include "base/percent.h"

#include <errno.h>
#include <stdlib.h>

static const char prefix[] = "tenon://entity/";

enum { URI_BYTES_MAX = 4096 };

static void destroy(struct mcp_watch *watch)
{
    free(watch->uri);
    free(watch->entity);
    free(watch);
}

static struct mcp_watch **find(struct mcp_watches *watches, struct str uri)
{
    struct mcp_watch **at = &watches->first;

    while (*at != NULL && !str_is(uri, (*at)->uri))
        at = &(*at)->next;
    return at;
}

int api_mcp_watch_add(struct mcp_watches *watches, struct str uri, struct err *err)
{
    _buf_ struct buf id = {0};
    struct mcp_watch *watch;
    size_t front = sizeof prefix - 1;

    if (*find(watches, uri) != NULL)
        return 0;
    if (uri.len > URI_BYTES_MAX || !str_starts_with(uri, prefix) ||
        percent_decode((struct str){uri.ptr + front, uri.len - front}, 0, &id) < 0 || id.len == 0 ||
        memchr(uri.ptr + front, '/', uri.len - front) != NULL ||
        memchr(id.ptr, '\0', id.len) != NULL)
        return err_set(err, -EINVAL, "only entities tell of their changes: tenon://entity/ID");
    if (watches->count == MCP_WATCHES_MAX)
        return err_set(err, -ERANGE, "%d resources are subscribed to, and that is the most",
                       (int)MCP_WATCHES_MAX);
    watch = calloc(1, sizeof *watch);
    if (watch != NULL) {
        watch->uri = str_dup(uri);
        watch->entity = str_dup(buf_str(&id));
    }
    if (watch == NULL || watch->uri == NULL || watch->entity == NULL) {
        if (watch != NULL)
            destroy(watch);
        return err_set(err, -ENOMEM, "out of memory");
    }
    watch->next = watches->first;
    watches->first = watch;
    watches->count++;
    return 0;
}

void api_mcp_watch_drop(struct mcp_watches *watches, struct str uri)
{
    struct mcp_watch **at = find(watches, uri);
    struct mcp_watch *watch = *at;

    if (watch == NULL)
        return;
    *at = watch->next;
    watches->count--;
    destroy(watch);
}

void api_mcp_watch_finish(struct mcp_watches *watches)
{
    while (watches->first != NULL) {
        struct mcp_watch *watch = watches->first;
        watches->first = watch->next;
        destroy(watch);
    }
    watches->count = 0;
}

bool api_mcp_watch_note(struct mcp_watches *watches, struct str entity)
{
    bool is_one = false;

    for (struct mcp_watch *watch = watches->first; watch != NULL; watch = watch->next) {
        if (!str_is(entity, watch->entity))
            continue;
        watch->is_due = is_one = true; /* an id may be written in several ways */
    }
    return is_one;
}

struct mcp_watch *api_mcp_watch_due(const struct mcp_watches *watches)
{
    struct mcp_watch *watch = watches->first;

    while (watch != NULL && !watch->is_due)
        watch = watch->next;
    return watch;
}

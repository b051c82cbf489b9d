/* SPDX-License-Identifier: Apache-2.0
 * A store query answered as {"items":[...],"next":...}: rows become JSON on the reader thread, the
 * reply goes out on the loop. Inside this room only. */
#ifndef API_ROWS_H
#define API_ROWS_H

#include "api/api_call.h"

enum { API_FIELDS_MAX = 8 };

struct api_rows {
    struct store_query query; /* first: a query is its rows */
    struct api_call *call;
    struct buf body;
    struct buf id, other, type, text; /* what the query borrows, and the next two */
    struct store_field fields[API_FIELDS_MAX];
    struct buf field_texts[API_FIELDS_MAX + 1];
    uint64_t limit, seen, last;
    bool goes_on; /* a search: one that ended at what it may look at at a time is asked on, for a
                     while. There are so many at a time, as other reads wait behind each */
    int64_t started_us;
    const char *missing; /* the noun of a 404 about `id` when no row came; NULL: an empty list is an
                            answer */
    /* NULL: all. Rows that are not wanted are passed over, a bounded number at a time [pool]. */
    bool (*wants)(const struct api_rows *rows, const struct store_row *row);
    uint64_t looked;
    void (*put)(struct buf *out, const struct store_row *row); /* members of one item [pool] */
    uint64_t (*key)(const struct store_row *row); /* what `after` takes [pool]; NULL: no paging */
};

enum { API_LIMIT_DEFAULT = 100, API_LIMIT_MAX = 1000 };

/* With `limit` and `after` read from the call; NULL: the call has been answered. */
struct api_rows *api_rows_create(struct api_call *call, enum store_query_kind kind);
/* Asks, replies, frees; the caller lets go of `rows`. */
void api_rows_send(struct api_rows *rows);
void api_rows_destroy(struct api_rows *rows);

#endif

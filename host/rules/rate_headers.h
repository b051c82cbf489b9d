/* SPDX-License-Identifier: Apache-2.0
 * What a destination says of its limits beside an answer, in the forms that are about:
 *   RateLimit: "default";r=50;t=30           RateLimit-Policy: "default";q=100;w=60
 *   RateLimit: limit=100, remaining=50, reset=30
 *   RateLimit-Limit: 100                     X-RateLimit-Limit: 100
 *   RateLimit-Remaining: 50                  X-RateLimit-Remaining: 50
 *   RateLimit-Reset: 30                      X-RateLimit-Reset: 30, or a Unix time in s or ms, or a
 *                                            date
 * (draft-ietf-httpapi-ratelimit-headers in its newest form, in its single older one and with three
 * headers; the X- ones have no specification.) Outside bytes: what makes no sense is passed over,
 * and every number is clamped. Pure. [any] */
#ifndef RULES_RATE_HEADERS_H
#define RULES_RATE_HEADERS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { RATE_HEADERS_RESET_MAX_MS = 7 * 86400 * 1000 };

struct rate_headers {
    int64_t limit;     /* requests in a window; -1: not said */
    int64_t remaining; /* of them; -1 */
    int64_t reset_ms;  /* from now until there are more; -1 */
};

/* `lines`: "name: value\n", names in any case; `now_ms`: wall. Of several limits the one that
 * leaves least. False: nothing of use in them, *out untouched. */
bool rate_headers_read(struct str lines, int64_t now_ms, struct rate_headers *out);

#endif

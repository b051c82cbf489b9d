/* SPDX-License-Identifier: Apache-2.0
 * What the api knows of itself, for status and metrics, and the end of every call. Inside this room
 * only. [loop] */
#ifndef API_FIGURES_H
#define API_FIGURES_H

#include "api/api_access.h"

#include <stdint.h>

struct api;
struct api_call;

/* What makes the host look through much, or waits for others: of each kind so many at a time. */
enum api_place { API_NO_PLACE, API_PLACE_SEARCH, API_PLACE_QUERY, API_PLACE_TEST, API_PLACES };

struct api_figures {
    uint64_t answers[6]; /* by the first digit of the status */
    uint64_t refused[API_REFUSALS];
    uint32_t under_way;
    uint32_t streams; /* of them */
    uint32_t lives;   /* of them, WebSockets */
    uint32_t taken[API_PLACES];
    int64_t started_ms; /* wall */
    int64_t started_us; /* by clock_mono_us: the wall clock may have stepped since */
};
const struct api_figures *api_figures(const struct api *api);
struct http_server_figures api_http_figures(const struct api *api);

struct api_call *api_first_call(const struct api *api);   /* of all under way; NULL: none */
void api_call_streams(struct api_call *call, int change); /* counts its live view */
void api_call_refused(struct api_call *call, enum api_refusal refusal); /* counts it */
void api_call_lives(struct api_call *call, int change); /* counts its live connection */
void api_call_end(struct api_call *call, int status);   /* counts and frees; api_reply does it */

#endif

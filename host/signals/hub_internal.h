/* SPDX-License-Identifier: Apache-2.0
 * The hub's own members, for hub.c and hub_request.c. [loop] */
#ifndef SIGNALS_HUB_INTERNAL_H
#define SIGNALS_HUB_INTERNAL_H

#include "signals/hub.h"

#define HUB_SENDER "tenon"

struct hub_request;

struct hub {
    struct loop *loop;
    struct store *store;       /* NULL: closed */
    struct loop_timer *teller; /* of `published` */
    bool is_telling_soon;
    void (*published)(void *user);
    void *user;
    struct hub_listener *first; /* in the order in which they came */
    size_t listeners;
    unsigned kinds; /* what the store is asked to tell */
    bool hears_submissions;
    unsigned telling; /* how many are in hub_spread, as one may publish from within */
    bool has_gone;
    struct hub_request *requests;
    size_t request_count;
    uint64_t last_request;
    struct hub_figures figures;
};

/* Which kinds the pattern fits: set of 1 << enum store_signal_kind, SIGNAL_OWN always among them.
 */
unsigned hub_kinds_of(struct str pattern, struct str sender);
void hub_spread(struct hub *hub, const struct hub_signal *signal);
size_t hub_count_answering(const struct hub *hub, const struct store_signal *signal);
void hub_copy_line(char *to, struct str text);
void hub_end_requests(struct hub *hub);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What happens, told to all live connections: how integrations are, what became of records,
 * signals. An event becomes JSON once, however many hear it; what is too much in one moment is not
 * told but counted. Costs nothing while nobody listens. Inside this room only. [loop] */
#ifndef API_FEED_H
#define API_FEED_H

#include "api/api_call.h"

enum feed_topic { FEED_STATUS, FEED_SUBMISSIONS, FEED_SIGNALS, FEED_TOPICS };
const char *api_feed_topic_name(enum feed_topic topic);

struct feed_event {
    enum feed_topic topic;
    struct str integration; /* or who sent the signal */
    struct str signal;      /* its name */
    struct str json;        /* the whole message */
};

/* Somebody who listens; embedded, and zeroed but for these. */
struct feed_ear {
    unsigned topics; /* bits 1 << enum feed_topic */
    /* Must neither join nor leave from within. */
    void (*told)(struct feed_ear *ear, const struct feed_event *event);
    void (*ticked)(struct feed_ear *ear, uint64_t missed); /* now and then: events not told */
    /* the feed's */
    struct feed_ear *next, *previous;
    uint64_t skipped_seen;
    bool is_in;
};

struct api_feed;
struct api_feed *api_feed(struct api *api); /* made when first asked for; NULL: no memory */
struct api_feed *api_feed_create(struct loop *loop, struct engine *engine);
void api_feed_destroy(struct api_feed *feed); /* by then every ear has left; NULL allowed */
/* Also for one that is in and has other topics now. 0 or -ENOMEM. */
int api_feed_join(struct api_feed *feed, struct feed_ear *ear);
void api_feed_leave(struct api_feed *feed, struct feed_ear *ear); /* also one that is not in */
/* How the integration at `index` is now, as an event; false past the end. `out` holds its JSON. */
bool api_feed_status(const struct api_feed *feed, size_t index, struct feed_event *event,
                     struct buf *out);

#endif

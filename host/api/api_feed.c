/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_feed.h"

#include "api/api_handlers.h"
#include "base/json.h"
#include "engine/tap.h"
#include "signals/hub.h"

#include <errno.h>
#include <stdlib.h>

enum {
    TICK_MS = 250,
    TOLD_MAX = 10000, /* in one tick, to all together */
    NAME_BYTES = 64,  /* of an integration, with its end */
};

static const char *const topic_names[] = {
    [FEED_STATUS] = "status",
    [FEED_SUBMISSIONS] = "submissions",
    [FEED_SIGNALS] = "signals",
};

/* How an integration was when it was told last. */
struct known {
    char name[NAME_BYTES];
    char state[24];
    char words[200]; /* a change behind it is not seen */
};

struct tapped {
    struct api_feed *feed;
    char name[NAME_BYTES];
    struct tap_listener *listener;
    struct tapped *next;
};

struct api_feed {
    struct loop *loop;
    struct engine *engine;
    struct loop_timer *timer; /* runs while somebody listens */
    struct feed_ear *ears;
    struct hub_listener *signals;
    struct tapped *taps;
    struct known *known;
    size_t known_count;
    uint64_t skipped;
    uint32_t told; /* in this tick */
    struct buf json;
};

const char *api_feed_topic_name(enum feed_topic topic)
{
    return topic_names[topic];
}

static bool is_wanted(const struct api_feed *feed, enum feed_topic topic)
{
    for (const struct feed_ear *ear = feed->ears; ear != NULL; ear = ear->next)
        if ((ear->topics & 1u << topic) != 0)
            return true;
    return false;
}

/* ---- telling ---- */

/* False: no more in this tick; it is counted. */
static bool may_tell(struct api_feed *feed)
{
    if (feed->told < TOLD_MAX)
        return true;
    feed->skipped++;
    return false;
}

static void tell(struct api_feed *feed, const struct feed_event *event)
{
    for (struct feed_ear *ear = feed->ears; ear != NULL; ear = ear->next)
        if ((ear->topics & 1u << event->topic) != 0) {
            ear->told(ear, event);
            feed->told++;
        }
}

static void begin(struct buf *out, enum feed_topic topic)
{
    buf_clear(out);
    buf_putc(out, '{');
    json_put_member(out, "topic", str_of(topic_names[topic]));
}

static bool on_line(void *user, struct str line)
{
    struct tapped *tapped = user;
    struct api_feed *feed = tapped->feed;

    if (!may_tell(feed))
        return true;
    begin(&feed->json, FEED_SUBMISSIONS);
    json_put_member(&feed->json, "integration", str_of(tapped->name));
    buf_putc(&feed->json, ',');
    buf_add_str(&feed->json, (struct str){line.ptr + 1, line.len - 1}); /* an object's members */
    if (!feed->json.failed)
        tell(feed, &(struct feed_event){.topic = FEED_SUBMISSIONS,
                                        .integration = str_of(tapped->name),
                                        .json = buf_str(&feed->json)});
    return true;
}

static void on_signal(void *user, const struct hub_signal *heard)
{
    struct api_feed *feed = user;
    const struct store_signal *signal = heard->signal;
    struct buf *out = &feed->json;

    if (!may_tell(feed))
        return;
    begin(out, FEED_SIGNALS);
    api_put_signal(out, signal);
    buf_putc(out, '}');
    if (!out->failed)
        tell(feed, &(struct feed_event){.topic = FEED_SIGNALS,
                                        .integration = signal->sender,
                                        .signal = signal->name,
                                        .json = buf_str(out)});
}

static void put_status(struct buf *out, const char *name, const char *state, const char *words,
                       bool is_well)
{
    begin(out, FEED_STATUS);
    json_put_member(out, "integration", str_of(name));
    json_put_member(out, "state", str_of(state));
    api_put_bool(out, "well", is_well);
    api_put_masked(out, "words", str_of(words));
    buf_putc(out, '}');
}

bool api_feed_status(const struct api_feed *feed, size_t index, struct feed_event *event,
                     struct buf *out)
{
    struct engine_integration integration;

    if (index >= engine_integration_count(feed->engine))
        return false;
    engine_integration_at(feed->engine, index, &integration);
    put_status(out, integration.name, integration.state, integration.words, integration.is_well);
    *event = (struct feed_event){
        .topic = FEED_STATUS, .integration = str_of(integration.name), .json = buf_str(out)};
    return !out->failed;
}

/* ---- looking ---- */

static void know(struct known *known, const struct engine_integration *integration)
{
    const char *words = integration->words != NULL ? integration->words : "";

    (void)snprintf(known->name, sizeof known->name, "%s", integration->name);    /* fits */
    (void)snprintf(known->state, sizeof known->state, "%s", integration->state); /* fits */
    (void)snprintf(known->words, sizeof known->words, "%s", words);              /* cut is fine */
}

static void tell_status(struct api_feed *feed, const struct known *known, bool is_well)
{
    put_status(&feed->json, known->name, known->state,
               known->words[0] != '\0' ? known->words : NULL, is_well);
    if (!feed->json.failed)
        tell(feed, &(struct feed_event){.topic = FEED_STATUS,
                                        .integration = str_of(known->name),
                                        .json = buf_str(&feed->json)});
}

static void tell_removed(struct api_feed *feed, const struct known *gone)
{
    struct known removed = {.state = "removed"};

    memcpy(removed.name, gone->name, sizeof removed.name);
    tell_status(feed, &removed, false);
}

/* Both lists are by name. The engine tells of no change by itself: some, as an open breaker's end,
 * are only a matter of time. */
static void look_at_states(struct api_feed *feed, bool is_first)
{
    size_t count = engine_integration_count(feed->engine);
    struct known *next = calloc(count > 0 ? count : 1, sizeof *next);
    size_t old = 0;

    if (next == NULL)
        return; /* at the next tick, then */
    for (size_t i = 0; i < count; i++) {
        struct engine_integration integration;

        engine_integration_at(feed->engine, i, &integration);
        know(&next[i], &integration);
        while (old < feed->known_count && strcmp(feed->known[old].name, next[i].name) < 0)
            tell_removed(feed, &feed->known[old++]);
        bool is_known = old < feed->known_count && strcmp(feed->known[old].name, next[i].name) == 0;
        bool is_same = is_known && strcmp(feed->known[old].state, next[i].state) == 0 &&
                       strcmp(feed->known[old].words, next[i].words) == 0;
        old += is_known;
        if (!is_same && !is_first)
            tell_status(feed, &next[i], integration.is_well);
    }
    while (old < feed->known_count)
        tell_removed(feed, &feed->known[old++]);
    free(feed->known);
    feed->known = next;
    feed->known_count = count;
}

static void forget_states(struct api_feed *feed)
{
    free(feed->known);
    feed->known = NULL;
    feed->known_count = 0;
}

static void forget_taps(struct api_feed *feed)
{
    while (feed->taps != NULL) {
        struct tapped *tapped = feed->taps;

        feed->taps = tapped->next;
        tap_leave(tapped->listener);
        free(tapped);
    }
}

static bool is_tapped(const struct api_feed *feed, const char *name)
{
    for (const struct tapped *tapped = feed->taps; tapped != NULL; tapped = tapped->next)
        if (strcmp(tapped->name, name) == 0)
            return true;
    return false;
}

/* A tap outlives its integration's lanes; one without is silent. */
static int tap_all(struct api_feed *feed)
{
    const struct tap_filter filter = {.stages = 1u << TAP_VERDICT};

    for (size_t i = 0; i < engine_integration_count(feed->engine); i++) {
        struct engine_integration integration;
        struct tapped *tapped;
        struct tap *tap;

        engine_integration_at(feed->engine, i, &integration);
        if (is_tapped(feed, integration.name))
            continue;
        tap = engine_tap(feed->engine, integration.name);
        tapped = calloc(1, sizeof *tapped);
        if (tap == NULL || tapped == NULL) {
            free(tapped);
            return -ENOMEM;
        }
        tapped->feed = feed;
        (void)snprintf(tapped->name, sizeof tapped->name, "%s", integration.name); /* fits */
        tapped->listener = tap_listen(tap, &filter, on_line, tapped);
        if (tapped->listener == NULL) {
            free(tapped);
            return -ENOMEM;
        }
        tapped->next = feed->taps;
        feed->taps = tapped;
    }
    return 0;
}

/* Listens to what somebody wants to hear, and to nothing else. */
static int adjust(struct api_feed *feed)
{
    const struct hub_filter all = {.pattern = STR("**")};

    if (!is_wanted(feed, FEED_STATUS))
        forget_states(feed);
    else if (feed->known == NULL)
        look_at_states(feed, true);
    if (!is_wanted(feed, FEED_SUBMISSIONS))
        forget_taps(feed);
    else if (tap_all(feed) < 0)
        return -ENOMEM;
    if (!is_wanted(feed, FEED_SIGNALS)) {
        hub_leave(feed->signals);
        feed->signals = NULL;
    } else if (feed->signals == NULL) {
        feed->signals = hub_listen(engine_hub(feed->engine), &all, on_signal, feed, NULL);
        if (feed->signals == NULL)
            return -ENOMEM;
    }
    return 0;
}

static void on_tick(void *user)
{
    struct api_feed *feed = user;

    if (feed->ears == NULL)
        return;
    feed->told = 0;
    (void)adjust(feed); /* no memory: at the next tick, then */
    if (is_wanted(feed, FEED_STATUS))
        look_at_states(feed, false);
    for (struct feed_ear *ear = feed->ears; ear != NULL; ear = ear->next) {
        uint64_t missed = feed->skipped - ear->skipped_seen;

        ear->skipped_seen = feed->skipped;
        ear->ticked(ear, missed);
    }
    loop_timer_set(feed->timer, TICK_MS);
}

/* ---- life ---- */

struct api_feed *api_feed_create(struct loop *loop, struct engine *engine)
{
    struct api_feed *feed = calloc(1, sizeof *feed);

    if (feed == NULL)
        return NULL;
    feed->loop = loop;
    feed->engine = engine;
    feed->timer = loop_timer_create(loop, on_tick, feed);
    if (feed->timer != NULL)
        return feed;
    free(feed);
    return NULL;
}

void api_feed_destroy(struct api_feed *feed)
{
    if (feed == NULL)
        return;
    hub_leave(feed->signals);
    forget_taps(feed);
    forget_states(feed);
    loop_timer_destroy(feed->timer);
    buf_finish(&feed->json);
    free(feed);
}

int api_feed_join(struct api_feed *feed, struct feed_ear *ear)
{
    if (!ear->is_in) {
        ear->is_in = true;
        ear->skipped_seen = feed->skipped;
        ear->previous = NULL;
        ear->next = feed->ears;
        if (feed->ears != NULL)
            feed->ears->previous = ear;
        else
            loop_timer_set(feed->timer, TICK_MS);
        feed->ears = ear;
    }
    if (adjust(feed) == 0)
        return 0;
    api_feed_leave(feed, ear);
    return -ENOMEM;
}

void api_feed_leave(struct api_feed *feed, struct feed_ear *ear)
{
    if (!ear->is_in)
        return;
    ear->is_in = false;
    if (ear->previous != NULL)
        ear->previous->next = ear->next;
    else
        feed->ears = ear->next;
    if (ear->next != NULL)
        ear->next->previous = ear->previous;
    if (feed->ears == NULL)
        loop_timer_clear(feed->timer);
    (void)adjust(feed); /* listens to less: that needs no memory */
}

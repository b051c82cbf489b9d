/* SPDX-License-Identifier: Apache-2.0
 * /ws: one live connection. It says what it wants to hear, as JSON, and may say so again:
 *
 *   {"type": "subscribe", "topics": ["status", "submissions", "signals"],
 *    "integrations": ["hook"], "pattern": "entity.*"}        all but type may be left out
 *   {"type": "unsubscribe"}   {"type": "ping"}
 *
 * and is answered {"type": "subscribed", ...}, {"type": "pong"} or {"type": "error", "code",
 * "detail"}. Events have a "topic"; {"topic": "lost", "events": N} stands where some were not told,
 * since the connection did not take them fast enough or there were too many. */
#include "api/api_feed.h"
#include "api/api_handlers.h"
#include "api/api_stream.h"
#include "base/json.h"
#include "base/pattern.h"
#include "http/http_websocket.h"

#include <errno.h>
#include <stdlib.h>

enum { INTEGRATIONS_MAX = 64 };

struct live {
    struct feed_ear ear; /* first: the ear is the whole */
    struct api_call *call;
    struct api_feed *feed;
    char *integrations; /* "hook,shop"; NULL: all */
    char *pattern;      /* NULL: all signals */
    size_t next_status; /* of the first look at all states; SIZE_MAX: told */
    uint64_t lost;
};

/* ---- telling ---- */

static bool send_buf(struct live *live, struct buf *json)
{
    bool is_sent = !json->failed && http_websocket_send(live->call->exchange, buf_str(json)) == 0;

    buf_finish(json);
    return is_sent;
}

static bool tell_lost(struct live *live)
{
    struct buf json = {0};

    if (live->lost == 0)
        return true;
    buf_puts(&json, "{\"topic\":\"lost\"");
    json_put_int(&json, "events", (int64_t)live->lost);
    buf_putc(&json, '}');
    if (!send_buf(live, &json))
        return false;
    live->lost = 0;
    return true;
}

static bool wants(const struct live *live, const struct feed_event *event)
{
    bool is_of_host = event->topic == FEED_SIGNALS && str_is(event->integration, "tenon");

    if (event->topic == FEED_SIGNALS && live->pattern != NULL &&
        !pattern_matches(str_of(live->pattern), event->signal))
        return false;
    if (live->integrations != NULL && !is_of_host &&
        (event->integration.len == 0 ||
         !str_list_has(str_of(live->integrations), ',', event->integration)))
        return false;
    return api_may(live->call, API_READ, is_of_host ? STR_NONE : event->integration);
}

static void on_told(struct feed_ear *ear, const struct feed_event *event)
{
    struct live *live = (struct live *)(void *)ear;

    if (wants(live, event) &&
        (!tell_lost(live) || http_websocket_send(live->call->exchange, event->json) < 0))
        live->lost++;
}

static void on_ticked(struct feed_ear *ear, uint64_t missed)
{
    struct live *live = (struct live *)(void *)ear;

    live->lost += missed;
    (void)tell_lost(live); /* else at the next tick */
}

/* Who subscribes hears first how everything is; goes on when there is room. */
static void tell_states(struct live *live)
{
    struct buf json = {0};
    struct feed_event event;

    while (live->next_status != SIZE_MAX) {
        if (!api_feed_status(live->feed, live->next_status, &event, &json)) {
            live->next_status = SIZE_MAX;
            break;
        }
        if (wants(live, &event) && http_websocket_send(live->call->exchange, event.json) < 0)
            break;
        live->next_status++;
    }
    buf_finish(&json);
}

/* ---- being told ---- */

static void reply_error(struct live *live, const char *code, const char *detail)
{
    struct buf json = {0};

    buf_puts(&json, "{\"type\":\"error\"");
    json_put_member(&json, "code", str_of(code));
    json_put_member(&json, "detail", str_of(detail));
    buf_putc(&json, '}');
    (void)send_buf(live, &json); /* who reads nothing hears nothing */
}

/* Each item of an array of texts to `take`; false: it is none, or `take` said so. */
static bool each_text(struct str array, bool (*take)(void *user, struct str text), void *user)
{
    struct str item;

    if (json_kind_of(array) != JSON_ARRAY)
        return false;
    while (json_next_element(&array, &item)) {
        _buf_ struct buf text = {0};

        if (json_kind_of(item) != JSON_STRING)
            return false;
        json_unquote(item, &text);
        if (!take(user, buf_str(&text)))
            return false;
    }
    return true;
}

static bool take_topic(void *user, struct str text)
{
    unsigned *topics = user;

    for (int topic = 0; topic < FEED_TOPICS; topic++)
        if (str_is(text, api_feed_topic_name((enum feed_topic)topic))) {
            *topics |= 1u << topic;
            return true;
        }
    return false;
}

static bool take_integration(void *user, struct str text)
{
    struct buf *list = user;
    size_t count = list->len > 0;

    for (size_t i = 0; i < list->len; i++)
        count += list->ptr[i] == ',';
    if (text.len == 0 || memchr(text.ptr, ',', text.len) != NULL || count >= INTEGRATIONS_MAX)
        return false;
    if (list->len > 0)
        buf_putc(list, ',');
    buf_add_str(list, text);
    return true;
}

enum { TYPE, TOPICS, INTEGRATIONS, PATTERN, MEMBERS };

/* What is asked for, checked before anything changes. */
struct wish {
    unsigned topics;
    struct buf integrations, pattern;
};

static const char *read_wish(const struct str *values, struct wish *out, struct err *err)
{
    if (values[TOPICS].len == 0)
        out->topics = (1u << FEED_TOPICS) - 1;
    else if (!each_text(values[TOPICS], take_topic, &out->topics) || out->topics == 0)
        return "topics: expected some of \"status\", \"submissions\", \"signals\"";
    if (values[INTEGRATIONS].len > 0 &&
        (!each_text(values[INTEGRATIONS], take_integration, &out->integrations) ||
         out->integrations.len == 0))
        return "integrations: expected 1 to 64 names";
    if (values[PATTERN].len == 0)
        return NULL;
    if (json_kind_of(values[PATTERN]) != JSON_STRING)
        return "pattern: expected a text such as \"entity.*\"";
    json_unquote(values[PATTERN], &out->pattern);
    return pattern_check(buf_str(&out->pattern), err) < 0 ? err->text : NULL;
}

static void reply_subscribed(struct live *live)
{
    struct buf json = {0};

    buf_puts(&json, "{\"type\":\"subscribed\",\"topics\":[");
    for (int topic = 0; topic < FEED_TOPICS; topic++)
        if ((live->ear.topics & 1u << topic) != 0) {
            api_put_comma(&json);
            json_put_string(&json, str_of(api_feed_topic_name((enum feed_topic)topic)));
        }
    buf_puts(&json, "]}");
    (void)send_buf(live, &json); /* as reply_error */
}

static void forget_wish(struct live *live)
{
    free(live->integrations);
    free(live->pattern);
    live->integrations = NULL;
    live->pattern = NULL;
    live->next_status = SIZE_MAX;
}

static void subscribe(struct live *live, const struct str *values)
{
    struct wish wish = {0};
    struct err err = {0};
    const char *problem = read_wish(values, &wish, &err);

    if (problem != NULL || wish.integrations.failed || wish.pattern.failed) {
        reply_error(live, "bad_request", problem != NULL ? problem : "out of memory");
    } else {
        forget_wish(live);
        live->integrations = wish.integrations.len > 0 ? buf_take(&wish.integrations) : NULL;
        live->pattern = wish.pattern.len > 0 ? buf_take(&wish.pattern) : NULL;
        live->ear.topics = wish.topics;
        if (api_feed_join(live->feed, &live->ear) < 0) {
            reply_error(live, "no_memory", "there is no memory left to listen with");
        } else {
            reply_subscribed(live);
            live->next_status = (wish.topics & 1u << FEED_STATUS) != 0 ? 0 : SIZE_MAX;
            tell_states(live);
        }
    }
    buf_finish(&wish.integrations);
    buf_finish(&wish.pattern);
}

static void on_message(void *user, struct str text)
{
    static const char *const names[] = {"type", "topics", "integrations", "pattern"};
    struct api_call *call = user;
    struct live *live = call->stream_user;
    struct str values[MEMBERS] = {0};
    struct err err = {0};
    _buf_ struct buf type = {0};

    if (json_check(text, &err) < 0 || json_pick(text, names, MEMBERS, values) < 0) {
        reply_error(live, "bad_json", err.code < 0 ? err.text : "expected an object");
        return;
    }
    if (values[TYPE].len > 0 && json_kind_of(values[TYPE]) == JSON_STRING)
        json_unquote(values[TYPE], &type);
    if (str_is(buf_str(&type), "subscribe")) {
        subscribe(live, values);
    } else if (str_is(buf_str(&type), "unsubscribe")) {
        api_feed_leave(live->feed, &live->ear);
        forget_wish(live);
        live->ear.topics = 0;
        reply_subscribed(live);
    } else if (str_is(buf_str(&type), "ping")) {
        (void)http_websocket_send(call->exchange, STR("{\"type\":\"pong\"}")); /* as above */
    } else {
        reply_error(live, "bad_request",
                    "type: expected \"subscribe\", \"unsubscribe\" or \"ping\"");
    }
}

/* ---- life ---- */

static void on_drained(void *user)
{
    struct api_call *call = user;
    struct live *live = call->stream_user;

    (void)tell_lost(live); /* there is room now */
    tell_states(live);
}

static void on_gone(void *user)
{
    struct live *live = user;

    api_feed_leave(live->feed, &live->ear);
    forget_wish(live);
    free(live);
}

void api_live(struct api_call *call)
{
    static const struct http_websocket_events socket = {on_message, on_drained};
    static const struct api_stream_events events = {NULL, on_gone};
    struct api_feed *feed = api_feed(call->api);
    struct live *live = calloc(1, sizeof *live);

    if (feed == NULL || live == NULL) {
        free(live);
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    *live = (struct live){.ear = {.told = on_told, .ticked = on_ticked},
                          .call = call,
                          .feed = feed,
                          .next_status = SIZE_MAX};
    if (!api_stream_accept(call, &socket, &events, live))
        free(live);
}

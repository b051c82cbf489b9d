/* SPDX-License-Identifier: Apache-2.0
 * An integration's last lines, and those that follow. The ring is the buffer of a slow follower: it
 * goes on where it stood, and is told how many lines gave way meanwhile. */
#include "api/api_logs.h"

#include "api/api_handlers.h"
#include "api/api_stream.h"
#include "base/json.h"
#include "base/log_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct follower {
    struct api_followers *followers;
    struct api_call *call; /* gone already when follower_gone runs */
    struct follower *next;
    enum log_level level;
    uint64_t seq, number; /* of the last line sent */
    struct buf line;
};

struct api_followers {
    struct loop_message message; /* first: a message is its followers */
    struct loop *loop;
    struct follower *first;
    atomic_bool is_posted;
    bool is_released;
};

/* What is asked for, and what of it was seen. */
struct selection {
    enum log_level level;
    int64_t since_ms;
    uint64_t matching, skipped; /* lines; the first of them that are too many are left out */
    uint64_t seq, number;       /* of the last line looked at */
    struct buf *out;
    const char *separator;
};

static void put_line(struct buf *out, const struct log_ring_line *line)
{
    buf_putc(out, '{');
    api_put_time(out, "time", line->time_ms);
    json_put_member(out, "level", str_of(log_level_name(line->level)));
    if (line->repeats > 0)
        json_put_int(out, "repeats", line->repeats);
    buf_putc(out, ',');
    buf_add_str(out, line->members);
    buf_putc(out, '}');
}

static bool is_wanted(const struct selection *selection, const struct log_ring_line *line)
{
    return line->level <= selection->level && line->time_ms >= selection->since_ms;
}

static bool count_line(void *user, const struct log_ring_line *line)
{
    struct selection *selection = user;

    selection->matching += is_wanted(selection, line);
    return true;
}

static bool take_line(void *user, const struct log_ring_line *line)
{
    struct selection *selection = user;

    selection->seq = line->seq;
    selection->number = line->number;
    if (!is_wanted(selection, line))
        return true;
    if (selection->skipped > 0) {
        selection->skipped--;
        return true;
    }
    if (selection->separator[0] == ',')
        api_put_comma(selection->out);
    put_line(selection->out, line);
    if (selection->separator[0] == '\n')
        buf_putc(selection->out, '\n');
    return true;
}

/* The last `limit` lines that are wanted. */
static void take_last(struct str name, struct selection *selection, uint64_t limit)
{
    log_ring_each(name, 0, count_line, selection);
    selection->skipped = selection->matching > limit ? selection->matching - limit : 0;
    log_ring_each(name, 0, take_line, selection);
}

/* ---- following ---- */

static void unlink_follower(struct follower *follower)
{
    struct follower **at = &follower->followers->first;

    while (*at != follower)
        at = &(*at)->next;
    *at = follower->next;
}

static void follower_destroy(struct follower *follower)
{
    unlink_follower(follower);
    buf_finish(&follower->line);
    free(follower);
}

static bool send_line(void *user, const struct log_ring_line *line)
{
    struct follower *follower = user;

    if (line->level <= follower->level) {
        buf_clear(&follower->line);
        if (line->number > follower->number + 1 && follower->number > 0)
            buf_printf(&follower->line, "{\"lost\":%llu}\n",
                       (unsigned long long)(line->number - follower->number - 1));
        put_line(&follower->line, line);
        buf_putc(&follower->line, '\n');
        if (follower->line.failed || api_stream_send(follower->call, buf_str(&follower->line)) < 0)
            return false; /* it goes on from here when there is room */
    }
    follower->seq = line->seq;
    follower->number = line->number;
    return true;
}

static void go_on(void *user)
{
    struct follower *follower = user;

    log_ring_each(buf_str(&follower->call->id), follower->seq, send_line, follower);
}

static void follower_gone(void *user)
{
    follower_destroy(user);
}

static void on_news(struct loop_message *message)
{
    struct api_followers *followers = (struct api_followers *)(void *)message;

    atomic_store(&followers->is_posted, false);
    if (followers->is_released) {
        free(followers);
        return;
    }
    for (struct follower *at = followers->first; at != NULL; at = at->next)
        go_on(at);
}

/* [any], under the ring's lock */
static void on_line(void *user)
{
    struct api_followers *followers = user;

    if (!atomic_exchange(&followers->is_posted, true))
        loop_post(followers->loop, &followers->message);
}

struct api_followers *api_followers_create(struct loop *loop)
{
    struct api_followers *followers = calloc(1, sizeof(*followers));

    if (followers == NULL)
        return NULL;
    followers->loop = loop;
    followers->message.fn = on_news;
    log_ring_watch(on_line, followers);
    return followers;
}

void api_followers_release(struct api_followers *followers)
{
    if (followers == NULL)
        return;
    log_ring_watch(NULL, NULL);
    followers->is_released = true;
    if (!atomic_load(&followers->is_posted))
        free(followers);
}

static void follow(struct api_call *call, struct selection *selection, uint64_t limit)
{
    static const struct api_stream_events events = {go_on, follower_gone};
    struct api_followers *followers = api_followers(call->api);
    struct follower *follower = followers != NULL ? calloc(1, sizeof(*follower)) : NULL;

    if (follower == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    if (!api_stream_start(call, &events, follower)) {
        free(follower);
        return;
    }
    follower->followers = followers;
    follower->call = call;
    follower->level = selection->level;
    selection->out = &follower->line;
    selection->separator = "\n";
    take_last(buf_str(&call->id), selection, limit);
    follower->seq = selection->seq;
    follower->number = selection->number;
    follower->next = followers->first;
    followers->first = follower;
    if (!follower->line.failed) /* what does not fit is not followed either: it is the past */
        (void)api_stream_send(call, buf_str(&follower->line));
}

/* ---- asking ---- */

/* A point in time, or how long ago. */
static bool read_since(struct api_call *call, int64_t *out_ms)
{
    _buf_ struct buf text = {0};
    struct err err = {0};

    *out_ms = INT64_MIN;
    if (!http_exchange_argument(call->exchange, "since", &text) || text.len == 0)
        return true;
    if (api_read_past("since", buf_str(&text), out_ms, &err) == 0)
        return true;
    api_reply_problem(call, 400, "bad_argument", "Argument %s.", err.text);
    return false;
}

static bool read_level(struct api_call *call, enum log_level *out)
{
    _buf_ struct buf text = {0};

    *out = LOG_DEBUG;
    if (!http_exchange_argument(call->exchange, "level", &text) || text.len == 0 ||
        log_level_parse(buf_str(&text), out) == 0)
        return true;
    api_reply_problem(call, 400, "bad_argument",
                      "Argument level: '%s' is not one of error, warn, info, debug.", text.ptr);
    return false;
}

void api_integration_logs(struct api_call *call)
{
    struct engine_integration integration;
    struct buf body = {0};
    struct selection selection = {.out = &body, .separator = ","};
    uint64_t limit;

    if (!engine_integration_find(call->engine, buf_str(&call->id).ptr, &integration)) {
        api_reply_no_integration(call, buf_str(&call->id).ptr);
        return;
    }
    if (!read_level(call, &selection.level) || !read_since(call, &selection.since_ms) ||
        !api_argument_number(call, "limit", 0, LOG_RING_LINES_MAX, LOG_RING_LINES_MAX, &limit))
        return;
    if (api_argument_is_set(call, "follow")) {
        follow(call, &selection, limit);
        return;
    }
    buf_puts(&body, "{\"items\":[");
    take_last(buf_str(&call->id), &selection, limit);
    buf_puts(&body, "],\"next\":null}\n");
    api_reply_json(call, 200, &body);
}

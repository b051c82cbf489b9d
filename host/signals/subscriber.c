/* SPDX-License-Identifier: Apache-2.0
 *
 *   what waits (requests, and all of those that are not durable) --+
 *                                                                  +--> in hand --> handler
 *   the follow (durable), held while one is in hand ---------------+       |
 *                                                       retry, in its place+--> done: cursor kept
 */
#include "signals/subscriber.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "rules/retry.h"
#include "signals/subscriber_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <tenon/tenon.h>

enum {
    WAITING_MAX = 256,
    WAITING_BYTES_MAX = 4 << 20,
    DEATHS_MAX = 2, /* a signal that ends the worker twice is parked before the plugin is */
    AGAIN_LEAST_MS = 200,
};

static const struct retry_policy policy = {
    .max_attempts = 5, .base_ms = 400, .max_ms = 30000, .retry_after_max_ms = 300000};

static void next(struct subscription *one);

/* ---- copies ---- */

static struct str copy(char **at, struct str text)
{
    struct str kept = {*at, text.len};

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return kept;
}

struct heard *subscriber_copy(const struct hub_signal *told)
{
    const struct store_signal *from = told->signal;
    size_t len =
        from->name.len + from->sender.len + from->entity.len + from->type.len + from->data.len;
    struct heard *heard = malloc(sizeof *heard + len);
    char *at;

    if (heard == NULL)
        return NULL;
    at = heard->texts;
    *heard = (struct heard){.signal = *from};
    heard->signal.name = copy(&at, from->name);
    heard->signal.sender = copy(&at, from->sender);
    heard->signal.entity = copy(&at, from->entity);
    heard->signal.type = copy(&at, from->type);
    heard->signal.data = copy(&at, from->data);
    heard->request = told->request;
    heard->timeout_ms = told->timeout_ms;
    return heard;
}

static void decline(const struct subscription *one, const struct heard *heard, const char *words)
{
    const struct subscriber_settings *settings = &one->subscriber->settings;

    if (heard->request != 0)
        hub_decline(settings->hub, heard->request, str_of(settings->name), words);
}

/* ---- what is kept in the store ---- */

void subscriber_look_idle(struct subscriber *subscriber)
{
    if (subscriber->is_stopping && subscriber_is_idle(subscriber))
        subscriber->settings.idle(subscriber->settings.user);
}

static void kept_ended(void *user)
{
    struct subscriber *subscriber = ((struct subscription *)user)->subscriber;

    subscriber_parked_written(subscriber);
    subscriber_look_idle(subscriber);
}

static void advance(struct subscription *one, uint64_t cursor)
{
    struct buf *text = &one->cursor_kept.now;

    if (one->has_cursor && cursor <= one->cursor)
        return;
    one->cursor = cursor;
    one->has_cursor = true;
    buf_clear(text);
    buf_printf(text, "%" PRIu64, cursor);
    subscriber_kept_write(&one->cursor_kept);
}

/* ---- parking ---- */

/* Written before the cursor that passes it: the store keeps the order of writes. */
static void park(struct subscription *one, const char *words)
{
    const struct heard *heard = one->in_hand;
    const struct store_signal *signal = &heard->signal;
    uint32_t attempts = heard->before + one->attempt;
    _buf_ struct buf element = {0};
    char at[25];

    one->parked++;

    clock_format(clock_wall_ms(), at);
    buf_putc(&element, '{');
    json_put_int(&element, "seq", (int64_t)signal->seq);
    json_put_member(&element, "type", signal->name);
    json_put_member(&element, "sender", signal->sender);
    json_put_member(&element, "parked_at", str_of(at));
    json_put_int(&element, "attempts", attempts);
    json_put_member(&element, "reason", str_of(words));
    buf_putc(&element, '}');
    log_error("signal parked: its handler does not take it", F_INT("seq", signal->seq),
              F_TEXT("type", signal->name), F_INT("attempts", attempts), F_STR("reason", words));
    if (element.failed)
        return;
    (void)subscriber_kept_drop(&one->parked_kept, signal->seq); /* when it was there already */
    subscriber_kept_add(&one->parked_kept, buf_str(&element));
}

/* ---- the one in hand ---- */

static void call(struct subscription *one);

/* It is through, well or not. */
static void finish(struct subscription *one)
{
    struct heard *heard = one->in_hand;

    one->in_hand = NULL;
    one->attempt = one->deaths = 0;
    if (one->is_durable && heard->signal.seq != 0)
        advance(one, heard->signal.seq);
    free(heard);
    next(one);
}

static void try_again(struct subscription *one, int64_t delay_ms)
{
    if (one->subscriber->is_stopping) {
        subscriber_look_idle(one->subscriber);
        return;
    }
    loop_timer_set(one->timer, delay_ms);
}

static void on_timer(void *user)
{
    struct subscription *one = user;

    log_integration_scope(one->subscriber->settings.name);
    if (one->in_hand != NULL && !one->subscriber->is_stopping)
        call(one);
}

static bool is_final(const struct subscription *one, const struct plugin_reply *reply)
{
    return one->in_hand->is_parked /* once: what comes waits behind it */ ||
           reply->error_class == TENON_E_VALIDATION || reply->error_class == TENON_E_PERMANENT ||
           reply->error_class == TENON_E_UNSUPPORTED || one->deaths >= DEATHS_MAX ||
           retry_is_exhausted(&policy, one->attempt);
}

static void handle_failure(struct subscription *one, const struct plugin_reply *reply)
{
    const struct store_signal *signal = &one->in_hand->signal;
    const char *words = reply->words != NULL ? reply->words : "it gave no reason";
    uint64_t random = 0;

    one->failed++;
    one->deaths += reply->status != PLUGIN_FAILED;
    (void)snprintf(one->last_error, sizeof one->last_error, "%s", words); /* cut is fine */
    decline(one, one->in_hand, one->last_error);
    if (!one->is_durable || signal->seq == 0) {
        log_warn("signal not handled", F_TEXT("type", signal->name),
                 F_STR("reason", one->last_error));
        finish(one);
        return;
    }
    if (is_final(one, reply)) {
        park(one, one->last_error);
        finish(one);
        return;
    }
    (void)getrandom(&random, sizeof random, 0); /* without it the wait is the same for all */
    int64_t delay_ms = retry_delay_ms(&policy, one->attempt, reply->retry_after_ms, random);
    log_warn("signal not handled, will try again", F_INT("seq", signal->seq),
             F_TEXT("type", signal->name), F_INT("attempt", one->attempt),
             F_INT("wait_ms", delay_ms), F_STR("reason", one->last_error));
    try_again(one, delay_ms);
}

static void answer(const struct subscription *one, const struct plugin_reply *reply)
{
    const struct subscriber_settings *settings = &one->subscriber->settings;
    struct err err = {0};

    if (one->in_hand->request == 0 || reply->is_later)
        return;
    if (reply->result.len == 0)
        decline(one, one->in_hand, "it has no answer to this");
    else if (hub_reply(settings->hub, one->in_hand->request, str_of(settings->name), reply->result,
                       &err) < 0 &&
             err.code != E_NOT_FOUND)
        decline(one, one->in_hand, err.text);
}

/* Not there: no fault of the signal's. */
static void wait_for_plugin(struct subscription *one, const struct plugin_reply *reply)
{
    int64_t wait_ms = reply->retry_at_ms > 0 ? reply->retry_at_ms - clock_due_ms() : policy.base_ms;

    one->attempt--;
    if (!one->is_durable || one->in_hand->signal.seq == 0) {
        decline(one, one->in_hand, "its plugin is not running");
        one->dropped++;
        finish(one);
        return;
    }
    if (wait_ms < AGAIN_LEAST_MS)
        wait_ms = AGAIN_LEAST_MS;
    try_again(one, wait_ms < policy.max_ms ? wait_ms : policy.max_ms);
}

static uint64_t seq_in_hand(const struct subscription *one)
{
    return one->in_hand->signal.seq;
}

static void on_reply(void *user, struct plugin_reply *reply)
{
    struct subscription *one = user;

    log_integration_scope(one->subscriber->settings.name);
    one->is_calling = false;
    if (reply->status == PLUGIN_OK) {
        one->handled++;
        answer(one, reply);
        if (one->in_hand->is_parked && subscriber_kept_drop(&one->parked_kept, seq_in_hand(one)))
            subscriber_kept_write(&one->parked_kept);
        finish(one);
    } else if (reply->status == PLUGIN_STOPPED) {
        decline(one, one->in_hand, "it is being stopped");
    } else if (reply->status == PLUGIN_UNAVAILABLE) {
        wait_for_plugin(one, reply);
    } else {
        handle_failure(one, reply);
    }
    subscriber_look_idle(one->subscriber);
}

static void call(struct subscription *one)
{
    const struct heard *heard = one->in_hand;
    const struct plugin_signal signal = {
        .subscription = one->index,
        .attempt = heard->before + ++one->attempt,
        .timeout_ms = (uint32_t)heard->timeout_ms,
        .request = heard->request,
        .seq = heard->signal.seq,
        .version = heard->signal.version,
        .at_ms = heard->signal.at_ms,
        .type = heard->signal.name,
        .sender = heard->signal.sender,
        .data = heard->signal.data,
        .entity = heard->signal.entity,
        .entity_type = heard->signal.type,
    };

    one->is_calling = true;
    plugin_signal(one->subscriber->settings.plugin, &signal, on_reply, one);
}

static void take(struct subscription *one, struct heard *heard)
{
    one->in_hand = heard;
    one->attempt = one->deaths = 0;
    call(one);
}

static void next(struct subscription *one)
{
    struct heard *heard = one->first;

    if (one->in_hand != NULL || one->subscriber->is_stopping)
        return;
    if (heard == NULL) {
        if (one->follow != NULL)
            follow_resume(one->follow);
        return;
    }
    one->first = heard->next;
    if (one->first == NULL)
        one->last = NULL;
    one->waiting--;
    one->waiting_bytes -= heard->signal.data.len;
    take(one, heard);
}

/* ---- hearing ---- */

static void drop(struct subscription *one, const struct hub_signal *told, const char *words)
{
    const struct subscriber_settings *settings = &one->subscriber->settings;

    if (one->dropped++ == 0)
        log_warn("signals are dropped: they come faster than their handler takes them",
                 F_STR("pattern", one->pattern));
    if (told->request != 0)
        hub_decline(settings->hub, told->request, str_of(settings->name), words);
}

static bool has_room(const struct subscription *one, size_t data_bytes)
{
    return one->waiting < WAITING_MAX && one->waiting_bytes + data_bytes <= WAITING_BYTES_MAX;
}

bool subscriber_take_in_line(struct subscription *one, struct heard *heard)
{
    if (!has_room(one, heard->signal.data.len)) {
        free(heard);
        return false;
    }
    if (one->last != NULL)
        one->last->next = heard;
    else
        one->first = heard;
    one->last = heard;
    one->waiting++;
    one->waiting_bytes += heard->signal.data.len;
    next(one);
    return true;
}

static void wait_in_line(struct subscription *one, const struct hub_signal *told)
{
    const struct store_signal *signal = told->signal;

    /* Its own strand waits for the answer, so it could not give it. */
    if (told->request != 0 && str_is(signal->sender, one->subscriber->settings.name)) {
        hub_decline(one->subscriber->settings.hub, told->request, signal->sender,
                    "an integration does not answer itself");
        return;
    }
    struct heard *heard = has_room(one, signal->data.len) ? subscriber_copy(told) : NULL;
    if (heard == NULL || !subscriber_take_in_line(one, heard))
        drop(one, told, "too much waits for it already");
}

static void on_heard(void *user, const struct hub_signal *told)
{
    struct subscription *one = user;

    log_integration_scope(one->subscriber->settings.name);
    wait_in_line(one, told);
}

static bool on_followed(void *user, const struct hub_signal *told)
{
    struct subscription *one = user;
    struct heard *heard;

    log_integration_scope(one->subscriber->settings.name);
    if (told->signal->seq == 0) {
        wait_in_line(one, told);
        return true;
    }
    if (one->in_hand != NULL)
        return false;
    heard = subscriber_copy(told);
    if (heard == NULL)
        return false; /* the next that is heard of tries again */
    take(one, heard);
    return true;
}

static void on_began(void *user, uint64_t cursor)
{
    struct subscription *one = user;

    one->has_begun = true;
    one->passed = cursor;
    if (!one->has_cursor)
        advance(one, cursor); /* from now on nothing is missed, whatever happens to us */
}

static void on_idle(void *user, uint64_t cursor)
{
    struct subscription *one = user;

    one->passed = cursor;
    if (one->in_hand == NULL)
        advance(one, cursor);
}

/* ---- life ---- */

static void begin(struct subscription *one)
{
    static const struct follow_events events = {on_followed, on_began, on_idle};
    const struct subscriber_settings *settings = &one->subscriber->settings;
    struct err err = {0};

    if (one->is_durable) {
        const struct follow_settings follow = {
            .pattern = str_of(one->pattern),
            .sender = str_of(one->sender),
            .answers = true,
            .from_now = !one->has_cursor,
            .after = one->cursor,
        };
        one->follow = follow_start(settings->hub, &follow, &events, one, &err);
    } else {
        const struct hub_filter filter = {str_of(one->pattern), str_of(one->sender), true};
        one->listener = hub_listen(settings->hub, &filter, on_heard, one, &err);
        one->has_begun = one->listener != NULL;
    }
    if (one->follow == NULL && one->listener == NULL)
        log_error("a subscription is not heard", F_STR("pattern", one->pattern), F_ERR(&err));
}

/* [pool]; the rest of the subscriber stands still meanwhile. */
static bool on_kept_row(struct store_query *query, const struct store_row *row)
{
    struct subscriber *subscriber = query->user;

    for (size_t i = 0; i < subscriber->count; i++) {
        struct subscription *one = &subscriber->subscriptions[i];
        int64_t cursor;
        if (subscriber_kept_is(&one->cursor_kept, row->name) &&
            str_to_i64(row->data, &cursor) == 0 && cursor >= 0) {
            one->cursor = one->passed = (uint64_t)cursor;
            one->has_cursor = true;
        }
        if (subscriber_kept_is(&one->parked_kept, row->name) && json_check(row->data, NULL) == 0)
            buf_add_str(&one->parked_kept.now, row->data);
    }
    return true;
}

static void on_kept(struct store_op *op)
{
    struct subscriber *subscriber =
        (struct subscriber *)(void *)((char *)op - offsetof(struct subscriber, read.op));

    log_integration_scope(subscriber->settings.name);
    subscriber->is_reading = false;
    if (subscriber->is_stopping) {
        subscriber_look_idle(subscriber);
        return;
    }
    if (op->status < 0) {
        if (op->status != E_STOPPED)
            log_error("cannot read how far the subscriptions are: none is heard",
                      F_ERR(&op->error));
        return;
    }
    for (size_t i = 0; i < subscriber->count; i++)
        begin(&subscriber->subscriptions[i]);
}

static bool fill(struct subscriber *subscriber, uint32_t index,
                 const struct plugin_subscription *from)
{
    struct subscription *one = &subscriber->subscriptions[index];

    one->subscriber = subscriber;
    one->index = index;
    one->is_durable = from->is_durable;
    one->pattern = str_dup(from->pattern);
    one->sender = str_dup(from->sender);
    one->timer = loop_timer_create(subscriber->settings.loop, on_timer, one);
    if (one->pattern == NULL || one->sender == NULL || one->timer == NULL)
        return false;
    subscriber_kept_init(&one->cursor_kept, &subscriber->settings, "signals", one->pattern,
                         one->sender, kept_ended, one);
    subscriber_kept_init(&one->parked_kept, &subscriber->settings, "parked", one->pattern,
                         one->sender, kept_ended, one);
    return true;
}

struct subscriber *subscriber_start(const struct subscriber_settings *settings)
{
    struct plugin_subscription subscriptions[PLUGIN_SUBSCRIPTIONS_MAX];
    size_t count = plugin_instance_subscriptions(settings->plugin, subscriptions);
    struct subscriber *subscriber;

    if (count == 0)
        return NULL;
    subscriber = calloc(1, sizeof *subscriber + count * sizeof(struct subscription));
    if (subscriber == NULL)
        return NULL;
    subscriber->settings = *settings;
    for (; subscriber->count < count; subscriber->count++)
        if (!fill(subscriber, (uint32_t)subscriber->count, &subscriptions[subscriber->count])) {
            subscriber->count++;
            subscriber_destroy(subscriber);
            return NULL;
        }
    subscriber->is_reading = true;
    subscriber->read = (struct store_query){
        .op.done = on_kept,
        .query = QUERY_KEPT,
        .integration = settings->integration,
        .row = on_kept_row,
        .user = subscriber,
    };
    store_query(settings->store, &subscriber->read);
    return subscriber;
}

static void forget_waiting(struct subscription *one)
{
    while (one->first != NULL) {
        struct heard *heard = one->first;
        one->first = heard->next;
        decline(one, heard, "it is being stopped");
        free(heard);
    }
    one->last = NULL;
    one->waiting = one->waiting_bytes = 0;
}

void subscriber_stop(struct subscriber *subscriber)
{
    subscriber->is_stopping = true;
    for (size_t i = 0; i < subscriber->count; i++) {
        struct subscription *one = &subscriber->subscriptions[i];
        follow_stop(one->follow);
        hub_leave(one->listener);
        one->follow = NULL;
        one->listener = NULL;
        loop_timer_clear(one->timer);
        forget_waiting(one);
    }
}

bool subscriber_is_idle(const struct subscriber *subscriber)
{
    if (subscriber->is_reading || subscriber->moves > 0)
        return false;
    for (size_t i = 0; i < subscriber->count; i++) {
        const struct subscription *one = &subscriber->subscriptions[i];
        if (one->is_calling || one->cursor_kept.is_busy || one->parked_kept.is_busy)
            return false;
    }
    return true;
}

void subscriber_destroy(struct subscriber *subscriber)
{
    if (subscriber == NULL)
        return;
    subscriber_stop(subscriber);
    for (size_t i = 0; i < subscriber->count; i++) {
        struct subscription *one = &subscriber->subscriptions[i];
        loop_timer_destroy(one->timer);
        free(one->in_hand);
        subscriber_kept_finish(&one->cursor_kept);
        subscriber_kept_finish(&one->parked_kept);
        free(one->pattern);
        free(one->sender);
    }
    free(subscriber);
}

uint32_t subscriber_hops(const struct subscriber *subscriber)
{
    uint32_t hops = 0;

    for (size_t i = 0; subscriber != NULL && i < subscriber->count; i++) {
        const struct subscription *one = &subscriber->subscriptions[i];
        if (one->is_calling && one->in_hand->signal.hops + 1 > hops)
            hops = one->in_hand->signal.hops + 1;
    }
    return hops;
}

/* ---- looking ---- */

size_t subscriber_count(const struct subscriber *subscriber)
{
    return subscriber != NULL ? subscriber->count : 0;
}

void subscriber_at(const struct subscriber *subscriber, size_t index,
                   struct subscription_figures *out)
{
    const struct subscription *one = &subscriber->subscriptions[index];

    *out = (struct subscription_figures){
        .pattern = str_of(one->pattern),
        .sender = str_of(one->sender),
        .is_durable = one->is_durable,
        .state = "starting",
    };
    if (subscriber->is_reading) /* the reader's thread has the rest */
        return;
    *out = (struct subscription_figures){
        .pattern = out->pattern,
        .sender = out->sender,
        .is_durable = out->is_durable,
        .state = subscriber->is_stopping                        ? "stopping"
                 : one->is_calling                              ? "handling"
                 : one->in_hand != NULL                         ? "retrying"
                 : one->follow != NULL || one->listener != NULL ? "listening"
                                                                : "starting",
        .cursor = one->cursor,
        .handled = one->handled,
        .failed = one->failed,
        .dropped = one->dropped,
        .parked = one->parked,
        .last_error = one->last_error[0] != '\0' ? one->last_error : NULL,
        .parked_json = subscriber_kept_array(&one->parked_kept),
        .parked_now = subscriber_kept_count(&one->parked_kept),
    };
}

/* SPDX-License-Identifier: Apache-2.0
 * Parked signals: those that a durable subscription's handler did not take, listed, given to it
 * again, given up. */
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/secret.h"
#include "signals/subscriber.h"

#include <stdlib.h>

/* ---- list ---- */

static void put_parked(struct buf *out, const char *integration,
                       const struct subscriber *subscriber, size_t index)
{
    static const char *const names[] = {"seq"};
    struct subscription_figures figures;
    _buf_ struct buf masked = {0};
    struct str object;
    struct str seq;
    int64_t number;

    subscriber_at(subscriber, index, &figures);
    secret_mask(figures.parked_json, &masked);
    struct json_records items = {.rest = buf_str(&masked)};
    while (masked.len > 0 && json_records_next(&items, names, 1, &object, &seq, NULL) > 0) {
        if (str_to_i64(seq, &number) < 0 || object.len < 2)
            continue;
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "integration", str_of(integration));
        json_put_member(out, "pattern", figures.pattern);
        if (figures.sender.len > 0)
            json_put_member(out, "from", figures.sender);
        api_put_bool(out, "under_way",
                     subscriber_is_under_way(subscriber, index, (uint64_t)number));
        buf_putc(out, ',');
        buf_add(out, object.ptr + 1, object.len - 1);
    }
}

void api_parked_list(struct api_call *call)
{
    _buf_ struct buf wanted = {0};
    struct buf body = {0};
    bool is_one = http_exchange_argument(call->exchange, "integration", &wanted) && wanted.len > 0;
    struct engine_integration integration;

    if (is_one && !api_may_or_reply(call, API_READ, buf_str(&wanted)))
        return;
    if (is_one && !engine_integration_find(call->engine, wanted.ptr, &integration)) {
        api_reply_no_integration(call, wanted.ptr);
        return;
    }
    buf_puts(&body, "{\"items\":[");
    for (size_t i = 0; i < engine_integration_count(call->engine); i++) {
        engine_integration_at(call->engine, i, &integration);
        if (is_one ? !str_is(buf_str(&wanted), integration.name)
                   : !api_may(call, API_READ, str_of(integration.name)))
            continue;
        for (size_t n = 0; n < subscriber_count(integration.signals); n++)
            put_parked(&body, integration.name, integration.signals, n);
    }
    buf_puts(&body, "]}\n");
    api_reply_json(call, 200, &body);
}

/* ---- a body ---- */

enum { NUMBERS_MAX = 1600 }; /* as many as an integration can have */

struct choice {
    uint64_t *seqs;
    size_t count;
    bool is_all;
};

static void choice_finish(struct choice *choice)
{
    free(choice->seqs);
}
#define _choice_ __attribute__((cleanup(choice_finish)))

static int read_numbers(struct choice *choice, struct str array, struct err *err)
{
    struct str rest = array;
    struct str value;
    int64_t number;

    choice->count = 0;
    free(choice->seqs);
    choice->seqs = json_kind_of(array) == JSON_ARRAY ? calloc(NUMBERS_MAX, sizeof(uint64_t)) : NULL;
    if (json_kind_of(array) == JSON_ARRAY && choice->seqs == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    while (choice->seqs != NULL && json_next_element(&rest, &value)) {
        if (str_to_i64(value, &number) < 0 || number < 1)
            return err_set(err, E_USAGE, "numbers: %.*s is no signal's number",
                           value.len > 40 ? 40 : (int)value.len, value.ptr);
        if (choice->count < NUMBERS_MAX)
            choice->seqs[choice->count] = (uint64_t)number;
        choice->count++;
    }
    if (choice->count > 0 && choice->count <= NUMBERS_MAX)
        return 0;
    return err_set(err, E_USAGE, "numbers: a list of 1 to %d signals' numbers is expected",
                   (int)NUMBERS_MAX);
}

static int read_choice(struct choice *choice, struct str body, struct err *err)
{
    struct str name;
    struct str value;
    int status = json_check(body, err);

    if (status == 0 && json_kind_of(body) != JSON_OBJECT)
        status = err_set(err, E_USAGE, "expected {\"numbers\": [SEQ, ...]} or {\"all\": true}");
    while (status == 0 && json_next_member(&body, &name, &value)) {
        if (str_is(name, "numbers"))
            status = read_numbers(choice, value, err);
        else if (str_is(name, "all") &&
                 (json_kind_of(value) == JSON_TRUE || json_kind_of(value) == JSON_FALSE))
            choice->is_all = json_kind_of(value) == JSON_TRUE;
        else
            status = err_set(err, E_USAGE,
                             "'%.*s' is no member of this request, or of another type; it takes "
                             "numbers (a list) or all (true)",
                             name.len > 64 ? 64 : (int)name.len, name.ptr);
    }
    if (status == 0 && choice->is_all == (choice->count > 0))
        status = err_set(err, E_USAGE, "Which ones? Either \"numbers\", or \"all\": true.");
    return status;
}

/* ---- again, and given up ---- */

static void on_moved(void *user, const struct parked_result *result)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (result->status < 0) {
        api_reply_error(call, result->status, result->err);
        return;
    }
    buf_putc(&body, '{');
    json_put_int(&body, "matched", (int64_t)result->matched);
    json_put_int(&body, "moved", (int64_t)result->moved);
    buf_puts(&body, ",\"not_moved\":{");
    for (int i = 0; i < PARKED_REFUSALS; i++)
        if (result->refused[i] > 0)
            json_put_int(&body, parked_refusal_name((enum parked_refusal)i),
                         (int64_t)result->refused[i]);
    buf_puts(&body, "}}\n");
    api_reply_json(call, 200, &body);
}

static void move(struct api_call *call,
                 void (*begin)(struct subscriber *subscriber, const struct parked_choice *choice,
                               parked_fn done, void *user))
{
    const char *name = buf_str(&call->id).ptr;
    struct engine_integration integration;
    _choice_ struct choice choice = {0};
    struct err err = {0};
    int status = read_choice(&choice, str_trim(http_exchange_body(call->exchange)), &err);
    struct subscriber *subscriber = engine_subscriber(call->engine, name);

    if (!engine_integration_find(call->engine, name, &integration))
        api_reply_no_integration(call, name);
    else if (status < 0)
        api_reply_error(call, status, &err);
    else if (subscriber == NULL && !integration.is_well)
        api_reply_not_open(call, &integration, "its parked signals can be moved");
    else if (subscriber == NULL)
        api_reply_problem(call, 409, "refused", "Integration '%s' subscribes to no signals.", name);
    else
        begin(subscriber, &(struct parked_choice){choice.seqs, choice.count}, on_moved, call);
}

void api_parked_retry(struct api_call *call)
{
    move(call, subscriber_retry);
}

void api_parked_discard(struct api_call *call)
{
    move(call, subscriber_discard);
}

/* SPDX-License-Identifier: Apache-2.0
 * Signals over REST: listed, published, asked for an answer, answered. Those that listen live are
 * in api_listen.c. */
#include "api/api_handlers.h"
#include "api/api_rows.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/pattern.h"
#include "signals/hub.h"

#include <errno.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 5000 };

void api_put_signal(struct buf *out, const struct store_signal *signal)
{
    if (signal->seq > 0)
        json_put_int(out, "seq", (int64_t)signal->seq);
    json_put_member(out, "type", signal->name);
    json_put_member(out, "sender", signal->sender);
    if (signal->entity.len > 0)
        json_put_member(out, "entity", signal->entity);
    if (signal->type.len > 0)
        json_put_member(out, "entity_type", signal->type);
    if (signal->version > 0)
        json_put_int(out, "version", (int64_t)signal->version);
    api_put_time(out, "at", signal->at_ms);
    if (signal->data.len > 0)
        json_put_raw(out, "data", signal->data);
}

/* ---- list ---- */

static void put_row(struct buf *out, const struct store_row *row)
{
    const struct store_signal signal = hub_signal_of(row);

    api_put_signal(out, &signal);
}

static uint64_t key_of_signal(const struct store_row *row)
{
    return row->seq;
}

/* [pool] */
static bool is_wanted(const struct api_rows *rows, const struct store_row *row)
{
    return (rows->type.len == 0 || pattern_matches(buf_str(&rows->type), row->name)) &&
           (rows->other.len == 0 || str_is(row->sender, rows->other.ptr)) &&
           row->created_ms >= rows->query.filter.since_ms;
}

bool api_signal_filter(struct api_call *call, struct buf *out_pattern, struct buf *out_sender,
                       int64_t *out_since_ms)
{
    _buf_ struct buf since = {0};
    struct err err = {0};
    int status = 0;

    *out_since_ms = 0;
    if (http_exchange_argument(call->exchange, "type", out_pattern) && out_pattern->len > 0)
        status = pattern_check(buf_str(out_pattern), &err);
    if (status == 0 && http_exchange_argument(call->exchange, "sender", out_sender) &&
        out_sender->len > 0)
        status = pattern_check_name(buf_str(out_sender), "the sender", &err);
    if (status == 0 && http_exchange_argument(call->exchange, "since", &since) && since.len > 0)
        status = api_read_past("since", buf_str(&since), out_since_ms, &err);
    if (status < 0)
        api_reply_error(call, status, &err);
    return status == 0;
}

void api_signals_list(struct api_call *call)
{
    struct api_rows *rows = api_rows_create(call, QUERY_SIGNALS);

    if (rows == NULL)
        return;
    if (!api_signal_filter(call, &rows->type, &rows->other, &rows->query.filter.since_ms)) {
        api_rows_destroy(rows);
        return;
    }
    rows->put = put_row;
    rows->key = key_of_signal;
    if (rows->type.len > 0 || rows->other.len > 0)
        rows->wants = is_wanted;
    api_rows_send(rows);
}

/* ---- bodies ---- */

enum { MEMBER_TYPE, MEMBER_SENDER, MEMBER_DATA, MEMBER_TIMEOUT, MEMBER_REQUEST, MEMBERS };
static const char *const members[MEMBERS] = {"type", "sender", "data", "timeout", "request"};

struct signal_body {
    struct buf texts[MEMBERS]; /* data as it stands, the others without their quotes */
};

static void body_finish(struct signal_body *body)
{
    for (int i = 0; i < MEMBERS; i++)
        buf_finish(&body->texts[i]);
}
#define _body_ __attribute__((cleanup(body_finish)))

static int take_member(struct signal_body *body, struct str name, struct str value, unsigned taken,
                       const char *known, struct err *err)
{
    for (int i = 0; i < MEMBERS; i++) {
        struct buf *text = &body->texts[i];
        bool is_number = i == MEMBER_REQUEST;
        if ((taken & 1u << i) == 0 || !str_is(name, members[i]))
            continue;
        buf_clear(text); /* the last one counts */
        if (i != MEMBER_DATA && json_kind_of(value) != (is_number ? JSON_NUMBER : JSON_STRING))
            return err_set(err, E_USAGE, "\"%s\" is to be a %s", members[i],
                           is_number ? "number" : "text");
        if (i == MEMBER_DATA || is_number)
            buf_add_str(text, value);
        else
            json_unquote(value, text);
        if (text->len == 0 && !text->failed)
            return err_set(err, E_USAGE, "\"%s\": " API_EMPTY, members[i]);
        return text->failed ? -ENOMEM : 0;
    }
    return err_set(err, E_USAGE, "'%.*s' is no member of this request; it takes %s",
                   name.len > 64 ? 64 : (int)name.len, name.ptr, known);
}

/* False: the call has been answered. */
static bool read_body(struct api_call *call, unsigned taken, const char *known,
                      struct signal_body *out)
{
    struct str body = str_trim(http_exchange_body(call->exchange));
    struct err err = {0};
    struct str name;
    struct str value;
    int status = json_check(body, &err);

    if (status == 0 && json_kind_of(body) != JSON_OBJECT)
        status = err_set(&err, E_USAGE, "expected a JSON object with %s", known);
    while (status == 0 && json_next_member(&body, &name, &value))
        status = take_member(out, name, value, taken, known, &err);
    if (status < 0)
        api_reply_error(call, status, &err);
    return status == 0;
}

static struct store_own_signal signal_of(const struct signal_body *body)
{
    return (struct store_own_signal){
        .name = buf_str(&body->texts[MEMBER_TYPE]),
        .sender =
            body->texts[MEMBER_SENDER].len > 0 ? buf_str(&body->texts[MEMBER_SENDER]) : STR("api"),
        .data = buf_str(&body->texts[MEMBER_DATA]),
    };
}

/* ---- publish ---- */

static void on_published(void *user, int status, const struct err *err, uint64_t seq)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (status < 0) {
        api_reply_error(call, status, err);
        return;
    }
    buf_putc(&body, '{');
    json_put_int(&body, "seq", (int64_t)seq);
    buf_puts(&body, "}\n");
    api_reply_json(call, 201, &body);
}

void api_signals_post(struct api_call *call)
{
    _body_ struct signal_body body = {0};

    if (!read_body(call, 1u << MEMBER_TYPE | 1u << MEMBER_SENDER | 1u << MEMBER_DATA,
                   "type, sender, data", &body))
        return;
    const struct store_own_signal signal = signal_of(&body);
    hub_publish(engine_hub(call->engine), &signal, on_published, call);
}

/* ---- request and reply ---- */

static void on_answer(void *user, const struct hub_answer *answer)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (answer->status == E_NOT_FOUND) {
        api_reply_problem(call, 404, "no_subscriber", "%s", answer->err->text);
    } else if (answer->status == -ETIMEDOUT) {
        api_reply_problem(call, 504, "timeout", "%s", answer->err->text);
    } else if (answer->status == E_UNREACHABLE) {
        api_reply_problem(call, 502, "declined", "%s", answer->err->text);
    } else if (answer->status < 0) {
        api_reply_error(call, answer->status, answer->err);
    } else {
        buf_putc(&body, '{');
        json_put_member(&body, "sender", answer->sender);
        json_put_raw(&body, "data", answer->data.len > 0 ? answer->data : STR("null"));
        buf_puts(&body, "}\n");
        api_reply_json(call, 200, &body);
    }
}

void api_signals_request(struct api_call *call)
{
    _body_ struct signal_body body = {0};
    int64_t timeout_ms = TIMEOUT_MS;

    if (!read_body(call,
                   1u << MEMBER_TYPE | 1u << MEMBER_SENDER | 1u << MEMBER_DATA |
                       1u << MEMBER_TIMEOUT,
                   "type, sender, data, timeout", &body))
        return;
    struct str timeout = buf_str(&body.texts[MEMBER_TIMEOUT]);
    if (timeout.len > 0 && clock_parse_duration(timeout, &timeout_ms) < 0) {
        api_reply_problem(call, 400, "bad_request",
                          "timeout: '%.*s' is not a duration such as 500ms, 2s or 1m.",
                          STR_ARG(timeout));
        return;
    }
    const struct store_own_signal signal = signal_of(&body);
    (void)hub_ask(engine_hub(call->engine), &signal, timeout_ms, on_answer, call);
}

void api_signals_reply(struct api_call *call)
{
    _body_ struct signal_body body = {0};
    struct buf done = {0};
    struct err err = {0};
    int64_t number = 0;

    if (!read_body(call, 1u << MEMBER_REQUEST | 1u << MEMBER_SENDER | 1u << MEMBER_DATA,
                   "request, sender, data", &body))
        return;
    const struct store_own_signal answer = signal_of(&body);
    int status = str_to_i64(buf_str(&body.texts[MEMBER_REQUEST]), &number);
    if (status < 0 || number < 1)
        status =
            err_set(&err, E_USAGE, "\"request\" is to be the number that came with the request");
    if (status == 0)
        status = pattern_check_name(answer.sender, "the sender", &err);
    if (status == 0)
        status =
            hub_reply(engine_hub(call->engine), (uint64_t)number, answer.sender, answer.data, &err);
    if (status < 0) {
        api_reply_error(call, status, &err);
        return;
    }
    buf_puts(&done, "{\"answered\":true}\n");
    api_reply_json(call, 200, &done);
}

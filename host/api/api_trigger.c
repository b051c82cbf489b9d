/* SPDX-License-Identifier: Apache-2.0
 * Submitting by hand, and looking at what would be sent. */
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

/* The texts are borrowed by the engine until it is done. */
struct trigger {
    struct api_call *call;
    struct buf selector, entity;
    bool is_dry_run;
};

static void trigger_destroy(struct trigger *trigger)
{
    buf_finish(&trigger->selector);
    buf_finish(&trigger->entity);
    free(trigger);
}
DEFINE_GUARD(trigger, struct trigger *, trigger_destroy);

static void on_submitted(void *user, const struct engine_submit_result *result)
{
    struct trigger *trigger = user;
    struct api_call *call = trigger->call;
    struct buf body = {0};

    if (result->status < 0) {
        api_reply_error(call, result->status, result->err);
    } else {
        buf_putc(&body, '{');
        json_put_member(&body, "integration", buf_str(&call->id));
        json_put_int(&body, "queued", (int64_t)result->count);
        api_put_bool(&body, "rewinds", result->rewinds);
        buf_puts(&body, "}\n");
        api_reply_json(call, 202, &body);
    }
    trigger_destroy(trigger);
}

static void on_dry_run(void *user, int status, const struct err *err, struct str json)
{
    struct trigger *trigger = user;
    struct buf body = {0};

    if (status < 0) {
        api_reply_error(trigger->call, status, err);
    } else {
        buf_add_str(&body, json);
        buf_putc(&body, '\n');
        api_reply_json(trigger->call, 200, &body);
    }
    trigger_destroy(trigger);
}

static bool text_member(struct str value, struct buf *out)
{
    if (value.len == 0 || json_kind_of(value) == JSON_NULL)
        return true;
    if (json_kind_of(value) != JSON_STRING)
        return false;
    json_unquote(value, out);
    return true;
}

/* Neither means all that was not submitted yet, which nobody means who gave an empty one. */
static bool is_empty(struct str value)
{
    return str_is(value, "\"\"");
}

/* False: the body is not what a trigger takes, and the sentence says why. */
static bool read_body(struct trigger *trigger, struct str body, struct err *err)
{
    static const char *const names[] = {"selector", "entity", "dry_run"};
    struct str values[3] = {0};

    body = str_trim(body);
    if (body.len == 0)
        return true;
    if (json_check(body, err) < 0)
        return false;
    bool is_object = json_pick(body, names, 3, values) >= 0;
    bool is_flag = values[2].len == 0 || json_kind_of(values[2]) == JSON_TRUE ||
                   json_kind_of(values[2]) == JSON_FALSE;
    if (!is_object || !is_flag || !text_member(values[0], &trigger->selector) ||
        !text_member(values[1], &trigger->entity))
        return err_set(err, E_USAGE,
                       "A trigger is {\"selector\": NAME or \"entity\": ID, \"dry_run\": true or "
                       "false}.") == 0;
    for (size_t i = 0; i < 2; i++)
        if (is_empty(values[i]))
            return err_set(err, E_USAGE, "%s: " API_EMPTY ".", names[i]) == 0;
    trigger->is_dry_run = values[2].len > 0 && json_kind_of(values[2]) == JSON_TRUE;
    return true;
}

void api_integration_trigger(struct api_call *call)
{
    struct err err = {0};
    struct engine_integration integration;
    const char *name = buf_str(&call->id).ptr;

    _guard_(trigger) struct trigger *trigger = calloc(1, sizeof(*trigger));
    if (trigger == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    trigger->call = call;
    if (!read_body(trigger, http_exchange_body(call->exchange), &err)) {
        api_reply_error(call, err.code, &err);
        return;
    }
    if (!engine_integration_find(call->engine, name, &integration)) {
        api_reply_no_integration(call, name);
        return;
    }
    if (trigger->is_dry_run && trigger->entity.len == 0) {
        api_reply_problem(call, 400, "bad_request",
                          "A dry run wants an entity: {\"entity\": ID, \"dry_run\": true}.");
        return;
    }
    struct str entity = buf_str(&trigger->entity);
    struct str selector = buf_str(&trigger->selector);
    bool is_dry_run = trigger->is_dry_run;
    struct trigger *mine = steal(trigger);
    if (is_dry_run)
        engine_dry_run(call->engine, name, entity, on_dry_run, mine);
    else
        engine_submit(call->engine, name, entity, selector, on_submitted, mine);
}

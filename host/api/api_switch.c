/* SPDX-License-Identifier: Apache-2.0
 * Integrations on and off: by hand, or in their ini. The answer is the integration as it is then.
 */
#include "api/api_handlers.h"
#include "api/api_routes.h"
#include "base/cleanup.h"
#include "base/json.h"

/* At which step it failed, when it did. */
static void tell_step(void *user, const struct engine_test_result *result)
{
    struct api_call *call = user;
    size_t last = result->count > 0 ? result->count - 1 : 0;

    if (result->status < 0)
        api_reply_error(call, result->status, result->err);
    else
        api_reply_problem(call, 409, "refused", "Step '%s' failed: %s",
                          result->failed != NULL ? result->failed : "activate",
                          result->count > 0 ? result->steps[last].words : "no step was taken");
}

static bool has_failed(const struct api_call *call)
{
    struct engine_integration integration;

    return engine_integration_find(call->engine, buf_str(&call->id).ptr, &integration) &&
           strcmp(integration.state, "failed") == 0;
}

static void on_switched(void *user, int status, const struct err *err)
{
    struct api_call *call = user;

    if (api_reply_if_over(call))
        return;
    if (status == E_NOT_FOUND)
        api_reply_no_integration(call, buf_str(&call->id).ptr);
    else if (status == E_REFUSED && has_failed(call))
        engine_test(call->engine, buf_str(&call->id).ptr, tell_step, call);
    else if (status < 0)
        api_reply_error(call, status, err);
    else if (call->route->handler == api_integration_activate)
        api_reply_tested(call);
    else
        api_integration_get(call);
}

/* {"by": NAME}, or nothing. False: the call is answered. */
static bool read_by(struct api_call *call, struct buf *out)
{
    static const char *const names[] = {"by"};
    struct str body = str_trim(http_exchange_body(call->exchange));
    struct str value = STR_NONE;
    struct err err = {0};

    if (body.len > 0 && (json_check(body, &err) < 0 || json_pick(body, names, 1, &value) < 0 ||
                         (value.len > 0 && json_kind_of(value) != JSON_STRING))) {
        api_reply_problem(call, 400, "bad_request",
                          "Expected {\"by\": NAME}, who does this, or an empty body.");
        return false;
    }
    if (value.len > 0)
        json_unquote(value, out);
    if (out->len == 0)
        buf_puts(out, api_peer_name(&call->peer));
    return true;
}

static void activate(struct api_call *call, bool is_active)
{
    _buf_ struct buf by = {0};

    if (read_by(call, &by))
        engine_activate(call->engine, buf_str(&call->id).ptr, is_active, buf_str(&by), on_switched,
                        call);
}

void api_integration_activate(struct api_call *call)
{
    activate(call, true);
}

void api_integration_deactivate(struct api_call *call)
{
    activate(call, false);
}

void api_integration_enable(struct api_call *call)
{
    engine_enable(call->engine, buf_str(&call->id).ptr, true, on_switched, call);
}

void api_integration_disable(struct api_call *call)
{
    engine_enable(call->engine, buf_str(&call->id).ptr, false, on_switched, call);
}

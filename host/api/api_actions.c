/* SPDX-License-Identifier: Apache-2.0
 * Calling actions. The answer is {"result": ...}, or a problem whose code is the error class. */
#include "api/api_handlers.h"
#include "api/api_items.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "rules/judge.h"

#include <tenon/tenon.h>

/* Who failed, in HTTP's words: the caller's arguments 4xx, the far side 502, us 503. */
static const int statuses[] = {
    [-TENON_E_CONNECTION] = 502,   [-TENON_E_AUTH] = 502,    [-TENON_E_VALIDATION] = 422,
    [-TENON_E_RATE_LIMITED] = 429, [-TENON_E_SERVER] = 502,  [-TENON_E_PERMANENT] = 422,
    [-TENON_E_CANCELLED] = 503,    [-TENON_E_UNKNOWN] = 502, [-TENON_E_NO_MEMORY] = 503,
    [-TENON_E_UNSUPPORTED] = 501,
};

int api_status_of_reply(const struct plugin_reply *reply)
{
    bool is_class = reply->error_class < 0 && reply->error_class >= TENON_E_UNSUPPORTED;

    if (reply->status == PLUGIN_TIMED_OUT)
        return 504;
    if (reply->status == PLUGIN_UNAVAILABLE || reply->status == PLUGIN_STOPPED)
        return 503;
    return reply->status == PLUGIN_FAILED && is_class ? statuses[-reply->error_class] : 502;
}

void api_reply_failed(struct api_call *call, const struct plugin_reply *reply)
{
    char headers[48] = "";

    if (reply->retry_after_ms > 0)
        (void)snprintf(headers, sizeof(headers), "Retry-After: %u\r\n",
                       (reply->retry_after_ms + 999) / 1000);
    api_reply_problem_with(call, api_status_of_reply(reply), judge_class_name(reply->error_class),
                           headers[0] != '\0' ? headers : NULL, "%s", reply->words);
}

void api_reply_not_open(struct api_call *call, const struct engine_integration *integration,
                        const char *what)
{
    api_reply_problem(call, 503, judge_class_name(TENON_E_CONNECTION),
                      "Integration '%s' is %s%s%s; %s once it is active.", integration->name,
                      integration->state, integration->words != NULL ? ": " : "",
                      integration->words != NULL ? integration->words : "", what);
}

static void on_reply(void *user, struct plugin_reply *reply)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (reply->status != PLUGIN_OK) {
        api_reply_failed(call, reply);
        return;
    }
    buf_putc(&body, '{');
    json_put_raw(&body, "result", reply->result);
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

void api_action_call(struct api_call *call)
{
    const struct plugin_action *action;
    const char *name = buf_str(&call->id).ptr;
    _buf_ struct buf words = {0};

    enum engine_found found =
        engine_action_find(call->engine, name, buf_str(&call->name), &action, &words);
    /* The route lets anybody known in, since what an action wants stands in its declaration. */
    if (!api_may_or_reply(call, found == ENGINE_FOUND ? api_action_scope(action) : API_SUBMIT,
                          buf_str(&call->id)))
        return;
    switch (found) {
    case ENGINE_NO_INTEGRATION:
        api_reply_no_integration(call, name);
        break;
    case ENGINE_NO_ACTION:
        api_reply_problem(call, 404, "not_found", "%s", buf_str(&words).ptr);
        break;
    case ENGINE_NOT_OPEN:
        api_reply_problem(call, 503, judge_class_name(TENON_E_CONNECTION), "%s",
                          buf_str(&words).ptr);
        break;
    case ENGINE_FOUND:
        (void)engine_action(call->engine, name, buf_str(&call->name),
                            http_exchange_body(call->exchange), on_reply,
                            call); /* it is open: it was found */
    }
}

static void put_actions(struct buf *out, const struct engine *engine, const char *integration)
{
    size_t count;
    const struct plugin_action *actions = engine_actions(engine, integration, &count);

    for (size_t i = 0; i < count; i++) {
        api_put_comma(out);
        api_put_action(out, integration, &actions[i]);
    }
}

void api_actions_list(struct api_call *call)
{
    api_items_of_all(call, put_actions);
}

void api_integration_actions(struct api_call *call)
{
    api_items_of_one(call, put_actions);
}

/* SPDX-License-Identifier: Apache-2.0
 * POST /hooks/{id}: nobody is asked for a token here, the sender's signature is the ticket. */
#include "api/api_handlers.h"
#include "base/json.h"
#include "base/trace.h"
#include "engine/hook.h"

/* Senders call again after a 5xx, most also after a 4xx; after a 2xx never. */
static const int statuses[] = {
    [HOOK_END_UNSIGNED] = 401,   [HOOK_END_FORGED] = 401,      [HOOK_END_STALE] = 401,
    [HOOK_END_TOO_LARGE] = 413,  [HOOK_END_BAD_CONTENT] = 415, [HOOK_END_UNREADABLE] = 400,
    [HOOK_END_NOT_MAPPED] = 422, [HOOK_END_CLOSED] = 503,      [HOOK_END_UNKNOWN] = 404,
};

static void reply_refused(struct api_call *call, const struct hook_result *result)
{
    struct err err = {0};

    if (result->end == HOOK_END_FAILED && result->status != E_REFUSED) {
        api_reply_error(call, err_set(&err, result->status, "%s", result->words), &err);
        return;
    }
    int status = result->end == HOOK_END_FAILED ? 503 : statuses[result->end];
    api_reply_problem_with(call, status, hook_end_name(result->end),
                           status == 503 ? "Retry-After: 10\r\n" : NULL, "%s", result->words);
}

static void reply_taken(struct api_call *call, const struct hook_result *result)
{
    struct buf body = {0};

    if (result->scheme->answer != NULL) {
        buf_puts(&body, result->scheme->answer);
        api_reply(call, 200, result->scheme->answer_type, NULL, &body);
        return;
    }
    buf_putc(&body, '{');
    json_put_member(&body, "outcome", str_of(hook_end_name(result->end)));
    if (result->intake != NULL) {
        json_put_int(&body, "created", (int64_t)result->intake->created);
        json_put_int(&body, "updated", (int64_t)result->intake->updated);
        json_put_int(&body, "unchanged", (int64_t)result->intake->unchanged);
    }
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

static void on_end(void *user, const struct hook_result *result)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (result->end == HOOK_END_CHALLENGED) {
        buf_add_str(&body, result->challenge);
        api_reply(call, 200, "text/plain", NULL, &body);
    } else if (result->end == HOOK_END_STORED || result->end == HOOK_END_DUPLICATE) {
        reply_taken(call, result);
    } else {
        reply_refused(call, result);
    }
}

/* Where it is, how it is signed, and what came so far. */
void api_put_hook(struct buf *out, const struct engine_integration *integration)
{
    const struct hook_figures *figures = integration->hook;
    _buf_ struct buf path = {0};

    if (figures == NULL)
        return;
    buf_printf(&path, "/hooks/%s", integration->name);
    api_put_comma(out);
    buf_puts(out, "\"hook\":{");
    json_put_member(out, "path", buf_str(&path));
    if (config_is_set(integration->file, "hook", "url"))
        json_put_member(out, "url", str_of(config_text(integration->file, "hook", "url")));
    json_put_member(out, "scheme", str_of(config_text(integration->file, "hook", "scheme")));
    buf_puts(out, ",\"since_start\":{");
    for (int end = 0; end < HOOK_ENDS; end++)
        json_put_int(out, hook_end_name((enum hook_end)end), (int64_t)figures->ends[end]);
    buf_putc(out, '}');
    json_put_int(out, "entities", (int64_t)figures->entities);
    api_put_time(out, "last_at", figures->last_ms);
    api_put_masked(out, "refused", str_of(figures->refused));
    api_put_time(out, "refused_at", figures->refused_ms);
    buf_putc(out, '}');
}

void api_hook_post(struct api_call *call)
{
    const struct hook_request request = {
        .body = http_exchange_body(call->exchange),
        .query = http_exchange_query(call->exchange),
        .headers = http_exchange_headers(call->exchange),
        .trace = api_call_trace(call),
    };

    hook_take(call->engine, buf_str(&call->id).ptr, &request, on_end, call);
}

/* SPDX-License-Identifier: Apache-2.0
 * The steps on an integration's way to its destination, as an answer. */
#include "api/api_figures.h"
#include "api/api_handlers.h"
#include "base/json.h"

static void put_steps(struct buf *out, const struct engine_test_result *result)
{
    buf_puts(out, ",\"steps\":[");
    for (size_t i = 0; i < result->count; i++) {
        const struct engine_step *step = &result->steps[i];

        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "step", str_of(step->name));
        api_put_bool(out, "ok", step->is_well);
        api_put_masked(out, "words", str_of(step->words));
        if (step->duration_us > 0) {
            api_put_comma(out);
            buf_printf(out, "\"duration_ms\":%.3f", (double)step->duration_us / 1000.0);
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
    if (result->failed != NULL)
        json_put_member(out, "failed_step", str_of(result->failed));
}

/* False: answered. */
static bool is_usable(struct api_call *call, const struct engine_test_result *result)
{
    if (result->status == E_NOT_FOUND)
        api_reply_no_integration(call, buf_str(&call->id).ptr);
    else if (result->status < 0)
        api_reply_error(call, result->status, result->err);
    return result->status == 0;
}

static void on_tested(void *user, const struct engine_test_result *result)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (!is_usable(call, result))
        return;
    buf_putc(&body, '{');
    json_put_member(&body, "name", buf_str(&call->id));
    api_put_bool(&body, "ok", result->failed == NULL);
    put_steps(&body, result);
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

void api_integration_test(struct api_call *call)
{
    if (api_take_place_or_reply(call, API_PLACE_TEST))
        engine_test(call->engine, buf_str(&call->id).ptr, on_tested, call);
}

static void on_tested_too(void *user, const struct engine_test_result *result)
{
    struct api_call *call = user;

    if (!is_usable(call, result))
        return;
    put_steps(&call->more, result);
    api_integration_get(call);
}

void api_reply_tested(struct api_call *call)
{
    engine_test(call->engine, buf_str(&call->id).ptr, on_tested_too, call);
}

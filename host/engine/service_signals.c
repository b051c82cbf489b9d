/* SPDX-License-Identifier: Apache-2.0
 * tenon.signals/1: plugin code publishes signals, asks others and answers, under its integration's
 * name. What it publishes in the course of on_signal carries the hops of the signal in hand. */
#include "base/json.h"
#include "engine/lane.h"
#include "engine/service.h"
#include "signals/hub.h"
#include "signals/subscriber.h"

#include <errno.h>
#include <stdlib.h>
#include <tenon/signals.h>

static int class_of(int status)
{
    switch (status) {
    case E_NOT_FOUND:
        return TENON_E_UNSUPPORTED;
    case -ETIMEDOUT:
    case E_UNREACHABLE:
    case -ENOSPC:
        return TENON_E_CONNECTION;
    case E_REFUSED:
        return TENON_E_PERMANENT;
    case E_STOPPED:
        return TENON_E_CANCELLED;
    case -EAGAIN:
        return TENON_E_RATE_LIMITED;
    case -ENOMEM:
        return TENON_E_NO_MEMORY;
    default:
        return TENON_E_VALIDATION;
    }
}

/* False: the data is no JSON, and the ask has been answered. */
static bool make_signal(struct engine *engine, struct plugin_ask *ask, struct store_own_signal *out)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    const struct lane *lane = service_lane(engine, ask);
    struct err err = {0};

    *out = (struct store_own_signal){
        .name = question->texts[0],
        .sender = str_of(question->integration),
        .data = str_trim(question->texts[1]),
        .hops = lane != NULL && question->call != 0 ? subscriber_hops(lane->signals) : 0,
    };
    if (out->data.len == 0 || json_check(out->data, &err) == 0)
        return true;
    (void)err_prefix(&err, "the signal's data is no JSON: "); /* its code is not asked for */
    plugin_ask_fail(ask, TENON_E_VALIDATION, err.text);
    return false;
}

/* ---- publish ---- */

static void on_published(void *user, int status, const struct err *err, uint64_t seq)
{
    (void)seq;
    if (status < 0)
        plugin_ask_fail(user, class_of(status), err->text);
    else
        plugin_ask_answer(user, NULL, 0);
}

static void publish(struct engine *engine, struct plugin_ask *ask)
{
    struct store_own_signal signal;

    if (make_signal(engine, ask, &signal))
        hub_publish(engine->rooms.hub, &signal, on_published, ask);
}

/* ---- request ---- */

struct asking {
    struct hub *hub;
    struct plugin_ask *ask;
    uint64_t request;
};

static void on_answer(void *user, const struct hub_answer *answer)
{
    struct asking *asking = user;

    if (answer->status < 0) {
        int code = answer->status == E_NOT_FOUND ? TENON_E_UNSUPPORTED : class_of(answer->status);
        plugin_ask_fail(asking->ask, code, answer->err->text);
    } else {
        plugin_ask_answer(asking->ask, &answer->data, 1);
    }
    free(asking);
}

/* The worker died, or the call it is asked in ran out of time. */
static void on_gone(void *user)
{
    struct asking *asking = user;

    hub_forget(asking->hub, asking->request);
    plugin_ask_fail(asking->ask, TENON_E_CANCELLED, "nobody waits any more");
    free(asking);
}

static void request(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct store_own_signal signal;
    int64_t timeout_ms = 0;

    if (!make_signal(engine, ask, &signal))
        return;
    struct asking *asking = calloc(1, sizeof *asking);
    if (asking == NULL) {
        plugin_ask_fail(ask, TENON_E_NO_MEMORY, "no memory for a request");
        return;
    }
    *asking = (struct asking){.hub = engine->rooms.hub, .ask = ask};
    if (str_to_i64(question->texts[2], &timeout_ms) < 0 || timeout_ms <= 0 ||
        timeout_ms > question->timeout_ms)
        timeout_ms = question->timeout_ms;
    if (timeout_ms > HUB_TIMEOUT_MAX_MS)
        timeout_ms = HUB_TIMEOUT_MAX_MS;
    uint64_t number = hub_ask(engine->rooms.hub, &signal, timeout_ms, on_answer, asking);
    if (number == 0)
        return; /* it is over, and asking is gone */
    asking->request = number;
    plugin_ask_on_gone(ask, on_gone, asking);
}

/* ---- reply ---- */

static void reply(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct err err = {0};
    int64_t number = 0;
    int status = str_to_i64(question->texts[0], &number);

    if (status == 0)
        status = hub_reply(engine->rooms.hub, (uint64_t)number, str_of(question->integration),
                           str_trim(question->texts[1]), &err);
    if (status == 0)
        plugin_ask_answer(ask, NULL, 0);
    else
        plugin_ask_fail(ask, status == E_NOT_FOUND ? TENON_E_PERMANENT : class_of(status),
                        err.text[0] != '\0' ? err.text : "the request's number is none");
}

void service_signals(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);

    if (str_is(question->function, "publish") && question->text_count == 2)
        publish(engine, ask);
    else if (str_is(question->function, "request") && question->text_count == 3)
        request(engine, ask);
    else if (str_is(question->function, "reply") && question->text_count == 2)
        reply(engine, ask);
    else
        plugin_ask_fail(ask, TENON_E_UNSUPPORTED,
                        "tenon.signals/1 has the functions publish, request and reply");
}

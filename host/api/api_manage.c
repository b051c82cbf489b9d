/* SPDX-License-Identifier: Apache-2.0
 * What can be asked of an integration by one word: {"operation": WORD, ...}. */
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/json.h"

static void on_updated(void *user, int status, const struct err *err)
{
    struct api_call *call = user;

    if (api_reply_if_over(call))
        return;
    if (status == E_NOT_FOUND)
        api_reply_no_integration(call, buf_str(&call->id).ptr);
    else if (status < 0)
        api_reply_error(call, status, err);
    else
        api_integration_get(call);
}

static void update(struct api_call *call, struct str sections)
{
    /* Who writes an ini says where requests go and which secrets go with them. */
    if (!api_may_or_reply(call, API_MANAGE, STR_NONE))
        return;
    if (sections.len == 0)
        api_reply_problem(call, 400, "bad_request",
                          "An update is {\"operation\": \"update\", \"sections\": {\"settings\": "
                          "{KEY: VALUE}, ...}}; null takes a key away.");
    else
        engine_configure(call->engine, buf_str(&call->id).ptr, sections, on_updated, call);
}

static void sync_now(struct api_call *call, struct str sections)
{
    (void)sections; /* an update's */
    api_integration_trigger(call);
}

static void test(struct api_call *call, struct str sections)
{
    (void)sections; /* an update's */
    api_integration_test(call);
}

/* A new operation is a new row. */
static const struct {
    const char *name;
    void (*run)(struct api_call *call, struct str sections);
} operations[] = {{"sync", sync_now}, {"test", test}, {"update", update}};

void api_integration_manage(struct api_call *call)
{
    static const char *const names[] = {"operation", "sections"};
    struct str body = str_trim(http_exchange_body(call->exchange));
    struct str values[2] = {0};
    struct err err = {0};
    _buf_ struct buf word = {0};

    if (json_check(body, &err) < 0) {
        api_reply_error(call, err.code, &err);
        return;
    }
    if (json_pick(body, names, 2, values) == 0 && values[0].len > 0 &&
        json_kind_of(values[0]) == JSON_STRING)
        json_unquote(values[0], &word);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (!str_is(buf_str(&word), operations[i].name))
            continue;
        operations[i].run(call, values[1]);
        return;
    }
    api_reply_problem(call, 400, "bad_request",
                      "Expected {\"operation\": \"sync\", \"test\" or \"update\"}, got '%.40s'.",
                      buf_str(&word).ptr);
}

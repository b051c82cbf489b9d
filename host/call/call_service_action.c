/* SPDX-License-Identifier: Apache-2.0
 * tenon.action/1. Texts of the question: the name, the arguments, "read-only" or nothing; of the
 * answer: the result. */
#include "call/call_server.h"

static int32_t call(const tenon_host *host, const tenon_action_call *call, tenon_sink *result,
                    tenon_err *err)
{
    struct call_ask asked;
    struct wire_ask ask = {
        .timeout_ms = call->timeout_ms,
        .service = tenon_text(TENON_ACTION_1),
        .function = tenon_text("call"),
        .count = 3,
        .texts = {call->name, call->arguments,
                  tenon_text(call->flags & TENON_CALL_READ_ONLY ? "read-only" : "")},
    };

    int32_t code = call_service_ask(host, &ask, &asked, err);
    if (code != TENON_OK)
        return code;
    if (result != NULL)
        code = result->write(result, asked.answer.texts[0].ptr, asked.answer.texts[0].len);
    call_service_done(host, &asked);
    return code;
}

const tenon_action_service call_service_action = {sizeof(tenon_action_service), 0, call};

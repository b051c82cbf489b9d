/* SPDX-License-Identifier: Apache-2.0
 * tenon.signals/1. Texts of the questions: publish type, data; request type, data, timeout in ms,
 * answered by its data; reply the request's number, data. */
#include "call/call_server.h"

#include <stdio.h>

static int32_t publish(const tenon_host *host, tenon_str type, tenon_str data, tenon_err *err)
{
    struct call_ask asked;
    struct wire_ask ask = {
        .service = tenon_text(TENON_SIGNALS_1),
        .function = tenon_text("publish"),
        .count = 2,
        .texts = {type, data},
    };
    int32_t code = call_service_ask(host, &ask, &asked, err);

    if (code == TENON_OK)
        call_service_done(host, &asked);
    return code;
}

static int32_t request(const tenon_host *host, tenon_str type, tenon_str data, uint32_t timeout_ms,
                       tenon_sink *answer, tenon_err *err)
{
    struct call_ask asked;
    char timeout[16];
    struct wire_ask ask = {
        .service = tenon_text(TENON_SIGNALS_1),
        .function = tenon_text("request"),
        .count = 3,
        .texts = {type, data},
    };

    snprintf(timeout, sizeof timeout, "%u", timeout_ms);
    ask.texts[2] = tenon_text(timeout);
    int32_t code = call_service_ask(host, &ask, &asked, err);
    if (code != TENON_OK)
        return code;
    if (answer != NULL)
        code = answer->write(answer, asked.answer.texts[0].ptr, asked.answer.texts[0].len);
    call_service_done(host, &asked);
    return code;
}

static int32_t reply(const tenon_host *host, uint64_t number, tenon_str data, tenon_err *err)
{
    struct call_ask asked;
    char text[24];
    struct wire_ask ask = {
        .service = tenon_text(TENON_SIGNALS_1),
        .function = tenon_text("reply"),
        .count = 2,
    };

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    ask.texts[0] = tenon_text(text);
    ask.texts[1] = data;
    int32_t code = call_service_ask(host, &ask, &asked, err);
    if (code == TENON_OK)
        call_service_done(host, &asked);
    return code;
}

const tenon_signals call_service_signals = {sizeof(tenon_signals), 0, publish, request, reply};

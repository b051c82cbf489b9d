/* SPDX-License-Identifier: Apache-2.0
 * tenon.http/1. Texts of the question: method, url, headers, body; of the answer: the status in
 * decimal, headers, body. */
#include "call/call_server.h"

#include <stdlib.h>

static int32_t exchange(const tenon_host *host, const tenon_http_request *request,
                        uint32_t *out_status, tenon_sink *headers, tenon_sink *body, tenon_err *err)
{
    struct call_ask asked;
    struct wire_ask ask = {
        .timeout_ms = request->timeout_ms,
        .service = tenon_text(TENON_HTTP_1),
        .function = tenon_text("exchange"),
        .count = 4,
        .texts = {request->method, request->url, request->headers, request->body},
    };

    *out_status = 0;
    int32_t code = call_service_ask(host, &ask, &asked, err);
    if (code != TENON_OK)
        return code;
    const struct wire_answer *answer = &asked.answer;
    *out_status = (uint32_t)strtoul(answer->texts[0].ptr, NULL, 10);
    if (headers != NULL)
        code = headers->write(headers, answer->texts[1].ptr, answer->texts[1].len);
    if (body != NULL && code == TENON_OK)
        code = body->write(body, answer->texts[2].ptr, answer->texts[2].len);
    call_service_done(host, &asked);
    return code;
}

const tenon_http call_service_http = {sizeof(tenon_http), 0, exchange};

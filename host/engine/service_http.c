/* SPDX-License-Identifier: Apache-2.0
 * tenon.http/1: one exchange with the integration's destination, under the same rules as a
 * delivery's: hosts, credentials, connections, an open breaker. It is no attempt at any record, so
 * it has no idempotency key and no signature, and the gate does not learn from it. */
#include "base/clock.h"
#include "engine/lane.h"
#include "engine/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <tenon/tenon.h>

struct exchange {
    struct lane *lane;
    struct plugin_ask *ask;
    struct arena arena;
    struct http_request http;
};

static void exchange_free(struct exchange *exchange)
{
    http_request_finish(&exchange->http);
    arena_finish(&exchange->arena);
    lane_release(exchange->lane);
    free(exchange);
}

static void refuse(struct plugin_ask *ask, const struct http_request *http)
{
    int code = http->is_cancelled                ? TENON_E_CANCELLED
               : http->failure == HTTP_NO_ANSWER ? TENON_E_UNKNOWN
                                                 : TENON_E_CONNECTION;

    plugin_ask_fail(ask, code, http->error);
}

static void done(struct http_request *http)
{
    struct exchange *exchange = http->user;
    char status[16];

    outbound_mask_answer(http);
    if (http->failure != HTTP_ANSWERED) {
        refuse(exchange->ask, http);
    } else {
        snprintf(status, sizeof status, "%d", http->status);
        const struct str texts[] = {str_of(status), buf_str(&http->answer_headers),
                                    buf_str(&http->answer)};
        plugin_ask_answer(exchange->ask, texts, 3);
    }
    exchange_free(exchange);
}

static int build(struct exchange *exchange, const struct plugin_question *question, struct err *err)
{
    const struct plugin_request request = {
        .body_kind = TENON_BODY_INLINE,
        .method = question->texts[0].len > 0   ? question->texts[0]
                  : question->texts[3].len > 0 ? STR("POST")
                                               : STR("GET"),
        .url = question->texts[1],
        .headers = question->texts[2],
        .body = question->texts[3],
    };
    struct arena *arena = &exchange->arena;
    struct outbound out;

    if (outbound_build(exchange->lane->outbound, &request, NULL, NULL, arena, &out, err) < 0)
        return -1;
    if (outbound_keep(&out, arena, err) < 0) /* the question may go before it is sent */
        return -1;
    exchange->http = outbound_request(&out);
    exchange->http.keep_headers = true;
    exchange->http.is_once = true;
    exchange->http.start_by_ms = clock_due_ms() + question->timeout_ms;
    exchange->http.done = done;
    exchange->http.user = exchange;
    return 0;
}

void service_http(struct engine *engine, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);
    struct lane *lane = service_lane(engine, ask);
    struct err err = {0};

    if (!str_is(question->function, "exchange") || question->text_count != 4) {
        plugin_ask_fail(ask, TENON_E_UNSUPPORTED, "tenon.http/1 has one function, exchange");
        return;
    }
    if (lane == NULL || lane->outbound == NULL || lane->destination == NULL) {
        plugin_ask_fail(ask, TENON_E_VALIDATION,
                        "the integration has no destination over HTTP: set [integration] base_url");
        return;
    }
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        plugin_ask_fail(ask, TENON_E_NO_MEMORY, "no memory for the request");
        return;
    }
    exchange->lane = lane;
    exchange->ask = ask;
    lane_hold(lane);
    if (build(exchange, question, &err) < 0) {
        plugin_ask_fail(ask, err.code == -ENOMEM ? TENON_E_NO_MEMORY : TENON_E_VALIDATION,
                        err.text);
        exchange_free(exchange);
        return;
    }
    http_client_send(lane->destination, &exchange->http);
}

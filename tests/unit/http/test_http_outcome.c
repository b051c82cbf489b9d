/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http_transfer.h"

static void test_retry_after(void **state)
{
    const int64_t now_ms = INT64_C(784111777000); /* Sun, 06 Nov 1994 08:49:37 GMT */

    (void)state;
    assert_int_equal(http_outcome_retry_after(STR("0"), now_ms), 0);
    assert_int_equal(http_outcome_retry_after(STR(" 120 "), now_ms), 120000);
    assert_int_equal(http_outcome_retry_after(STR("Sun, 06 Nov 1994 08:49:40 GMT"), now_ms), 3000);
    assert_int_equal(http_outcome_retry_after(STR("Sun, 06 Nov 1994 08:49:30 GMT"), now_ms), 0);
    assert_int_equal(http_outcome_retry_after(STR("-5"), now_ms), -1);
    assert_int_equal(http_outcome_retry_after(STR("soon"), now_ms), -1);
    assert_int_equal(http_outcome_retry_after(STR("5 minutes"), now_ms), -1);
    assert_int_equal(http_outcome_retry_after(STR(""), now_ms), -1);
    assert_true(http_outcome_retry_after(STR("9223372036854775807"), now_ms) > 0);
}

static void expect_words(CURLcode result, const char *detail, const char *words)
{
    const struct http_destination_settings settings = {.timeout_ms = 1000};
    const struct http_loss loss = {.result = result, .was_sent = true, .detail = detail};
    struct http_request request = {.url = "http://a.example/"};

    http_outcome_fail(&request, &settings, &loss);
    assert_int_equal(request.failure, HTTP_NO_ANSWER);
    assert_string_equal(request.error, words);
}

/* A broken connection is called that; what is wrong with the answer itself is not. */
static void test_what_is_lost_is_called_what_it_is(void **state)
{
    static const char broke[] =
        "no whole answer from a.example:80: the connection broke before the whole answer came";

    (void)state;
    expect_words(CURLE_RECV_ERROR, "", broke);
    expect_words(CURLE_RECV_ERROR, "Recv failure: Connection reset by peer", broke);
    expect_words(CURLE_RECV_ERROR, "OpenSSL SSL_read: unexpected eof while reading", broke);
    expect_words(CURLE_RECV_ERROR, "Too large response headers: 307215 > 307200",
                 "no whole answer from a.example:80: Too large response headers: 307215 > 307200");
    expect_words(CURLE_RECV_ERROR, "Illegal or missing hexadecimal sequence in chunked-encoding",
                 "no whole answer from a.example:80: what came is not an HTTP answer");
    expect_words(CURLE_OUT_OF_MEMORY, "no memory for the answer",
                 "no whole answer from a.example:80: no memory for the answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_what_is_lost_is_called_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_retry_after)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

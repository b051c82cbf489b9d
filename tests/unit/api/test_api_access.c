/* SPDX-License-Identifier: Apache-2.0
 * What the port may be opened on. */
#include "api/api_access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void knows_this_machine(void **state)
{
    static const char *const ours[] = {"127.0.0.1", "127.0.0.1:8642", "[::1]:8642", "localhost",
                                       "LocalHost:1"};
    static const char *const foreign[] = {"",
                                          "0.0.0.0:8642",
                                          "127.0.0.1.evil.com",
                                          "localhost.evil.com:80",
                                          "example.org",
                                          "evil.com:127.0.0.1",
                                          "[::]:8642"};

    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(api_access_is_loopback(str_of(ours[i])));
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_false(api_access_is_loopback(str_of(foreign[i])));
}

static void listens_beyond_only_with_a_token(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(api_access_check_listen(NULL, NULL, &err), 0);
    assert_int_equal(api_access_check_listen("127.0.0.1:8642", NULL, &err), 0);
    assert_int_equal(api_access_check_listen("0.0.0.0:8642", "a-long-token", &err), 0);
    assert_int_equal(api_access_check_listen("0.0.0.0:8642", NULL, &err), E_REFUSED);
    assert_int_equal(api_access_check_listen("0.0.0.0:8642", "", &err), E_REFUSED);
    assert_non_null(strstr(err.text, "0.0.0.0:8642"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_this_machine),
        cmocka_unit_test(listens_beyond_only_with_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

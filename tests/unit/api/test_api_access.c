/* SPDX-License-Identifier: Apache-2.0
 * Which hosts are ours, and settings that cannot be meant. The rest of the door is in
 * tests/e2e/test_who_may.py, with real peers. */
#include "api/api_access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void knows_this_machine(void **state)
{
    static const char *const ours[] = {"127.0.0.1", "127.0.0.1:8642", "[::1]:8642",
                                       "localhost", "LocalHost:1",    "127.0.0.2"};
    static const char *const foreign[] = {"",
                                          "0.0.0.0:8642",
                                          "127.0.0.1.evil.com",
                                          "localhost.evil.com:80",
                                          "example.org",
                                          "evil.com:127.0.0.1",
                                          "[::]:8642",
                                          "127.0.0.1:x"};

    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(api_access_is_loopback(str_of(ours[i])));
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_false(api_access_is_loopback(str_of(foreign[i])));
}

/* DNS is not asked for an address, so no page can have one lead here. */
static void tells_an_address_from_a_name(void **state)
{
    static const char *const addresses[] = {"10.0.0.5", "10.0.0.5:8642", "[fe80::1]:80", "[::]"};
    static const char *const names[] = {
        "",       "10.0.0.5.evil.com", "evil.com:80", "[::1",       "[]",     "10.0.0",
        "0x7f.1", "10.0.0.5:x",        "::1",         "[evil.com]", "[::1]x", "1:2:3"};

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        assert_true(api_access_is_address(str_of(addresses[i])));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(api_access_is_address(str_of(names[i])));
}

static void refuses_settings_that_mean_nothing(void **state)
{
    static const struct {
        struct api_access_settings settings;
        const char *words;
    } cases[] = {
        {{.without_token = "all"}, "[api] without_token: scope 'all' is not read"},
        {{.socket_scope = "write"}, "[api] socket_scope: scope 'write' is not read"},
        {{.socket_group = "no-such-group-here"}, "there is no group 'no-such-group-here'"},
        {{.socket_users = "root, no-such-user-here"}, "there is no user 'no-such-user-here'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        assert_null(api_access_create(NULL, &cases[i].settings, &err));
        assert_non_null(strstr(err.text, cases[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_this_machine),
        cmocka_unit_test(tells_an_address_from_a_name),
        cmocka_unit_test(refuses_settings_that_mean_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

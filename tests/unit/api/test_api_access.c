/* SPDX-License-Identifier: Apache-2.0
 * Settings that cannot be meant. The rest of the door is in tests/e2e/test_who_may.py, with real
 * peers. */
#include "api/api_access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
        cmocka_unit_test(refuses_settings_that_mean_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

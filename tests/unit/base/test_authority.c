/* SPDX-License-Identifier: Apache-2.0 */
#include "base/authority.h"

#include "check.h"

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
                                          "127.0.0.1:x",
                                          "127.example.com",
                                          "127.1:80",
                                          "localhost@x"};

    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(authority_is_loopback(str_of(ours[i])));
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_false(authority_is_loopback(str_of(foreign[i])));
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
        assert_true(authority_is_address(str_of(addresses[i])));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(authority_is_address(str_of(names[i])));
}

static void gives_the_host(void **state)
{
    struct str host = STR("as it was");

    (void)state;
    assert_true(authority_host(STR("Example.com:80"), &host));
    assert_str(host, "Example.com");
    assert_true(authority_is_same_host(host, STR("eXAMPLE.COM")));
    assert_false(authority_is_same_host(host, STR("example.co")));
    assert_true(authority_host(STR("[::1]:80"), &host));
    assert_str(host, "[::1]");
    assert_false(authority_host(STR("a:b"), &host));
    assert_false(authority_host(STR(":80"), &host));
    assert_str(host, "[::1]"); /* written on success alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_this_machine),
        cmocka_unit_test(tells_an_address_from_a_name),
        cmocka_unit_test(gives_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Connections counted by where they come from. */
#include "http/http_peers.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage out = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out;

    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        return out;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
    six->sin6_family = AF_INET6;
    return out;
}

static struct http_peer *enter(struct http_peers *peers, const char *text)
{
    struct sockaddr_storage address = address_of(text);
    struct http_peer *peer = http_peers_enter(peers, &address);

    assert_non_null(peer);
    return peer;
}

static void counts_by_address(void **state)
{
    struct http_peers *peers = http_peers_create();
    struct http_peer *one = enter(peers, "10.0.0.1");
    struct http_peer *other = enter(peers, "10.0.0.2");

    (void)state;
    assert_ptr_equal(enter(peers, "10.0.0.1"), one);
    assert_int_equal(one->connections, 2);
    assert_int_equal(other->connections, 1);
    assert_ptr_equal(enter(peers, "::ffff:10.0.0.1"), one); /* the same by another name */
    http_peers_leave(peers, one);
    http_peers_leave(peers, one);
    assert_int_equal(one->connections, 1);
    http_peers_leave(peers, one);
    http_peers_leave(peers, other);
    http_peers_leave(peers, NULL);
    http_peers_destroy(peers);
}

static void takes_a_network_of_ipv6_for_one(void **state)
{
    struct http_peers *peers = http_peers_create();
    struct http_peer *one = enter(peers, "2001:db8:0:1::1");

    (void)state;
    assert_ptr_equal(enter(peers, "2001:db8:0:1:ffff::2"), one);
    struct http_peer *other = enter(peers, "2001:db8:0:2::1");
    assert_ptr_not_equal(other, one);
    http_peers_leave(peers, one);
    http_peers_leave(peers, one);
    http_peers_leave(peers, other);
    http_peers_destroy(peers);
}

/* More addresses than places, entered and left in different orders. */
static void keeps_crowds_apart(void **state)
{
    enum { CROWD = 5000 };
    struct http_peers *peers = http_peers_create();
    static struct http_peer *all[CROWD];
    char text[32];

    (void)state;
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(text, sizeof(text), "10.1.%d.%d", i / 256, i % 256);
        all[i] = enter(peers, text);
        assert_int_equal(all[i]->connections, 1);
    }
    for (int i = 0; i < CROWD; i += 2)
        http_peers_leave(peers, all[i]);
    for (int i = 1; i < CROWD; i += 2) {
        (void)snprintf(text, sizeof(text), "10.1.%d.%d", i / 256, i % 256);
        assert_ptr_equal(enter(peers, text), all[i]);
        http_peers_leave(peers, all[i]);
        http_peers_leave(peers, all[i]);
    }
    http_peers_destroy(peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_address),
        cmocka_unit_test(takes_a_network_of_ipv6_for_one),
        cmocka_unit_test(keeps_crowds_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

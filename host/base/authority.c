/* SPDX-License-Identifier: Apache-2.0 */
#include "base/authority.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* "[::1]:80" is "[::1]". */
static struct str host_of(struct str authority)
{
    bool is_bracketed = authority.len > 0 && authority.ptr[0] == '[';
    const char *end =
        authority.len > 0 ? memchr(authority.ptr, is_bracketed ? ']' : ':', authority.len) : NULL;

    if (end == NULL)
        return authority;
    return (struct str){authority.ptr, (size_t)(end - authority.ptr) + (is_bracketed ? 1 : 0)};
}

bool authority_host(struct str authority, struct str *out_host)
{
    struct str host = host_of(authority);
    int64_t port;

    if (host.len == 0)
        return false;
    if (host.len < authority.len &&
        (host.ptr[host.len] != ':' ||
         str_to_i64((struct str){host.ptr + host.len + 1, authority.len - host.len - 1}, &port) <
             0))
        return false;
    *out_host = host;
    return true;
}

bool authority_is_same_host(struct str one, struct str other)
{
    return one.len == other.len && strncasecmp(one.ptr, other.ptr, one.len) == 0;
}

bool authority_is_address(struct str authority)
{
    struct str host;
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];
    int family = AF_INET;

    if (!authority_host(authority, &host))
        return false;
    if (host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = (struct str){host.ptr + 1, host.len - 2};
        family = AF_INET6;
    }
    if (host.len == 0 || host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(family, text, &address) == 1;
}

bool authority_is_loopback(struct str authority)
{
    struct str host;

    if (!authority_host(authority, &host))
        return false;
    return authority_is_same_host(host, STR("localhost")) ||
           authority_is_same_host(host, STR("[::1]")) ||
           (str_starts_with(host, "127.") && authority_is_address(host));
}

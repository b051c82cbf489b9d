/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_listen.h"

#include "base/authority.h"
#include "base/cleanup.h"
#include "base/str.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* "127.0.0.1:8642" or "[::1]:8642" into its parts; the host is the caller's. */
static int split_address(const char *text, char **out_host, int *out_port, struct err *err)
{
    const char *colon = strrchr(text, ':');
    struct str host = {text, colon != NULL ? (size_t)(colon - text) : 0};
    int64_t port = -1;

    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct str){host.ptr + 1, host.len - 2};
    else if (host.len > 0 && memchr(host.ptr, ':', host.len) != NULL)
        host.len = 0;
    if (host.len == 0 || str_to_i64(str_of(colon + 1), &port) < 0 || port < 0 || port > 65535)
        return err_set(err, -EINVAL, "'%s' is not an address such as 127.0.0.1:8642 or [::1]:8642",
                       text);
    if (authority_is_same_host(host, STR("localhost"))) /* the one name that needs no DNS */
        host = STR("127.0.0.1");
    *out_host = str_dup(host);
    *out_port = (int)port;
    return *out_host != NULL ? 0 : err_set(err, -ENOMEM, "no memory to listen at %s", text);
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static int open_at(const struct addrinfo *where)
{
    _close_ int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)); /* a port of yesterday's */
    if (where->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)); /* what was named */
    if (bind(fd, where->ai_addr, where->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    return steal_fd(fd);
}

int http_listen_tcp(const char *address, int *out_fd, int *out_port, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    _free_ char *host = NULL;
    char service[8];
    int port = 0;
    int fd;

    if (split_address(address, &host, &port, err) < 0)
        return -EINVAL;
    (void)snprintf(service, sizeof(service), "%d", port); /* fits: at most 65535 */
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return err_set(err, -EINVAL, "cannot listen at %s: '%s' is not a numeric IP address",
                       address, host);
    fd = open_at(found);
    freeaddrinfo(found);
    if (fd < 0)
        return err_set(err, fd, "cannot listen at %s: %s%s", address, strerror(-fd),
                       fd == -EADDRINUSE      ? "; is tenond running already?"
                       : fd == -EADDRNOTAVAIL ? "; it is not an address of this machine"
                                              : "");
    *out_fd = fd;
    *out_port = port_of(fd);
    return 0;
}

/* A socket file that nobody answers at is what a killed daemon left. */
static int clear_path(const char *path, const struct sockaddr_un *address, struct err *err)
{
    struct stat facts;
    int fd;
    int status;

    if (lstat(path, &facts) < 0)
        return 0;
    if (!S_ISSOCK(facts.st_mode))
        return err_set(err, -EEXIST,
                       "%s is there and is not a socket; remove it or name another path", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, -errno, "cannot open a socket: %s", strerror(errno));
    status = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    (void)close(fd); /* nothing was written */
    if (status == 0)
        return err_set(err, -EADDRINUSE,
                       "another process already listens at %s; is tenond running?", path);
    if (unlink(path) < 0)
        return err_set(err, -errno, "cannot remove the stale socket %s: %s", path, strerror(errno));
    return 0;
}

/* It is private up to here; the group comes before the mode that lets it in. */
static int let_in(const char *path, unsigned mode, int gid)
{
    if ((mode & 0070) != 0 && gid >= 0 && chown(path, (uid_t)-1, (gid_t)gid) < 0)
        return -errno;
    return chmod(path, mode != 0 ? mode : 0600) < 0 ? -errno : 0;
}

int http_listen_unix(const char *path, unsigned mode, int gid, int *out_fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _close_ int fd = -1;
    mode_t before;
    int status;

    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG,
                       "the socket path %s is longer than the %zu bytes that a socket may have",
                       path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1); /* fits, see above */
    status = clear_path(path, &address, err);
    if (status < 0)
        return status;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, -errno, "cannot open a socket: %s", strerror(errno));
    before = umask(0177); /* no moment in which others could connect */
    status = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(before);
    if (status < 0)
        return err_set(err, status,
                       "cannot listen at %s: %s; does its directory exist, and may we write there?",
                       path, strerror(-status));
    status = let_in(path, mode, gid);
    if (status == 0 && listen(fd, SOMAXCONN) < 0)
        status = -errno;
    if (status < 0) {
        (void)unlink(path); /* it is ours, and of no use */
        return err_set(err, status, "cannot listen at %s: %s%s", path, strerror(-status),
                       status == -EPERM ? "; a group that is not our own can only be set by root"
                                        : "");
    }
    *out_fd = steal_fd(fd);
    return 0;
}

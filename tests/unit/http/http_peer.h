/* SPDX-License-Identifier: Apache-2.0
 * The other side of a test: a thread that talks over a bare socket while the test's own thread runs
 * the loop. The peer never asserts (cmocka jumps, and may do so on its own thread only): it writes
 * down what it saw. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include "base/loop.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEER_PATIENCE_S = 20 };

struct peer {
    struct loop *loop;
    int port;
    void (*fn)(struct peer *peer);
    struct buf seen; /* what came back */
    long number;
    void *user;
    pthread_t thread;
};

static inline void *peer_thread(void *user)
{
    struct peer *peer = user;

    peer->fn(peer);
    loop_stop(peer->loop);
    return NULL;
}

/* Runs `fn` beside the loop until fn returns. */
static inline void peer_run(struct peer *peer, void (*fn)(struct peer *peer))
{
    peer->fn = fn;
    buf_clear(&peer->seen);
    assert_int_equal(pthread_create(&peer->thread, NULL, peer_thread, peer), 0);
    loop_run(peer->loop);
    pthread_join(peer->thread, NULL);
}

/* Where peers of ours connect; its port, for others to be told. */
static inline int peer_listen(int *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static inline int peer_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = PEER_PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void peer_send(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        text += sent;
        left -= (size_t)sent;
    }
}

/* Until `stop` has been seen `times` times (NULL: until the other side closes). True when that came
 * about. */
static inline bool peer_read(int fd, struct buf *seen, const char *stop, int times)
{
    char bytes[65536];

    for (;;) {
        const char *at = seen->ptr;
        int found = 0;
        ssize_t got;

        while (stop != NULL && at != NULL && (at = strstr(at, stop)) != NULL) {
            found++;
            at++;
        }
        if (stop != NULL && found >= times)
            return true;
        got = recv(fd, bytes, sizeof(bytes), 0);
        if (got <= 0)
            return got == 0 && stop == NULL;
        buf_add(seen, bytes, (size_t)got);
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_typing.h"

#include "base/cleanup.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10, TIMEOUT_MS = 120000 };

struct cli_typing {
    char *url, *socket, *token, *ca_file; /* the latter three may be NULL */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool is_wanted, is_over, is_idle; /* under lock */
};

static bool wait_for_wish(struct cli_typing *typing)
{
    pthread_mutex_lock(&typing->lock);
    typing->is_idle = true;
    while (!typing->is_wanted && !typing->is_over)
        pthread_cond_wait(&typing->news, &typing->lock);
    bool is_over = typing->is_over;
    typing->is_wanted = false;
    typing->is_idle = is_over;
    pthread_mutex_unlock(&typing->lock);
    return !is_over;
}

/* A command that has ended meanwhile refuses it, which the stream of its output tells better. */
static void send_piece(const struct cli_typing *typing, struct str bytes)
{
    _buf_ struct buf answer = {0};
    struct err err = {0};
    int status;
    const struct http_call call = {
        .url = typing->url,
        .unix_socket = typing->socket,
        .token = typing->token,
        .ca_file = typing->ca_file,
        .method = "POST",
        .content_type = "application/octet-stream",
        .body = bytes,
        .timeout_ms = TIMEOUT_MS,
    };

    (void)http_call(&call, &status, &answer, &err); /* as said above */
}

static void *typing_main(void *user)
{
    static char bytes[PIECE_BYTES]; /* one thread */
    struct cli_typing *typing = user;

    while (wait_for_wish(typing)) {
        ssize_t len;
        do
            len = read(STDIN_FILENO, bytes, sizeof(bytes));
        while (len < 0 && errno == EINTR);
        send_piece(typing, (struct str){bytes, len > 0 ? (size_t)len : 0});
    }
    return NULL;
}

static void typing_destroy(struct cli_typing *typing)
{
    pthread_mutex_destroy(&typing->lock);
    pthread_cond_destroy(&typing->news);
    free(typing->url);
    free(typing->socket);
    free(typing->token);
    free(typing->ca_file);
    free(typing);
}

/* False: no memory. */
static bool copy(char **to, const char *from)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL;
}

struct cli_typing *cli_typing_start(const struct http_call *target)
{
    struct cli_typing *typing = calloc(1, sizeof(*typing));

    if (typing == NULL)
        return NULL;
    pthread_mutex_init(&typing->lock, NULL);
    pthread_cond_init(&typing->news, NULL);
    if (!copy(&typing->url, target->url) || !copy(&typing->socket, target->unix_socket) ||
        !copy(&typing->token, target->token) || !copy(&typing->ca_file, target->ca_file) ||
        pthread_create(&typing->thread, NULL, typing_main, typing) != 0) {
        typing_destroy(typing);
        return NULL;
    }
    return typing;
}

void cli_typing_want(struct cli_typing *typing)
{
    pthread_mutex_lock(&typing->lock);
    typing->is_wanted = true;
    pthread_cond_signal(&typing->news);
    pthread_mutex_unlock(&typing->lock);
}

void cli_typing_stop(struct cli_typing *typing, int code)
{
    if (typing == NULL)
        return;
    pthread_mutex_lock(&typing->lock);
    bool is_idle = typing->is_idle && !typing->is_wanted;
    typing->is_over = true;
    pthread_cond_signal(&typing->news);
    pthread_mutex_unlock(&typing->lock);
    if (!is_idle)
        _exit(code); /* it is in read() or on the line, and uses what an orderly end would free */
    (void)pthread_join(typing->thread, NULL); /* ours, joined once */
    typing_destroy(typing);
}

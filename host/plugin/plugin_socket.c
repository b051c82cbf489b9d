/* SPDX-License-Identifier: Apache-2.0
 * The connection to a worker: written without waiting, read into one bounded buffer. */
#include "plugin/plugin_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct plugin_watch {
    uv_poll_t poll;
    void (*fn)(void *user, int events);
    void *user;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct plugin_watch *watch = poll->data;

    watch->fn(watch->user, status < 0 ? UV_READABLE : events); /* the read says what is wrong */
}

static void watch_set(struct plugin_watch *watch, int events)
{
    (void)uv_poll_start(&watch->poll, events, on_poll); /* fails on a closing handle only */
}

struct plugin_watch *plugin_watch_create(struct loop *loop, int fd, int events,
                                         void (*fn)(void *user, int events), void *user)
{
    struct plugin_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL)
        return NULL;
    if (uv_poll_init(loop_uv(loop), &watch->poll, fd) < 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->fn = fn;
    watch->user = user;
    watch_set(watch, events);
    return watch;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void plugin_watch_destroy(struct plugin_watch *watch)
{
    if (watch != NULL)
        uv_close((uv_handle_t *)&watch->poll, on_closed);
}

/* A worker that never catches up would else have all that was ever sent kept. */
static void forget_sent(struct plugin_worker *worker)
{
    enum { WORTH_BYTES = 64 * 1024 };
    struct wire_out *out = &worker->out;

    if (worker->out_sent < WORTH_BYTES || worker->out_sent < out->len - worker->out_sent)
        return;
    out->len -= worker->out_sent;
    memmove(out->ptr, out->ptr + worker->out_sent, out->len);
    worker->out_sent = 0;
}

void plugin_socket_flush(struct plugin_worker *worker)
{
    struct plugin_process *process = &worker->process;

    while (process->fd >= 0 && worker->out_sent < worker->out.len) {
        ssize_t count = send(process->fd, worker->out.ptr + worker->out_sent,
                             worker->out.len - worker->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            worker->out_sent += (size_t)count;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN && process->watch != NULL)
            watch_set(process->watch, UV_READABLE | UV_WRITABLE);
        forget_sent(worker);
        return; /* anything else shows as the end of the connection when it is read */
    }
    worker->out_sent = 0;
    wire_out_clear(&worker->out);
    if (process->watch != NULL)
        watch_set(process->watch, UV_READABLE);
}

/* Frames that are there; false once the worker is no longer one to listen to. */
static bool take_frames(struct plugin_worker *worker)
{
    struct wire_header header;
    struct wire_in in;
    int found;

    while ((found = wire_reader_next(&worker->reader, &header, &in)) > 0) {
        plugin_call_frame(worker, &header, &in);
        if (worker->doom == PLUGIN_GARBLED)
            return false;
    }
    if (found < 0) {
        plugin_worker_kill(worker, PLUGIN_GARBLED, 0,
                           "it sent bytes that are not the worker protocol");
        return false;
    }
    return true;
}

/* 1: read something; 0: nothing there now; -1: the connection ended. */
static int read_some(struct plugin_worker *worker)
{
    size_t room;
    char *place = wire_reader_room(&worker->reader, &room);

    if (place == NULL)
        return -1;
    ssize_t count = recv(worker->process.fd, place, room, MSG_DONTWAIT);
    if (count > 0) {
        wire_reader_added(&worker->reader, (size_t)count);
        return 1;
    }
    if (count < 0 && errno == EINTR)
        return 1;
    return count < 0 && errno == EAGAIN ? 0 : -1;
}

void plugin_socket_drain(struct plugin_worker *worker)
{
    enum { ROUNDS_MAX = 4096 };

    for (int i = 0; i < ROUNDS_MAX && worker->process.fd >= 0 && worker->doom != PLUGIN_GARBLED;
         i++)
        if (read_some(worker) != 1 || !take_frames(worker))
            return;
}

void plugin_socket_event(void *user, int events)
{
    enum { ROUNDS_PER_EVENT = 8 }; /* then others on the loop have their turn */
    struct plugin_worker *worker = user;
    struct plugin_host *host = worker->host;
    int got = 1;

    if (events & UV_WRITABLE)
        plugin_socket_flush(worker);
    for (int i = 0; i < ROUNDS_PER_EVENT && got == 1; i++) {
        got = read_some(worker);
        if (got == 1 && !take_frames(worker))
            break;
    }
    if (got < 0)
        plugin_worker_kill(worker, PLUGIN_DIED, 0, "it closed its connection");
    else if (worker->state == WORKER_RUNNING)
        plugin_call_pump(worker);
    plugin_host_flush(host);
}

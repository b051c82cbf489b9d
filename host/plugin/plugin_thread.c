/* SPDX-License-Identifier: Apache-2.0
 * isolation = inprocess: the same call room on a thread of tenond, over the same kind of
 * connection. */
#include "plugin/plugin_internal.h"

#include "base/thread.h"
#include "call/call.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct plugin_thread {
    pthread_t pthread;
    int fd;
    struct wire_page page;
};

static void *thread_main(void *user)
{
    struct plugin_thread *thread = user;
    struct call_options options = {
        .fd = thread->fd,
        .page = &thread->page,
        .greeting = "none: inside tenond",
    };

    (void)call_serve(&options, false); /* the loop sees the end of the connection */
    close(thread->fd);
    return NULL;
}

int plugin_thread_start(struct plugin_worker *worker, int take_fd, struct err *err)
{
    struct plugin_thread *thread = calloc(1, sizeof *thread);
    int status;

    if (thread == NULL) {
        close(take_fd);
        return err_set(err, -ENOMEM, "no memory for the plugin's thread");
    }
    status = plugin_image_open(worker, err);
    if (status < 0) {
        close(take_fd);
        free(thread);
        return status;
    }
    thread->fd = take_fd;
    status = thread_start(&thread->pthread, thread_main, thread);
    if (status < 0) {
        close(take_fd);
        free(thread);
        return err_set(err, status, "no thread for the plugin: %s", strerror(-status));
    }
    worker->process.thread = thread;
    worker->process.page = NULL;
    return 0;
}

const struct wire_page *plugin_thread_page(const struct plugin_thread *thread)
{
    return &thread->page;
}

void plugin_thread_join(struct plugin_thread *thread)
{
    (void)pthread_join(thread->pthread, NULL); /* ours, joined once */
    free(thread);
}

void plugin_thread_abandon(struct plugin_thread *thread)
{
    /* Leaked with purpose: the plugin's code may go on with it at any time. */
    static struct plugin_thread *volatile last_abandoned;

    (void)pthread_detach(thread->pthread); /* ours, not joined */
    last_abandoned = thread;
    (void)last_abandoned;
}

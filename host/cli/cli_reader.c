/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_reader.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

static void *watch(void *user)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};
    int count;

    (void)user;
    /* No event is asked for: what wakes is that the other end is closed. */
    do
        count = poll(&reader, 1, -1);
    while (count < 0 && errno == EINTR);
    if (count > 0 && (reader.revents & (POLLERR | POLLHUP)) != 0)
        (void)kill(getpid(), SIGPIPE); /* cannot fail: it is ourselves */
    return NULL;
}

void cli_reader_watch(void)
{
    static bool is_watched; /* one thread calls */
    struct stat output;
    pthread_t thread;

    if (is_watched || fstat(STDOUT_FILENO, &output) < 0 ||
        (!S_ISFIFO(output.st_mode) && !S_ISSOCK(output.st_mode)))
        return;
    is_watched = pthread_create(&thread, NULL, watch, NULL) == 0;
    if (is_watched)
        (void)pthread_detach(thread); /* ours; it ends with the process */
}

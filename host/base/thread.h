/* SPDX-License-Identifier: Apache-2.0
 * Starting a thread as all of ours are started. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* It takes no signals: those are the loop's thread's, and a SIGPIPE of a library's write would end
 * the process. 0, or -errno and no thread. [any] */
int thread_start(pthread_t *out_thread, void *(*run)(void *user), void *user);

#endif

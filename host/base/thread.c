/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *out_thread, void *(*run)(void *user), void *user)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* fails for a wrong first argument only */
    int failed = pthread_create(out_thread, NULL, run, user);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* the same */
    return -failed;
}

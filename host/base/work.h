/* SPDX-License-Identifier: Apache-2.0
 * One piece of work that may block (reading a directory, writing a file), on a thread of its own,
 * with its end on the loop. For what is rare: a thread is made for each. Embedded in the caller's
 * struct, which must live until done() runs. */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include "base/loop.h"

#include <pthread.h>
#include <stdbool.h>

struct work {
    void (*run)(struct work *work);  /* on its thread */
    void (*done)(struct work *work); /* [loop], once; the struct is the caller's again */
    /* private */
    struct loop_message message;
    struct loop *loop;
    pthread_t thread;
    bool is_joined;
};

/* With run and done filled. 0, or negative and neither of them runs. [loop] */
int work_start(struct work *work, struct loop *loop, struct err *err);
/* Waits until run() is through; done() still comes, with the loop's next round or its drain. [loop]
 */
void work_wait(struct work *work);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/work.h"

#include "base/thread.h"

#include <stddef.h>
#include <string.h>

static void ended(struct loop_message *message)
{
    struct work *work = (struct work *)(void *)((char *)message - offsetof(struct work, message));

    work_wait(work); /* it has posted: this is its end */
    work->done(work);
}

static void *thread_main(void *user)
{
    struct work *work = user;

    work->run(work);
    loop_post(work->loop, &work->message);
    return NULL;
}

int work_start(struct work *work, struct loop *loop, struct err *err)
{
    int status;

    work->message.fn = ended;
    work->loop = loop;
    work->is_joined = false;
    status = thread_start(&work->thread, thread_main, work);
    return status == 0 ? 0 : err_set(err, status, "cannot start a thread: %s", strerror(-status));
}

void work_wait(struct work *work)
{
    if (!work->is_joined)
        (void)pthread_join(work->thread, NULL); /* ours, joined once */
    work->is_joined = true;
}

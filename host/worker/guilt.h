/* SPDX-License-Identifier: Apache-2.0
 * Says, as the process dies, whose call it was that killed it: with a thread per integration the
 * calls of all are in hand then, and only the dying thread knows which one did it. Leaves the
 * call's id in the shared page and lets the death take its course, by the same signal or exit
 * status. Only for the worker's process: tenond's own signals are not ours to take. */
#ifndef WORKER_GUILT_H
#define WORKER_GUILT_H

#include "wire/wire_messages.h"

/* Watches for crashes and for exit() from now on; `page` must stay. What a plugin does with these
 * signals afterwards costs it this hint and nothing else. */
void guilt_watch(struct wire_page *page);

/* For call_options.on_thread: the calling thread's call is what `place` names. A stack of its own
 * for the handler, so that an overflow of the thread's can still be told. */
void guilt_on_thread(void *user, const struct wire_place *place);

#endif

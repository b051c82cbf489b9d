/* SPDX-License-Identifier: Apache-2.0
 * Who hears of signals as they are committed. Inside this room only. [loop] */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "store/store.h"

struct store_watcher {
    unsigned kinds; /* 0: nobody */
    store_signal_fn fn;
    void *user;
};
/* Tells of the signals that a finished op made. The watcher may change meanwhile. */
void store_watcher_tell(const struct store_watcher *watcher, const struct store_op *op);

#endif

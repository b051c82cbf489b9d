/* SPDX-License-Identifier: Apache-2.0
 * Notices that something happened to an ini or a plugin file: by inotify, gathered for a moment,
 * and by a slow look at names and times for file systems that tell nothing. Says that, never what:
 * whoever is told looks for himself. [loop] */
#ifndef MAIN_WATCH_H
#define MAIN_WATCH_H

#include "base/loop.h"

struct watch;

struct watch *watch_create(struct loop *loop, void (*changed)(void *user), void *user,
                           struct err *err);
/* From now on these: the configuration directory and directories separated by ':'. Both NULL: none.
 */
void watch_set(struct watch *watch, const char *conf_dir, const char *plugin_path);
void watch_destroy(struct watch *watch); /* NULL allowed */

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The one door to plugin code. Whoever has a socket to a host calls call_serve: the tenon-worker
 * process for its single plugin, and the daemon's own thread for `isolation = inprocess`. Loads the
 * plugin, holds it against its note, and runs its callbacks as the frames of host/wire ask. Knows
 * no host, no HTTP, no configuration. */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include "wire/wire_messages.h"

enum { CALL_WORDS_MAX = 1024 };

struct call_options {
    int fd;                 /* a blocking stream socket; stays the caller's */
    struct wire_page *page; /* where to leave word of what runs; NULL: nowhere */
    const char *greeting;   /* what the process has confined already, for people */
    /* Before the plugin is opened: give up what is not needed. Negative refuses the load with
     * `words`. NULL: nothing. */
    int (*confine)(void *user, const struct wire_load *load, char words[CALL_WORDS_MAX]);
    /* After it was opened: what only the loader needed. Adds to `words`. NULL: nothing. */
    void (*tighten)(void *user, const struct wire_load *load, char words[CALL_WORDS_MAX]);
    /* On every thread that runs plugin code: at first with the place that it marks, and with NULL
     * when it is through (not when the process ends). NULL: nothing. */
    void (*on_thread)(void *user, const struct wire_place *place);
    void *user;
};

/* Serves until the other side closes: 0. Negative errno: the connection failed, or brought bytes
 * that are no frames. Instances that were not closed then are left as they are when
 * `is_process_ending`, for their code may hang; else they are deactivated and destroyed. The plugin
 * itself stays mapped for ever. */
int call_serve(const struct call_options *options, bool is_process_ending);

#endif

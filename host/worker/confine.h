/* SPDX-License-Identifier: Apache-2.0
 * What the worker gives up before a plugin's first instruction runs, and what more after it was
 * loaded. A mechanism that this kernel lacks is named in the words and does not stop the worker;
 * one that is there and fails does. */
#ifndef WORKER_CONFINE_H
#define WORKER_CONFINE_H

#include "call/call.h"

/* What is in force and what is missing, gathered for people. */
struct confine_words {
    char in_force[CALL_WORDS_MAX / 2];
    char missing[CALL_WORDS_MAX / 4];
};
void confine_note(char *list, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As call_options wants them. */
int confine_before_load(void *user, const struct wire_load *load, char words[CALL_WORDS_MAX]);
void confine_after_load(void *user, const struct wire_load *load, char words[CALL_WORDS_MAX]);

/* confine_files.c: Landlock. 0, or -1 with `words` filled. */
int confine_files(const struct wire_load *load, struct confine_words *seen,
                  char words[CALL_WORDS_MAX]);
/* confine_calls.c: seccomp. */
int confine_calls(bool allow_net, struct confine_words *seen, char words[CALL_WORDS_MAX]);
int confine_code(void); /* no new executable memory; 0 or -errno */

#endif

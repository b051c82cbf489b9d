/* SPDX-License-Identifier: Apache-2.0
 * One job that two threads do in turn: one of ordinary priority, and one that steps back behind
 * whatever else wants the processor. Linux lets every thread lower its priority (setpriority(2)),
 * but only a privileged one raise it again; so it is the job that changes threads. The second
 * thread is made when the job first steps back; where it cannot be made the job never does. */
#ifndef BASE_TURNS_H
#define BASE_TURNS_H

#include "base/err.h"

#include <stdbool.h>

struct turns;

/* The functions run on the thread whose turn it is; no two calls overlap. */
struct turns_job {
    const char *name;               /* for the log: "the HTTP client"; borrowed */
    bool (*round)(void *user);      /* one round of the work; false: it was the last */
    bool (*steps_back)(void *user); /* asked after each round: how the next is done */
    void *user;
};

/* Begins with a round of ordinary priority. NULL: no memory, or no thread could be made. The
 * threads take no signals. */
struct turns *turns_start(const struct turns_job *job, struct err *err);
/* Waits until round() said false, for which the caller has seen to it that it will; and frees. NULL
 * allowed. */
void turns_stop(struct turns *turns);

#endif

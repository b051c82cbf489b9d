/* SPDX-License-Identifier: Apache-2.0
 * The thread for long work: check and backup, on a handle of their own, beside reader and writer.
 * It starts with the first job. Inside this room only. */
#ifndef STORE_JOB_H
#define STORE_JOB_H

#include "store/store_backend.h"

#include <stdatomic.h>

struct store_jobs;

/* `finished` gets each op at its end, its status set; on the jobs' thread. NULL: no memory. */
struct store_jobs *store_jobs_create(const struct store_backend *backend, void *writer,
                                     void (*finished)(void *user, struct store_op *op), void *user);
/* Breaks off what is under way, and ends all that waits with E_STOPPED. */
void store_jobs_destroy(struct store_jobs *jobs);
void store_jobs_add(struct store_jobs *jobs, struct store_job *job);
bool store_jobs_is_busy(struct store_jobs *jobs); /* [any] */

#endif

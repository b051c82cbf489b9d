/* SPDX-License-Identifier: Apache-2.0
 * How long the writer waits for company. Producers that put little at a time come back as soon as
 * they are answered, and a commit costs about the same for one of them as for ten. So the writer
 * gives those whom it has just answered a moment to come again. It does not wait for all of them: a
 * sixth is worth a commit, and while that waits for the disk, the others come and are parsed. One
 * producer, or few, or large puts wait for nobody. No thread and no clock of its own; the caller
 * locks. */
#ifndef STORE_GATHER_H
#define STORE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_GATHER_WRITES = 64, /* so many are worth a commit of their own */
    STORE_GATHER_US = 1000,   /* the longest wait */
};

/* Starts zeroed. */
struct store_gather {
    uint64_t puts, writes; /* in the queue */
    uint64_t taken;        /* puts of the commit under way */
    uint64_t expected;     /* puts: those that wait behind a commit, and those that it answers */
    uint64_t recent;       /* eight times `expected`, as it was of late */
    bool is_on;            /* the writer waits */
};

void store_gather_add(struct store_gather *gather, uint64_t puts, uint64_t writes);
void store_gather_take(struct store_gather *gather); /* the queue is taken, and the wait over */
/* The commit is done, its answers not yet given. */
void store_gather_end(struct store_gather *gather);
/* So many producers wait that letting them go first pays, and not so many that they keep the
 * processor busy by themselves: while their commits wait for the disk there is time for all else.
 */
bool store_gather_leaves_gaps(const struct store_gather *gather);
/* There is something to write, and it is worth waiting for more. */
bool store_gather_start(struct store_gather *gather);
/* The writer need not wait (any longer). */
bool store_gather_is_enough(const struct store_gather *gather);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The modes of bench_store that have a file of their own. `path`: where the store may be made; it
 * is removed again. */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "bench_parts.h"

void bench_retain(const char *path, uint64_t submissions); /* bench_retain.c */
void bench_forget(const char *path, uint64_t submissions); /* bench_retain.c */
void bench_big(const char *path, uint64_t submissions);    /* bench_big.c */

#endif

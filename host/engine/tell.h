/* SPDX-License-Identifier: Apache-2.0
 * What is told of a record's way through a lane, apart from what the store keeps: log lines.
 * Private to the engine room. [loop] */
#ifndef ENGINE_TELL_H
#define ENGINE_TELL_H

#include "engine/batch.h"

/* A record has its verdict, not yet written down. A failure is a warning, a try that will be
 * repeated is for debugging; both in bounded number. */
void tell_verdict(const struct batch *batch, uint32_t index, const struct store_outcome *outcome);

#endif

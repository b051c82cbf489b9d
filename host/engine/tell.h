/* SPDX-License-Identifier: Apache-2.0
 * What is told of a record's way through a lane, apart from what the store keeps: log lines and
 * what those see who tap the lane. But for the verdict each hook is called behind tap_is_on.
 * Private to the engine room. [loop] */
#ifndef ENGINE_TELL_H
#define ENGINE_TELL_H

#include "engine/batch.h"
#include "engine/tap.h"

/* A record has its verdict, not yet written down. A failure is a warning, a try that will be
 * repeated is for debugging; both in bounded number. */
void tell_verdict(const struct batch *batch, uint32_t index, const struct store_outcome *outcome);

/* The signal submission.succeeded or submission.failed; nothing for other states. */
void tell_submission(const struct batch *batch, uint32_t index, enum submission_state state);

void tell_claimed(const struct batch *batch);
/* What a plugin made of a range: refused, selected, transformed. */
void tell_outcomes(const struct delivery *delivery, const struct plugin_reply *reply);
/* A request with its records goes out, or is answered: `http` says which way it went. */
void tell_request(const struct batch *batch, const uint32_t *records, uint32_t count,
                  const struct http_request *http);
void tell_answer(const struct batch *batch, const uint32_t *records, uint32_t count,
                 const struct http_request *http);

#endif

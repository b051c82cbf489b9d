/* SPDX-License-Identifier: Apache-2.0
 * Names of signals and patterns over them, as users of NATS and MQTT know them. A name is words
 * with dots between: "order.paid.eu". In a pattern "*" stands for one word and "**", at the end
 * alone, for one or more (NATS writes ">", MQTT "#"; a shell would take the first for a file).
 * [any]
 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/err.h"
#include "base/str.h"

enum { PATTERN_BYTES_MAX = 120, PATTERN_WORDS_MAX = 16 };

/* 1 to 120 bytes, at most 16 words of letters, digits, '_' and '-'. 0, or -EINVAL with what is
 * wrong; `what` names it: "the signal's type". */
int pattern_check_name(struct str name, const char *what, struct err *err);
int pattern_check(struct str pattern, struct err *err);
/* Both have been checked; what was not is false. */
bool pattern_matches(struct str pattern, struct str name);

#endif

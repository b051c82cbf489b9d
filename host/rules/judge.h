/* SPDX-License-Identifier: Apache-2.0
 * How the usual HTTP status codes are read (RFC 9110, RFC 6585) when a plugin brings no judge.
 * Pure. [any] */
#ifndef RULES_JUDGE_H
#define RULES_JUDGE_H

/* `verdict` and `error_class` are TENON_... of <tenon/tenon.h>. */
struct judgement {
    int verdict;
    int error_class;
};

struct judgement judge_status(int http_status);
/* The answer to the question whether a record had arrived: TENON_ACCEPTED, TENON_NOT_THERE, or
 * TENON_UNSURE with what stood in the way. */
struct judgement judge_lookup(int http_status);
/* "rate-limited", "connection", ...; "none" for TENON_OK. What `tenon why` calls an error class. */
const char *judge_class_name(int error_class);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * JSON Merge Patch, RFC 7396, on texts: what the patch does not name stays byte for byte. [any] */
#ifndef BASE_JSON_MERGE_H
#define BASE_JSON_MERGE_H

#include "base/str.h"

/* Appends `target` with `patch` merged into it; both are values that json_check took, and so is
 * what comes of them. Of members of one name the last counts. Too little memory shows as
 * out->failed. */
void json_merge(struct str target, struct str patch, struct buf *out);

#endif

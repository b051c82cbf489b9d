/* SPDX-License-Identifier: Apache-2.0
 * Bodies of application/x-www-form-urlencoded, and what a hook's body is as JSON. Pure functions
 * over outside bytes, with limits; fuzzed by tests/fuzz/hook. [any] */
#ifndef RULES_HOOK_FORM_H
#define RULES_HOOK_FORM_H

#include "base/err.h"
#include "base/str.h"

enum { HOOK_FIELDS_MAX = 1000 };

bool hook_form_is(struct str content_type);
/* All fields as name, value, name, value..., in the order of names and then of values, none twice:
 * what Twilio signs. 0, -EINVAL (not a form, or too many fields) or -ENOMEM. */
int hook_form_put_sorted(struct str form, struct buf *out);
/* The raw value of the first field of this name. */
bool hook_form_find(struct str form, const char *name, struct str *out_raw);

/* A body as the JSON that mappings see: JSON as it is; of a form its one field `payload` where that
 * is JSON, else an object of its fields, an array where one comes twice. *out is the body or in
 * `space`. 0; E_SYNTAX; E_REFUSED when the content type is neither. */
int hook_body_json(struct str content_type, struct str body, struct buf *space, struct str *out,
                   struct err *err);

#endif

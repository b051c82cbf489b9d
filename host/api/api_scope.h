/* SPDX-License-Identifier: Apache-2.0
 * What somebody may do, as text: "read submit:stripe-eu,shop" may read everything and submit to two
 * integrations. The text is the one form, in the token file, over REST and on the command line.
 * Pure functions. [any] */
#ifndef API_SCOPE_H
#define API_SCOPE_H

#include "base/err.h"
#include "base/str.h"

/* What a route or a tool wants. manage includes submit and read; submit does not include read. */
enum api_scope {
    API_OPEN,   /* nobody is asked: the handler checks a signature of its own */
    API_ANY,    /* somebody known; the handler asks api_may for what it shows or does */
    API_READ,   /* look at what there is */
    API_SUBMIT, /* take in records, let integrations deliver, call their actions */
    API_MANAGE, /* change how the daemon and its integrations run */
};

#define API_SCOPE_ALL "manage"
enum { API_SCOPE_TEXT_MAX = 4096 };

/* "read", "submit" or "manage"; what any and open are called in documents, too. */
const char *api_scope_name(enum api_scope scope);
/* 0, or -EINVAL with words: `scopes` is not a list of SCOPE or SCOPE:NAME[,NAME...] behind blanks.
 */
int api_scope_check(struct str scopes, struct err *err);
/* May who has `scopes` do this at `integration`? STR_NONE: at the host as a whole, which only a
 * scope without names allows. */
bool api_scope_allows(struct str scopes, enum api_scope wanted, struct str integration);

#endif

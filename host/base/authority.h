/* SPDX-License-Identifier: Apache-2.0
 * HOST or HOST:PORT, as in a URL, a Host header (RFC 9110, 7.2) and `listen`: "127.0.0.1:8642",
 * "[::1]", "localhost". Nothing here asks DNS. [any] */
#ifndef BASE_AUTHORITY_H
#define BASE_AUTHORITY_H

#include "base/str.h"

bool authority_is_loopback(struct str authority); /* this machine, by number or as localhost */
bool authority_is_address(struct str authority);  /* a number, so no name that leads elsewhere */

/* The host alone; false where none stands, or something other than a port behind it. */
bool authority_host(struct str authority, struct str *out_host);

/* Names of hosts know no case. */
bool authority_is_same_host(struct str one, struct str other);

#endif

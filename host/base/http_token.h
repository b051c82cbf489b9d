/* SPDX-License-Identifier: Apache-2.0
 * A token of HTTP (RFC 9110, 5.6.2): a method, or the name of a header field. Whoever takes other
 * characters there says something else to the next who reads it. [any] */
#ifndef BASE_HTTP_TOKEN_H
#define BASE_HTTP_TOKEN_H

#include "base/str.h"

#include <strings.h>

/* See also wire/wire_aside.c, whose room sees nothing of this one. */
static inline bool http_token_has(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* One character at least, and nothing else. */
static inline bool http_token_is(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!http_token_has(text.ptr[i]))
            return false;
    return text.len > 0;
}

/* Is the line a header of this name? */
static inline bool http_token_leads(const char *line, const char *lower_case_name)
{
    size_t len;

    if ((line[0] | 0x20) != lower_case_name[0])
        return false; /* the common case */
    len = strlen(lower_case_name);
    return strncasecmp(line, lower_case_name, len) == 0 && line[len] == ':';
}

#endif

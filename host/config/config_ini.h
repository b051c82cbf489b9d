/* SPDX-License-Identifier: Apache-2.0
 * Ini text as sections, keys and values with their lines; inih does the reading. Inside the room
 * only.
 *
 * What we add to inih: line numbers, lines of any length up to CONFIG_LINE_MAX (inih alone cuts at
 * 200 bytes and says nothing), every bad line instead of the first, and these rules:
 *   - `;` or `#` at the start of a line, or `;` behind white space, begins a comment; a `;` inside
 * "double quotes" that close on the same line does not. Quotes stay part of the value.
 *   - a line indented deeper than its key goes on with the value, joined by a newline. */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include "base/str.h"
#include "config/config_errors.h"

enum { CONFIG_LINE_MAX = 64 * 1024, CONFIG_SECTION_MAX = 48, CONFIG_KEY_MAX = 100 };

struct ini_events {
    void *user;
    void (*section)(void *user, const char *name, int line);
    /* `section` is "" before the first one. */
    void (*value)(void *user, const char *section, const char *key, struct str value, int line);
    void (*bad)(void *user, int line, enum config_code code, const char *words);
};

/* 0, or -ENOMEM. Text with control characters or bad UTF-8 is complained about by line and read no
 * further. */
int ini_read(struct str text, const struct ini_events *events);
/* A line as far as a comment behind it, white space cut off both ends. */
struct str ini_without_comment(struct str line);

#endif

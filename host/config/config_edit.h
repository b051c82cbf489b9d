/* SPDX-License-Identifier: Apache-2.0
 * Writing into a file that people write, too: some values, everything else left as it stands; and
 * the text of a file that is new. [any] */
#ifndef CONFIG_EDIT_H
#define CONFIG_EDIT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* One value; NULL takes the key away. Lines of a value are joined by newlines, as config_text gives
 * them. */
struct config_edit {
    const char *section, *key, *value;
};

/* Makes the edits in the text of an ini, one after the other; comments, order and blanks stay. A
 * key that is not there yet goes below its section's heading, a section to the end. E_REFUSED when
 * it is not clear where one would go, E_USAGE when a value cannot be written into an ini; nothing
 * is added to `out` then. Says nothing of whether the schema knows them. */
int config_edit_text(struct str text, const struct config_edit *edits, size_t count,
                     struct buf *out, struct err *err);
/* Sets `[integration] enabled`, the same way. */
int config_edit_enabled_text(struct str text, bool is_enabled, struct buf *out, struct err *err);
/* The same in a file, written atomically with its owner and mode; a symbolic link stays one. 0 also
 * when it says so already. */
int config_edit_enabled(const char *path, bool is_enabled, struct err *err);
/* Puts the whole text into a file that is there, the same way. */
int config_edit_write(const char *path, struct str text, struct err *err);

/* Makes edits given as {"section": {"key": value}}: texts, numbers, true and false (yes and no),
 * lists of them (with commas); null takes the key away. With an empty text that is a new file, in
 * which [integration] comes first whatever its place. As config_edit_text, and E_SYNTAX. */
int config_edit_sections(struct str text, struct str sections, struct buf *out, struct err *err);

#endif

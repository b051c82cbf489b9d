/* SPDX-License-Identifier: Apache-2.0
 * Writing into a file that people write, too: one value, everything else left as it stands. [any]
 */
#ifndef CONFIG_EDIT_H
#define CONFIG_EDIT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Sets `[integration] enabled` in the text of an ini; comments, order and blanks stay. E_REFUSED
 * when it is not clear where it would go. */
int config_edit_enabled_text(struct str text, bool is_enabled, struct buf *out, struct err *err);
/* The same in a file, written atomically with its owner and mode; a symbolic link stays one. 0 also
 * when it says so already. */
int config_edit_enabled(const char *path, bool is_enabled, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The values that must never leave the process as text. config/ registers each secret it resolves;
 * whoever writes text for people (log, API, CLI, store) passes it through secret_mask. [any] */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/str.h"

/* Copies. Values under 4 bytes are not registered: masking them would only blot innocent text.
 * The forms in which the value travels are found, too: base64 and base64url (also where it is part
 * of something longer, as in "user:value"), and any of these escaped for JSON, for a URL or for
 * HTML, once or several times over (base/escaped.h); of what is escaped for one within another not
 * all is.
 * When memory runs out, everything is masked from then on: better no text than the secret. */
void secret_register(struct str value);
/* `text` with every registered value replaced by "********", appended to `out`. */
void secret_mask(struct str text, struct buf *out);
/* For text whose end was cut off: what is left of a value there, from 4 bytes on, is masked, too.
 * Whole text must not come here: a word at its end may begin like a secret by chance. */
void secret_mask_cut(struct str text, struct buf *out);
/* Overwrites in place with '*', the length kept. True when something was masked. */
bool secret_mask_in_place(char *text, size_t len);
bool secret_mask_cut_in_place(char *text, size_t len);
/* Masked, and then cut between characters to what fits with a NUL. */
void secret_copy(char *out, size_t size, struct str text);
void secret_forget_all(void); /* tests, shutdown */

#endif

/* SPDX-License-Identifier: Apache-2.0
 * `${env:NAME}`, `${file:/path}` and `${cred:NAME}` in values; `$${` is a plain `${`. Inside the
 * room only. */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include "base/err.h"
#include "base/str.h"
#include "config/config_errors.h"

struct reference_problem {
    enum config_code code; /* C017, C018, C019 */
    bool is_warning;
    struct err err;
};

bool reference_is_in(struct str raw);
/* `raw` with its references replaced, appended to out. `is_secret`: what they lead to is registered
 * as a secret, and a file that others can read is warned about. False: problem says why. True with
 * problem->err.code set: a warning. */
bool reference_resolve(struct str raw, bool is_secret, struct buf *out,
                       struct reference_problem *problem);

#endif

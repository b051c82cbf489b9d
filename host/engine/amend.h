/* SPDX-License-Identifier: Apache-2.0
 * A stored entity changed by a merge patch (RFC 7396): read, merged, put back under the version
 * that was read, and again when somebody else was quicker. [loop] */
#ifndef ENGINE_AMEND_H
#define ENGINE_AMEND_H

#include "engine/intake.h"

struct amend {
    struct str id;
    struct str patch; /* a JSON object */
    struct str type;  /* the new type; empty: the patch's own "type", else it stays */
    struct intake_source source;
    uint64_t if_version; /* 0: whatever it is */
};

/* Tells as intake_put_as does; E_NOT_FOUND when there is no such entity. The texts are borrowed
 * until done; `amend` itself is not. */
void amend_start(struct engine *engine, const struct amend *amend, intake_done_fn done, void *user);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One reading of conf.d and the plugin path, kept as long as a lane runs by it, and what differs
 * between two of them. Nothing here touches the machine: a generation is read by setup_load, and
 * what follows from a difference is done in reload.c. Private to the engine room. */
#ifndef ENGINE_GENERATION_H
#define ENGINE_GENERATION_H

#include "catalog/setup.h"

struct generation;

/* Takes what `setup` holds and leaves it empty. NULL: no memory, and *setup as before. */
struct generation *generation_create(struct setup *setup);
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation); /* NULL allowed */
const struct setup *generation_setup(const struct generation *generation);
const struct config *generation_config(const struct generation *generation);
const struct catalog *generation_catalog(const struct generation *generation);

enum change {
    CHANGE_NONE,
    CHANGE_ADDED,
    CHANGE_REPLACED,
    CHANGE_REMOVED,
    CHANGE_REFUSED, /* words say why; what there was goes on */
    CHANGE_WAITING, /* still being written: looked at again */
};
const char *change_name(enum change change); /* "unchanged", "added", ... */

/* What an integration is, in one generation. */
struct generation_part {
    const struct generation *generation;
    const struct config_file *file; /* NULL: there is none */
};

/* What became of one integration. `is_running`: somebody runs by `former`, so that a file which
 * cannot be used does not replace it. Words are added for CHANGE_REFUSED and CHANGE_WAITING. */
enum change generation_compare(const struct generation_part *former,
                               const struct generation_part *next, int64_t now_ms,
                               struct buf *words);
/* The same of a plugin file; either may be NULL. `words` as above. */
enum change generation_compare_plugin(const struct catalog_entry *former,
                                      const struct catalog_entry *next, int64_t now_ms,
                                      struct buf *words);
/* And of tenon.ini: CHANGE_NONE, _REPLACED, _REFUSED or _WAITING. */
enum change generation_compare_host(const struct generation *former, const struct generation *next,
                                    int64_t now_ms, struct buf *words);

#endif

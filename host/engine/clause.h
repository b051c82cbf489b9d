/* SPDX-License-Identifier: Apache-2.0
 * Which clause of an ini, or which part of a plugin, decided about a record, in words that name the
 * line. Private to the engine room. [loop] */
#ifndef ENGINE_CLAUSE_H
#define ENGINE_CLAUSE_H

#include "base/arena.h"
#include "engine/lane.h"
#include "plugin/plugin.h"

struct clause {
    const char *name; /* type, where, transform, selector; transformer, client, submitter are the
                         plugin's own */
    const char *file; /* of the ini */
    int line;         /* 0: no line says so (a default, or the plugin's own) */
};

/* `is_jq`: the outcome came from the jq plugin, which runs [select] where and [transform]. */
struct clause clause_of(const struct lane *lane, bool is_jq, const struct plugin_outcome *outcome);
struct clause clause_of_type(const struct lane *lane);

/* The reason to keep for what was skipped or could not be made: the plugin's words with the clause
 * around them. Falls back on the plugin's own words when memory is short. */
struct str clause_words(const struct lane *lane, bool is_jq, const struct plugin_outcome *outcome,
                        struct arena *arena);

#endif

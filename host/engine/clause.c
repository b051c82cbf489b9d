/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/clause.h"

#include <stdio.h>

struct clause clause_of(const struct lane *lane, bool is_jq, const struct plugin_outcome *outcome)
{
    const char *step = outcome->step != NULL ? outcome->step : "plugin";
    bool is_selector = strcmp(step, "selector") == 0;
    struct clause clause = {.name = step, .file = config_file_path(lane->file)};

    if (is_jq) {
        clause.name = is_selector ? "where" : "transform";
        clause.line = is_selector ? config_line(lane->file, "select", "where")
                                  : config_line(lane->file, "transform", "jq");
    } else if (is_selector) {
        clause.line = config_line(lane->file, "select", "selector");
    }
    return clause;
}

struct clause clause_of_type(const struct lane *lane)
{
    return (struct clause){"type", config_file_path(lane->file),
                           config_line(lane->file, "select", "type")};
}

struct str clause_words(const struct lane *lane, bool is_jq, const struct plugin_outcome *outcome,
                        struct arena *arena)
{
    const struct clause clause = clause_of(lane, is_jq, outcome);
    struct str said = outcome->message;
    char place[512] = "";
    struct str words = said;

    if (clause.line > 0)
        (void)snprintf(place, sizeof place, " (%s:%d)", clause.file, clause.line); /* cut is fine */
    if (is_jq && said.len > 0)
        words = arena_printf(arena, "%.*s%s", STR_ARG(said), place);
    else if (outcome->kind != OUTCOME_SKIPPED)
        return said;
    else if (is_jq)
        words = arena_printf(arena, "[transform] jq gave nothing to send%s", place);
    else if (strcmp(clause.name, "selector") == 0)
        words = arena_printf(arena, "selector %s: %.*s%s",
                             lane->selector != NULL ? lane->selector : "of the plugin",
                             STR_ARG(said.len > 0 ? said
                                                  : STR("not wanted, and it does not say "
                                                        "why")),
                             place);
    else if (said.len == 0)
        words = arena_printf(arena, "the plugin's %s has nothing to send", clause.name);
    return words.ptr != NULL ? words : said;
}

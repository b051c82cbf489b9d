/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generation.h"

#include "base/err.h"

#include <stdlib.h>

enum {
    /* An ini that changed so lately may have more to come; one with errors is given more time. */
    INI_QUIET_MS = 100,
    INI_SETTLE_MS = 500,
};

struct generation {
    struct setup setup;
    unsigned refs;
};

struct generation *generation_create(struct setup *setup)
{
    struct generation *generation = calloc(1, sizeof *generation);

    if (generation == NULL)
        return NULL;
    generation->setup = *setup;
    generation->refs = 1;
    *setup = (struct setup){0};
    return generation;
}

struct generation *generation_ref(struct generation *generation)
{
    generation->refs++;
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation == NULL || --generation->refs > 0)
        return;
    setup_finish(&generation->setup);
    free(generation);
}

const struct setup *generation_setup(const struct generation *generation)
{
    return &generation->setup;
}

const struct config *generation_config(const struct generation *generation)
{
    return generation->setup.config;
}

const struct catalog *generation_catalog(const struct generation *generation)
{
    return generation->setup.catalog;
}

const char *change_name(enum change change)
{
    static const char *const names[] = {
        [CHANGE_NONE] = "unchanged",  [CHANGE_ADDED] = "added",     [CHANGE_REPLACED] = "replaced",
        [CHANGE_REMOVED] = "removed", [CHANGE_REFUSED] = "refused", [CHANGE_WAITING] = "waiting",
    };

    return names[change];
}

/* ---- one integration ---- */

static bool is_young(int64_t modified_ms, int64_t now_ms, int64_t limit_ms)
{
    int64_t age_ms = now_ms - modified_ms;

    return age_ms >= 0 && age_ms < limit_ms;
}

static bool is_file_young(const struct config_file *file, int64_t now_ms)
{
    return is_young(config_file_modified_ms(file), now_ms,
                    config_file_is_valid(file) ? INI_QUIET_MS : INI_SETTLE_MS);
}

static const struct catalog_entry *plugin_of(const struct generation_part *part)
{
    const struct catalog *catalog = generation_catalog(part->generation);
    struct err unused = {0};

    if (catalog == NULL || part->file == NULL)
        return NULL;
    return catalog_find(catalog, config_text(part->file, "integration", "plugin"), &unused);
}

static const struct catalog_entry *jq_of(const struct generation_part *part)
{
    const struct catalog *catalog = generation_catalog(part->generation);
    struct err unused = {0};

    if (catalog == NULL || part->file == NULL ||
        (config_text(part->file, "select", "where")[0] == '\0' &&
         config_text(part->file, "transform", "jq")[0] == '\0' &&
         config_text(part->file, "hook", "jq")[0] == '\0'))
        return NULL;
    return catalog_find(catalog, "jq", &unused);
}

static bool same_entry(const struct catalog_entry *one, const struct catalog_entry *other)
{
    if (one == NULL || other == NULL)
        return one == other;
    return strcmp(one->sha256, other->sha256) == 0 && strcmp(one->path, other->path) == 0;
}

static bool same_part(const struct generation_part *one, const struct generation_part *other)
{
    if (!config_file_is_valid(one->file) || !config_file_is_valid(other->file) ||
        !config_file_same(one->file, other->file))
        return false;
    return !config_is_true(one->file, "integration", "enabled") ||
           (same_entry(plugin_of(one), plugin_of(other)) && same_entry(jq_of(one), jq_of(other)));
}

/* Does it hang on a plugin file that somebody is writing right now? */
static const struct catalog_entry *unsettled_plugin(const struct generation_part *former,
                                                    const struct generation_part *next,
                                                    int64_t now_ms)
{
    const char *name = config_text(next->file, "integration", "plugin");
    const struct catalog_entry *old = former->file != NULL ? plugin_of(former) : NULL;
    const struct catalog_entry *now = plugin_of(next);

    if (generation_catalog(next->generation) == NULL || name[0] == '\0')
        return NULL;
    if (now == NULL)
        return catalog_find_settling(generation_catalog(next->generation), name,
                                     old != NULL ? old->path : NULL, now_ms);
    return !same_entry(old, now) && catalog_entry_is_settling(now, now_ms) ? now : NULL;
}

enum change generation_compare(const struct generation_part *former,
                               const struct generation_part *next, int64_t now_ms,
                               struct buf *words)
{
    const struct catalog_entry *unsettled;

    if (next->file == NULL)
        return CHANGE_REMOVED;
    if (former->file != NULL && same_part(former, next))
        return CHANGE_NONE;
    if (is_file_young(next->file, now_ms)) {
        buf_puts(words, "was written to a moment ago: looked at again when it is quiet");
        return CHANGE_WAITING;
    }
    unsettled = unsettled_plugin(former, next, now_ms);
    if (unsettled != NULL) {
        buf_printf(words, "its plugin '%s' is not complete yet", unsettled->path);
        return CHANGE_WAITING;
    }
    if (!config_file_is_valid(next->file)) {
        config_file_problem(generation_config(next->generation), next->file, words);
        return CHANGE_REFUSED;
    }
    return former->file != NULL ? CHANGE_REPLACED : CHANGE_ADDED;
}

/* ---- the other files ---- */

static bool is_untouched(const struct catalog_entry *one, const struct catalog_entry *other)
{
    return one->state == other->state && one->size_bytes == other->size_bytes &&
           strcmp(one->sha256, other->sha256) == 0 &&
           (one->state == CATALOG_USABLE || strcmp(one->reason, other->reason) == 0);
}

enum change generation_compare_plugin(const struct catalog_entry *former,
                                      const struct catalog_entry *next, int64_t now_ms,
                                      struct buf *words)
{
    if (next == NULL)
        return CHANGE_REMOVED;
    if (former != NULL && is_untouched(former, next))
        return CHANGE_NONE;
    if (catalog_entry_is_settling(next, now_ms)) {
        buf_puts(words, next->state == CATALOG_USABLE
                            ? "was written to a moment ago: looked at again when it is quiet"
                            : "not complete yet: looked at again");
        return CHANGE_WAITING;
    }
    if (next->state == CATALOG_REFUSED) {
        buf_puts(words, next->reason);
        return CHANGE_REFUSED;
    }
    return former != NULL ? CHANGE_REPLACED : CHANGE_ADDED;
}

enum change generation_compare_host(const struct generation *former, const struct generation *next,
                                    int64_t now_ms, struct buf *words)
{
    const struct config_file *one = config_host(generation_config(former));
    const struct config_file *other = config_host(generation_config(next));

    if (config_file_modified_ms(one) != 0 && config_file_modified_ms(other) == 0) {
        buf_printf(words, "%s is gone; its last settings stay until a restart",
                   config_file_path(one));
        return CHANGE_REFUSED;
    }
    if (config_file_is_valid(other) && config_file_same(one, other))
        return CHANGE_NONE;
    if (is_file_young(other, now_ms)) {
        buf_puts(words, "was written to a moment ago: looked at again when it is quiet");
        return CHANGE_WAITING;
    }
    if (!config_file_is_valid(other)) {
        config_file_problem(generation_config(next), other, words);
        return CHANGE_REFUSED;
    }
    return CHANGE_REPLACED;
}

/* SPDX-License-Identifier: Apache-2.0
 * Configuration and plugins read together: where plugins are stands in tenon.ini, and what a
 * plugin's option table says decides what the other files may hold. For the daemon and for what the
 * client does without it. */
#ifndef CATALOG_SETUP_H
#define CATALOG_SETUP_H

#include "catalog/catalog.h"
#include "config/config.h"

struct setup {
    char *dir; /* conf.d */
    struct catalog *catalog;
    struct config *config; /* NULL when it was not needed */
};

/* `conf`: --conf or NULL. Without needs_config only the plugins are read, and a conf dir that is
 * not there is no hindrance unless `conf` names it. 0 also when files have errors, see
 * config_error_count; on failure *out is empty. */
int setup_load(const char *conf, bool needs_config, struct setup *out, struct err *err);
/* The same places once more, in a later state; digests of untouched files are taken over. [any],
 * one thread at a time. */
int setup_load_again(const struct setup *former, struct setup *out, struct err *err);
/* What would be said of an integration's file with this text in the same places: read and checked,
 * not written. NULL only when memory is out. [any], one thread at a time. */
struct config *setup_check_text(const struct setup *setup, const char *integration, struct str text,
                                struct err *err);
void setup_finish(struct setup *setup);

#endif

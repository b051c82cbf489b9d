/* SPDX-License-Identifier: Apache-2.0
 * Configuration and catalog together: which plugins there are decides what [settings] may say. */
#ifndef MAIN_SETTINGS_H
#define MAIN_SETTINGS_H

#include "catalog/catalog.h"
#include "config/config.h"

struct settings {
    char *dir; /* conf.d */
    struct catalog *catalog;
    struct config *config;
    char *state_dir;
    char *store_url;
    char *socket;
};

/* 0, also when files have errors: see config_error_count. `state`: --state or NULL. */
int settings_load(const char *conf, const char *state, struct settings *out, struct err *err);
void settings_finish(struct settings *settings);

#endif

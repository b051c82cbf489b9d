/* SPDX-License-Identifier: Apache-2.0
 * What the daemon goes by: configuration, plugins, and the places derived from them. */
#ifndef MAIN_SETTINGS_H
#define MAIN_SETTINGS_H

#include "api/api.h"
#include "catalog/setup.h"
#include "store/store.h"

struct settings {
    struct setup setup;
    char *state_dir;
    char *store_url;
    char *socket;
};

/* 0, also when files have errors: see config_error_count. `state`: --state or NULL. */
int settings_load(const char *conf, const char *state, struct settings *out, struct err *err);
/* What [store] says of how long things are kept. */
struct store_retention settings_retention(const struct config_file *host);
/* What [api] says; its texts belong to `host` and `settings`. */
struct api_settings settings_api(const struct settings *settings, const struct config_file *host);
void settings_finish(struct settings *settings);

#endif

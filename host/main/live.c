/* SPDX-License-Identifier: Apache-2.0 */
#include "main/live.h"

#include "base/log.h"
#include "main/logging.h"
#include "main/settings.h"
#include "store/store.h"

#include <string.h>

static void apply_log(const struct config_file *host, struct store *store)
{
    (void)store;
    logging_apply(host);
}

static void apply_retention(const struct config_file *host, struct store *store)
{
    const struct store_retention retention = settings_retention(host);

    store_retain(store, &retention);
}

/* A new live setting is a new row; without a key: the whole section. `apply` NULL: whoever reads it
 * reads it anew each time. It runs once per changed key and gets all of tenon.ini. */
static const struct {
    const char *section, *key;
    void (*apply)(const struct config_file *host, struct store *store);
} rows[] = {
    {"host", "plugin_path", NULL},
    {"host", "plain_secrets", NULL},
    {"host", "watch", NULL},
    {"host", "safe", NULL}, /* says how to start, and it has started */
    {"api", "token", NULL}, /* daemon.c hands them on after each look at the files */
    {"api", "without_token", NULL},
    {"api", "hosts", NULL},
    {"api", "origins", NULL},
    {"api", "socket_scope", NULL},
    {"api", "tls_certificate", NULL},
    {"api", "tls_key", NULL},
    {"api", "tls_client_ca", NULL},
    {"store", "keep_succeeded", apply_retention},
    {"store", "keep_failed", apply_retention},
    {"store", "keep_skipped", apply_retention},
    {"store", "keep_superseded", apply_retention},
    {"store", "keep_signals", apply_retention},
    {"store", "keep_entities", apply_retention},
    {"mcp", "access", NULL},
    {"log", NULL, apply_log},
};

static bool apply(const struct config_file *host, struct store *store, const char *section,
                  const char *key)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].section, section) != 0 ||
            (rows[i].key != NULL && strcmp(rows[i].key, key) != 0))
            continue;
        if (rows[i].apply != NULL)
            rows[i].apply(host, store);
        return true;
    }
    return false;
}

void live_apply(const struct config_file *former, const struct config_file *now,
                struct store *store)
{
    const char *section;
    const char *key;
    size_t at = 0;

    while (config_file_difference(now, former, &at, &section, &key)) {
        bool is_live = apply(now, store, section, key);

        if (is_live)
            log_info("setting changed", F_STR("section", section), F_STR("key", key));
        else
            log_warn("setting changed, which needs a restart of tenond", F_STR("section", section),
                     F_STR("key", key), F_INT("line", config_line(now, section, key)));
    }
}

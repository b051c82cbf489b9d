/* SPDX-License-Identifier: Apache-2.0 */
#include "main/settings.h"

#include <errno.h>
#include <stdlib.h>

static bool plugin_facts(void *user, const char *plugin, struct config_plugin_facts *out,
                         const char **out_problem)
{
    static struct err problem; /* borrowed until the next call, see config_options_fn */
    const struct catalog_entry *entry;

    problem = (struct err){0};
    entry = catalog_find(user, plugin, &problem);
    if (entry == NULL) {
        *out_problem = problem.text;
        return false;
    }
    out->settings = str_of(entry->note.settings);
    out->needs_net = entry->note.needs_net;
    return true;
}

/* The plugin path stands in tenon.ini, so that is read before the plugins and the rest after them.
 */
static int scan_plugins(struct settings *settings, struct err *err)
{
    struct config *first = config_load(settings->dir, NULL, NULL, err);
    const char *given;
    char *standard;

    if (first == NULL)
        return err->code;
    given = config_text(config_host(first), "host", "plugin_path");
    standard = given[0] == '\0' ? catalog_default_path() : NULL;
    settings->catalog = catalog_scan(standard != NULL ? standard : given, err);
    free(standard);
    config_destroy(first);
    return settings->catalog != NULL ? 0 : err->code;
}

static int read_paths(struct settings *settings, const char *state, struct err *err)
{
    const struct config_file *host = config_host(settings->config);

    settings->state_dir = config_state_dir(host, state);
    if (settings->state_dir != NULL) {
        settings->store_url = config_store_url(host, settings->state_dir);
        settings->socket = config_socket_path(host, settings->state_dir);
    }
    if (settings->store_url == NULL || settings->socket == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

int settings_load(const char *conf, const char *state, struct settings *out, struct err *err)
{
    int status = 0;

    *out = (struct settings){.dir = config_dir(conf)};
    if (out->dir == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    status = scan_plugins(out, err);
    if (status == 0) {
        out->config = config_load(out->dir, plugin_facts, out->catalog, err);
        status = out->config != NULL ? read_paths(out, state, err) : err->code;
    }
    if (status < 0)
        settings_finish(out);
    return status;
}

void settings_finish(struct settings *settings)
{
    config_destroy(settings->config);
    catalog_destroy(settings->catalog);
    free(settings->dir);
    free(settings->state_dir);
    free(settings->store_url);
    free(settings->socket);
    *settings = (struct settings){0};
}

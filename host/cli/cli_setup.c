/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_setup.h"

#include "base/cleanup.h"

void cli_setup_finish(struct cli_setup *setup)
{
    config_destroy(setup->config);
    catalog_destroy(setup->catalog);
    *setup = (struct cli_setup){0};
}

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
int cli_setup_read(struct cli *cli, bool needs_config, struct cli_setup *out)
{
    struct err err = {0};
    _free_ char *dir = config_dir(cli_option_text(cli, "conf"));
    _free_ char *plugin_path = NULL;

    if (dir == NULL)
        return cli_fail(CLI_REFUSED, "out of memory");
    struct config *first = config_load(dir, NULL, NULL, &err);
    if (first == NULL && (needs_config || cli_option_is_set(cli, "conf")))
        return cli_fail(CLI_REFUSED, "%s", err.text);
    const char *given = first != NULL ? config_text(config_host(first), "host", "plugin_path") : "";
    plugin_path = given[0] != '\0' ? str_dup(str_of(given)) : catalog_default_path();
    config_destroy(first);
    if (plugin_path == NULL)
        return cli_fail(CLI_REFUSED, "out of memory");
    out->catalog = catalog_scan(plugin_path, &err);
    if (out->catalog == NULL)
        return cli_fail(CLI_REFUSED, "%s", err.text);
    if (!needs_config)
        return CLI_DONE;
    out->config = config_load(dir, plugin_facts, out->catalog, &err);
    return out->config != NULL ? CLI_DONE : cli_fail(CLI_REFUSED, "%s", err.text);
}

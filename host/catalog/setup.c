/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/setup.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

static bool plugin_facts(void *user, const char *plugin, struct config_plugin_facts *out,
                         const char **out_problem)
{
    /* Borrowed until the next call, see config_options_fn. A file may be checked on one thread
     * while another reads them all. */
    static _Thread_local struct err problem;
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

/* tenon.ini is read before the plugins, the rest after them. */
static int scan_plugins(const char *conf, bool needs_config, const struct catalog *former,
                        struct setup *setup, struct err *err)
{
    struct config *first = config_load(setup->dir, NULL, NULL, err);
    _free_ char *plugin_path = NULL;
    const char *given;

    if (first == NULL && (needs_config || conf != NULL))
        return err->code;
    given = first != NULL ? config_text(config_host(first), "host", "plugin_path") : "";
    plugin_path = given[0] != '\0' ? str_dup(str_of(given)) : catalog_default_path();
    config_destroy(first);
    if (plugin_path == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    setup->catalog = catalog_scan(plugin_path, former, err);
    return setup->catalog != NULL ? 0 : err->code;
}

static int load(const char *conf, bool needs_config, const struct catalog *former,
                struct setup *out, struct err *err)
{
    int status;

    *out = (struct setup){.dir = config_dir(conf)};
    if (out->dir == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    status = scan_plugins(conf, needs_config, former, out, err);
    if (status == 0 && needs_config) {
        out->config = config_load(out->dir, plugin_facts, out->catalog, err);
        status = out->config != NULL ? 0 : err->code;
    }
    if (status < 0)
        setup_finish(out);
    return status;
}

int setup_load(const char *conf, bool needs_config, struct setup *out, struct err *err)
{
    return load(conf, needs_config, NULL, out, err);
}

int setup_load_again(const struct setup *former, struct setup *out, struct err *err)
{
    return load(former->dir, true, former->catalog, out, err);
}

struct config *setup_check_text(const struct setup *setup, const char *integration, struct str text,
                                struct err *err)
{
    _buf_ struct buf base = {0};

    buf_printf(&base, "%s.ini", integration);
    if (base.failed) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    return config_load_text(setup->dir, base.ptr, text, plugin_facts, setup->catalog, err);
}

void setup_finish(struct setup *setup)
{
    config_destroy(setup->config);
    catalog_destroy(setup->catalog);
    free(setup->dir);
    *setup = (struct setup){0};
}

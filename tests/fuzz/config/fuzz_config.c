/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the ini of an integration and as tenon.ini. Whatever comes, every key can be asked
 * for, the settings are JSON each complaint has words, and setting `enabled` in it is done or
 * refused, never half. */
#include "config/config.h"
#include "config/config_edit.h"
#include "config/config_memory.h"

#include "base/json.h"

#include <stdlib.h>
#include <tenon/tenon.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rows[] = TENON_OPTION("path", "text", "", "/in", "", "Where to.")
    TENON_OPTION("count", "integer", "1..9", "3", "", "")
        TENON_OPTION("share", "number", "0..1", "0.5", "", "")
            TENON_OPTION("wait", "duration", "", "2s", "", "")
                TENON_OPTION("bytes", "size", "", "4KB", "", "");

static void must(bool claim)
{
    if (!claim)
        abort();
}

static bool options(void *user, const char *plugin, struct config_plugin_facts *out,
                    const char **out_problem)
{
    (void)user;
    *out = (struct config_plugin_facts){str_of(rows), plugin[0] == 'n'};
    *out_problem = "no such plugin";
    return plugin[0] != 'x';
}

static void ask(const struct config_file *file)
{
    struct str rest = str_of(config_text(file, "integration", "allow_hosts"));
    struct str item;
    const char *key;
    const char *value;

    must(config_integer(file, "retry", "max_attempts") >= 1);
    must(config_integer(file, "integration", "concurrency") >= 1);
    while (config_list_next(&rest, &item))
        must(item.len > 0);
    for (size_t i = 0; config_pair(file, "headers", i, &key, &value); i++)
        must(strchr(value, '\n') == NULL);
    must(json_check(str_of(config_settings_json(file)), NULL) == 0);
}

static void show_both(const struct config_file *file)
{
    _buf_ struct buf shown = {0};

    config_show(file, true, &shown);
    config_show(file, false, &shown);
    must(!shown.failed);
}

/* What was set once is set: the second time not a byte changes. */
static void edit_twice(struct str text, bool is_enabled)
{
    _buf_ struct buf once = {0};
    _buf_ struct buf twice = {0};

    if (config_edit_enabled_text(text, is_enabled, &once, NULL) < 0)
        return;
    must(config_edit_enabled_text(buf_str(&once), is_enabled, &twice, NULL) == 0);
    must(str_equals(buf_str(&once), buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};

    struct config *config = config_load_memory("x.ini", text, options, NULL, NULL);
    must(config != NULL);
    ask(config_find(config, "x"));
    show_both(config_find(config, "x"));
    for (size_t i = 0; i < config_message_count(config); i++)
        must(config_message(config, i)->text[0] != '\0');
    config_destroy(config);

    config = config_load_memory("tenon.ini", text, NULL, NULL, NULL);
    must(config != NULL && config_integer(config_host(config), "api", "max_connections") >= 1);
    show_both(config_host(config));
    config_destroy(config);

    edit_twice(text, true);
    edit_twice(text, false);
    return 0;
}

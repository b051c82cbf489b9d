/* SPDX-License-Identifier: Apache-2.0
 * A lane's hook: its rules from the ini, its mapping in a worker, its figures under its name. */
#include "engine/hook.h"

#include "base/json.h"
#include "engine/lane.h"

#include <errno.h>
#include <stdlib.h>

/* ---- figures ---- */

struct named {
    struct hook_figures figures;
    char *name;
    struct named *next;
};

struct hooks {
    struct named *first;
};

struct hooks *hooks_create(void)
{
    return calloc(1, sizeof(struct hooks));
}

void hooks_destroy(struct hooks *hooks)
{
    if (hooks == NULL)
        return;
    while (hooks->first != NULL) {
        struct named *named = hooks->first;
        hooks->first = named->next;
        free(named->name);
        free(named);
    }
    free(hooks);
}

static struct hook_figures *figures_of(struct hooks *hooks, const char *name)
{
    for (struct named *named = hooks->first; named != NULL; named = named->next)
        if (strcmp(named->name, name) == 0)
            return &named->figures;
    struct named *named = calloc(1, sizeof *named);
    if (named == NULL)
        return NULL;
    named->name = strdup(name);
    if (named->name == NULL) {
        free(named);
        return NULL;
    }
    named->next = hooks->first;
    hooks->first = named;
    return &named->figures;
}

/* ---- rules ---- */

static const char *text_of(const struct lane *lane, const char *key)
{
    return config_text(lane->file, "hook", key);
}

/* NULL for a key that is empty: the row's own stays. */
static const char *set_text(const struct lane *lane, const char *key, const char *own)
{
    const char *text = text_of(lane, key);

    return text[0] != '\0' ? text : own;
}

static void read_scheme(const struct lane *lane, struct hook_scheme *scheme)
{
    static const char *const hashes[] = {
        [HMAC_SHA1] = "sha1", [HMAC_SHA256] = "sha256", [HMAC_SHA512] = "sha512"};

    scheme->id = set_text(lane, "id_header", scheme->id);
    if (strcmp(scheme->name, "hmac") != 0)
        return;
    scheme->signature = text_of(lane, "header");
    scheme->prefix = text_of(lane, "prefix");
    scheme->text = text_of(lane, "signed");
    scheme->timestamp = set_text(lane, "timestamp_header", NULL);
    scheme->encoding = strcmp(text_of(lane, "encoding"), "hex") == 0 ? HOOK_HEX : HOOK_BASE64;
    for (int i = HMAC_SHA1; i <= HMAC_SHA512; i++)
        if (strcmp(text_of(lane, "algorithm"), hashes[i]) == 0)
            scheme->hash = (enum hmac_hash)i;
}

void hook_rebind(struct lane *lane)
{
    if (lane->hook == NULL)
        return;
    lane->hook->rules.scheme = *hook_scheme_find(text_of(lane, "scheme"));
    read_scheme(lane, &lane->hook->rules.scheme);
    lane->hook->rules.url = str_of(text_of(lane, "url"));
}

int hook_create(struct lane *lane, struct hook **out, struct err *err)
{
    const struct hook_scheme *scheme = hook_scheme_find(text_of(lane, "scheme"));
    struct hook *hook;

    *out = NULL;
    if (scheme == NULL) /* off */
        return 0;
    hook = calloc(1, sizeof *hook);
    if (hook == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    hook->rules.scheme = *scheme;
    read_scheme(lane, &hook->rules.scheme);
    hook->rules.tolerance_s = config_integer(lane->file, "hook", "tolerance") / 1000;
    hook->rules.url = str_of(text_of(lane, "url"));
    hook->has_jq = text_of(lane, "jq")[0] != '\0';
    hook->figures = figures_of(lane->rooms->hooks, lane->name);
    if (hook->figures == NULL) {
        hook_destroy(hook);
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (hook_rules_read_secrets(&hook->rules, str_of(text_of(lane, "secret")), &hook->keys, err) <
        0) {
        hook_destroy(hook);
        return err_prefix(err,
                          "[hook] secret (line %d): ", config_line(lane->file, "hook", "secret"));
    }
    *out = hook;
    return 0;
}

void hook_destroy(struct hook *hook)
{
    if (hook == NULL)
        return;
    plugin_instance_close(hook->jq);
    if (hook->keys.ptr != NULL)
        explicit_bzero(hook->keys.ptr, hook->keys.len);
    buf_finish(&hook->keys);
    free(hook);
}

/* ---- the mapping ---- */

bool hook_is_open(const struct hook *hook)
{
    return hook == NULL || !hook->has_jq || hook->is_jq_open;
}

int hook_open(struct lane *lane, plugin_opened_fn opened, struct err *err)
{
    const struct catalog_entry *entry;
    struct hook *hook = lane->hook;
    struct buf settings = {0};
    char name[160];

    if (hook == NULL || !hook->has_jq)
        return 0;
    entry = catalog_find(generation_catalog(lane->generation), "jq", err);
    if (entry == NULL)
        return err_prefix(err, "[hook] jq needs the plugin 'jq': ");
    buf_putc(&settings, '{');
    json_put_member(&settings, "transform", str_of(text_of(lane, "jq")));
    buf_putc(&settings, '}');
    (void)snprintf(name, sizeof name, "%s#hook", lane->name); /* names are at most 64 bytes */
    const struct plugin_instance_settings open = {
        .entry = entry,
        .name = name,
        .settings_json = buf_str(&settings),
        .memory_max_bytes = config_integer(lane->file, "integration", "memory_max"),
        .call_timeout_ms = config_integer(lane->file, "integration", "call_timeout"),
    };
    hook->jq = plugin_instance_open(lane->rooms->plugins, &open, opened, lane, err);
    buf_finish(&settings);
    return hook->jq != NULL ? 0 : err->code;
}

/* SPDX-License-Identifier: Apache-2.0
 * Files that crashed too often, by their digest: a new build is another file and so pardoned by
 * itself. Kept in state_dir/quarantine.json, one JSON object a line. */
#include "plugin/plugin_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>

enum { FILE_BYTES_MAX = 1 << 20 };

static char *list_path(const struct plugin_host *host)
{
    return host->state_dir != NULL ? file_join(host->state_dir, "quarantine.json") : NULL;
}

static char *unquoted(struct str value)
{
    _buf_ struct buf text = {0};

    if (value.ptr == NULL || json_kind_of(value) != JSON_STRING)
        return NULL;
    json_unquote(value, &text);
    return str_dup(buf_str(&text));
}

static void add_entry(struct plugin_host *host, const char *sha256, const char *plugin,
                      const char *reason, int64_t at_ms)
{
    struct plugin_quarantined *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return; /* then it is tried again: no harm */
    snprintf(entry->sha256, sizeof entry->sha256, "%s", sha256);
    entry->plugin = strdup(plugin);
    entry->reason = strdup(reason);
    entry->at_ms = at_ms;
    entry->next = host->quarantined;
    host->quarantined = entry;
}

void plugin_quarantine_load(struct plugin_host *host)
{
    static const char *const names[] = {"sha256", "plugin", "reason", "at_ms"};
    _free_ char *path = list_path(host);
    _buf_ struct buf bytes = {0};
    struct json_records reader = {0};
    struct str record, values[4];
    struct err err = {0};
    int found;

    if (path == NULL || access(path, F_OK) < 0)
        return;
    if (file_read(path, FILE_BYTES_MAX, &bytes, &err) < 0) {
        log_warn("the list of quarantined plugins cannot be read, all are tried",
                 F_STR("path", path), F_ERR(&err));
        return;
    }
    reader.rest = buf_str(&bytes);
    while ((found = json_records_next(&reader, names, 4, &record, values, &err)) > 0) {
        _free_ char *sha256 = unquoted(values[0]);
        _free_ char *plugin = unquoted(values[1]);
        _free_ char *reason = unquoted(values[2]);
        int64_t at_ms = 0;
        if (values[3].ptr != NULL)
            (void)str_to_i64(values[3], &at_ms); /* only shown */
        if (sha256 != NULL && strlen(sha256) == 64)
            add_entry(host, sha256, plugin != NULL ? plugin : "?", reason != NULL ? reason : "?",
                      at_ms);
    }
    if (found < 0)
        log_warn("the list of quarantined plugins is damaged, the rest of it is ignored",
                 F_STR("path", path), F_ERR(&err));
}

static void save(const struct plugin_host *host)
{
    _free_ char *path = list_path(host);
    _buf_ struct buf out = {0};
    struct err err = {0};

    if (path == NULL)
        return;
    for (const struct plugin_quarantined *entry = host->quarantined; entry != NULL;
         entry = entry->next) {
        buf_putc(&out, '{');
        json_put_member(&out, "sha256", str_of(entry->sha256));
        json_put_member(&out, "plugin", str_of(entry->plugin));
        json_put_member(&out, "reason", str_of(entry->reason));
        json_put_int(&out, "at_ms", entry->at_ms);
        buf_puts(&out, "}\n");
    }
    if (out.failed || file_write(path, buf_str(&out), 0600, &err) < 0)
        log_warn(
            "the list of quarantined plugins is not saved; after a restart they are tried again",
            F_STR("path", path), F_ERR(&err));
}

void plugin_quarantine_finish(struct plugin_host *host)
{
    while (host->quarantined != NULL) {
        struct plugin_quarantined *entry = host->quarantined;
        host->quarantined = entry->next;
        free(entry->plugin);
        free(entry->reason);
        free(entry);
    }
}

const struct plugin_quarantined *plugin_quarantine_find(const struct plugin_host *host,
                                                        const char *sha256)
{
    for (const struct plugin_quarantined *entry = host->quarantined; entry != NULL;
         entry = entry->next)
        if (strcmp(entry->sha256, sha256) == 0)
            return entry;
    return NULL;
}

void plugin_quarantine_add(struct plugin_worker *worker, const char *reason)
{
    if (plugin_quarantine_find(worker->host, worker->sha256) != NULL)
        return;
    add_entry(worker->host, worker->sha256, worker->plugin, reason, clock_wall_ms());
    save(worker->host);
}

void plugin_quarantine_words(const char *reason, char out[PLUGIN_WORDS_MAX])
{
    snprintf(out, PLUGIN_WORDS_MAX,
             "quarantined, for it crashed too often; last: %.400s. Another build of it is pardoned "
             "by itself; to try this one again: `tenon integration activate` one that it serves",
             reason);
}

/* ---- pardon ---- */

bool plugin_host_pardon(struct plugin_host *host, const char *plugin)
{
    struct plugin_quarantined **at = &host->quarantined;
    bool is_found = false;

    while (*at != NULL) {
        struct plugin_quarantined *entry = *at;
        if (entry->plugin == NULL || strcmp(entry->plugin, plugin) != 0) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        free(entry->plugin);
        free(entry->reason);
        free(entry);
        is_found = true;
    }
    for (struct plugin_worker *worker = host->workers; worker != NULL; worker = worker->next)
        if (strcmp(worker->plugin, plugin) == 0)
            worker->callers_rest_until_ms = worker->caller_crash_count = 0;
    if (!is_found)
        return false;
    save(host);
    for (struct plugin_worker *worker = host->workers; worker != NULL; worker = worker->next) {
        if (worker->state != WORKER_QUARANTINED || strcmp(worker->plugin, plugin) != 0)
            continue;
        worker->crash_count = worker->record_crashes = worker->bad_in_a_row = 0;
        worker->backoff_ms = 0;
        plugin_worker_start(worker);
    }
    plugin_host_flush_soon(host);
    return true;
}

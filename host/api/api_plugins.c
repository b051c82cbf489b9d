/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_handlers.h"
#include "base/json.h"

static void put_entry(struct buf *out, const struct catalog_entry *entry)
{
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "path", str_of(entry->path));
    json_put_member(out, "state", str_of(catalog_state_name(entry->state)));
    api_put_masked(out, "reason", str_of(entry->reason));
    if (entry->note.name[0] != '\0') {
        json_put_member(out, "name", str_of(entry->note.name));
        json_put_member(out, "version", str_of(entry->note.version));
        json_put_member(out, "license", str_of(entry->note.license));
        json_put_int(out, "abi_major", entry->note.abi_major);
        json_put_int(out, "abi_minor", entry->note.abi_minor);
        api_put_bool(out, "needs_net", entry->note.needs_net);
    }
    if (entry->sha256[0] != '\0')
        json_put_member(out, "sha256", str_of(entry->sha256));
    json_put_int(out, "size_bytes", entry->size_bytes);
    api_put_time(out, "modified_at", entry->mtime_ms);
    buf_putc(out, '}');
}

static void put_worker(void *user, const struct plugin_worker_info *info)
{
    struct buf *out = user;

    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "plugin", str_of(info->plugin));
    json_put_member(out, "path", str_of(info->path));
    json_put_member(out, "state", str_of(info->state));
    api_put_masked(out, "words", str_of(info->words));
    if (info->pid > 0)
        json_put_int(out, "pid", info->pid);
    json_put_int(out, "starts", (int64_t)info->starts);
    json_put_int(out, "crashes", (int64_t)info->crashes);
    json_put_int(out, "instances", (int64_t)info->instances);
    api_put_bool(out, "inprocess", info->is_inprocess);
    buf_putc(out, '}');
}

void api_plugins_list(struct api_call *call)
{
    const struct engine_rooms *rooms = engine_rooms(call->engine);
    const struct catalog *catalog = engine_catalog(call->engine);
    struct buf body = {0};

    buf_puts(&body, "{\"items\":[");
    for (size_t i = 0; catalog != NULL && i < catalog_count(catalog); i++)
        put_entry(&body, catalog_at(catalog, i));
    buf_puts(&body, "],\"workers\":[");
    if (rooms->plugins != NULL)
        plugin_host_each(rooms->plugins, put_worker, &body);
    buf_puts(&body, "]}\n");
    api_reply_json(call, 200, &body);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_setup.h"

#include <string.h>

/* The same members as the daemon's list, so that both ways look alike. */
static void put_entry(struct buf *out, const struct catalog_entry *entry)
{
    buf_puts(out, out->ptr[out->len - 1] == '[' ? "{" : ",{");
    json_put_member(out, "path", str_of(entry->path));
    json_put_member(out, "state", str_of(catalog_state_name(entry->state)));
    if (entry->reason != NULL)
        json_put_member(out, "reason", str_of(entry->reason));
    if (entry->note.name[0] != '\0') {
        json_put_member(out, "name", str_of(entry->note.name));
        json_put_member(out, "version", str_of(entry->note.version));
        json_put_member(out, "license", str_of(entry->note.license));
        json_put_int(out, "abi_major", entry->note.abi_major);
        json_put_int(out, "abi_minor", entry->note.abi_minor);
        json_put_raw(out, "needs_net", entry->note.needs_net ? STR("true") : STR("false"));
    }
    if (entry->sha256[0] != '\0')
        json_put_member(out, "sha256", str_of(entry->sha256));
    json_put_int(out, "size_bytes", entry->size_bytes);
    buf_putc(out, '}');
}

static const struct json_t *worker_of(const struct json_t *workers, const char *plugin)
{
    for (size_t i = 0; i < cli_json_count(workers); i++)
        if (strcmp(cli_json_text(cli_json_item(workers, i), "plugin"), plugin) == 0)
            return cli_json_item(workers, i);
    return NULL;
}

static void add_worker(struct cli_table *table, const struct json_t *worker)
{
    _buf_ struct buf text = {0};
    const char *state = cli_json_text(worker, "state");

    buf_puts(&text, state);
    if (cli_json_number(worker, "crashes") > 0) {
        buf_puts(&text, ", ");
        cli_text_put_counted(&text, cli_json_number(worker, "crashes"), "crash", "crashes");
    }
    cli_table_add(table, buf_str(&text), cli_color_of_state(state));
}

static int print_list(const struct cli *cli, const struct json_t *json)
{
    static const struct cli_column columns[] = {
        {"PLUGIN", false, false}, {"VERSION", false, false}, {"STATE", false, false},
        {"WORKER", false, false}, {"FILE", false, CLI_PATH}, {"REASON", false, CLI_WRAPS},
        {NULL, false, false},
    };
    const struct json_t *items = cli_json_member(json, "items");
    _table_ struct cli_table *table = cli_table_create(columns);

    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        const char *state = cli_json_text(item, "state");
        const char *name = cli_json_text(item, "name");
        cli_table_add_text(table, name[0] != '\0' ? name : "-");
        cli_table_add_text(table, cli_json_text(item, "version"));
        cli_table_add(table, str_of(state), cli_color_of_state(state));
        add_worker(table, worker_of(cli_json_member(json, "workers"), name));
        cli_table_add_text(table, cli_json_text(item, "path"));
        cli_table_add_text(table, cli_json_text(item, "reason"));
    }
    if (cli_json_count(items) == 0)
        return cli_fail(CLI_DONE, "there are no plugins; [host] plugin_path names the directories");
    return cli_print_table(cli, table);
}

static int list_files(struct cli *cli)
{
    _setup_ struct setup setup = {0};
    _buf_ struct buf body = {0};

    int code = cli_setup_read(cli, false, &setup);
    if (code != CLI_DONE)
        return code;
    buf_puts(&body, "{\"items\":[");
    for (size_t i = 0; i < catalog_count(setup.catalog); i++)
        put_entry(&body, catalog_at(setup.catalog, i));
    buf_puts(&body, "],\"workers\":[]}\n");
    if (cli->is_json)
        return cli_print(&body);
    struct json_t *json = cli_json_parse(buf_str(&body));
    code = print_list(cli, json);
    cli_json_release(json);
    return code;
}

int cli_plugin_list(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    struct err err = {0};

    if (cli_option_is_set(cli, "offline"))
        return list_files(cli);
    if (cli_exchange(cli, "GET", STR("/api/v1/plugins"), NULL, STR_NONE, &answer, &err) < 0) {
        (void)cli_fail(CLI_DONE, "no daemon answers, so this is what the plugin directories hold");
        return list_files(cli);
    }
    if (answer.status != 200)
        return cli_exchange_failed(cli, &answer);
    return cli->is_json ? cli_print_answer(&answer) : print_list(cli, answer.json);
}
